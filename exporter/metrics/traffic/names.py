"""Names of slots: which label value a place in an array of counts stands for."""

from collections.abc import Iterator

import numpy as np

from exporter.profile.bins import Floats
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.vocabulary import OTHER, Vocabulary


def class_names(layout: Layout) -> tuple[str, ...]:
    """(C+1,) label values of the classes and of the slot for all others, whose name no class of a log has."""
    return (*layout.classes, f"__{OTHER}__")


def named(vocabulary: Vocabulary, kind: str, counts: Floats, least: float = 0.0) -> Iterator[tuple[str, float]]:
    """Name and count of every slot of `kind` in use whose count is at least `least`; `other` with `least` 0 too."""
    if kind not in vocabulary.capacity:
        return
    for name, count in zip(vocabulary.labels(kind), counts.tolist(), strict=True):
        if name and count >= least:
            yield name, count


def shown_rows(counts: Counts, dimension: str, least: float) -> Floats:
    """(slots,) rows by value of a dimension; 0 where they are worth less than `least`: few may weigh much."""
    rows = counts.sliced(dimension, "rows")[:, 0]
    return np.where(rows * counts.slice_worth(dimension) >= least, rows, 0.0)


def by_class(layout: Layout, counts: Floats) -> Iterator[tuple[tuple[str], float]]:
    """Samples of counts (C+1,) by class: known classes always, the others where there are any."""
    for name, count, known in zip(class_names(layout), counts.tolist(), _known(layout), strict=True):
        if known or count > 0:
            yield (name,), count


def by_outcome(layout: Layout, counts: Floats) -> Iterator[tuple[tuple[str, str], float]]:
    """Samples of counts (C+1, C+1) by predicted and actual class: known classes always, others where there are any."""
    names, known = class_names(layout), _known(layout)
    for i, row in enumerate(counts.tolist()):
        for j, count in enumerate(row):
            if count > 0 or (known[i] and known[j]):
                yield (names[i], names[j]), count


def _known(layout: Layout) -> tuple[bool, ...]:
    return (*(True for _ in layout.classes), False)
