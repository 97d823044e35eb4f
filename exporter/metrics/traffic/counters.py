"""Counters: facts by processing time. They start at 0 for every name that is known, so that no first rise is lost."""

from collections.abc import Callable, Iterator

from exporter.metrics.evaluation import Facts
from exporter.metrics.spec import FactMetric, NoData, Sample
from exporter.metrics.traffic.names import by_class, by_outcome, named, shown_rows
from exporter.profile.bins import INVALID, MISSING, CategoryBins, FeatureBins, Floats

_ABSOLUTE, _SQUARED = 1, 2
"""Places in the part `error_terms`."""


def _predictions(facts: Facts) -> Iterator[Sample]:
    yield (), facts.total.rows


def _errors(facts: Facts) -> Iterator[Sample]:
    for name, count in named(facts.vocabulary, "error", facts.total["errors"]):
        yield (name,), count


def _slice_predictions(facts: Facts) -> Iterator[Sample]:
    for dimension in facts.total.layout.slices:
        rows = shown_rows(facts.total, dimension, facts.thresholds.min_slice)
        for value, count in named(facts.vocabulary, dimension, rows, facts.thresholds.min_slice):
            yield (dimension, value), count


def _labels(facts: Facts) -> Iterator[Sample]:
    yield (), facts.total.labels


def _outcomes(facts: Facts) -> Iterator[Sample]:
    outcomes = facts.total.get("outcomes")
    if outcomes is None:
        raise NoData
    yield from by_outcome(facts.total.layout, outcomes)


def _predicted(facts: Facts) -> Iterator[Sample]:
    predicted = facts.total.get("predicted")
    if predicted is None:
        raise NoData
    yield from by_class(facts.total.layout, predicted)


def _error_term(place: int) -> Callable[[Facts], Iterator[Sample]]:
    def compute(facts: Facts) -> Iterator[Sample]:
        terms = facts.total.get("error_terms")
        if terms is None:
            raise NoData
        yield (), float(terms[place])

    return compute


def _by_feature(count: Callable[[FeatureBins, Floats], float | None]) -> Callable[[Facts], Iterator[Sample]]:
    def compute(facts: Facts) -> Iterator[Sample]:
        for name, bins in facts.total.layout.features.items():
            value = count(bins, facts.total.feature(name))
            if value is not None:
                yield (name,), value

    return compute


def _missing(_bins: FeatureBins, codes: Floats) -> float:
    return float(codes[MISSING])


def _invalid(_bins: FeatureBins, codes: Floats) -> float:
    return float(codes[INVALID])


def _out_of_range(bins: FeatureBins, codes: Floats) -> float | None:
    return None if isinstance(bins, CategoryBins) else float(codes[INVALID + 1] + codes[-1])


def _unseen(bins: FeatureBins, codes: Floats) -> float | None:
    return float(codes[bins.unseen]) if isinstance(bins, CategoryBins) else None


def _counter(
    name: str, text: str, compute: Callable[[Facts], Iterator[Sample]], labels: tuple[str, ...] = (), rank: int = 0
) -> FactMetric:
    return FactMetric(name, "counter", text, compute, labels=labels, rank=rank)


COUNTERS = (
    _counter("ml_predictions_total", "Predictions read, failed ones included.", _predictions),
    _counter("ml_prediction_errors_total", "Failed predictions, by class of error.", _errors, ("error",), 10),
    _counter(
        "ml_slice_predictions_total",
        "Predictions by value of a slice dimension; shown once a value has enough rows.",
        _slice_predictions,
        ("dimension", "value"),
        60,
    ),
    _counter("ml_labels_total", "Labels joined with their prediction.", _labels),
    _counter(
        "ml_outcomes_total",
        "Labelled predictions, by predicted and actual class.",
        _outcomes,
        ("predicted", "actual"),
        30,
    ),
    _counter("ml_predicted_class_total", "Predictions, by predicted class.", _predicted, ("class",), 20),
    _counter(
        "ml_absolute_error_total",
        "Sum of absolute errors of labelled predictions, in the target's unit.",
        _error_term(_ABSOLUTE),
    ),
    _counter(
        "ml_squared_error_total",
        "Sum of squared errors of labelled predictions, in the target's unit squared.",
        _error_term(_SQUARED),
    ),
    _counter(
        "ml_feature_missing_total", "Rows in which the feature had no value.", _by_feature(_missing), ("feature",), 50
    ),
    _counter(
        "ml_feature_invalid_total",
        "Rows in which the feature's value was not of its type.",
        _by_feature(_invalid),
        ("feature",),
        50,
    ),
    _counter(
        "ml_feature_out_of_range_total",
        "Rows in which a number lay outside the range of the reference.",
        _by_feature(_out_of_range),
        ("feature",),
        50,
    ),
    _counter(
        "ml_feature_unseen_total",
        "Rows in which a category was one that the reference never had.",
        _by_feature(_unseen),
        ("feature",),
        50,
    ),
)
