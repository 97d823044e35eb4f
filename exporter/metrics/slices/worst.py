"""Which parts of a window do worse than the rest: each is compared with all others, corrected for their number."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from exporter.metrics.false_discovery import rejected
from exporter.metrics.performance.estimate import Z, mean_variance
from exporter.metrics.performance.parts import divide
from exporter.metrics.slices.segments import Loss, Name, Segments
from exporter.profile.bins import Floats

TOP = 5
"""Parts that are shown of a window."""
_STAY_TOP = 2 * TOP
_STAY_RATE = 10.0
"""A part that was shown before stays while it is among so many, at a false discovery rate so many times as high: the
series of two that are alike do not come and go."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """How much worse each part does than all others together; (k,) each, NaN where either has too few labels.

    Attributes:
        gap: mean loss less the others' mean loss.
        error: its standard error.
        share: of the labelled predictions.
        pvalue: that the part is no worse than the others, one-sided.
    """

    gap: Floats
    error: Floats
    share: Floats
    pvalue: Floats

    @property
    def harm(self) -> Floats:
        """By how much the window's mean loss would fall if the part did as well as the others."""
        return self.gap * self.share


@dataclass(frozen=True, slots=True)
class WorstSlice:
    """A part that does worse than the others.

    Attributes:
        gap, lower, upper: by how much its mean loss is higher, and the 95 % interval.
        share: of the labelled predictions.
        reference_gap: the gap it has in the reference; NaN where that is not known.
    """

    name: Name
    gap: float
    lower: float
    upper: float
    share: float
    reference_gap: float

    @property
    def harm(self) -> float:
        return self.gap * self.share


def gaps(segments: Segments, least: float) -> Gaps:
    """Compares each part with all others; both need `least` labelled predictions.

    The difference of two means of independent rows, each with its own variance (Welch 1947), taken as normal: parts are
    shown from tens of rows on, and the interval says how little few rows tell.
    """
    one, whole = segments.loss, segments.whole
    rest = Loss(whole.n - one.n, whole.total - one.total, whole.squares - one.squares)
    enough = (one.n >= max(least, 2.0)) & (rest.n >= max(least, 2.0))
    gap = np.where(enough, divide(one.total, one.n) - divide(rest.total, rest.n), np.nan)
    variance = _variance(one, whole) + _variance(rest, whole)
    error = np.where(enough, np.sqrt(variance), np.nan)
    z = divide(gap, np.where(error > 0, error, 0.0))
    return Gaps(gap, error, divide(one.n, np.broadcast_to(whole.n, one.n.shape)), 1.0 - ndtr(z))


def _variance(loss: Loss, whole: Loss) -> Floats:
    """(k,) variance of each mean; one prediction more, like those of the whole window, keeps none at 0."""
    n = loss.n + 1.0
    mean = divide(whole.total, whole.n)
    square = divide(whole.squares, whole.n)
    return mean_variance(loss.total + mean, loss.squares + square, n)


def worst(
    now: Segments, before: Segments | None, least: float, rate: float, shown: Collection[Name] = ()
) -> list[WorstSlice]:
    """The parts that cost the most, by gap × share, the worst first.

    Args:
        now: parts of the window.
        before: parts of the reference.
        least: labelled predictions that a part needs.
        rate: false discovery rate over all parts (Benjamini-Hochberg).
        shown: parts that were shown a cycle ago: they stay a little longer.
    """
    found = gaps(now, least)
    harm = np.where(np.isnan(found.pvalue), -np.inf, found.harm)
    ranks = np.empty(len(harm), dtype=np.int64)
    ranks[np.argsort(-harm, kind="stable")] = np.arange(len(harm))
    stay = np.array([name in shown for name in now.names], dtype=np.bool_)
    significant = rejected(found.pvalue, rate)
    chosen = (significant & (ranks < TOP)) | (
        stay & rejected(found.pvalue, min(rate * _STAY_RATE, 0.5)) & (ranks < _STAY_TOP)
    )
    known = {} if before is None else dict(zip(before.names, gaps(before, least).gap.tolist(), strict=True))
    result = [
        WorstSlice(
            now.names[place],
            float(found.gap[place]),
            float(found.gap[place] - Z * found.error[place]),
            float(found.gap[place] + Z * found.error[place]),
            float(found.share[place]),
            known.get(now.names[place], np.nan),
        )
        for place in _by_rank(chosen, ranks)
    ]
    # Those that stay do not make room for more than are shown.
    return result[:TOP] if len(result) <= TOP else _kept(result, shown)


def _by_rank(chosen: NDArray[np.bool_], ranks: NDArray[np.int64]) -> list[int]:
    return sorted(np.flatnonzero(chosen).tolist(), key=lambda place: int(ranks[place]))


def _kept(found: list[WorstSlice], shown: Collection[Name]) -> list[WorstSlice]:
    """`TOP` of them: those that were shown first, then the worst of the others; the worst first."""
    chosen = sorted(range(len(found)), key=lambda place: (found[place].name not in shown, place))[:TOP]
    return [found[place] for place in sorted(chosen)]
