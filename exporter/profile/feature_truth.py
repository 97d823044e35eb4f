"""What is counted of labelled rows by coarse code of each feature, and by their first bad cell."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import INVALID, CategoryBins, Codes, Floats, to_unit
from exporter.profile.cells import Bools
from exporter.profile.coarse import MOST_CODES
from exporter.profile.counts import Counts
from exporter.profile.layout import COUNTED_TERMS, Layout
from exporter.profile.outcomes import Ints, Outcomes
from exporter.profile.truth import PROBABILITY_UNIT, error_units, errors_of, log_loss, share_of_truth

NO_CELL = 0xFFFF
"""First bad cell of a row that has none."""


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Labelled rows whose features and `truth_terms` are all known.

    Attributes:
        codes: (n, F) coarse codes.
        kind: (n,) rows of one kind add the same to all terms that are counts.
        kinds: (G, T) what a row of each kind adds to them; 0 in terms that are sums.
        weight: (n,) of each row, negative where a label is taken back.
        sums: (T - counts, n) what each row adds to the terms that are sums, which come last.
    """

    codes: Codes
    kind: Ints
    kinds: Floats
    weight: Floats
    sums: Floats

    def terms(self) -> Floats:
        """(n, T) what each row adds to every term."""
        terms: Floats = self.kinds[self.kind] * self.weight[:, None]
        terms[:, terms.shape[1] - len(self.sums) :] = self.sums.T
        return terms


def labelled_rows(layout: Layout, outcomes: Outcomes) -> tuple[Bools, LabelledRows] | None:
    """(n,) which outcomes count by feature, and those; None if there are none, or the layout does not count them."""
    if outcomes.coded is None or not layout.has("feature_truth"):
        return None
    known, codes = outcomes.coded.of_bins(layout.coarse_id, len(layout.features))
    keep = known & ~np.isnan(outcomes.prediction)
    if layout.task != "regression":
        keep &= outcomes.actual < len(layout.classes)
    if "score" in layout.truth_terms:
        keep &= ~np.isnan(outcomes.score)
    elif "log_loss" in layout.truth_terms:
        keep &= False if outcomes.scores is None else ~np.isnan(outcomes.scores).any(axis=1)
    if not keep.any():
        return None
    if not keep.all():
        outcomes, codes = outcomes.take(keep), codes.compress(keep, axis=0)
    kind, named, sums = _terms(layout, outcomes)
    kinds = np.array([[name == "n" or name in each for name in layout.truth_terms] for each in named], dtype=np.float64)
    weighed = [to_unit(values * outcomes.sign, unit) for values, unit in sums]
    return keep, LabelledRows(codes, kind, kinds, outcomes.sign, np.array(weighed).reshape(len(weighed), len(kind)))


def _terms(
    layout: Layout, outcomes: Outcomes
) -> tuple[Ints, tuple[tuple[str, ...], ...], tuple[tuple[Floats, float], ...]]:
    """Kind of each row, the counts beside n that each kind adds to, and the values and units of the sums."""
    if layout.task == "regression":
        error, (unit, square) = errors_of(outcomes.prediction, outcomes.actual), error_units(layout)
        with np.errstate(over="ignore"):
            sums = ((error, unit), (error * error, square), (np.abs(error), unit))
        return np.zeros(len(error), dtype=np.int64), ((),), sums
    true, wrong = outcomes.actual.astype(np.int64), outcomes.prediction != outcomes.actual
    if layout.task == "multiclass":
        if outcomes.scores is None or "log_loss" not in layout.truth_terms:
            return wrong.astype(np.int64), ((), ("wrong",)), ()
        loss = log_loss(share_of_truth(outcomes.scores, true))
        return wrong.astype(np.int64), ((), ("wrong",)), ((loss, PROBABILITY_UNIT),)
    kind, kinds = true * 2 + wrong, ((), ("wrong",), ("positive",), ("wrong", "positive"))
    if "score" not in layout.truth_terms:
        return kind, kinds, ()
    loss = log_loss(np.where(true == 1, outcomes.score, 1 - outcomes.score))
    return kind, kinds, ((loss, PROBABILITY_UNIT), (outcomes.score, PROBABILITY_UNIT))


def add_by_feature(layout: Layout, into: Floats, cell: Ints, rows: LabelledRows) -> None:
    """Adds rows in place to the vectors (cells, layout.width) of their cells (n,)."""
    cells, terms = len(into), len(layout.truth_terms)
    weight = None if (rows.weight == 1.0).all() else rows.weight
    width = MOST_CODES * len(rows.kinds)
    base = cell * width + rows.kind if cells > 1 else rows.kind
    # Beside each other in memory; codes and kinds together still fit into a byte.
    columns = np.ascontiguousarray(rows.codes.T)
    first = first_bad_cells(layout, columns)
    columns = columns * np.uint8(len(rows.kinds))
    by_code = into[:, layout.spans["feature_truth"]].reshape(cells, -1, terms)
    for column, span in zip(columns, layout.coarse_span.values(), strict=True):
        added = _added(base + column, weight, rows, (cells, MOST_CODES))
        by_code[:, span] += added[:, : span.stop - span.start]
    bad = np.flatnonzero(first != NO_CELL)
    if len(bad):
        features = len(layout.features)
        some = LabelledRows(rows.codes[bad], rows.kind[bad], rows.kinds, rows.weight[bad], rows.sums[:, bad])
        index = (cell[bad] * features + first[bad]) * len(rows.kinds) + some.kind
        added = _added(index, some.weight, some, (cells, features))
        into[:, layout.spans["bad_truth"]] += added.reshape(cells, -1)


def _added(index: Ints, weight: Floats | None, rows: LabelledRows, shape: tuple[int, int]) -> Floats:
    """(*shape, T) terms of rows by their index, which counts kinds fastest."""
    kinds = len(rows.kinds)
    size = shape[0] * shape[1] * kinds
    added: Floats = np.bincount(index, weight, minlength=size).reshape(*shape, kinds) @ rows.kinds
    for place, values in enumerate(rows.sums, start=added.shape[-1] - len(rows.sums)):
        added[..., place] = np.bincount(index, values, minlength=size).reshape(*shape, kinds).sum(axis=-1)
    return added


def add_rows(counts: Counts, codes: Codes, terms: Floats) -> None:
    """Adds rows in place: their coarse codes (n, F) and terms (n, T), as `LabelledRows.terms` gives them."""
    layout = counts.layout
    begin = np.array([span.start for span in layout.coarse_span.values()])
    places = (codes + begin).reshape(-1)
    by_code, by_cell = counts["feature_truth"], counts["bad_truth"]
    first = first_bad_cells(layout, codes.T)
    bad = np.flatnonzero(first != NO_CELL)
    for place in range(terms.shape[1]):
        values = np.repeat(terms[:, place], codes.shape[1])
        by_code[:, place] += np.bincount(places, values, minlength=len(by_code))
        by_cell[:, place] += np.bincount(first[bad], terms[bad, place], minlength=len(by_cell))


def first_bad_cells(layout: Layout, coarse: Iterable[Codes]) -> NDArray[np.uint16]:
    """(n,) number of the first feature with a bad cell, from a column (n,) of coarse codes a feature; or NO_CELL."""
    unseen = [layout.coarse[name].width - 1 if _named(layout, name) else None for name in layout.features]
    return _first_bad(layout, list(coarse), unseen)


def first_bad_of_values(layout: Layout, codes: dict[str, Codes]) -> NDArray[np.uint16]:
    """The same from plain codes (n,) by feature."""
    unseen = [layout.features[name].width - 1 if _named(layout, name) else None for name in layout.features]
    return _first_bad(layout, [codes[name] for name in layout.features], unseen)


def _named(layout: Layout, name: str) -> bool:
    return isinstance(layout.features[name], CategoryBins)


def _first_bad(layout: Layout, columns: list[Codes], unseen: list[int | None]) -> NDArray[np.uint16]:
    """(n,) number of the first column with a bad code, or NO_CELL.

    Bad are invalid, the code of *unseen*, and missing where that is not usual.
    """
    usual = [name in layout.often_missing for name in layout.features]
    first = np.full(len(columns[0]), NO_CELL, dtype=np.uint16)
    for place in range(len(columns) - 1, -1, -1):
        bad = columns[place] == INVALID if usual[place] else columns[place] <= INVALID
        if unseen[place] is not None:
            bad |= columns[place] == unseen[place]
        if bad.any():
            first[bad] = place
    return first


def counts_alone(layout: Layout, vector: Floats) -> None:
    """Sets the sums among truth terms of a vector (layout.width,) to 0 in place, and leaves its counts."""
    if layout.has("feature_truth"):
        counted = sum(name in COUNTED_TERMS for name in layout.truth_terms)
        for part in ("feature_truth", "bad_truth"):
            vector[layout.spans[part]].reshape(-1, len(layout.truth_terms))[:, counted:] = 0.0
