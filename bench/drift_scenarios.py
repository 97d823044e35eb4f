"""What drift is simulated on: features, how days differ, and the scenarios of drift_simulation.py."""

from collections.abc import Callable
from dataclasses import dataclass, field

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
    references: int = 20
    windows: int = 20
    correlated: float = 0.0
    thresholds: Thresholds = field(default_factory=Thresholds)


def clustered(size, shared=True):
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


def cyclic(size, period, noise=0.05):
    return lambda rng, stretches, count: (
        size * np.sin(2 * np.pi * np.arange(stretches)[:, None] / period) + noise * rng.normal(size=(stretches, count))
    )


def hours_of_days(size):
    """All hours of a day are moved alike."""
    return lambda rng, hours, count: size * np.repeat(rng.normal(size=(-(-hours // 24), count)), 24, axis=0)[:hours]


def skewed(size):
    """Most days are alike, some are storms."""
    return lambda rng, days, count: size * rng.exponential(size=(days, count)) * (rng.random((days, count)) < 0.3)


def calm() -> list[Scenario]:
    ten, twenty = mixture(12), mixture(24)
    found = [Scenario("independent rows", ten, n, m) for n in (50, 200, 1000, 10_000) for m in (10_000, 50_000)]
    found += [
        Scenario("independent rows, m small", ten, 1000, 1000),
        Scenario("independent rows, m small", ten, 1000, 5000),
        Scenario("independent rows", ten, 1_000_000, 50_000),
        Scenario("independent rows, 100 features", mixture(100), 1000, 50_000, references=10),
        Scenario("independent rows, 5 features", mixture(5), 1000, 50_000),
        Scenario("features of a row correlated 0.8", mixture(12), 1000, 10_000, correlated=0.8, references=4),
        Scenario("independent rows, days", ten, 1000, 20_000, blocks=20, references=40, windows=10),
        Scenario("independent rows, days", ten, 200, 18_000, blocks=90, references=40, windows=10),
    ]
    for blocks in (20, 30, 90):
        for size in (0.05, 0.3):
            found.append(
                Scenario(
                    f"clustered by day {size} σ",
                    twenty,
                    2000,
                    2000 * blocks,
                    blocks=blocks,
                    state=clustered(size, shared=False),
                    references=40,
                    windows=10,
                )
            )
    found += [
        Scenario(
            "clustered, one weather 0.3 σ",
            twenty,
            2000,
            60_000,
            blocks=30,
            state=clustered(0.3),
            references=100,
            windows=10,
        ),
        Scenario(
            "storms on 3 days of 10", twenty, 2000, 60_000, blocks=30, state=skewed(0.3), references=40, windows=10
        ),
        Scenario(
            "storms on 3 days of 10", twenty, 2000, 180_000, blocks=90, state=skewed(0.3), references=40, windows=10
        ),
    ]
    for blocks in (20, 30, 90):
        found.append(
            Scenario(
                "AR(1) 0.7 days 0.3 σ",
                twenty,
                2000,
                2000 * blocks,
                blocks=blocks,
                state=autoregressive(0.3),
                references=40,
                windows=10,
            )
        )
    found += [
        Scenario(
            "daily cycle, 1 h windows",
            ten,
            500,
            500 * 720,
            blocks=720,
            state=cyclic(0.5, 24),
            block_seconds=HOUR,
            seconds=HOUR,
            references=3,
            windows=48,
        ),
        Scenario(
            "daily cycle, 24 h windows",
            ten,
            12_000,
            500 * 720,
            blocks=720,
            state=cyclic(0.5, 24),
            block_seconds=HOUR,
            references=5,
            windows=10,
        ),
        Scenario(
            "weekly cycle, 24 h windows",
            ten,
            2000,
            2000 * 84,
            blocks=84,
            state=cyclic(0.5, 7),
            references=5,
            windows=14,
        ),
        Scenario(
            "weekly cycle, 7 d windows",
            ten,
            14_000,
            2000 * 175,
            blocks=175,
            state=cyclic(0.5, 7),
            seconds=7 * DAY,
            references=5,
            windows=10,
        ),
        Scenario("12 days of reference", ten, 2000, 24_000, blocks=12, state=clustered(0.3), references=5),
        Scenario(
            "busier than the reference ×10",
            ten,
            20_000,
            60_000,
            blocks=30,
            state=clustered(0.1, shared=False),
            references=40,
            windows=10,
        ),
        Scenario(
            "quieter than the reference ÷10",
            ten,
            200,
            60_000,
            blocks=30,
            state=clustered(0.1, shared=False),
            references=40,
            windows=10,
        ),
    ]
    found.append(
        Scenario(
            "1 h windows, days moved 0.3 σ",
            ten,
            500,
            500 * 720,
            blocks=720,
            state=hours_of_days(0.3),
            block_seconds=HOUR,
            seconds=HOUR,
            references=25,
            windows=24,
        )
    )
    return found


def drifting() -> list[Scenario]:
    rest = mixture(19)
    normal = (numeric(stats.norm()), *rest)
    three, six = np.r_[0.5, 0.3, 0.17, 0.03], np.r_[0.5, 0.3, 0.17, 0.03]
    six = six * (0.94 / 0.97)
    six[3] = 0.06
    plain = category(np.r_[three, 1e-9])

    def doubled(state):
        return np.where(state[:, None] > 0.5, np.r_[six, 0.0, 0.0], np.r_[three, 0.0, 0.0])

    share = (Feature(plain.bins, doubled), *rest)
    found = [Scenario("0.2 σ shift", normal, 10_000, m, drift=0.2, references=10) for m in (5000, 10_000, 50_000)]
    found += [Scenario("share 3 % → 6 %", share, 10_000, m, drift=1.0, references=10) for m in (5000, 10_000, 50_000)]
    found += [Scenario("0.02 σ shift (a trifle)", normal, 1_000_000, 50_000, drift=0.02, references=10)]
    found += [
        Scenario(
            f"{size} σ shift, days",
            normal,
            10_000,
            10_000 * blocks,
            blocks=blocks,
            drift=size,
            references=10,
            windows=10,
        )
        for blocks in (20, 30)
        for size in (0.2,)
    ]
    found += [
        Scenario(
            f"{size} σ shift, days moved 0.1 σ",
            normal,
            10_000,
            10_000 * blocks,
            blocks=blocks,
            drift=size,
            state=clustered(0.1, shared=False),
            references=10,
            windows=10,
        )
        for blocks in (30, 90)
        for size in (0.5, 1.0)
    ]
    return found
