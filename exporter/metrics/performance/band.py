"""How much a metric varies while all is well, learned from the reference's own windows, and the band that follows.

Rows of one day share its weather: labels come in clusters, and a metric swings from window to window by more than
its sampling error says. So the variance of a window's value is taken apart into

    between     what differs from window to window: the variance of the reference windows' values about the
                reference's, less their sampling variance; on its bad side alone where that is larger, as bad days are
                further off than good ones
    sampling    variance of one label (sampling variance on the whole reference × its labels) / the window's labels

A window is degraded where value and near end of its 95 % interval both lie beyond a threshold. The threshold is off
the reference by the largest of

    z √between                             what the reference's windows themselves do
    z √(between + sampling) - 1.96 √sampling    so that, with the interval, it takes z standard deviations in all
    2 √sampling                            chance

with z Student's t quantile with K - 1 degrees of freedom at `FALSE_RATE` for K reference windows, and `between` times
1 + 1/K. It grows as labels get fewer.

A reference often holds too few windows of a length to say how they vary: three months have three of 28 days. Then the
longest windows of which it holds `min_blocks` say it (half as long, a quarter, ...), and longer ones vary by

    between · (their length / length)^γ,   γ = ln(between at a quarter of their length / between) / ln 4

less a standard error of γ, within 0 (what varies persists: nothing averages out) and `_MOST` (independent rows: 1).
Where the reference has no time, or too little of it, there is sampling error alone, and z is widened by `SAFETY`.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from exporter.metrics.evaluation import Thresholds
from exporter.metrics.performance.estimate import Estimate, Z
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import Parts, in_chunks, of_counts, of_vectors
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference

FALSE_RATE = 5e-4
"""Share of windows called degraded on one side while all is well: one in 2000."""
_LEAST_MARGIN = 2.0
_MOST = 0.8
SAFETY = 1.5
"""Widens the band where only sampling error is known: labels in clusters vary by more than that."""


@dataclass(frozen=True, slots=True)
class _Between:
    """What differs from window to window.

    Attributes:
        below, above: variance on either side of the reference's value.
        windows: how many windows say so; 0: none, only sampling is known.
        labels: of such a window, in the median.
    """

    below: float = 0.0
    above: float = 0.0
    windows: int = 0
    labels: float = 0.0


@dataclass(frozen=True, slots=True)
class Variation:
    """What a reference says of one metric.

    Attributes:
        value: the metric on the whole reference; NaN where undefined.
        bias: of `value` by noise.
        of_label: sampling variance of one label; NaN where the counts do not tell.
        between: variance between windows.
    """

    value: float
    bias: float
    of_label: float
    between: _Between


UNKNOWN = Variation(value=np.nan, bias=0.0, of_label=np.nan, between=_Between())


def variations(reference: Reference, seconds: int, thresholds: Thresholds) -> Mapping[str, Variation]:
    """How each metric of the task varies over the reference in windows of `seconds`; learned once for a reference."""
    least, blocks = thresholds.min_labels, thresholds.min_blocks
    key = ("performance", seconds, least, blocks)
    return reference.once(key, lambda learned_from: _Learner(learned_from, least, blocks).learn(seconds))


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windows of one length that have enough labels: (m,) `labels`, and each metric's (m,) values and their biases."""

    labels: Floats
    values: Mapping[str, tuple[Floats, Floats]]


class _Learner:
    """Learns of all metrics together, which are computed from the same windows."""

    def __init__(self, reference: Reference, least: int, blocks: int) -> None:
        self._reference = reference
        self._least = least
        self._blocks = blocks
        self._computed: dict[int, _Windows] = {}
        whole = of_counts(reference.total)
        self._labels = float(whole.labels[0])
        self._whole = _computed(whole, BY_TASK[reference.layout.task])

    def learn(self, seconds: int) -> dict[str, Variation]:
        labels = self._labels
        learned = {}
        for metric in BY_TASK[self._reference.layout.task]:
            whole = self._whole.get(metric.name)
            if whole is None or not np.isfinite(whole.value[0]):
                learned[metric.name] = UNKNOWN
                continue
            of_label, between = float(whole.variance[0]) * labels, self._over_time(metric.name, whole, seconds)
            learned[metric.name] = Variation(float(whole.value[0]), float(whole.bias[0]), of_label, between)
        return learned

    def _over_time(self, name: str, whole: Estimate, seconds: int) -> _Between:
        """Variance between windows of `seconds`, or what shorter windows say of it."""
        block = self._reference.block_seconds
        length = seconds
        while block is not None and length >= block:
            found = self._between(name, whole, length)
            if found is not None and found.windows >= self._blocks:
                if length == seconds:
                    return found
                return _averaged(found, self._between(name, whole, length // 4), length / seconds)
            length //= 2
        return _Between()

    def _between(self, name: str, whole: Estimate, seconds: int) -> _Between | None:
        """What windows of `seconds` say of a metric that have enough labels; None if there are not even two."""
        windows = self._windows(seconds)
        if name not in windows.values:
            return None
        value, bias = windows.values[name]
        use = np.isfinite(value)
        if use.sum() <= 1:
            return None
        labels = windows.labels[use]
        off = value[use] - bias[use] - (whole.value[0] - whole.bias[0])
        sampling = np.nan_to_num(whole.variance[0] * self._labels / labels)
        below, above = off < 0, off > 0
        both = _excess(off, sampling)
        return _Between(
            below=max(both, _excess(off[below], sampling[below])),
            above=max(both, _excess(off[above], sampling[above])),
            windows=len(off),
            labels=float(np.median(labels)),
        )

    def _windows(self, seconds: int) -> _Windows:
        if seconds not in self._computed:
            self._computed[seconds] = self._compute(seconds)
        return self._computed[seconds]

    def _compute(self, seconds: int) -> _Windows:
        layout, windows = self._reference.layout, self._reference.windows(seconds)
        labels = of_vectors(layout, windows).labels
        # Most windows of an hour may have too few: nothing is computed of them.
        kept = np.flatnonzero(labels >= self._least)
        if len(kept) <= 1:
            return _Windows(labels[kept], {})
        metrics = [metric for metric in BY_TASK[layout.task] if metric.name in self._whole]
        found: dict[str, list[Estimate]] = {metric.name: [] for metric in metrics}
        for some in in_chunks(layout, windows.rows(labels >= self._least)):
            for name, estimate in _computed(some, metrics).items():
                found[name].append(estimate)
        values = {
            name: (np.concatenate([each.value for each in parts]), np.concatenate([each.bias for each in parts]))
            for name, parts in found.items()
        }
        return _Windows(labels[kept], values)


def _computed(parts: Parts, metrics: Sequence[PerformanceMetric]) -> dict[str, Estimate]:
    """Metric → its values; without those that these counts cannot tell."""
    found = {}
    for metric in metrics:
        with suppress(NoData):
            found[metric.name] = metric.compute(parts)
    return found


def _averaged(found: _Between, shorter: _Between | None, share: float) -> _Between:
    """`found` for windows 1 / `share` as long, going by how much less it varies than windows a quarter as long."""
    if shorter is None or found.windows < 1:
        return found
    error = np.sqrt(2 / found.windows + 2 / shorter.windows)

    def scaled(now: float, before: float) -> float:
        if now <= 0 or before <= 0:
            return now
        exponent = float(np.clip((np.log(before / now) - error) / np.log(4), 0.0, _MOST))
        return now * float(share**exponent)

    return replace(found, below=scaled(found.below, shorter.below), above=scaled(found.above, shorter.above))


def _excess(off: Floats, sampling: Floats) -> float:
    """Mean square of `off` less the mean sampling variance."""
    if len(off) == 0:
        return 0.0
    return max(float(np.mean(off * off) - np.mean(sampling)), 0.0)


def learned_band(metric: PerformanceMetric, known: Variation, labels: float, bias: float) -> tuple[float, float]:
    """(lower, upper) of a window with so many labels; NaN for a side that is not bad, or of which nothing is known.

    `bias` is that of the window's own value: an error measure that noise alone lifts has its band lifted too. Where
    the counts do not tell sampling error, the windows' variance holds it, and grows as labels get fewer than theirs.
    """
    between, counted = known.between, np.isfinite(known.of_label)
    sampling = known.of_label / labels if counted else 0.0
    if not np.isfinite(known.value) or (between.windows == 0 and sampling == 0.0):
        return np.nan, np.nan
    centre = known.value + bias - known.bias
    z = -float(stdtrit(between.windows - 1 if between.windows else np.inf, FALSE_RATE))
    z *= 1.0 if between.windows else SAFETY
    spread = (1.0 + 1.0 / max(between.windows, 1)) * (1.0 if counted else max(1.0, between.labels / labels))
    below, above = (_margin(z, spread * side, sampling) for side in (between.below, between.above))
    lower, upper = centre - below, centre + above
    return (
        np.nan if metric.better == "lower" else max(float(lower), -np.inf if metric.low is None else metric.low),
        np.nan if metric.better == "higher" else min(float(upper), np.inf if metric.high is None else metric.high),
    )


def _margin(z: float, between: float, sampling: float) -> float:
    """How far off the reference a threshold lies."""
    error = float(np.sqrt(sampling))
    return max(z * float(np.sqrt(between)), z * float(np.sqrt(between + sampling)) - Z * error, _LEAST_MARGIN * error)
