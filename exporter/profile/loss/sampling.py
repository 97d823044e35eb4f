"""A sample of a reference's rows whose truth is known, as the loss model wants them: codes and losses, no values."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exporter.batch import Batch
from exporter.profile.bins import FeatureBins, Floats
from exporter.profile.layout import Layout
from exporter.profile.loss.fit import Sample
from exporter.profile.loss.pair_terms import Variable
from exporter.profile.outcomes import Outcomes
from exporter.profile.output import output_bins, output_codes
from exporter.profile.rows import Rows
from exporter.profile.truth import LARGEST_RATIO, errors_of, log_loss, share_of_truth

MOST_ROWS = 200_000
REGRESSION_LOSSES = ("absolute_error", "squared_error", "error", "relative_error")
CLASS_LOSSES = ("wrong", "log_loss")
_SEED = 20130912


def losses_of(layout: Layout) -> tuple[str, ...]:
    """The losses that a model of the layout's task is fitted to."""
    if layout.task == "regression":
        return REGRESSION_LOSSES
    return CLASS_LOSSES if layout.score_bins is not None or layout.class_scores else CLASS_LOSSES[:1]


def variables_of(layout: Layout) -> dict[Variable, FeatureBins]:
    """What a row is told by: features, and the output last."""
    bins = output_bins(layout)
    variables: dict[Variable, FeatureBins] = {name: each for name, each in layout.features.items()}  # noqa: C416 - other keys
    if bins is not None:
        variables[None] = bins
    return variables


class LossSample:
    """Rows drawn with one chance each, the same ones whenever the same rows come in the same order."""

    def __init__(self, layout: Layout, rows: int) -> None:
        """Draws about MOST_ROWS of as many `rows`, all if there are fewer."""
        self._layout = layout
        self._random = np.random.default_rng(_SEED)
        self._rate = min(1.0, MOST_ROWS / max(rows, 1))
        self._codes: list[NDArray[np.uint8]] = []
        self._losses: list[Floats] = []
        self._time: list[NDArray[np.int64]] = []
        self._weight: list[Floats] = []

    def drawn(self, batch: Batch) -> Batch:
        """The rows of a batch that are in the sample."""
        if self._rate >= 1.0:
            return batch
        return batch.filter(pa.array(self._random.random(batch.rows.num_rows) < self._rate))

    def add(self, rows: Rows, outcomes: Outcomes | None) -> None:
        """Takes in rows that were drawn, and what is known of their truth (`row_outcomes`)."""
        if outcomes is None or not len(outcomes):
            return
        rows = rows.take(known_rows(rows))
        keep = ~np.isnan(outcomes.prediction)
        codes = [codes for codes, _ in rows.features.values()]
        if output_bins(self._layout) is not None:
            codes.append(output_codes(self._layout, rows))
        self._codes.append(np.stack(codes, axis=1)[keep])
        self._losses.append(losses(self._layout, outcomes.take(keep)))
        self._time.append(outcomes.time[keep])
        self._weight.append(outcomes.sign[keep])

    def sample(self) -> Sample:
        """All rows that were taken in, in the order of time. Weighted rows are drawn again, each as its weight says."""
        variables = tuple(variables_of(self._layout))
        if not self._time:
            return Sample(np.empty((0, len(variables)), np.uint8), variables, np.empty((0, 0)), losses_of(self._layout))
        time, weight = np.concatenate(self._time), np.concatenate(self._weight)
        order = np.argsort(time, kind="stable")
        if (weight != 1.0).any() and weight.sum() > 0:
            order = order[np.sort(self._random.choice(len(order), len(order), p=(weight / weight.sum())[order]))]
        codes, values = np.concatenate(self._codes)[order], np.concatenate(self._losses)[order]
        return Sample(codes, variables, values, losses_of(self._layout))


def known_rows(rows: Rows) -> NDArray[np.bool_]:
    """(n,) which rows have an outcome, see `row_outcomes`."""
    assert rows.label is not None
    known: NDArray[np.bool_] = ~np.isnan(rows.label) & (rows.error.codes < 0)
    return known


def losses(layout: Layout, outcomes: Outcomes) -> Floats:
    """(n, L) losses of outcomes with a prediction; NaN where one is not defined."""
    if layout.task == "regression":
        error, actual = errors_of(outcomes.prediction, outcomes.actual), outcomes.actual
        ratio = np.abs(error) / np.where(actual == 0, np.nan, np.abs(actual))
        with np.errstate(over="ignore"):
            found: Floats = np.stack((np.abs(error), error * error, error, np.minimum(ratio, LARGEST_RATIO)), axis=1)
        found[~np.isfinite(found)] = np.nan
        return found
    wrong: Floats = (outcomes.prediction != outcomes.actual).astype(np.float64)
    if len(losses_of(layout)) == 1:
        return wrong[:, None]
    return np.stack((wrong, _log_losses(layout, outcomes)), axis=1)


def _log_losses(layout: Layout, outcomes: Outcomes) -> Floats:
    truth, result = outcomes.actual.astype(np.int64), np.full(len(outcomes), np.nan)
    usable = truth < len(layout.classes)
    if layout.task == "binary":
        usable &= ~np.isnan(outcomes.score)
        score = outcomes.score[usable]
        result[usable] = log_loss(np.where(truth[usable] == 1, score, 1 - score))
    elif outcomes.scores is not None:
        usable &= ~np.isnan(outcomes.scores).any(axis=1)
        result[usable] = log_loss(share_of_truth(outcomes.scores[usable], truth[usable]))
    return result
