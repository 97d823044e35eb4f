"""Runs of predictions that were written under another configuration, made what this one needs."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exporter.state.runs import Column
from exporter.state.shelf import Shelf

Source = tuple[int, NDArray[np.intp]] | None
"""Of a slice dimension: which one it was, and its slots by those of then; None: it is new."""
_KINDS: Final = ("waiting", "settled")


def make_joinable(shelf: Shelf, dimensions: int) -> None:
    """Gives predictions that were remembered before the model had labels the columns of a failed one."""
    for kind in _KINDS:
        for run in shelf.runs(kind):
            if "prediction" not in run.names:
                unknown = np.full(len(run), np.nan)
                columns = {
                    **run.columns,
                    "version": np.zeros(len(run), dtype=np.uint16),
                    "prediction": unknown,
                    "score": unknown,
                    "slots": np.full((len(run), dimensions), -1, dtype=np.int16),
                    "weight": np.ones(len(run)),
                }
                shelf.rewrite(kind, run, columns)


def adapt_slots(shelf: Shelf, sources: Sequence[Source]) -> None:
    """Makes slice slots those of other dimensions; `sources`: where each dimension of now comes from."""
    for kind in _KINDS:
        for run in shelf.runs(kind):
            if "slots" in run.names:
                shelf.rewrite(kind, run, {**run.columns, "slots": _moved(run.columns["slots"], sources)})


def _moved(slots: Column, sources: Sequence[Source]) -> NDArray[np.int16]:
    moved = np.full((len(slots), len(sources)), -1, dtype=np.int16)
    for place, source in enumerate(sources):
        if source is not None:
            old, table = source
            # The last entry is for -1, no value.
            moved[:, place] = np.append(table, -1)[slots[:, old]]
    return moved
