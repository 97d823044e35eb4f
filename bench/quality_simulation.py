"""False alarms and power of the verdict on missing values, by simulation: `python -m bench.drift_report` draws all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.drift_simulation import SEED, reference_of
from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.metrics.quality.results import verdicts
from exporter.metrics.quality.table import RATE_CHECKS
from exporter.profile.bins import NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.vocabulary import Vocabulary

DAY = 86400
TYPICAL, BROKEN = 0.01, 0.03
FEATURES, CELLS = 20, 16
MISSING = RATE_CHECKS.index("missing")
FEW = 5


@cache
def layout_of(features: int) -> Layout:
    edges = np.linspace(0.0, 1.0, CELLS - 1)
    return Layout(task="regression", features={f"f{i}": NumericBins(edges=edges) for i in range(features)})


Rates = Callable[[np.random.Generator, int], np.ndarray]
"""Random numbers, D → (D, FEATURES) shares of missing values."""


@dataclass(frozen=True)
class Swings:
    """How rates of missing values differ from day to day, and how often a window is looked at.

    Attributes:
        days: of the reference; None: it has no time.
        broken: the first feature has BROKEN instead of TYPICAL values missing.
    """

    name: str
    rates: Rates
    days: int | None = 30
    n: int = 5000
    m: int = 0
    broken: bool = False
    group: str = ""
    references: int = 80
    windows: int = 20
    features: int = FEATURES


def steady(typical=TYPICAL) -> Rates:
    return lambda _, days: np.full((days, FEATURES), typical)


def swinging(relative) -> Rates:
    """Gamma distributed, with a standard deviation relative to the mean."""
    return lambda rng, days: np.minimum(rng.gamma(relative**-2, TYPICAL * relative**2, size=(days, FEATURES)), 0.99)


def failing(share=0.1, lost=0.2) -> Rates:
    """A sensor that is dark for a part of some days."""
    return lambda rng, days: np.where(
        rng.random((days, FEATURES)) < share, lost * rng.random((days, FEATURES)), TYPICAL
    )


def spells(relative, rho=0.7) -> Rates:
    """Log-normal, and one day like the next."""

    def rates(rng, days):
        state = np.empty((days, FEATURES))
        state[0] = rng.normal(size=FEATURES)
        for day in range(1, days):
            state[day] = rho * state[day - 1] + np.sqrt(1 - rho**2) * rng.normal(size=FEATURES)
        return np.minimum(TYPICAL * np.exp(relative * state), 0.99)

    return rates


def scenarios() -> list[Swings]:
    found = [
        Swings("the same rate always", steady(), None, n, 10_000, group="quality") for n in (50, 1000, 5000, 1_000_000)
    ]
    found += [Swings("hardly any, ever", steady(1e-4), None, n, 10_000, group="quality") for n in (50, 5000)]
    found += [Swings("the same rate every day", steady(), days, group="quality") for days in (20, 90)]
    found += [
        Swings(f"rates swing by {relative:.0%} from day to day", swinging(relative), days, group="quality_days")
        for relative in (0.1, 0.3, 0.6, 1.0)
        for days in (20, 30, 90)
    ]
    found += [Swings("rates swing by 30%, small windows", swinging(0.3), 30, 200, group="quality_days")]
    found += [
        Swings("log-normal rates, one day like the next", spells(0.3), days, group="quality_days")
        for days in (20, 30, 90)
    ]
    found += [
        Swings("dark for a part of one day in ten", failing(), days, group="quality_days") for days in (20, 30, 90)
    ]
    found += [
        Swings(f"{name}, {FEW} features", rates, days, features=FEW, group="quality_days", references=160)
        for name, rates in (
            ("log-normal rates, one day like the next", spells(0.3)),
            ("dark for a part of one day in ten", failing()),
        )
        for days in (20, 30)
    ]
    power = [Swings("the same rate always", steady(), None, m=m) for m in (5000, 10_000, 50_000)]
    power += [Swings("the same rate every day", steady(), days) for days in (20, 30, 90)]
    found += [Swings(each.name, each.rates, each.days, each.n, each.m, True, "missing", 40) for each in power]
    found += [
        Swings(f"rates swing by {relative:.0%} from day to day", swinging(relative), days, broken=True, references=40)
        for relative in (0.1, 0.2, 0.3, 0.6)
        for days in (30, 90)
    ]
    return found


def _counts(rng, rates, rows, layout):
    """(D, layout.width) of days with so many rows."""
    out = np.zeros((len(rates), layout.width))
    out[:, layout.spans["rows"]] = rows
    missing = rng.binomial(rows, rates)
    valid = rng.multinomial((rows - missing), np.full(CELLS, 1 / CELLS))
    codes = np.concatenate((missing[..., None], np.zeros((*missing.shape, 1)), valid), axis=2)
    out[:, layout.spans["features"]] = codes.reshape(len(rates), -1)
    return out


def simulate(scenario: Swings, seed=SEED) -> dict:
    """Counts of windows: in all, with any rate of any feature called bad, with the first feature's missing values."""
    windows = detected = first = 0
    layout = layout_of(scenario.features)
    for number in range(scenario.references):
        rng = np.random.default_rng((seed, number))
        days = scenario.days or 1
        rates = scenario.rates(rng, days + scenario.windows)[:, : scenario.features]
        if scenario.broken:
            rates[days:, 0] *= BROKEN / TYPICAL
        blocks = _counts(rng, rates[:days], scenario.m or 5000, layout)
        reference = reference_of(layout, blocks, DAY if scenario.days else None)
        for vector in _counts(rng, rates[days:], scenario.n, layout):
            counts = Counts(layout, vector, np.zeros((0, layout.slice_width)))
            window = Window("24h", DAY, 0, DAY)
            each = Evaluation("simulated", "1", window, counts, reference, Thresholds(), Vocabulary({}))
            bad = verdicts(each).detected[:, : len(RATE_CHECKS)] == 1
            windows += 1
            detected += bool(bad.any())
            first += bool(bad[0, MISSING])
    return {
        "scenario": scenario.name,
        "group": scenario.group,
        "n": scenario.n,
        "m": (scenario.m or 5000) * days,
        "days": scenario.days,
        "broken": scenario.broken,
        "windows": windows,
        "detected": detected,
        "first": first,
    }
