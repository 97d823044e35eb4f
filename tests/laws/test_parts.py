"""Every part of a profile counts what it says: beside each stands how plain Python counts it, row by row.

What adding, cutting, packing and taking back may not change is held for all parts at once by test_counts.py, and from
the log's lines on by test_end_to_end.py and test_recount.py.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.profile.bins import CategoryBins, NumericBins
from exporter.profile.coarse import coarse
from exporter.profile.layout import CLASS_SCORE_CELLS, Layout
from exporter.profile.output import output_bins
from tests.laws.rows import TASKS, layout, rows, total

EPS = 2.0**-52


@dataclass
class Row:
    """A row as it is counted; None for what it lacks."""

    weight: float
    error: str | None
    prediction: float | None
    score: float | None
    score_bad: bool
    scores: list[float] | None
    latency: float | None
    actual: float | None
    delay: float | None
    codes: dict[str, int]
    x: float | None

    @property
    def labelled(self) -> bool:
        return self.actual is not None and self.error is None

    @property
    def first_bad(self) -> int | None:
        """Number of the first feature that is missing, invalid or never seen."""
        return next(
            (i for i, (name, code) in enumerate(self.codes.items()) if code < 2 or (name, code) == ("c", 5)), None
        )


def number(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def share(value: float | None) -> float | None:
    return value if value is not None and 0 <= value <= 1 else None


def read(shape: Layout, row: dict[str, Any]) -> Row:
    def answer(value: Any) -> float | None:
        if shape.task == "regression":
            return number(value)
        return (
            None
            if value is None
            else float(shape.classes.index(value) if value in shape.classes else len(shape.classes))
        )

    score = row["score"] if shape.task == "binary" else None
    scores = [share(row[name]) for name in ("p_a", "p_b")] if shape.class_scores else []
    known = row["known"]
    return Row(
        weight=1.0 if row["weight"] is None else round(row["weight"] * 2**20) / 2**20,
        error=row["error"],
        prediction=answer(row["prediction"]),
        score=share(score),
        score_bad=score is not None and share(score) is None,
        scores=[each for each in scores if each is not None] if scores and None not in scores else None,
        latency=row["latency"],
        actual=answer(row["label"]),
        delay=None if known is None else max(known - row["ts"], 0.0),
        codes={"x": code(number(row["x"]), shape.features["x"]), "c": code(row["c"], shape.features["c"])},
        x=number(row["x"]),
    )


def code(value: Any, bins: Any) -> int:
    if value is None:
        return 0
    if isinstance(bins, CategoryBins):
        return 2 + bins.values.index(value) if value in bins.values else bins.unseen
    return 2 + bisect_left(bins.edges.tolist(), value)


def cell(bins: NumericBins | None, value: float) -> int:
    assert bins is not None
    return code(value, bins) - 2


# Where a row adds to a part, and what: the place in it, and the amount but for the weight.
Adds = Iterator[tuple[Any, float]]


def labelled(of: Callable[[Layout, Row], Adds]) -> Callable[[Layout, Row], Adds]:
    def only(shape: Layout, row: Row) -> Adds:
        if row.labelled:
            yield from of(shape, row)

    return only


def latency(shape: Layout, row: Row) -> Adds:
    if row.latency is not None and row.error is None:
        yield bisect_left(shape.latency_bounds, row.latency), 1.0


def latency_sum(_: Layout, row: Row) -> Adds:
    if row.latency is not None and row.error is None:
        yield 0, row.latency


def features(shape: Layout, row: Row) -> Adds:
    for name, at in row.codes.items():
        yield shape.feature_span[name].start + at, 1.0


def feature_sums(shape: Layout, row: Row) -> Adds:
    if row.x is not None:
        yield shape.feature_span["x"].start + row.codes["x"], row.x


def given_score(of: Callable[[Layout, Row, float], Adds]) -> Callable[[Layout, Row], Adds]:
    def only(shape: Layout, row: Row) -> Adds:
        if row.score is not None:
            yield from of(shape, row, row.score)

    return only


def true_score(of: Callable[[float, int, Layout], Adds]) -> Callable[[Layout, Row], Adds]:
    def only(shape: Layout, row: Row) -> Adds:
        if row.labelled and row.score is not None and row.actual in {0, 1}:
            yield from of(row.score, int(row.actual), shape)

    return only


def log_loss(given: float) -> float:
    return -math.log(min(max(given, EPS), 1 - EPS))


def score_terms(shape: Layout, row: Row) -> Adds:
    if not row.labelled or row.actual is None or row.actual >= len(shape.classes):
        return
    true = int(row.actual)
    if row.score is not None:
        given, squares = row.score if true else 1 - row.score, (row.score - true) ** 2
    elif row.scores is not None:
        given = row.scores[true] / (sum(row.scores) or 1.0)
        squares = sum((each - (place == true)) ** 2 for place, each in enumerate(row.scores))
    else:
        return
    yield from ((0, squares), (1, log_loss(given)), (2, 1.0))


def class_cells(row: Row, chosen: float | None) -> Adds:
    for place, each in enumerate(row.scores or ()):
        yield (place, min(int(each * CLASS_SCORE_CELLS), CLASS_SCORE_CELLS - 1), int(place == chosen)), 1.0


def class_score_actual(shape: Layout, row: Row) -> Adds:
    if row.labelled and row.actual is not None and row.actual < len(shape.classes):
        yield from class_cells(row, row.actual)


def error_terms(_: Layout, row: Row) -> Adds:
    if not row.labelled or row.prediction is None or row.actual is None:
        return
    e, y = row.prediction - row.actual, row.actual
    terms = [1.0, abs(e), e * e, e, min(abs(e / y), 2.0**16) if y else 0.0, float(y != 0), y, y * y]
    yield from enumerate(terms)


def error_sizes(shape: Layout, row: Row) -> Adds:
    if row.labelled and row.prediction is not None and row.actual is not None:
        yield bisect_left(shape.tolerances, abs(row.prediction - row.actual)), 1.0


def relative_terms(_: Layout, row: Row) -> Adds:
    if row.labelled and row.prediction is not None and row.actual:
        yield 0, 1.0
        yield 1, min(min(abs((row.prediction - row.actual) / row.actual), 2.0**16) ** 2, 2.0**24)


def truth_terms(shape: Layout, row: Row) -> list[float] | None:
    """The terms of a row that has all of them."""
    if not row.labelled or row.prediction is None or row.actual is None:
        return None
    if shape.task == "regression":
        e = row.prediction - row.actual
        return [1.0, e, e * e, abs(e)]
    if row.actual >= len(shape.classes):
        return None
    wrong = float(row.prediction != row.actual)
    if shape.task == "multiclass":
        return (
            None
            if row.scores is None
            else [1.0, wrong, log_loss(row.scores[int(row.actual)] / (sum(row.scores) or 1.0))]
        )
    return (
        None
        if row.score is None
        else [1.0, wrong, row.actual, log_loss(row.score if row.actual else 1 - row.score), row.score]
    )


def feature_truth(shape: Layout, row: Row) -> Adds:
    for place, value in enumerate(truth_terms(shape, row) or ()):
        for name, at in row.codes.items():
            yield (shape.coarse_span[name].start + shape.coarse[name].table[at], place), value


def bad_truth(shape: Layout, row: Row) -> Adds:
    if row.first_bad is not None:
        yield from (((row.first_bad, place), value) for place, value in enumerate(truth_terms(shape, row) or ()))


def output_code(shape: Layout, row: Row) -> int:
    """Code of the score, the predicted number or the predicted class."""
    bins = output_bins(shape)
    if isinstance(bins, CategoryBins):
        return 0 if row.prediction is None else 2 + int(row.prediction)
    put_out = row.score if shape.task == "binary" else row.prediction
    return 0 if put_out is None else code(put_out, bins)


def bad_output(shape: Layout, row: Row) -> Adds:
    if row.first_bad is not None and output_code(shape, row) >= 2:
        yield output_code(shape, row) - 2, 1.0


def pair_terms(shape: Layout, row: Row) -> Adds:
    assert shape.pairs is not None
    output = coarse(output_bins(shape))  # type: ignore[arg-type] # every law layout has an output
    merged = {
        **{name: each.table[row.codes[name]] for name, each in shape.coarse.items()},
        None: output.table[output_code(shape, row)],
    }
    widths = {**{name: each.width for name, each in shape.coarse.items()}, None: output.width}
    for place, ((one, other), table) in enumerate(zip(shape.pairs.members, shape.pairs.tables, strict=True)):
        values = table[int(merged[one]) * widths[other] + int(merged[other])]
        yield from (((place, term), float(value)) for term, value in enumerate((1.0, *values)))


def bad_pair_terms(shape: Layout, row: Row) -> Adds:
    if row.first_bad is not None:
        yield from pair_terms(shape, row)


def predicted(_: Layout, row: Row) -> Adds:
    if row.prediction is not None:
        yield int(row.prediction), 1.0


PARTS: dict[str, Callable[[Layout, Row], Adds]] = {
    "rows": lambda _, row: iter([(0, 1.0)]),
    "weight_squares": lambda _, row: iter([(0, row.weight)]),
    "errors": lambda _, row: iter([] if row.error is None else [(["timeout", "down"].index(row.error), 1.0)]),
    "latency": latency,
    "latency_sum": latency_sum,
    "features": features,
    "feature_sums": feature_sums,
    "score": given_score(lambda shape, _, score: iter([(cell(shape.score_bins, score), 1.0)])),
    "score_bad": lambda _, row: iter([(int(row.score_bad), 1.0)] if row.score is None and row.error is None else []),
    "score_sum": given_score(lambda _, row, score: iter([(0, score)])),
    "score_positive": given_score(lambda shape, row, p: iter([(cell(shape.score_bins, p), 1.0)] if row.prediction == 1 else [])),
    "predicted": predicted,
    "class_score": lambda _, row: class_cells(row, row.prediction),
    "prediction": lambda shape, row: iter([] if row.prediction is None else [(cell(shape.prediction_bins, row.prediction), 1.0)]),
    "prediction_sum": lambda _, row: iter([(0, row.prediction or 0.0)]),
    "labels": labelled(lambda _, row: iter([(0, 1.0)])),
    "label_weight_squares": labelled(lambda _, row: iter([(0, row.weight)])),
    "label_delay": labelled(lambda shape, row: iter([] if row.delay is None else [(bisect_left(shape.label_delay_bounds, row.delay), 1.0)])),
    "label_delay_sum": labelled(lambda _, row: iter([(0, row.delay or 0.0)])),
    "outcomes": labelled(lambda _, row: iter([] if row.prediction is None else [((int(row.prediction), int(row.actual or 0)), 1.0)])),
    "score_actual": true_score(lambda score, true, shape: iter([((cell(shape.ranked_bins, score), true), 1.0)])),
    "score_ranks": true_score(lambda score, true, shape: iter([((bisect_left(shape.rank_edges.tolist(), score), true), 1.0)])),
    "score_moments": true_score(lambda score, true, _: iter([((true, 0), score), ((true, 1), score**2)])),
    "score_terms": score_terms,
    "class_score_actual": class_score_actual,
    "error_terms": error_terms,
    "relative_terms": relative_terms,
    "error_cells": labelled(lambda shape, row: iter([] if row.prediction is None else [(cell(shape.error_bins, row.prediction - row.actual), 1.0)])),
    "error_sizes": error_sizes,
    "actual": labelled(lambda shape, row: iter([(cell(shape.actual_bins, row.actual or 0.0), 1.0)])),
    "bad_cells": lambda _, row: iter([] if row.first_bad is None else [(row.first_bad, 1.0)]),
    "bad_output": bad_output,
    "bad_truth": bad_truth,
    "feature_truth": feature_truth,
    "pair_terms": pair_terms,
    "bad_pair_terms": bad_pair_terms,
}  # fmt: skip
"""Part → what a row adds to it."""


def test_every_part_has_a_recount() -> None:
    assert PARTS.keys() == {part.name for task in TASKS for part in layout(task).parts}


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_parts_count_what_they_say(task, data) -> None:
    """Of rows of any weight, failed ones, and such as lack a score, a feature or a name."""
    shape, log = layout(task), data.draw(rows(task))
    counts = total(task, [log])
    read_rows = [read(shape, row) for row in log]
    # Rows that say nothing are set aside.
    kept = [row for row in read_rows if row.error or row.score_bad or (row.prediction, row.score) != (None, None)]
    for part in shape.parts:
        expected = np.zeros(part.shape)
        for row in kept:
            for place, value in PARTS[part.name](shape, row):
                expected[place] += row.weight * value
        # Squares of errors are in multiples of 2⁻¹⁰ in this layout, squares of weights of 2⁻¹⁶.
        near = 1e-3 if task == "regression" else 2e-5
        assert np.allclose(counts[part.name], expected, rtol=1e-6, atol=near * len(log)), part.name
