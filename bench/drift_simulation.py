"""False alarms and power of the drift verdict, by simulation, beside what peers' rules do on the same draws.

    python bench/drift_simulation.py            # about a minute
    python bench/drift_simulation.py --full     # ten times as many draws

Draws are of counts, not of rows: a row's bin is multinomial, given its day's state. `correlated` draws rows.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from exporter.metrics.drift.distances import BY_NAME
from exporter.metrics.drift.pair import Pair
from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.profile.bins import CategoryBins, FeatureBins, NumericBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vocabulary import Vocabulary

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
        detects: what is wanted: share of windows with any variable detected.
        together: stretches of one window.
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
    shared: bool = False
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


def skewed(size):
    """Most days are alike, some are storms."""
    return lambda rng, days, count: size * rng.exponential(size=(days, count)) * (rng.random((days, count)) < 0.3)


def draw(rng, scenario, states, rows):
    """(D, ΣW) feature codes of D stretches with `rows` rows each."""
    parts = []
    if scenario.correlated:
        return _draw_rows(rng, scenario, len(states), rows)
    for number, feature in enumerate(scenario.features):
        shares = np.clip(feature.shares(states[:, number]), 0, None)
        shares /= shares.sum(axis=1, keepdims=True)
        parts.append(np.pad(rng.multinomial(rows, shares), ((0, 0), (2, 0))))
    return np.concatenate(parts, axis=1).astype(float)


def _draw_rows(rng, scenario, stretches, rows):
    """Gaussian copula with one common factor: features of a row go together, rows are independent."""
    out = []
    for _ in range(stretches):
        common = rng.normal(size=(rows, 1))
        latent = np.sqrt(scenario.correlated) * common + np.sqrt(1 - scenario.correlated) * rng.normal(
            size=(rows, len(scenario.features))
        )
        uniform, parts = stats.norm.cdf(latent), []
        for number, feature in enumerate(scenario.features):
            cumulative = np.cumsum(feature.shares(np.zeros(1))[0])
            cell = np.minimum(np.searchsorted(cumulative, uniform[:, number]), feature.bins.width - 3)
            parts.append(np.r_[0, 0, np.bincount(cell, minlength=feature.bins.width - 2)])
        out.append(np.concatenate(parts))
    return np.array(out, dtype=float)


def vectors(layout, features, rows):
    out = np.zeros((len(features), layout.width))
    out[:, layout.spans["features"]] = features
    out[:, layout.spans["rows"]] = rows
    return out


def evaluations(scenario, seed):
    """Reference and windows of one draw: windows follow the reference in time."""
    rng = np.random.default_rng(seed)
    layout = Layout(task="regression", features={f"f{i}": feature.bins for i, feature in enumerate(scenario.features)})
    count, per_window = len(scenario.features), scenario.seconds // scenario.block_seconds
    blocks = scenario.blocks or 1
    states = np.zeros((blocks + scenario.windows * per_window, count))
    if scenario.state is not None:
        states = np.array(scenario.state(rng, len(states), count))
    states[blocks:, 0] += scenario.drift
    known = draw(rng, scenario, states[:blocks], scenario.m // blocks)
    later = draw(rng, scenario, states[blocks:], scenario.n // per_window)
    later = later.reshape(scenario.windows, per_window, -1).sum(axis=1)
    timed = scenario.blocks is not None
    kept = vectors(layout, known, scenario.m // blocks)
    total = Counts(layout, kept.sum(axis=0), np.zeros((0, layout.slice_width)))
    reference = Reference(
        layout=layout,
        total=total,
        model="simulated",
        block_seconds=scenario.block_seconds if timed else None,
        block_starts=np.arange(blocks) * scenario.block_seconds if timed else np.empty(0, dtype=np.int64),
        blocks=kept if timed else np.empty((0, layout.width)),
    )
    window = Window("w", scenario.seconds, 0, scenario.seconds)
    for row in vectors(layout, later, scenario.n):
        counts = Counts(layout, row, np.zeros((0, layout.slice_width)))
        yield Evaluation("simulated", "1", window, counts, reference, scenario.thresholds, Vocabulary({}))


def evidently_alarm(found):
    """Evidently's default above 1,000 reference rows: W₁/σ ≥ 0.1 for numbers, JS (nats) ≥ 0.1 for categories."""
    full = found.full
    at = _places(found)
    moved = BY_NAME["wasserstein"].compute(Pair(full.window, full.reference, full.used, full.ordered, at, at))
    nats = BY_NAME["jensen_shannon"].compute(full) * np.sqrt(np.log(2))
    return np.where(full.ordered, moved, nats) >= 0.1


def _places(found):
    """Middle of each cell's probability is not kept: its edges' middle stands in."""
    at = np.full(found.full.used.shape, np.nan)
    for row, labels in enumerate(found.variables.labels):
        if found.full.ordered[row]:
            edges = np.array([float(label) for label in labels[:-1]])
            at[row, : len(labels)] = np.r_[edges[0], (edges[1:] + edges[:-1]) / 2, edges[-1]]
    return at


def nannyml_limits(reference, found, seconds, rows):
    """NannyML: mean + 3σ of the distances of reference chunks of the window's size (ten at least) from the whole."""
    windows = reference.windows(seconds)
    if len(windows) == 0:
        rng = np.random.default_rng(1)
        chunks = int(np.clip(found.full.m[0] / rows, 10, 50))
        parts = [rng.multinomial(rows, found.full.q) for _ in range(chunks)]
    else:
        parts = [found.variables.counts(vector) for vector in windows]
    jensen = BY_NAME["jensen_shannon"].compute
    values = np.array(
        [jensen(Pair(part.astype(float), found.full.reference, found.full.used, found.full.ordered)) for part in parts]
    )
    return values.mean(axis=0) + 3 * values.std(axis=0)


@dataclass
class Result:
    scenario: Scenario
    windows: int = 0
    judged: int = 0
    detected: int = 0
    significant: int = 0
    first: int = 0
    tests: int = 0
    tail: np.ndarray = field(default_factory=lambda: np.zeros(4))
    evidently: int = 0
    nannyml: int = 0


TAIL = np.array([0.05, 0.01, 1e-3, 1e-4])


def simulate(scenario: Scenario, seed=1, peers=True) -> Result:
    result = Result(scenario)
    for draw_number in range(scenario.references):
        limits = None
        for evaluation in evaluations(scenario, (seed, draw_number)):
            found = verdicts(evaluation, "features")
            result.windows += 1
            tested = ~np.isnan(found.pvalue)
            result.judged += bool(tested.any())
            result.detected += bool((found.detected == 1).any())
            result.first += bool(found.detected[0] == 1)
            p = found.pvalue[tested]
            result.significant += bool((np.sort(p) <= 0.01 * np.arange(1, len(p) + 1) / max(len(p), 1)).any())
            result.tests += len(p)
            result.tail += (p[:, None] <= TAIL).sum(axis=0)
            if peers:
                if limits is None:
                    limits = nannyml_limits(evaluation.reference, found, evaluation.window.seconds, scenario.n)
                jensen = BY_NAME["jensen_shannon"].compute(found.full)
                result.evidently += bool(evidently_alarm(found).any())
                result.nannyml += bool((jensen > limits).any())
    return result


def row(result: Result) -> str:
    s, w = result.scenario, result.windows
    tail = " ".join(f"{x:.1e}" for x in result.tail / max(result.tests, 1))
    return (
        f"| {s.name} | {len(s.features)} | {s.n:,} | {s.m:,} | {s.blocks or '–'} | {result.judged / w:.0%} "
        f"| {result.detected / w:.2%} | {result.significant / w:.2%} | {result.evidently / w:.0%} | {result.nannyml / w:.0%} | {tail} |"
    )


HEADER = (
    "| scenario | features | n | m | blocks | judged | any detected | any significant (no effect threshold) "
    "| Evidently's default | NannyML's mean + 3σ | share of p under 0.05, 0.01, 1e-3, 1e-4 |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def calm() -> list[Scenario]:
    ten, twenty = mixture(12), mixture(24)
    found = [Scenario(f"independent rows", ten, n, m) for n in (50, 200, 1000, 10_000) for m in (10_000, 50_000)]
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
    return found


def drifting() -> list[Scenario]:
    rest = mixture(19)
    normal = (numeric(stats.norm()), *rest)
    three, six = np.r_[0.5, 0.3, 0.17, 0.03], np.r_[0.5, 0.3, 0.17, 0.03]
    six = six * (0.94 / 0.97)
    six[3] = 0.06
    plain = category(np.r_[three, 1e-9])

    def doubled(state):
        moved = np.where(state[:, None] > 0.5, np.r_[six, 0.0, 0.0], np.r_[three, 0.0, 0.0])
        return moved

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    scale = 10.0 * arguments.scale if arguments.full else arguments.scale
    for title, scenarios in (("No drift", calm()), ("Drift in the first feature", drifting())):
        print(f"\n### {title}\n\n{HEADER}", flush=True)
        for scenario in scenarios:
            if arguments.only not in scenario.name:
                continue
            started = time.perf_counter()
            result = simulate(
                Scenario(
                    **{
                        **{k: getattr(scenario, k) for k in scenario.__dataclass_fields__},
                        "references": max(1, round(scenario.references * scale)),
                    }
                )
            )
            extra = f" first {result.first / result.windows:.1%}" if scenario.drift else ""
            print(row(result) + extra + f" {time.perf_counter() - started:.1f}s", flush=True)


if __name__ == "__main__":
    main()
