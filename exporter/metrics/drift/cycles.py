"""Which variables go with the hour of the day or the day of the week.

A window shorter than such a cycle cannot be told from drift by its size alone: 3 a.m. is not like the whole day.
Those variables are not tested in it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from exporter.metrics.drift.between import roots
from exporter.metrics.drift.memo import remember
from exporter.metrics.drift.merging import merge, merged
from exporter.metrics.drift.pair import Mask
from exporter.metrics.drift.sparse import UNIT
from exporter.metrics.drift.variables import Kind, Variables, counted_as
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference

HOUR, DAY, WEEK = 3600, 86400, 604800
LEAST_SHARE = 0.25
"""Of the variance between blocks, explained by the place in the cycle, from which a variable is cyclical."""
SIGNIFICANCE = 1e-3
_PLACES = 4
"""In a cycle, at the least, that blocks must tell apart."""
_EPOCH_WEEKDAY = 4
"""1 January 1970 was a Thursday."""


def untestable(reference: Reference, kind: Kind, variables: Variables, seconds: int, *, whole: bool = True) -> Mask:
    """(F,) True for variables whose daily or weekly cycle is longer than windows of `seconds`.

    Where windows are not `whole`, for those with any cycle, and for all where blocks are too long to show hours.
    """
    result = np.zeros(len(variables.names), dtype=bool)
    if not whole and (reference.block_seconds is None or reference.block_seconds * _PLACES > DAY):
        return ~result
    worth = reference.total.worth(counted_as(kind))
    for cycle in (DAY, WEEK):
        if seconds < cycle or not whole:
            result |= remember(reference, ("cycle", kind, cycle), lambda: cyclic(reference, variables, cycle, worth))  # noqa: B023 - called at once
    return result


def cyclic(reference: Reference, variables: Variables, cycle: int, worth: float = 1.0) -> Mask:
    """(F,) True for variables of which the place in `cycle` explains LEAST_SHARE of what differs between blocks.

    Blocks must be a quarter of the cycle at most; for a week they are added up to days first. Places are of UTC.
    """
    result = np.zeros(len(variables.names), dtype=bool)
    if reference.block_seconds is None or reference.block_seconds * _PLACES > cycle or len(reference.block_starts) == 0:
        return result
    unit = max(reference.block_seconds, HOUR if cycle == DAY else DAY)
    stretch, first = np.unique(reference.block_starts // unit, return_index=True)
    phase = phases(stretch * unit, unit, cycle)
    # Blocks rise in time: those of one stretch stand side by side.
    stretches = reference.blocks.sums(first)
    for number in range(len(variables.names)):
        counts = variables.counts_of(number, stretches) * worth
        result[number] = explained(counts, phase, ordered=bool(variables.ordered[number])) >= LEAST_SHARE
    return result


def phases(starts: NDArray[np.int64], unit: int, cycle: int) -> NDArray[np.int64]:
    """(K,) place in a DAY or WEEK, in steps of `unit` seconds or days, of stretches that begin at `starts`."""
    place: NDArray[np.int64] = (starts % DAY) // unit if cycle == DAY else (starts // DAY + _EPOCH_WEEKDAY) % 7
    return place


def explained(counts: Floats, phase: NDArray[np.int64], *, ordered: bool) -> float:
    """Share of the variance between stretches (K, B) explained by their phase (K,); 0 where it is not significant.

    ω² of a one-way analysis of variance on roots of shares, the noise of drawing rows taken out of the total.
    """
    size = counts.sum(axis=1)
    kept = size >= max(float(np.median(size)) / 4, 1.0)
    counts, size, phase = counts[kept], size[kept], phase[kept]
    if len(counts) == 0:
        return 0.0
    phases, phase = np.unique(phase, return_inverse=True)
    number, places = len(counts), len(phases)
    if places < 2 or number < 2 * places:  # noqa: PLR2004 - two stretches of each place at least
        return 0.0
    share = counts.sum(axis=0) / size.sum()
    shared = merged(counts, merge(share * float(np.median(size)), ordered=ordered))
    points = roots(shared)
    means = np.zeros((places, points.shape[1]))
    np.add.at(means, phase, points)
    per_place = np.bincount(phase)
    whole = float((points**2).sum())
    between = float((means**2 / per_place[:, None]).sum())
    residual = (whole - between) / (number - places)
    noise = UNIT * float(np.mean(1 / size)) * (points.shape[1] - 1) * (number - 1)
    if whole <= noise:
        return 0.0
    if residual > 0 and fdtrc(places - 1, number - places, between / (places - 1) / residual) > SIGNIFICANCE:
        return 0.0
    explained: float = (between - (places - 1) * residual) / (whole - noise)
    return explained
