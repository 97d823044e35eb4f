"""Whether the memory of some processes leaks: how fast it grows, how sure that is, whether growth looks like a leak.

Memory is noisy in ways that one difference, or one line fitted to all samples, falls for: collectors and caches fill
and are emptied (a sawtooth), a model that was just loaded warms up, days have a cycle. So:

- Only the *lowest* value of each block of time is kept (a 36th of the window): what was given back within a block was
  not leaked, and the lower edge of a sawtooth is flat.
- The slope is Theil and Sen's median of all pairwise slopes: a jump (one more model loaded) or a spike moves it little.
- Its interval is that of a line through the means of the window's sixths (t with four degrees of freedom): noise that
  hangs together for less than an hour of six is nearly independent there. What still does widens it by
  (1 + r) / (1 − r), r the residuals' correlation at lag one (Yue and Wang 2004), corrected for what fitting a line took
  from it, (2 + 4 r) / n (Kendall 1954). It holds the slope in 98 to 99 % of draws where neighbouring blocks correlate
  by up to 0.8, in 90 % where memory is a random walk. Sen's own interval (1968), widened likewise, reached to the
  steepest pair of neighbours where leaks were plain.
- Growth is *steady* where both halves of the window rise at least half as fast as the whole, each third a quarter: a
  warm-up slows down, and something loaded in each half leaves a third flat.
- It leads to *new ground* where the window ends above all that was seen before it, by three quarters of what was ever
  given back: daily cycles do not, and a cache that filled for longer than usual may yet be emptied.
- It *keeps pace* where it is nearly as fast as growth was before the window, which slow warm-ups are not. Pace and new
  ground ask for a day before the window; earlier, only what reaches its limit within half a window is told.
- It *matters* where the window's growth is 5 % of the memory, or the limit is less than four windows away.
"""

from collections import deque
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_BLOCKS = 36
"""Blocks in a window: their minima are nearly independent, and 630 pairs are quickly sorted."""
_ENOUGH = 27
"""Blocks of a window that must have been seen."""
_OLDER_POINTS = 48
_DAY_SECONDS = 86400.0
_KEPT_SECONDS = 7 * _DAY_SECONDS
_GROUPS = 6
_QUANTILE = 4.604
"""Of Student's t with four degrees of freedom: 99 % on both sides."""
_STEADY_RATIO = 0.5
_STEADY_THIRD_RATIO = 0.25
_PACE_RATIO = 0.7
_SURE_PACE_RATIO = 0.5
_NEW_GROUND_RATIO = 0.25
_GIVEN_BACK_RATIO = 0.75
_URGENT_WINDOWS = 0.5
_MATERIAL_RATIO = 0.05
_MATERIAL_WINDOWS = 4.0
_MOST_CORRELATION = 0.9


@dataclass(frozen=True, slots=True)
class Growth:
    """What the window says.

    Attributes:
        slope, lower, upper: bytes a second, with its 99 % interval.
        leak: None while it cannot be told.
        exhausted_seconds: time until the limit at this slope; None unless it leaks and there is a limit.
    """

    slope: float
    lower: float
    upper: float
    leak: bool | None
    exhausted_seconds: float | None = None


def sen_slope(times: Floats, values: Floats) -> tuple[float, float, float]:
    """Slope and the ends of its 99 % interval, of `values` (n,) over rising `times` (n,), n at least 12."""
    slope = _median_slope(times, values)
    groups = np.array_split(np.arange(len(times)), _GROUPS)
    at = np.array([times[group].mean() for group in groups])
    means = np.array([values[group].mean() for group in groups])
    at -= at.mean()
    spread = float(at @ at)
    residuals = means - means.mean() - (means @ at) / spread * at
    variance = float(residuals @ residuals) / (_GROUPS - 2) * _widening(residuals)
    reach = _QUANTILE * float(np.sqrt(variance / spread))
    return slope, slope - reach, slope + reach


def _widening(residuals: Floats) -> float:
    total = float(residuals @ residuals)
    if total <= 0:
        return 1.0
    n = len(residuals)
    found = float(residuals[1:] @ residuals[:-1]) / total
    true = min(_MOST_CORRELATION, max(0.0, (found + 2 / n) / (1 - 4 / n)))
    return (1 + true) / (1 - true)


@cache
def _pairs(n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    first, second = np.triu_indices(n, 1)
    return first, second


def _median_slope(times: Floats, values: Floats) -> float:
    first, second = _pairs(len(times))
    return float(np.median((values[second] - values[first]) / (times[second] - times[first])))


class MemoryTrend:
    """The growth of one group's memory since it was started. Holds at most a week (or eight windows) of minima."""

    def __init__(self, window_seconds: float) -> None:
        self._window = window_seconds
        self._block_seconds = window_seconds / _BLOCKS
        kept = max(_KEPT_SECONDS, 8 * window_seconds)
        self._blocks: deque[tuple[float, float]] = deque(maxlen=int(kept / self._block_seconds))
        self._block: int | None = None
        self._lowest = float("inf")
        self._growth: Growth | None = None
        self._floor: float | None = None

    def reset(self) -> None:
        """What was seen is of processes that are gone."""
        self._blocks.clear()
        self._block, self._lowest = None, float("inf")
        self._growth = self._floor = None

    def observe(self, now: float, memory_bytes: float, headroom_bytes: float | None) -> Growth | None:
        """What is known of the growth, this sample counted; None before half a window was seen.

        Args:
            now: seconds of a clock that never goes back.
            memory_bytes: resident and swapped memory now.
            headroom_bytes: so much more may be taken before the kernel ends something; None where that is not known.
        """
        block = int(now // self._block_seconds)
        if self._block is None:
            # The first block may be short and hold the first instants of the start: it counts from the next on.
            self._block = block
        elif block != self._block:
            if self._lowest < float("inf"):
                self._blocks.append(((self._block + 0.5) * self._block_seconds, self._lowest))
            self._block, self._lowest = block, float("inf")
            self._growth = self._judge(headroom_bytes)
        self._lowest = min(self._lowest, memory_bytes)
        return self._growth

    def _judge(self, headroom: float | None) -> Growth | None:
        times, values = np.array(self._blocks, dtype=np.float64).reshape(-1, 2).T
        recent = times > times[-1] - self._window if len(times) else np.zeros(0, dtype=bool)
        seen = int(recent.sum())
        if seen < _BLOCKS // 2:
            return None
        slope, lower, upper = sen_slope(times[recent], values[recent])
        if seen < _ENOUGH or times[-1] - times[0] < self._window - 2 * self._block_seconds:
            return Growth(slope, lower, upper, None)
        left = headroom / slope if headroom is not None and slope > 0 else float("inf")
        leak = self._leaks(times, values, recent, (slope, lower), left)
        return Growth(slope, lower, upper, leak, left if leak and left < float("inf") else None)

    def _leaks(
        self, times: Floats, values: Floats, recent: npt.NDArray[np.bool_], fit: tuple[float, float], left: float
    ) -> bool | None:
        slope, lower = fit
        end = float(np.median(values[-3:]))
        if self._floor is not None and self._goes_on(times, values, end):
            return True
        self._floor = None
        gained = slope * self._window
        matters = gained >= _MATERIAL_RATIO * end or left < _MATERIAL_WINDOWS * self._window
        if lower <= 0 or not matters or not _steady(times[recent], values[recent], slope):
            return False
        older_times, older = times[~recent], values[~recent]
        if times[-1] - times[0] < _DAY_SECONDS + self._window - 2 * self._block_seconds:
            # It may be the morning of a daily cycle. What is about to hit its limit cannot wait for tomorrow.
            told = True if left < _URGENT_WINDOWS * self._window else None
        else:
            given_back = float((np.maximum.accumulate(older) - older).max())
            margin = max(_NEW_GROUND_RATIO * gained, _GIVEN_BACK_RATIO * given_back)
            pace = _thinned_slope(older_times, older)
            keeps_pace = slope >= _PACE_RATIO * pace and lower >= _SURE_PACE_RATIO * pace
            told = keeps_pace and end - float(older.max()) >= margin
        if told:
            self._floor = float(values[recent][0])
        return told

    def _goes_on(self, times: Floats, values: Floats, end: float) -> bool:
        """Whether a leak that was told is still there: not all was given back, there was a new high within a day."""
        assert self._floor is not None
        lately = times > times[-1] - max(_DAY_SECONDS, self._window)
        before = values[~lately]
        return end > self._floor and (not len(before) or float(values[lately].max()) > float(before.max()))


def _steady(times: Floats, values: Floats, slope: float) -> bool:
    parts = ((2, _STEADY_RATIO), (3, _STEADY_THIRD_RATIO))
    return all(
        _median_slope(times[part], values[part]) >= ratio * slope
        for count, ratio in parts
        for part in np.array_split(np.arange(len(times)), count)
    )


def _thinned_slope(times: Floats, values: Floats) -> float:
    step = -(-len(times) // _OLDER_POINTS)
    return _median_slope(times[::step], values[::step])
