"""Bad values are told from chance: at any rate, any window, and with as much variation as the reference has."""

import numpy as np
import pytest
from scipy.special import betaincinv
from scipy.stats import betabinom

from exporter.metrics.evaluation import Thresholds
from exporter.metrics.false_discovery import rejected
from exporter.metrics.quality import QUALITY
from exporter.metrics.quality.rate import _MIDDLES, Expected, p_values
from exporter.metrics.quality.results import verdicts
from exporter.metrics.quality.table import Rates, Table
from exporter.profile.bins import CategoryBins, NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from tests.oracle.counting import count
from tests.oracle.references import evaluation_of, reference_of, samples

FEATURES = 20
EDGES = np.linspace(0.0, 1.0, 65)
LAYOUT = Layout(
    task="binary", classes=("0", "1"), features={f"f{i}": NumericBins(edges=EDGES) for i in range(FEATURES)}
)
WIDTH = NumericBins(edges=EDGES).width


def draw(rng: np.random.Generator, n: int, missing: np.ndarray, outside: float = 0.001) -> Counts:
    counts = Counts.zero(LAYOUT)
    counts["rows"][0] = n
    for i, share in enumerate(missing):
        inner = np.full(64, (1 - share - outside) / 64)
        shares = np.concatenate(([share, 0.0, outside / 2], inner, [outside / 2]))
        counts["features"][i * WIDTH : (i + 1) * WIDTH] = rng.multinomial(n, shares / shares.sum())
    return counts


def rates(rng: np.random.Generator, variation: float, typical: float = 0.01) -> np.ndarray:
    """Missing rates of a day: Gamma with a relative standard deviation."""
    if variation == 0:
        return np.full(FEATURES, typical)
    return rng.gamma(variation**-2, typical * variation**2, FEATURES)


def reference(seed: int, *, variation: float = 0.0, days: int = 60, typical: float = 0.01) -> Reference:
    rng = np.random.default_rng(seed)
    return reference_of([draw(rng, 5000, rates(rng, variation, typical)) for _ in range(days)])


def detected(counts: Counts, known: Reference, **options: object) -> set[tuple[str, ...]]:
    found = samples(QUALITY, evaluation_of(counts, known, **options))
    return {labels for labels, value in found["ml_feature_quality_detected"].items() if value}


def test_rates_of_windows_are_those_of_their_counts():
    """Read a feature at a time from vectors kept small, or all at once from plain numbers."""
    known = reference(9, variation=0.5)
    table, span = Table.of(LAYOUT), LAYOUT.spans["features"]
    found, plain = table.rates_of(known.blocks, span.start), table.rates(known.blocks.columns(span))
    assert np.array_equal(found.bad, plain.bad)
    assert np.array_equal(found.rows, plain.rows)
    assert found.bad.any()


@pytest.mark.parametrize("timed", [True, False])
def test_missing_from_one_to_three_per_cent_is_found_in_5000_rows(timed):
    """At least 99 of 100, and of 100 windows without a fault at most one has a detection anywhere."""
    known = reference(1)
    known = known if timed else reference_of([known.total], None)
    rng = np.random.default_rng(2)
    missing = np.full(FEATURES, 0.01)
    broken = missing.copy()
    broken[3] = 0.03
    hits = sum(("f3", "missing") in detected(draw(rng, 5000, broken), known) for _ in range(100))
    false = sum(bool(detected(draw(rng, 5000, missing), known)) for _ in range(100))
    assert hits >= 99
    assert false <= 1


@pytest.mark.parametrize("n", [60, 1000, 5000])
@pytest.mark.parametrize("variation", [0.3, 1.0])
def test_days_that_vary_as_the_references_do_are_no_fault(variation, n):
    known = reference(3, variation=variation)
    rng = np.random.default_rng(4)
    assert sum(bool(detected(draw(rng, n, rates(rng, variation)), known)) for _ in range(100)) <= 2


def dark(features: range, seed: int, days: int = 20) -> Reference:
    """Each of `features` lacks a tenth of its values on a day of its own."""
    rng = np.random.default_rng(seed)
    missing = np.full((days, FEATURES), 0.01)
    for feature in features:
        missing[feature, feature] = 0.1
    return reference_of([draw(rng, 5000, shares) for shares in missing])


@pytest.mark.parametrize(("bad_days", "found"), [(1, {("f0", "missing")}), (9, set())])
def test_what_is_nearly_all_missing_is_told_unless_it_often_was(bad_days, found):
    """One day of the sixty of the reference was as bad, or nine of them were."""
    rng = np.random.default_rng(15)
    days = [np.where(np.arange(FEATURES) == 0, 0.9 if day < bad_days else 0.01, 0.01) for day in range(60)]
    known = reference_of([draw(rng, 900, missing) for missing in rng.permutation(days)])
    missing = np.where(np.arange(FEATURES) == 0, 0.97, 0.01)
    assert detected(draw(rng, 900, missing), known) == found


@pytest.mark.parametrize(("stormy", "found"), [(range(19), set()), (range(4), {("f19", "missing")})])
def test_a_first_dark_day_is_no_news_where_most_features_had_one(stormy, found):
    """Where few had one, each feature stands for itself."""
    rng = np.random.default_rng(14)
    missing = np.full(FEATURES, 0.01)
    missing[19] = 0.1
    assert detected(draw(rng, 5000, missing), dark(stormy, 13)) == found


def test_a_feature_that_seemed_not_to_swing_is_held_to_swing_as_the_others_do():
    """Nineteen swing by 60 %, the last one did not in twenty days: three times as much as usual is not called bad."""
    rng = np.random.default_rng(15)
    days = [rates(rng, 0.6) for _ in range(20)]
    alone = [np.where(np.arange(FEATURES) == 19, 0.01, 0.02) for _ in days]
    company = [np.where(np.arange(FEATURES) == 19, 0.01, shares) for shares in days]
    tripled = np.full(FEATURES, 0.01)
    tripled[19] = 0.03
    counts = draw(rng, 5000, tripled)
    assert detected(counts, reference_of([draw(rng, 5000, shares) for shares in alone])) == {("f19", "missing")}
    assert detected(counts, reference_of([draw(rng, 5000, shares) for shares in company])) == set()


def test_variation_of_the_reference_is_what_keeps_them_silent():
    """The same days against a reference whose rates do not vary: most windows would be called bad."""
    rng = np.random.default_rng(5)
    known = reference(6)
    assert sum(bool(detected(draw(rng, 5000, rates(rng, 1.0)), known)) for _ in range(40)) > 20


@pytest.mark.parametrize("rate", [0.0, 1e-4])
def test_rare_bad_values_in_small_windows(rate):
    """One bad row in 60 is chance, even where the reference has hardly any; a tenth of them is not."""
    known = reference(7, typical=rate)
    rng = np.random.default_rng(8)
    one = draw(rng, 60, np.zeros(FEATURES), outside=0.0)
    one["features"][0] += 1
    assert set() == detected(one, known)
    one["features"][0] += 5
    assert {("f0", "missing")} == detected(one, known)


def test_a_rise_too_small_to_matter_is_not_detected():
    known = reference(9)
    rng = np.random.default_rng(10)
    counts = draw(rng, 1_000_000, np.full(FEATURES, 0.015))
    found = samples(QUALITY, evaluation_of(counts, known))
    assert found["ml_feature_quality_pvalue"][("f0", "missing")] < 1e-6
    assert set() == detected(counts, known)
    assert ("f0", "missing") in detected(counts, known, thresholds=Thresholds(quality_ratio=0.001))


@pytest.mark.parametrize(
    ("rate", "strength", "n"),
    [(0.01, 200, 5000), (0.01, 1e5, 5000), (1e-5, 1e5, 500), (0.5, 50, 1000), (0.3, 1e6, 100)],
)
def test_p_equals_the_beta_binomial_tail(rate, strength, n):
    a, b = rate * strength, (1 - rate) * strength
    strata = betaincinv(a, b, 1 - _MIDDLES)[None, None]
    for tail in (0.1, 0.01, 1e-4, 1e-6):
        x = betabinom.isf(tail, n, a, b) + 1
        window = Rates(np.full((1, 1, 1), x), np.full((1, 1, 1), float(n)))
        found = p_values(window, Expected(np.full((1, 1), rate), strata, 0))
        assert betabinom.sf(x - 1, n, a, b) == pytest.approx(found[0, 0], rel=0.1)


def test_p_values_are_not_too_small_too_often():
    known = reference(11)
    rng = np.random.default_rng(12)
    small = np.concatenate(
        [verdicts(evaluation_of(draw(rng, 2000, np.full(FEATURES, 0.01)), known)).p.ravel() for _ in range(40)]
    )
    small = small[~np.isnan(small)]
    assert np.mean(small < 0.05) <= 0.05
    assert np.mean(small < 0.01) <= 0.01


def test_benjamini_hochberg():
    p = np.array([[0.001, np.nan], [0.009, 0.04], [0.2, 0.011]])
    assert rejected(p, 0.02).tolist() == [[True, False], [True, False], [False, True]]
    assert not rejected(np.full((2, 2), np.nan), 0.05).any()


def test_ratios_by_hand():
    """Missing and invalid are of all rows; out of range and unseen of those that have a valid value."""
    layout = Layout(
        task="binary",
        classes=("0", "1"),
        features={"x": NumericBins(edges=np.array([0.0, 1.0, 2.0])), "c": CategoryBins(values=("a", "b"))},
    )
    counts = count(
        layout,
        x=np.array([np.nan, np.inf, -1.0, 5.0, 1.5, 1.5, 0.5, 0.5]),
        c=np.array([0, 0, 5, 2, 2, 3, 3, 4]),
    )
    found = samples(QUALITY, evaluation_of(counts))
    assert found["ml_feature_missing_ratio"] == {("x",): 1 / 8, ("c",): 2 / 8}
    assert found["ml_feature_invalid_ratio"] == {("x",): 1 / 8, ("c",): 0.0}
    assert found["ml_feature_out_of_range_ratio"] == {("x",): 2 / 6}
    assert found["ml_feature_unseen_ratio"] == {("c",): 1 / 6}
    assert {
        "ml_feature_missing_ratio",
        "ml_feature_invalid_ratio",
        "ml_feature_out_of_range_ratio",
        "ml_feature_unseen_ratio",
    } == set(found)


def test_too_few_rows_have_no_verdict_and_none_have_no_ratio():
    known = reference(13)
    few = samples(QUALITY, evaluation_of(draw(np.random.default_rng(0), 49, np.full(FEATURES, 0.5)), known))
    assert "ml_feature_quality_detected" not in few
    assert "ml_feature_missing_ratio" in few
    assert samples(QUALITY, evaluation_of(Counts.zero(LAYOUT), known)) == {}


def test_a_model_without_features_has_no_quality():
    layout = Layout(task="binary", classes=("0", "1"))
    counts = Counts.zero(layout)
    counts["rows"][0] = 100
    assert samples(QUALITY, evaluation_of(counts, reference_of([counts]))) == {}


def test_categories_alone_have_no_change_of_unit():
    layout = Layout(task="binary", classes=("0", "1"), features={"c": CategoryBins(values=("a", "b"))})
    rng = np.random.default_rng(1)
    days = [count(layout, c=rng.choice([2, 3], 500)) for _ in range(30)]
    found = samples(QUALITY, evaluation_of(count(layout, c=rng.choice([2, 3, 5], 500)), reference_of(days)))
    assert {check: value for (_, check), value in found["ml_feature_quality_detected"].items()} == {
        "missing": 0.0,
        "invalid": 0.0,
        "unseen": 1.0,
        "constant": 0.0,
    }
