"""The way a variable went: counts by pane as one number each, how far it has gone from the reference to the window.

Along the direction from what is expected to what the window holds, a small change of shares loses nothing by that: the
slope is the score of the likelihood, (p - q) / p to first order. Levels of panes are then means with known variances,
and the log-likelihood ratio of a change is that of a normal mean.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.onset.dispersion import INDEPENDENT, Dispersion, Weather
from exporter.profile.bins import Floats

Times = NDArray[np.int64]
Places = NDArray[np.intp]

_TINY = 0.5
"""Rows added to what the reference holds, over all cells: what was never seen is not impossible."""


@dataclass(frozen=True)
class Panes:
    """K panes in time order, all of which hold rows.

    Attributes:
        starts, widths: (K,) Unix seconds and seconds.
        counts: (K, B) rows by cell.
        expected: (K, B) the same rows as the reference would have them at that hour: Σ over B is that of `counts`.
        ordered: cells are of a number.
        weather: how much more panes differ than rows drawn at random; None: not known, taken to be no more.
    """

    starts: Times
    widths: Times
    counts: Floats
    expected: Floats
    ordered: bool
    weather: Weather | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of(
        cls, starts: Times, widths: Times, counts: Floats, shares: Floats, *, ordered: bool, weather: Weather | None
    ) -> "Panes":
        """Panes with counts (K, B), of which the reference has `shares` (K, B) or (1, B); those without rows go."""
        rows = counts.sum(axis=1)
        kept = rows > 0
        shares = shares[kept] if len(shares) > 1 else shares
        expected = rows[kept, None] * shares
        return cls(starts[kept], widths[kept], counts[kept], expected, ordered, weather)

    def widened(self, seconds: int, end: int) -> "Panes":
        """The same rows in panes of `seconds` or more, counted back from `end`; one that is not whole goes."""
        number = (self.starts - end) // seconds
        _, first = np.unique(number, return_index=True)
        starts = end + number[first] * seconds
        counts, expected = (np.add.reduceat(each, first, axis=0) for each in (self.counts, self.expected))
        whole = starts >= self.starts[0]
        return Panes(
            starts[whole],
            np.full(int(whole.sum()), seconds),
            counts[whole],
            expected[whole],
            self.ordered,
            self.weather,
        )

    def course(self, part: slice, most: int) -> "Course | None":
        """How far all panes have gone towards those of `part`, in at most `most` groups of cells; None if nowhere."""
        seen, due = self.counts[part].sum(axis=0), self.expected[part].sum(axis=0)
        now, before = seen / seen.sum(), due / due.sum()
        place = groups(now, before, most, ordered=self.ordered)
        p, q = np.bincount(place, weights=now), np.bincount(place, weights=before)
        middle = (p + q) / 2
        slope = np.divide(p - q, middle, out=np.zeros_like(p), where=middle > 0)
        scale = float((p - q) @ slope)
        # A share that was nearly 0 varies by more once it is not.
        variance = max(float(shares @ slope**2 - (shares @ slope) ** 2) for shares in (p, q, middle))
        if scale <= 0 or variance <= 0:
            return None
        slope = slope[place]
        rows = self.counts.sum(axis=1)
        level = (self.counts - self.expected) @ slope / rows / scale
        dispersion = INDEPENDENT if self.weather is None else self.weather.along(slope)
        return Course(self.starts, self.widths, rows, level, rows * scale**2 / variance, len(p) - 1, dispersion)


@dataclass(frozen=True)
class Course:
    """The level of K panes in time order.

    Attributes:
        starts, widths: (K,) Unix seconds and seconds.
        counts: (K,) rows.
        level: (K,) 0 as the reference, 1 as the stretch that gave the direction.
        weight: (K,) 1 / variance of `level`, if rows were independent.
        freedom: numbers that the direction is made of.
        dispersion: by how much more levels vary.
    """

    starts: Times
    widths: Times
    counts: Floats
    level: Floats
    weight: Floats
    freedom: int
    dispersion: Dispersion = INDEPENDENT

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def _weights(self) -> Floats:
        return _running(self.weight)

    @cached_property
    def _levels(self) -> Floats:
        return _running(self.weight * self.level)

    @cached_property
    def rows(self) -> Floats:
        """(K+1,) running sums of rows."""
        return _running(self.counts)

    @cached_property
    def seconds(self) -> Floats:
        """(K+1,) running sums of widths: how long a stretch with rows is."""
        return _running(self.widths.astype(np.float64))

    @cached_property
    def middles(self) -> Floats:
        """(K,) middle of each pane, Unix seconds."""
        return self.starts + self.widths / 2

    @property
    def end(self) -> float:
        return float(self.starts[-1] + self.widths[-1])

    def inside(self, start: float, end: float) -> slice:
        """Panes whose middle lies in [start, end)."""
        low, high = np.searchsorted(self.middles, (start, end))
        return slice(int(low), int(high))

    def mean(self, panes: slice) -> float:
        """Mean level of some panes, NaN of none."""
        return float(self._between(self._levels, panes) / max(self._between(self._weights, panes), 1e-300))

    def variance(self, panes: slice) -> float:
        """Variance of `mean`: sampling's times the stretch's dispersion."""
        return float(self.dispersed(panes.start, panes.stop)) / max(self._between(self._weights, panes), 1e-300)

    def dispersed(self, low: Places | int, high: Places | int) -> Floats:
        """Dispersion of the stretches [low, high)."""
        return self.dispersion.of(self.seconds[high] - self.seconds[low], self.rows[high] - self.rows[low])

    def gains(self, low: int, high: int) -> Floats:
        """(high - low - 1,) nats by which a change before pane low + 1, …, high - 1 fits [low, high) better than none.

        w_L w_R / (w_L + w_R) · (mean_L - mean_R)² / 2, from running sums.

        Source: Hinkley, Inference about the change-point in a sequence of random variables, 1970; Worsley, Confidence
        regions and tests for a change-point in a sequence of exponential family random variables, 1986.
        """
        weight, level = self._weights[low : high + 1], self._levels[low : high + 1]
        left, right = weight[1:-1] - weight[0], weight[-1] - weight[1:-1]
        apart = (level[1:-1] - level[0]) / left - (level[-1] - level[1:-1]) / right
        gained: Floats = left * right / (left + right) * apart**2 / 2
        return gained

    @staticmethod
    def _between(sums: Floats, panes: slice) -> float:
        return float(sums[panes.stop] - sums[panes.start])


def smoothed(counts: Floats) -> Floats:
    """(…, B) shares of counts, none of them 0."""
    raised = counts + _TINY / counts.shape[-1]
    shares: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return shares


def groups(now: Floats, before: Floats, most: int, *, ordered: bool) -> Places:
    """(B,) group of each cell, at most `most`, of about equal weight in the mean of two sets of shares (B,).

    Neighbours are joined; categories stand in the order of what became of their share: of all groupings, those by that
    ratio keep most of the difference (Neyman and Pearson).
    """
    order = np.arange(len(now)) if ordered else np.argsort(now / np.maximum(before, 1e-300))
    weight = ((now + before) / 2)[order]
    middle = np.cumsum(weight) - weight / 2
    number = np.minimum(middle / weight.sum() * most, most - 1).astype(np.intp)
    result = np.empty(len(now), dtype=np.intp)
    result[order] = np.unique(number, return_inverse=True)[1]
    return result


def _running(values: Floats) -> Floats:
    return np.concatenate(([0.0], np.cumsum(values)))
