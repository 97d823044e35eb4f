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

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from exporter.metrics.evaluation import Thresholds
from exporter.metrics.performance.estimate import Estimate, Z
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.parts import of_counts, of_windows
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


def variation(reference: Reference, metric: PerformanceMetric, seconds: int, thresholds: Thresholds) -> Variation:
    """How `metric` varies over the reference in windows of `seconds`; learned once for a reference."""
    least, blocks = thresholds.min_labels, thresholds.min_blocks
    key = ("performance", metric.name, seconds, least, blocks)
    return reference.once(key, lambda learned_from: _learn(learned_from, metric, seconds, least, blocks))


def _learn(reference: Reference, metric: PerformanceMetric, seconds: int, least: int, blocks: int) -> Variation:
    parts = of_counts(reference.total)
    try:
        whole = metric.compute(parts)
    except NoData:
        return UNKNOWN
    value, labels = float(whole.value[0]), float(parts.labels[0])
    if not np.isfinite(value):
        return UNKNOWN
    bias, of_label = float(whole.bias[0]), float(whole.variance[0]) * labels
    return Variation(value, bias, of_label, _over_time(reference, metric, whole, seconds, least=least, blocks=blocks))


def _over_time(
    reference: Reference, metric: PerformanceMetric, whole: Estimate, seconds: int, *, least: int, blocks: int
) -> _Between:
    """Variance between windows of `seconds`, or what shorter windows say of it."""
    length = seconds
    while reference.block_seconds is not None and length >= reference.block_seconds:
        found = _between(reference, metric, whole, length, least)
        if found is not None and found.windows >= blocks:
            if length == seconds:
                return found
            shorter = _between(reference, metric, whole, length // 4, least)
            return _averaged(found, shorter, length / seconds)
        length //= 2
    return _Between()


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


def _between(
    reference: Reference, metric: PerformanceMetric, whole: Estimate, seconds: int, least: int
) -> _Between | None:
    """What windows of `seconds` say that have at least `least` labels; None if there are not even two."""
    windows = of_windows(reference, seconds)
    # Most windows of an hour may have too few: nothing is computed of them.
    windows = windows.rows(windows.labels >= least)
    labels = windows.labels
    if len(labels) <= 1:
        return None
    estimates = metric.compute(windows)
    use = np.isfinite(estimates.value)
    if use.sum() <= 1:
        return None
    off = estimates.value[use] - estimates.bias[use] - (whole.value[0] - whole.bias[0])
    sampling = np.nan_to_num(whole.variance[0] * float(reference.total.labels) / labels[use])
    below, above = off < 0, off > 0
    both = _excess(off, sampling)
    return _Between(
        below=max(both, _excess(off[below], sampling[below])),
        above=max(both, _excess(off[above], sampling[above])),
        windows=len(off),
        labels=float(np.median(labels[use])),
    )


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
