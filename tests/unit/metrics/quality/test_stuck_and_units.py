"""Stuck features and changes of unit are recognised; shifts, seasons and calendars are not taken for them."""

import numpy as np
import pytest

from exporter.metrics.quality import QUALITY
from exporter.profile.bins import CategoryBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from tests.oracle.counting import count, numeric
from tests.oracle.references import DAY, evaluation_of, reference_of, samples

DAYS = 40
ROWS = 800
STOPS = np.sort(np.random.default_rng(99).choice(np.arange(80, 2600), 120, replace=False)).astype(float)
"""Distances of routes: few values, each again and again."""
WEIGHTS = np.random.default_rng(98).dirichlet(np.full(120, 0.7))


def rows(rng: np.random.Generator, n: int, day: int = 0) -> dict[str, np.ndarray]:
    return {
        "trip": rng.lognormal(1.5, 0.9, n),
        "route": rng.choice(STOPS, n, p=WEIGHTS),
        "celsius": rng.normal(12, 9, n),
        "minutes": rng.gamma(4, 15, n).round(),
        "share": rng.beta(2, 3, n),
        "grade": rng.choice(5, n, p=[0.1, 0.2, 0.4, 0.2, 0.1]) + 1.0,
        "month": np.full(n, day // 10 + 1.0),
        "site": rng.choice([2, 3, 4], n),
    }


def make_layout() -> Layout:
    rng = np.random.default_rng(0)
    many = {
        name: np.concatenate(each) for name, each in _by_name([rows(rng, ROWS, day) for day in range(DAYS)]).items()
    }
    site = many.pop("site")
    assert {2, 3, 4} == set(site.tolist())
    features = {name: numeric(values) for name, values in many.items()}
    return Layout(
        task="binary", classes=("0", "1"), features={**features, "site": CategoryBins(values=("a", "b", "c"))}
    )


def _by_name(days: list[dict[str, np.ndarray]]) -> dict[str, list[np.ndarray]]:
    return {name: [day[name] for day in days] for name in days[0]}


LAYOUT = make_layout()


@pytest.fixture(scope="module")
def known() -> Reference:
    rng = np.random.default_rng(1)
    return reference_of([count(LAYOUT, **rows(rng, ROWS, day)) for day in range(DAYS)])


@pytest.fixture(scope="module")
def timeless(known) -> Reference:
    return reference_of([known.total], None)


def changed(seed: int, n: int = ROWS, **maps: object) -> Counts:
    found = rows(np.random.default_rng(seed), n, day=25)
    for name, function in maps.items():
        found[name] = function(found[name])
    return count(LAYOUT, **found)


def factors(counts: Counts, reference: Reference, **options: object) -> dict[str, float]:
    found = samples(QUALITY, evaluation_of(counts, reference, **options))
    named = {name: value for (name,), value in found.get("ml_feature_unit_change_factor", {}).items()}
    verdicts = {
        name
        for (name, check), value in found["ml_feature_quality_detected"].items()
        if check == "unit_change" and value
    }
    assert verdicts == set(named)
    return named


UNITS = {
    "miles → km": ("trip", lambda x: x * 1.609344, 1.609344),
    "km → miles": ("trip", lambda x: x / 1.609344, 1 / 1.609344),
    "feet → metres": ("trip", lambda x: x * 0.3048, 0.3048),
    "kg → lb": ("trip", lambda x: x * 2.2046226, 2.2046226218),
    "routes, miles → km": ("route", lambda x: x * 1.609344, 1.609344),
    "°C → °F": ("celsius", lambda x: x * 1.8 + 32, 1.8),
    "°C → K": ("celsius", lambda x: x + 273.15, 1.0),
    "minutes → seconds": ("minutes", lambda x: x * 60, 60.0),
    "minutes → hours": ("minutes", lambda x: x / 60, 1 / 60),
    "share → per cent": ("share", lambda x: x * 100, 100.0),
    "grade × 10": ("grade", lambda x: x * 10, 10.0),
    "km → m": ("trip", lambda x: x * 1000, 1000.0),
    "an odd factor": ("trip", lambda x: x * 5.31, 5.31),
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_change_of_unit_is_recognised(known, unit, seed):
    feature, function, factor = UNITS[unit]
    assert {feature: pytest.approx(factor, rel=0.08 if unit == "an odd factor" else 1e-6)} == factors(
        changed(seed, **{feature: function}), known
    )


@pytest.mark.parametrize("unit", ["miles → km", "routes, miles → km", "minutes → seconds", "share → per cent"])
def test_without_time_blocks_too(timeless, unit):
    feature, function, factor = UNITS[unit]
    assert {feature: pytest.approx(factor)} == factors(changed(5, 4000, **{feature: function}), timeless)


SHIFTS = {
    "nothing": {},
    "longer trips": {"trip": lambda x: x * 1.25},
    "wider trips": {"trip": lambda x: np.exp(1.5 + (np.log(x) - 1.5) * 1.5)},
    "a route more": {"route": lambda x: np.where(np.arange(len(x)) % 5 == 0, STOPS[60], x)},
    "summer": {"celsius": lambda x: x * 0.8 + 14},
    "better grades": {"grade": lambda x: np.minimum(x + (np.arange(len(x)) % 2), 5)},
    "shares nearer the middle": {"share": lambda x: 0.25 + x / 2},
    "slower": {"minutes": lambda x: x + 20},
    "another month": {"month": lambda x: np.full(len(x), 9.0)},
    "half of the trips in km": {"trip": lambda x: np.where(np.arange(len(x)) % 2 == 0, x * 1.609344, x)},
    "a sentinel": {"minutes": lambda x: np.full(len(x), -999.0)},
}


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("seed", [6, 7])
def test_an_ordinary_shift_is_no_change_of_unit(known, timeless, shift, seed):
    counts = changed(seed, **SHIFTS[shift])
    assert factors(counts, known) == {}
    assert factors(counts, timeless) == {}


def stuck(counts: Counts, reference: Reference, **options: object) -> dict[str, float]:
    found = samples(QUALITY, evaluation_of(counts, reference, **options))["ml_feature_quality_detected"]
    return {name: value for (name, check), value in found.items() if check == "constant"}


@pytest.mark.parametrize(
    ("feature", "value"),
    [("trip", 4.0), ("route", STOPS[7]), ("minutes", 41.0), ("share", 0.4), ("grade", 3.0), ("site", 3)],
)
def test_a_stuck_feature_is_found(known, feature, value):
    found = stuck(changed(8, **{feature: lambda x: np.full(len(x), value)}), known)
    assert {feature} == {name for name, verdict in found.items() if verdict}


def test_calm_features_are_not_stuck_and_a_calendar_has_no_verdict(known):
    found = stuck(changed(9), known)
    assert {0.0} == set(found.values())
    assert "month" not in found


def test_without_time_only_continuous_numbers_can_be_called_stuck(timeless):
    """A day has one month: without blocks of time nobody can tell that from a fault."""
    found = stuck(changed(10), timeless)
    assert {"month", "site", "grade"}.isdisjoint(found)
    assert {"trip", "celsius", "share"} <= set(found)
    assert stuck(changed(10, trip=lambda x: np.full(len(x), 4.0)), timeless)["trip"] == 1.0


def test_few_rows_in_one_cell_are_chance(known):
    counts = Counts.zero(LAYOUT)
    counts["rows"][0] = 3
    span = LAYOUT.feature_span["site"]
    counts["features"][span.start + 2] = 3
    assert "site" not in stuck_or_nothing(counts, known)


def stuck_or_nothing(counts: Counts, known: Reference) -> dict[str, float]:
    found = samples(QUALITY, evaluation_of(counts, known, seconds=DAY))
    return {name: v for (name, check), v in found.get("ml_feature_quality_detected", {}).items() if check == "constant"}


@pytest.mark.parametrize("factor", [0.45359237, 3.0, 25.4, 100.0])
@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_mixture_of_old_and_new_rows_gives_no_factor_between(known, factor, seed, share):
    """Until all rows have the new unit nothing is said: a single factor would be wrong."""
    new = np.random.default_rng(seed).random(10_000) < share
    counts = changed(
        seed, 10_000, **dict.fromkeys(("trip", "minutes", "share"), lambda each: np.where(new, each * factor, each))
    )
    assert factors(counts, known) == {}


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_units_that_cannot_be_told_apart_are_not_named(known, seed):
    """24 hours or 25.4 mm: sixty rows do not tell, and their mean is not known to 10 %; ten thousand do."""
    few = changed(seed, 60, trip=lambda each: each * 25.4, minutes=lambda each: each * 25.4)
    assert factors(few, known) == {}
    many = changed(seed, 10_000, trip=lambda each: each * 25.4)
    assert factors(many, known) == {"trip": pytest.approx(25.4, rel=0.05)}
    assert factors(many, known) != {"trip": 24.0}
