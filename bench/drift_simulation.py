"""Draws references and windows, and what the drift verdict says of them, beside what peers' rules do on the same draws.

Draws are of counts, not of rows: a row's bin is multinomial, given its day's state. `correlated` draws rows.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from bench.drift_scenarios import Scenario
from exporter.metrics.drift.between import unbounded
from exporter.metrics.drift.distances import BY_NAME
from exporter.metrics.drift.jensen_shannon import divergence
from exporter.metrics.drift.null import null
from exporter.metrics.drift.nulls import nulls_of
from exporter.metrics.drift.pair import Pair
from exporter.metrics.drift.variables import variables_of
from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Evaluation, Window
from exporter.metrics.false_discovery import rejected
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors
from exporter.profile.vocabulary import Vocabulary

SEED = 20261121
EVIDENTLY, SMALL, SIGNIFICANT = 0.1, 1000, 0.05
"""Evidently's default threshold of a distance; and of p where the reference has so few rows."""


def draw(rng, scenario, states, rows):
    """(D, ΣW) feature codes of D stretches with `rows` rows each."""
    if scenario.correlated:
        return np.array([_draw_rows(rng, scenario, rows) for _ in states], dtype=float)
    parts = []
    for number, feature in enumerate(scenario.features):
        distinct, place = np.unique(states[:, number], return_inverse=True)
        shares = np.clip(feature.shares(distinct), 0, None)
        shares /= shares.sum(axis=1, keepdims=True)
        parts.append(np.pad(rng.multinomial(rows, shares[place]), ((0, 0), (2, 0))))
    return np.concatenate(parts, axis=1).astype(float)


def _draw_rows(rng, scenario, rows):
    """Gaussian copula with one common factor: features of a row go together, rows are independent."""
    common, own = rng.normal(size=(rows, 1)), rng.normal(size=(rows, len(scenario.features)))
    latent = np.sqrt(scenario.correlated) * common + np.sqrt(1 - scenario.correlated) * own
    parts = []
    for number, feature in enumerate(scenario.features):
        edges = stats.norm.ppf(np.minimum(np.cumsum(feature.shares(np.zeros(1))[0]), 1.0))
        cell = np.minimum(np.searchsorted(edges, latent[:, number]), feature.bins.width - 3)
        parts.append(np.pad(np.bincount(cell, minlength=feature.bins.width - 2), (2, 0)))
    return np.concatenate(parts)


def vectors(layout, features, rows):
    out = np.zeros((len(features), layout.width))
    out[:, layout.spans["features"]] = features
    out[:, layout.spans["rows"]] = rows
    return out


def reference_of(layout, blocks, seconds, starts=None):
    """A reference of blocks (K, layout.width) of `seconds`; None: it has no time."""
    starts = np.arange(len(blocks)) * (seconds or 0) if starts is None else starts
    return Reference(
        layout=layout,
        total=Counts(layout, blocks.sum(axis=0), np.zeros((0, layout.slice_width))),
        model="simulated",
        block_seconds=seconds,
        block_starts=starts if seconds else np.empty(0, dtype=np.int64),
        blocks=Vectors.of(blocks) if seconds else Vectors(0, layout.width),
    )


def drawn(scenario, seed):
    """A reference and (W, layout.width) windows that follow it in time."""
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
    seconds = scenario.block_seconds if scenario.blocks else None
    reference = reference_of(layout, vectors(layout, known, scenario.m // blocks), seconds)
    return reference, vectors(layout, later, scenario.n)


@dataclass(frozen=True)
class Judged:
    """What is said of W windows of F features.

    Attributes:
        pvalue, detected, significant: (W, F).
        full: all cells of all windows, (W·F, B) a side.
        first: those of the first window.
    """

    pvalue: np.ndarray
    detected: np.ndarray
    significant: np.ndarray
    full: Pair
    first: Pair

    def by_window(self, values):
        return values.reshape(self.pvalue.shape)


def judged(reference, windows, seconds, thresholds) -> Judged:
    """The verdicts on windows of the same number of rows, all at once.

    The first goes through the program's own front door as well, and must come out the same.
    """
    window = Window("w", seconds, 0, seconds)
    counts = Counts(reference.layout, windows[0], np.zeros((0, reference.layout.slice_width)))
    first = verdicts(Evaluation("simulated", "1", window, counts, reference, thresholds, Vocabulary({})), "features")
    variables = first.variables
    nulls = nulls_of(reference, "features", variables_of(reference, "features"), seconds)
    cells = np.where(variables.used, windows[:, variables.places[0]], 0.0)
    n = np.maximum(first.full.n, thresholds.min_rows)
    prepared, known = nulls.at(n), first.full.m
    expected = null(prepared.moments, n, known)
    groups = np.array([prepared.merge(each, variables.used) for each in cells])
    share = prepared.reference / np.maximum(prepared.reference.sum(axis=1, keepdims=True), 1)
    shares = (groups / np.maximum(groups.sum(axis=2, keepdims=True), 1)).reshape(-1, share.shape[1])
    squared = divergence(shares, np.tile(share, (len(windows), 1))).reshape(len(windows), -1)
    pvalue = np.where(np.isnan(first.pvalue), np.nan, expected.pvalue(unbounded(squared)))
    np.testing.assert_allclose(pvalue[0], first.pvalue, rtol=1e-6)
    significant = np.array([rejected(p, thresholds.false_discovery_rate) for p in pvalue])
    effect = np.sqrt(np.maximum(squared - expected.mean_squared, 0.0))
    times = len(windows)
    full = Pair(
        window=cells.reshape(-1, cells.shape[2]),
        reference=np.tile(first.full.reference, (times, 1)),
        used=np.tile(variables.used, (times, 1)),
        ordered=np.tile(variables.ordered, times),
    )
    return Judged(pvalue, significant & (effect > first.threshold), significant, full, first.full)


def places(variables):
    """(F, B) means of cells are not drawn: the middle of a cell's edges stands in."""
    at = np.full(variables.used.shape, np.nan)
    for row, labels in enumerate(variables.labels):
        if variables.ordered[row]:
            edges = np.array([float(label) for label in labels[:-1]])
            at[row, : len(labels)] = np.r_[edges[0], (edges[1:] + edges[:-1]) / 2, edges[-1]]
    return at


def evidently_drifted(full: Pair, at):
    """(F,) Evidently's defaults: W₁/σ ≥ 0.1 for numbers, JS (nats) ≥ 0.1 for categories.

    At most 1,000 reference rows: Kolmogorov-Smirnov and χ² tests of each feature at 5 %.
    """
    if full.m.max() <= SMALL:
        size = np.sqrt(full.n * full.m / (full.n + full.m))
        smirnov = special.kolmogorov(size * BY_NAME["kolmogorov_smirnov"].compute(full))
        expected = full.q * full.n[:, None]
        squares = np.where(expected > 0, (full.window - expected) ** 2 / np.where(expected > 0, expected, 1), 0.0)
        chi = special.chdtrc((expected > 0).sum(axis=1) - 1.0, squares.sum(axis=1))
        return np.where(full.ordered, smirnov, chi) < SIGNIFICANT
    moved = BY_NAME["wasserstein"].compute(replace(full, window_at=at, reference_at=at))
    nats = BY_NAME["jensen_shannon"].compute(full) * np.sqrt(np.log(2))
    return np.where(full.ordered, moved, nats) >= EVIDENTLY


def nannyml_limits(reference, full: Pair, seconds):
    """(F,) NannyML: mean + 3σ of the distances of the reference's chunks from the whole; `full` is of one window.

    Chunks are of the window's length; without time, of the window's rows, ten at least, drawn anew.
    """
    variables, count = variables_of(reference, "features"), len(full.window)
    chunks = reference.windows(seconds)
    if len(chunks) > 0:
        cells = np.zeros((len(chunks), *full.used.shape))
        for row in range(count):
            part = variables.counts_of(row, chunks)
            cells[:, row, : part.shape[1]] = part
    else:
        rng, rows = np.random.default_rng(SEED), full.n[0]
        cells = rng.multinomial(int(rows), full.q, size=(int(np.clip(full.m[0] / rows, 10, 50)), count))
    pair = Pair(
        window=cells.reshape(-1, cells.shape[2]).astype(float),
        reference=np.tile(full.reference, (len(cells), 1)),
        used=np.tile(full.used, (len(cells), 1)),
        ordered=np.tile(full.ordered, len(cells)),
    )
    values = BY_NAME["jensen_shannon"].compute(pair).reshape(len(cells), count)
    return np.nanmean(values, axis=0) + 3 * np.nanstd(values, axis=0)


TAIL = np.array([0.05, 0.01, 1e-3, 1e-4])


def simulate(scenario: Scenario, seed=SEED, peers=True) -> dict:
    """Counts of windows: in all, judged, with any feature detected, with any significant, with the first detected."""
    total = dict.fromkeys(("windows", "judged", "detected", "significant", "first", "tests", "evidently", "nannyml"), 0)
    tail = np.zeros(len(TAIL))
    for number in range(scenario.references):
        reference, windows = drawn(scenario, (seed, number))
        found = judged(reference, windows, scenario.seconds, scenario.thresholds)
        tested = ~np.isnan(found.pvalue)
        fresh = {
            "windows": len(windows),
            "judged": tested.any(axis=1).sum(),
            "detected": found.detected.any(axis=1).sum(),
            "significant": found.significant.any(axis=1).sum(),
            "first": found.detected[:, 0].sum(),
            "tests": tested.sum(),
        }
        if peers:
            limits = nannyml_limits(reference, found.first, scenario.seconds)
            jensen = BY_NAME["jensen_shannon"].compute(found.full)
            at = np.tile(places(variables_of(reference, "features")), (len(windows), 1))
            fresh["evidently"] = found.by_window(evidently_drifted(found.full, at)).any(axis=1).sum()
            fresh["nannyml"] = (found.by_window(jensen) > limits).any(axis=1).sum()
        tail += (found.pvalue[tested][:, None] <= TAIL).sum(axis=0)
        for name, count in fresh.items():
            total[name] += int(count)
    known = {
        "scenario": scenario.name,
        "group": scenario.group,
        "features": len(scenario.features),
        "n": scenario.n,
        "m": scenario.m,
        "blocks": scenario.blocks,
    }
    return known | total | {"tail": tail.astype(int).tolist()}
