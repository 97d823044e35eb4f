"""When harm began that is a share of rows: one change point in a row of panes.

Of n panes with bad and all rows, the k that maximises the likelihood of two shares, one before and a higher one from k
on; none where that tells less than 5 nats more than one share does: then it was there before all that was looked at.
Source: Hinkley, Inference about the change-point in a sequence of binomial variables, 1970.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.history import Past, Times
from exporter.metrics.replicas.skew import DIMENSION, Harm, output_part, table
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.layout import Layout

_NATS = 5.0
_MORE = 1.5
"""Times as full as others' must be a cell that is called unusual."""


def began(evaluation: Evaluation, harm: Harm, slots: Sequence[int] = ()) -> float:
    """When it began of these replicas together, or of all rows; where looking begins, if it was there before.

    Unix seconds of event time. It is looked back as far again as the window is long.

    Raises:
        NoData: there is no past, or nothing is kept of it.
    """
    if evaluation.history is None:
        raise NoData
    good, bad = _places(evaluation, harm, slots)
    places = np.union1d(good, bad)
    past = evaluation.history(places)
    recent = past.starts >= evaluation.window.start - evaluation.window.seconds
    if not recent.any():
        raise NoData
    past = Past(past.starts[recent], past.widths[recent], past.counts[recent] * evaluation.counts.worth())
    failed = past.counts[:, np.searchsorted(places, bad)].sum(axis=1)
    well = past.counts[:, np.searchsorted(places, good)].sum(axis=1)
    return change(past.starts, failed, well - failed if harm == "errors" else well)


def change(starts: Times, bad: Floats, good: Floats) -> float:
    """Start of the pane from which on the share of bad rows is higher; of the first one where none tells."""
    left_bad, left_good = (np.cumsum(each)[:-1] for each in (bad, good))
    right_bad, right_good = bad.sum() - left_bad, good.sum() - left_good
    with np.errstate(invalid="ignore", divide="ignore"):
        rises = right_bad * left_good > left_bad * right_good
    gain = _likelihood(left_bad, left_good) + _likelihood(right_bad, right_good) - _likelihood(bad.sum(), good.sum())
    gain = np.where(rises, gain, -np.inf)
    if len(gain) == 0 or gain.max() < _NATS:
        return float(starts[0])
    return float(starts[int(gain.argmax()) + 1])


def _likelihood(bad: Floats | float, good: Floats | float) -> Floats:
    """Of the likeliest share: bad log p + good log (1 − p)."""
    whole = bad + good
    found: Floats = np.asarray(xlogy(bad, bad) + xlogy(good, good) - xlogy(whole, whole))
    return found


def _places(evaluation: Evaluation, harm: Harm, slots: Sequence[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where good and bad rows are counted, in `Counts.all` or behind it; of errors all and bad ones."""
    layout = evaluation.layout
    if harm == "errors":
        return _at(layout, "rows", slots), _at(layout, "errors", slots)
    if harm == "unusable":
        return _at(layout, "score", slots), _at(layout, "score_bad", slots)
    part = "latency" if harm == "slowness" else output_part(layout)
    if part is None:
        raise NoData
    more = _more(evaluation, harm, slots)
    every = _at(layout, part, slots).reshape(-1, len(more))
    return every[:, ~more].reshape(-1), every[:, more].reshape(-1)


def _more(evaluation: Evaluation, harm: Harm, slots: Sequence[int]) -> NDArray[np.bool_]:
    """(k,) cells that are fuller than they should be: than the other replicas', or beyond the latency objective."""
    if not slots:
        if harm != "slowness":
            raise NoData
        return too_slow(evaluation)
    cells = table(evaluation, harm)
    if cells is None:
        raise NoData
    mine = np.isin(np.arange(len(cells)), slots)
    one, others = cells[mine].sum(axis=0), cells[~mine].sum(axis=0)
    one, others = one / one.sum(), others / others.sum()
    if harm == "slowness":
        # Slow is what lies beyond the bound that tells them apart the best (Kolmogorov and Smirnov's).
        return np.arange(len(one)) > int((np.cumsum(others) - np.cumsum(one)).argmax())
    more: NDArray[np.bool_] = one > _MORE * others
    return more


def too_slow(evaluation: Evaluation) -> NDArray[np.bool_]:
    """(k,) cells of the latency that lie beyond an objective, of several the strictest.

    Raises:
        NoData: there is none.
    """
    bounds = evaluation.layout.latency_bounds
    asked = [bounds.index(each.latency_seconds) for each in evaluation.objectives if each.latency_seconds in bounds]
    if not asked:
        raise NoData
    return np.arange(len(bounds) + 1) > min(asked)


def _at(layout: Layout, part: str, slots: Sequence[int]) -> NDArray[np.intp]:
    if not slots:
        span = layout.spans[part]
        return np.arange(span.start, span.stop, dtype=np.intp)
    span, first = layout.slice_spans[part], layout.slice_span[DIMENSION].start
    rows = layout.width + (first + np.array(slots, dtype=np.intp)) * layout.slice_width
    places: NDArray[np.intp] = (rows[:, None] + np.arange(span.start, span.stop, dtype=np.intp)).reshape(-1)
    return places
