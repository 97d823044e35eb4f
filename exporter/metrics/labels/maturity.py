"""Of the predictions of some age, how many have their label by now, and how many should.

A window's coverage mixes predictions made a minute and a week ago. Here its panes are told apart by age (from the
middle of the pane to now), into bands that end at `AGES`:

    ratio       labels / answered predictions, of the panes of the band
    expected    coverage of the reference · mean of F(age), F as in coverage.py, the mean over the same predictions

Nothing is fitted and nothing is censored: a pane knows how many of its own predictions were labelled so far. Both fall
for the young. Where they part says what happened: at all ages, labels are lost; only up to some age, they come later
than they did, or have stopped for so long.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.labels.coverage import labelled, promise
from exporter.metrics.spec import NoData, Sample, WindowMetric
from exporter.profile.bins import Floats

AGES = {"1h": 3600, "6h": 21_600, "1d": 86_400, "3d": 259_200, "7d": 604_800, "14d": 1_209_600, "28d": 2_419_200}
"""Bands of age: the label's value → their upper ends in seconds; each begins where the one before ends."""


@dataclass(frozen=True, slots=True)
class Maturity:
    """By band of `AGES`: (bands,) each.

    Attributes:
        answered: predictions without an error.
        ratio: share of them that have their label; NaN of bands with too few predictions.
        expected: share that should; NaN where the reference does not tell.
    """

    answered: Floats
    ratio: Floats
    expected: Floats


def maturity(evaluation: Evaluation) -> Maturity:
    """Of the window's predictions, computed once an evaluation.

    Raises:
        NoData: nobody sends labels, or there are no counts by pane.
    """
    return evaluation.once("label maturity", _maturity)


def _maturity(evaluation: Evaluation) -> Maturity:
    if evaluation.tally is None or not labelled(evaluation):
        raise NoData
    panes = evaluation.tally()
    youngest = np.maximum(evaluation.decided_at - panes.starts - panes.widths, 0.0)
    band = np.searchsorted(list(AGES.values()), youngest + panes.widths / 2)
    told = promise(evaluation.reference)
    due = np.full(len(band), np.nan) if told is None else told(youngest, youngest + panes.widths)

    def by_band(values: Floats) -> Floats:
        return np.bincount(band, weights=values, minlength=len(AGES) + 1)[: len(AGES)].astype(np.float64)

    answered = by_band(panes.answered)
    enough = np.where(answered >= max(evaluation.thresholds.min_rows, 1), answered, np.nan)
    return Maturity(answered, by_band(panes.labels) / enough, by_band(due * panes.answered) / enough)


def _shown(values: Floats) -> Iterator[Sample]:
    for age, value in zip(AGES, values.tolist(), strict=True):
        if np.isfinite(value):
            yield (age,), value


def _ratio(evaluation: Evaluation) -> Iterator[Sample]:
    yield from _shown(maturity(evaluation).ratio)


def _expected(evaluation: Evaluation) -> Iterator[Sample]:
    yield from _shown(maturity(evaluation).expected)


MATURITY = (
    WindowMetric(
        "ml_label_maturity_ratio",
        "Share of the window's answered predictions of an age whose label has come by now.",
        _ratio,
        labels=("age",),
        rank=30,
    ),
    WindowMetric(
        "ml_label_maturity_expected_ratio",
        "Share of the window's answered predictions of an age whose label should have come by now, going by the "
        "reference.",
        _expected,
        labels=("age",),
        rank=30,
    ),
)
