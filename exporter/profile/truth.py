"""What is counted of predictions whose truth is known: labels, outcomes, and what performance is computed from."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from exporter.profile.bins import Floats, NumericBins
from exporter.profile.layout import CLASS_SCORE_CELLS, Layout
from exporter.profile.outcomes import Ints, Outcomes

PROBABILITY_UNIT = 2.0**-30
"""Sums of scores, squared errors of scores and log losses are kept in multiples of this: exact for 8 million rows."""
SQUARED_WEIGHT_UNIT = 2.0**-16
"""Squares of weights: 14 million rows of weight 100 stay exact, and weights of 0.1 are told to 0.1 %."""
DELAY_UNIT = 2.0**-8
"""Seconds from a prediction to its label: a month, 8 million times, stays exact."""
_LOG_FLOOR = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to [eps, 1 - eps] for log loss, as scikit-learn does."""
_LARGEST = float(np.finfo(np.float64).max)
LARGEST_RATIO = 2.0**16
"""Beyond it |e / y| says only that y is next to nothing; one such row must not be all that a mean says."""
_LARGEST_SQUARED_RATIO = 2.0**24
_SQUARED_RATIO_UNIT = 2.0**-24
"""Squares of |e / y| are cut sooner, so that their sums stay exact: with rows beyond 4,096 no interval says much."""


class Table(Protocol):
    """What takes counts of parts, for every row's cell and slices."""

    layout: Layout

    def add(
        self,
        part: str,
        code: Ints,
        *,
        keep: NDArray[np.bool_] | None = None,
        values: Floats | None = None,
        unit: float = 1.0,
    ) -> None: ...

    def add_squares(self, counted: str, part: str) -> None: ...


def cell_codes(bins: NumericBins, values: Floats) -> Ints:
    """(n,) cells of finite values, from 0; NaN gives 0 and must be left out by the caller."""
    return np.maximum(bins.codes(values).astype(np.int64) - 2, 0)


def class_score_cells(scores: Floats) -> Ints:
    """Cells of scores in [0, 1] of classes, all of the same width."""
    return np.minimum((scores * CLASS_SCORE_CELLS).astype(np.int64), CLASS_SCORE_CELLS - 1)


def count_truth(table: Table, outcomes: Outcomes) -> None:
    """Adds all that is counted of predictions whose truth is known."""
    zero = np.zeros(len(outcomes), dtype=np.int64)
    table.add("labels", zero)
    if table.layout.has("label_weight_squares"):
        table.add_squares("labels", "label_weight_squares")
    known = np.isfinite(outcomes.delay)
    bounds = np.array(table.layout.label_delay_bounds)
    table.add("label_delay", np.searchsorted(bounds, outcomes.delay, side="left"), keep=known)
    table.add("label_delay_sum", zero, values=np.where(known, outcomes.delay, 0), unit=DELAY_UNIT)
    if table.layout.task == "regression":
        _count_regression(table, outcomes.prediction, outcomes.actual)
    else:
        _count_classes(table, outcomes)


def _count_classes(table: Table, outcomes: Outcomes) -> None:
    prediction, actual, score, scores = outcomes.prediction, outcomes.actual, outcomes.score, outcomes.scores
    layout = table.layout
    known = len(layout.classes) + 1
    given = ~np.isnan(prediction)
    code = np.where(given, prediction, 0).astype(np.int64)
    true = actual.astype(np.int64)
    table.add("outcomes", code * known + true, keep=given)
    if layout.ranked_bins is not None and layout.has("score_actual"):
        usable = ~np.isnan(score) & (true < 2)  # noqa: PLR2004 - negative or positive
        probability = np.where(usable, score, 0.5)
        positive = np.minimum(true, 1)
        table.add("score_actual", cell_codes(layout.ranked_bins, probability) * 2 + positive, keep=usable)
        if layout.rank_edges is not None and layout.has("score_ranks"):
            table.add("score_ranks", np.searchsorted(layout.rank_edges, probability) * 2 + positive, keep=usable)
        for place, values in enumerate((probability, probability**2)):
            table.add("score_moments", positive * 2 + place, values=values, unit=PROBABILITY_UNIT, keep=usable)
        _count_score_terms(
            table, (probability - positive) ** 2, np.where(positive == 1, probability, 1 - probability), usable
        )
    if scores is not None and layout.class_scores:
        usable = ~np.isnan(scores).any(axis=1) & (true < len(layout.classes))
        filled = np.where(usable[:, None], scores, 0.0)
        truth = np.minimum(true, len(layout.classes) - 1)
        hit = truth[:, None] == np.arange(len(layout.classes))
        bucket = class_score_cells(filled)
        for index in range(len(layout.classes)):
            place = (index * CLASS_SCORE_CELLS + bucket[:, index]) * 2 + hit[:, index]
            table.add("class_score_actual", place, keep=usable)
        _count_score_terms(table, ((filled - hit) ** 2).sum(axis=1), share_of_truth(filled, truth), usable)


def share_of_truth(scores: Floats, truth: Ints) -> Floats:
    """(n,) share that the scores (n, C) gave to the class `truth` (n,).

    Scores that need not add up to 1 are taken as shares; all of them 0 say that the truth had none.
    """
    sums = scores.sum(axis=1)
    share: Floats = scores[np.arange(len(truth)), truth] / np.where(sums > 0, sums, 1.0)
    return share


def log_loss(of_truth: Floats) -> Floats:
    """(n,) −log of the probability that was given to what came true."""
    loss: Floats = -np.log(np.clip(of_truth, _LOG_FLOOR, 1 - _LOG_FLOOR))
    return loss


def errors_of(prediction: Floats, actual: Floats) -> Floats:
    """(n,) prediction − actual, finite; 0 without a prediction."""
    with np.errstate(over="ignore"):
        error: Floats = np.clip(np.where(np.isnan(prediction), 0.0, prediction - actual), -_LARGEST, _LARGEST)
    return error


def error_units(layout: Layout) -> tuple[float, float]:
    """What sums of errors, and of their squares, are multiples of."""
    unit = layout.error_bins.unit if layout.error_bins is not None else 2.0**-20
    # A unit is 2⁻³⁰ of the scale; squares have the square of the scale.
    return unit, unit * unit * 2.0**30


def _count_score_terms(table: Table, squared: Floats, of_truth: Floats, usable: NDArray[np.bool_]) -> None:
    zero = np.zeros(len(squared), dtype=np.int64)
    for place, values in enumerate((squared, log_loss(of_truth))):
        table.add("score_terms", zero + place, values=values, unit=PROBABILITY_UNIT, keep=usable)
    table.add("score_terms", zero + 2, keep=usable)


def _count_regression(table: Table, prediction: Floats, actual: Floats) -> None:
    layout = table.layout
    given = ~np.isnan(prediction)
    unit, square = error_units(layout)
    nonzero, error = actual != 0, errors_of(prediction, actual)
    with np.errstate(over="ignore"):
        ratio = np.where(nonzero, np.abs(error) / np.where(nonzero, np.abs(actual), 1.0), 0.0)
        ratio = np.minimum(ratio, LARGEST_RATIO)
    actual_unit = layout.actual_bins.unit if layout.actual_bins is not None else unit
    actual_square = actual_unit * actual_unit * 2.0**30
    with np.errstate(over="ignore"):
        sums = {
            1: (np.abs(error), unit),
            2: (error**2, square),
            3: (error, unit),
            4: (ratio, PROBABILITY_UNIT),
            6: (actual, actual_unit),
            7: (actual**2, actual_square),
        }
    zero = np.zeros(len(error), dtype=np.int64)
    table.add("error_terms", zero, keep=given)
    table.add("error_terms", zero + 5, keep=given & nonzero)
    if layout.has("relative_terms"):
        table.add("relative_terms", zero, keep=given & nonzero)
        squared = np.minimum(ratio * ratio, _LARGEST_SQUARED_RATIO)
        table.add("relative_terms", zero + 1, values=squared, unit=_SQUARED_RATIO_UNIT, keep=given)
    for place, (values, step) in sums.items():
        table.add("error_terms", zero + place, values=values, unit=step, keep=given)
    if layout.error_bins is not None:
        table.add("error_cells", cell_codes(layout.error_bins, error), keep=given)
    if layout.has("error_sizes"):
        table.add("error_sizes", np.searchsorted(layout.tolerances, np.abs(error), side="left"), keep=given)
    if layout.actual_bins is not None:
        table.add("actual", cell_codes(layout.actual_bins, actual))
