"""What drift is simulated on: features, how days differ, and the scenarios of drift_simulation.py."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

from exporter.metrics.evaluation import Thresholds
from exporter.profile.bins import CategoryBins, FeatureBins, NumericBins

HOUR, DAY = 3600, 86400
Shares = Callable[[np.ndarray], np.ndarray]
"""State of D stretches of time (D,) → shares of the cells (D, cells)."""


@dataclass(frozen=True)
class Feature:
    """One simulated feature: its bins, and its shares where the state moves it by so many standard deviations."""

    bins: FeatureBins
    shares: Shares


def numeric(distribution, bins=64) -> Feature:
    edges = np.unique(distribution.ppf(np.clip(np.linspace(0, 1, bins + 1), 0.001, 0.999)))
    scale = 1.0 if distribution.std() > 1e6 else distribution.std()

    def shares(state):
        at = edges[None, :] - state[:, None] * scale
        return np.diff(distribution.cdf(at), axis=1, prepend=0.0, append=1.0)

    return Feature(NumericBins(edges=edges), shares)


def lognormal(sigma=1.5) -> Feature:
    """Moved in its logarithm: a price, a duration."""
    inner = numeric(stats.norm())
    return Feature(NumericBins(edges=np.exp(sigma * inner.bins.edges)), inner.shares)


def discrete(mean=3.0) -> Feature:
    values = np.arange(int(stats.poisson(mean).ppf(0.9999)))

    def shares(state):
        rate = mean * np.exp(state * 0.3)
        return np.diff(stats.poisson.cdf(values[None, :], rate[:, None]), axis=1, prepend=0.0, append=1.0)

    return Feature(NumericBins(edges=values.astype(float), kind="integer"), shares)


def category(weights) -> Feature:
    weights = np.asarray(weights, dtype=float)
    direction = np.cos(np.arange(len(weights)) * 2.4)

    def shares(state):
        tilted = weights * np.exp(state[:, None] * direction)
        tilted /= tilted.sum(axis=1, keepdims=True)
        return np.concatenate((tilted, np.zeros((len(tilted), 1))), axis=1)

    return Feature(CategoryBins(values=tuple(f"c{i}" for i in range(len(weights) - 1))), shares)


def mixture(count) -> tuple[Feature, ...]:
    """Features of all sorts in turn."""
    rare = np.r_[0.4, 0.3, 0.2, np.full(60, 0.1 / 60)]
    sorts = [
        numeric(stats.norm()),
        numeric(stats.t(3)),
        lognormal(),
        discrete(),
        category([0.5, 0.3, 0.1, 0.06, 0.03, 0.01]),
        category(rare),
    ]
    return tuple(sorts[i % len(sorts)] for i in range(count))


@dataclass(frozen=True)
class Scenario:
    """How reference and windows come about.

    Attributes:
        blocks: time blocks of the reference; None: no time column.
        state: (rng, stretches, features) → (stretches, features) offsets in standard deviations.
        drift: added to the windows' state of the first feature.
        block_seconds, seconds: of a block and of a window.
        references, windows: draws, and windows of each; times each other at least 1,600 tell 1 %.
        correlated: of the features of a row.
        group: what `make bench` adds it up to.
    """

    name: str
    features: tuple[Feature, ...]
    n: int
    m: int
    blocks: int | None = None
    state: Callable[[np.random.Generator, int, int], np.ndarray] | None = None
    drift: float = 0.0
    block_seconds: int = DAY
    seconds: int = DAY
    references: int = 80
    windows: int = 20
    correlated: float = 0.0
    group: str = ""
    thresholds: Thresholds = field(default_factory=Thresholds)


def clustered(size, shared=False):
    """Every row of a day is moved alike; features move together where `shared` (one weather)."""
    return lambda rng, days, count: (
        size * (np.repeat(rng.normal(size=(days, 1)), count, axis=1) if shared else rng.normal(size=(days, count)))
    )


def autoregressive(size, rho=0.7, shared=False):
    def state(rng, days, count):
        count_drawn = 1 if shared else count
        out = np.empty((days, count_drawn))
        out[0] = rng.normal(size=count_drawn)
        for day in range(1, days):
            out[day] = rho * out[day - 1] + np.sqrt(1 - rho**2) * rng.normal(size=count_drawn)
        return size * np.broadcast_to(out, (days, count))

    return state


def half(state):
    """Half of the features, of each sort as many, are as `state` says; the others' days are alike."""
    return lambda rng, days, count: state(rng, days, count) * (np.arange(count) // 6 % 2 == 0)


def cyclic(size, period, noise=0.05):
    return lambda rng, stretches, count: (
        size * np.sin(2 * np.pi * np.arange(stretches)[:, None] / period) + noise * rng.normal(size=(stretches, count))
    )


def hours_of_days(size):
    """All hours of a day are moved alike."""
    return lambda rng, hours, count: size * np.repeat(rng.normal(size=(-(-hours // 24), count)), 24, axis=0)[:hours]


def stormy(size):
    """Most days are alike, some are storms."""
    return lambda rng, days, count: size * rng.exponential(size=(days, count)) * (rng.random((days, count)) < 0.3)


def skewed(size):
    """Days are moved by a log-normal amount."""
    return lambda rng, days, count: size * (np.exp(rng.normal(size=(days, count))) - 1)


TEN, TWENTY = mixture(12), mixture(24)


def _days(name, blocks, state=None, *, features=TWENTY, rows=2000, **more) -> Scenario:
    """Windows of a day against days."""
    given = {"n": rows, "m": rows * blocks, "blocks": blocks, "references": 80, "windows": 20} | more
    return Scenario(name, features, state=state, **given)


def independent() -> list[Scenario]:
    """Rows know nothing of each other, the reference has no time."""
    found = [
        Scenario("independent rows", TEN, n, m)
        for m in (1000, 5000, 10_000, 50_000)
        for n in (50, 200, 1000, 10_000, 100_000, 1_000_000)
    ]
    found += [Scenario("independent rows", mixture(count), 1000, 50_000) for count in (5, 100)]
    found += [Scenario("independent rows", mixture(100), 10_000, 10_000)]
    sorts = ("normal", "t₃", "log-normal", "integers", "six categories", "rare categories")
    found += [
        Scenario(f"independent rows, {name} only", 12 * TEN[i : i + 1], 1000, 10_000) for i, name in enumerate(sorts)
    ]
    found += [Scenario("features of a row correlated 0.8", TEN, 1000, 10_000, correlated=0.8)]
    return [replace(each, group="independent_rows") for each in found]


def of_days() -> list[Scenario]:
    """Rows of one day share one weather, one day may be like the next, and days and weeks have their cycles."""
    alike = [_days("days alike", blocks, features=TEN, rows=rows) for blocks, rows in ((20, 1000), (90, 200))]
    moved = [_days(f"days moved {size} σ", blocks, clustered(size)) for blocks in (20, 30, 90) for size in (0.05, 0.3)]
    moved += [
        _days("days moved 0.3 σ, all features together", 30, clustered(0.3, shared=True)),
        _days("days moved 0.1 σ, window ×10 as busy", 30, clustered(0.1), features=TEN, n=20_000),
        _days("days moved 0.1 σ, window ÷10 as busy", 30, clustered(0.1), features=TEN, n=200),
    ]
    runs = [_days("days AR(1) 0.7, 0.3 σ", blocks, autoregressive(0.3)) for blocks in (20, 30, 90)]
    runs += [_days("days AR(1) 0.7, 0.1 σ", blocks, autoregressive(0.1)) for blocks in (20, 30, 90)]
    runs += [_days("days AR(1) 0.9, 0.3 σ", blocks, autoregressive(0.3, 0.9)) for blocks in (20, 30, 90)]
    runs += [
        _days("days AR(1) 0.7, 0.3 σ, half of the features", blocks, half(autoregressive(0.3))) for blocks in (20, 30)
    ]
    storms = [_days("storms of 0.3 σ on 3 days of 10", blocks, stormy(0.3)) for blocks in (20, 30, 90)]
    storms += [_days("storms of 0.1 σ on 3 days of 10", blocks, stormy(0.1)) for blocks in (20, 30, 90)]
    storms += [_days("days moved by a log-normal 0.1 σ", blocks, skewed(0.1)) for blocks in (20, 30, 90)]
    storms += [
        _days("storms of 0.3 σ on 3 days of 10, half of the features", blocks, half(stormy(0.3))) for blocks in (20, 30)
    ]
    hourly = {"features": TEN, "rows": 500, "block_seconds": HOUR}
    cycles = [
        _days("daily cycle, windows of 1 h", 720, cyclic(0.5, 24), seconds=HOUR, references=17, windows=96, **hourly),
        _days("daily cycle, windows of 24 h", 720, cyclic(0.5, 24), n=12_000, references=40, windows=40, **hourly),
        _days("weekly cycle, windows of 24 h", 84, cyclic(0.5, 7), features=TEN, references=58, windows=28),
        _days("weekly cycle, windows of 7 d", 175, cyclic(0.5, 7), features=TEN, n=14_000, seconds=7 * DAY),
        _days("hours of days moved 0.3 σ", 720, hours_of_days(0.3), seconds=HOUR, references=34, windows=48, **hourly),
    ]
    short = [_days("12 days of reference, moved 0.3 σ", 12, clustered(0.3), features=TEN, references=20)]
    named = {
        "days": alike + moved,
        "autocorrelated_days": runs,
        "stormy_days": storms,
        "cycles": cycles,
        "short_reference": short,
    }
    return [replace(each, group=group) for group, scenarios in named.items() for each in scenarios]


def calm() -> list[Scenario]:
    """Without drift, where at most 1 % of windows may be called drifted."""
    return independent() + of_days()


def _doubled(share=0.03) -> Feature:
    """A category of 3 % that is 6 % where the state is 1."""
    before, after = np.array([0.5, 0.3, 0.2 - share, share]), np.array([0.5, 0.3, 0.2 - share, share])
    after *= (1 - 2 * share) / (1 - share)
    after[3] = 2 * share
    ends = [0.0, 0.0]

    def shares(state):
        return np.where(state[:, None] > 0.5, np.r_[after, ends], np.r_[before, ends])

    return Feature(category(np.r_[before, 1e-9]).bins, shares)


def drifting() -> list[Scenario]:
    """The first of 20 features drifts."""
    rest = mixture(19)
    normal, share = (numeric(stats.norm()), *rest), (_doubled(), *rest)
    found, cases = [], (("0.2 σ shift", normal, 0.2, "shift"), ("share 3 % → 6 %", share, 1.0, "share"))
    for name, features, drift, group in cases:
        more = {"drift": drift, "group": group, "references": 40}
        found += [Scenario(name, features, 10_000, m, **more) for m in (5000, 10_000, 50_000)]
        days = {"features": features, "rows": 10_000, "references": 40} | {
            "drift": drift,
            "group": group,
        }
        found += [_days(f"{name}, days alike", blocks, **days) for blocks in (20, 30, 90)]
    found += [Scenario("0.02 σ shift (a trifle)", normal, 1_000_000, 50_000, drift=0.02, group="trifle", references=40)]
    moved = {"features": normal, "rows": 10_000, "references": 40}
    found += [
        _days(f"{drift} σ shift, days moved 0.1 σ", blocks, clustered(0.1), drift=drift, **moved)
        for blocks in (30, 90)
        for drift in (0.5, 1.0)
    ]
    return found
