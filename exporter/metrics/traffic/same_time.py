"""How much came at the same time of other days: by stored panes, or by the blocks of the reference."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.history import Past
from exporter.profile.bins import FIRST_CELL, CategoryBins, Floats
from exporter.profile.layout import Layout

DAY, WEEK = 86400, 7 * 86400
_DAYS = 28
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Days:
    """Rows by value of a slice dimension in windows as long as this one, each a day earlier than the one before.

    Attributes:
        rows: (L, S) rows; NaN where they are not known.
        weeks: which of them lie whole weeks before the window: the same weekday, the same time.
        pairs: (P, 2) which two lie a week apart, and neither is the window itself nor overlaps it.
    """

    rows: Floats
    weeks: NDArray[np.intp]
    pairs: NDArray[np.intp]


def _days(past: Past, start: int, end: int, first: int) -> Days | None:
    """Windows from `first` days before on; None where none of them a week before is known."""
    rows = np.stack([_within(past, start - lag * DAY, end - lag * DAY) for lag in range(_DAYS)])
    known = np.isfinite(rows.sum(axis=1))
    step = max(1, -(-(end - start) // DAY))
    weeks = np.array([lag for lag in range(0, _DAYS, 7) if lag >= first and known[lag]], dtype=np.intp)
    pairs = [(lag, lag + 7) for lag in range(first and step, _DAYS - 7, step) if known[lag] and known[lag + 7]]
    rows[:first] = np.nan
    return Days(rows, weeks, np.array(pairs, dtype=np.intp).reshape(-1, 2)) if len(weeks) else None


def _within(past: Past, start: int, end: int) -> Floats:
    """(n,) sums of the panes within [start, end), cut ones in proportion; NaN where that cannot be told.

    Panes wider than a quarter of the window (of an hour, at the least) blur its time of day. Where there is no row at
    all, the log may have had a gap as well.
    """
    ends = past.starts + past.widths
    inside = (past.starts < end) & (ends > start)
    widest = max(_HOUR, (end - start) // 4)
    if not inside.any() or past.starts.min() > start or past.widths[inside].max() > min(widest, end - start):
        return np.full(past.counts.shape[1], np.nan)
    overlap = np.minimum(ends[inside], end) - np.maximum(past.starts[inside], start)
    sums: Floats = (overlap / past.widths[inside]) @ past.counts[inside]
    return sums if sums.sum() > 0 else np.full(len(sums), np.nan)


def by_panes(evaluation: Evaluation, dimension: str) -> Days | None:
    """What the panes of all versions that serve in the window hold."""
    window = evaluation.window
    if window.seconds > WEEK:
        return None  # it overlaps the window of a week before
    pasts = [
        each.history(_places(each.layout, dimension))
        for each in (evaluation, *evaluation.older)
        if each.history is not None and dimension in each.layout.slices
    ]
    if not any(len(past.starts) for past in pasts):
        return None
    past = Past(*(np.concatenate([getattr(past, part) for past in pasts]) for part in ("starts", "widths", "counts")))
    return _days(past, window.start, window.end, max(1, -(-window.seconds // DAY)))


def by_reference(evaluation: Evaluation, dimension: str) -> Days | None:
    """What the reference's blocks hold, whole weeks before the window; where the dimension is one of its features.

    Values that the reference does not tell apart have NaN; *other* is what is left of all rows.
    """
    reference, window = evaluation.reference, evaluation.window
    bins = None if reference is None else reference.layout.features.get(dimension)
    if reference is None or reference.block_seconds is None or not isinstance(bins, CategoryBins):
        return None
    if len(reference.block_starts) == 0 or window.seconds > WEEK or reference.block_seconds > window.seconds:
        return None
    start, span = reference.layout.spans["features"].start, reference.layout.feature_span[dimension]
    codes = reference.blocks.columns(slice(start + span.start, start + span.stop))
    names = evaluation.vocabulary.labels(dimension)
    place = {name: FIRST_CELL + number for number, name in enumerate(bins.values)}
    known = [place.get(name) for name in names[:-1]]
    columns = [np.zeros(len(codes)) if code is None else codes[:, code] for code in known]
    rest = codes.sum(axis=1) - np.sum(columns, axis=0)
    widths = np.full(len(codes), reference.block_seconds, dtype=np.int64)
    past = Past(reference.block_starts, widths, np.column_stack([*columns, rest]))
    beyond = window.end - int(reference.block_starts[-1] + reference.block_seconds)
    back = max(0, -(-beyond // WEEK)) * WEEK
    days = _days(past, window.start - back, window.end - back, 0 if back else max(1, -(-window.seconds // DAY)))
    if days is not None:
        days.rows[:, [number for number, code in enumerate(known) if code is None]] = np.nan
    return days


def _places(layout: Layout, dimension: str) -> NDArray[np.intp]:
    """Where the rows of each value of a dimension stand: behind the counts of all rows, value by value."""
    slots, span = layout.slice_span[dimension], layout.slice_spans["rows"]
    places: NDArray[np.intp] = (
        layout.width + np.arange(slots.start, slots.stop, dtype=np.intp) * layout.slice_width + span.start
    )
    return places
