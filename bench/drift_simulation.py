"""False alarms and power of the drift verdict, by simulation, beside what peers' rules do on the same draws.

    python bench/drift_simulation.py            # about a minute
    python bench/drift_simulation.py --full     # ten times as many draws

Draws are of counts, not of rows: a row's bin is multinomial, given its day's state. `correlated` draws rows.
"""

import argparse
import time
from dataclasses import dataclass, field, replace

import numpy as np
from drift_scenarios import Scenario, calm, drifting
from scipy import stats

from exporter.metrics.drift.distances import BY_NAME
from exporter.metrics.drift.pair import Pair
from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Evaluation, Window
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vocabulary import Vocabulary


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
    return np.nanmean(values, axis=0) + 3 * np.nanstd(values, axis=0)


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
    shares = f"{result.detected / w:.2%} | {result.significant / w:.2%}"
    shares += f" | {result.evidently / w:.0%} | {result.nannyml / w:.0%}"
    known = f"{s.n:,} | {s.m:,} | {s.blocks or '–'} | {w:,} | {result.judged / w:.0%}"
    return f"| {s.name} | {len(s.features)} | {known} | {shares} | {tail} |"


HEADER = (
    "| scenario | features | n | m | blocks | windows | judged | any detected | any significant "
    "| Evidently | NannyML | share of p under 0.05, 0.01, 1e-3, 1e-4 |\n" + "|---" * 12 + "|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    scale = 10.0 * arguments.scale if arguments.full else arguments.scale
    for title, scenarios in (("No drift", calm()), ("Drift in the first feature", drifting())):
        print(f"\n### {title}\n\n{HEADER}", flush=True)
        for scenario in scenarios:
            if arguments.only not in scenario.name:
                continue
            started = time.perf_counter()
            result = simulate(
                replace(scenario, references=max(1, round(scenario.references * scale))), seed=arguments.seed
            )
            first = f"first feature {result.first / result.windows:.1%}, " if scenario.drift else ""
            print(f"{row(result)} {first}{time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
