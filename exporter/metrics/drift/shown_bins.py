"""The few bins of a variable that are shown: counts that Prometheus may add over replicas, and the reference's shares.

They depend on the reference alone, so that sums over replicas and over time are of one kind.
"""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.drift.memo import remember
from exporter.metrics.drift.merging import Groups, merged
from exporter.metrics.drift.pair import PSEUDO_COUNT, Pair
from exporter.metrics.drift.variables import Kind, Variables, variables_of
from exporter.profile.bins import Floats
from exporter.profile.counts import Counts
from exporter.profile.reference import Reference

FEATURE_BINS = 10
OUTPUT_BINS = 20
OTHER = "other"


@dataclass(frozen=True, slots=True)
class ShownBins:
    """Bins of one variable.

    Attributes:
        labels: (S,) unique: upper edges as text, "+Inf" last; or categories, "other" last.
        groups: (cells,) bin of each cell.
        ratios: (S,) shares of the reference with ½ added to every bin: never 0, they add up to 1.
    """

    labels: tuple[str, ...]
    groups: Groups
    ratios: Floats

    def counts(self, cells: Floats) -> Floats:
        """(S,) counts by bin from counts by cell."""
        return merged(cells, self.groups, len(self.labels))


def shown_bins(reference: Reference, kind: Kind) -> tuple[Variables, tuple[ShownBins, ...]] | None:
    """The shown bins of every variable of a kind; None if nothing of that kind is kept."""
    variables = variables_of(reference, kind)
    if variables is None:
        return None
    most = FEATURE_BINS if kind == "features" else OUTPUT_BINS
    return variables, remember(reference, ("shown", kind), lambda: _all(variables, reference.total, most))


def shown_pair(reference: Reference, kind: Kind, full: Pair) -> Pair | None:
    """Both sides of `full` in the shown bins; None if nothing of that kind is kept."""
    found = shown_bins(reference, kind)
    if found is None:
        return None
    variables, shown = found
    shape = (len(shown), max(len(bins.labels) for bins in shown))
    window, counted, used = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    for row, (bins, cells) in enumerate(zip(shown, variables.cells, strict=True)):
        width = len(bins.labels)
        window[row, :width] = bins.counts(full.window[row, :cells])
        counted[row, :width] = bins.counts(full.reference[row, :cells])
        used[row, :width] = True
    return Pair(window, counted, used, variables.ordered)


def _all(variables: Variables, total: Counts, most: int) -> tuple[ShownBins, ...]:
    counts = variables.counts(total.all)
    shown = []
    for row, width in enumerate(variables.cells):
        labels = variables.labels[row]
        pick = _numbers if variables.ordered[row] else _categories
        names, groups = pick(labels, counts[row, :width], most)
        smoothed = merged(counts[row, :width], groups, len(names)) + PSEUDO_COUNT
        shown.append(ShownBins(names, groups, smoothed / smoothed.sum()))
    return tuple(shown)


def _numbers(labels: tuple[str, ...], counts: Floats, most: int) -> tuple[tuple[str, ...], Groups]:
    """*Below* joins the first bin; neighbours are joined two by two; *above* joins the last unless there is room."""
    inner = len(counts) - 2
    step = 0
    while -(-inner >> step) > most:
        step += 1
    bins = -(-inner >> step)
    groups = np.minimum(np.arange(-1, inner + 1).clip(0) >> step, bins - 1)
    if bins < most:
        groups[-1] = bins
    # Edges that look alike in 6 digits are one to a reader too: such bins are joined, labels stay unique.
    uppers: list[str] = []
    for group in range(int(groups[-1]) + 1):
        last = int(np.flatnonzero(groups == group)[-1])
        uppers.append(labels[last] if last < len(labels) - 1 else "+Inf")
    names = tuple(dict.fromkeys(uppers))
    place = np.array([names.index(upper) for upper in uppers], dtype=np.intp)
    return names, place[groups]


def _categories(labels: tuple[str, ...], counts: Floats, most: int) -> tuple[tuple[str, ...], Groups]:
    """The most frequent ones by name; the rest, and what is called so itself, is `other`. The last cell is OTHER."""
    known = [cell for cell in np.argsort(-counts[:-1], kind="stable").tolist() if labels[cell] != OTHER]
    named = known[: most - 1]
    groups = np.full(len(counts), len(named), dtype=np.intp)
    groups[named] = np.arange(len(named))
    return (*(labels[cell] for cell in named), OTHER), groups
