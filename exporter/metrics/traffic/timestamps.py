"""Until when things are known: event times, for freshness."""

from collections.abc import Callable, Iterator

from exporter.metrics.evaluation import Facts
from exporter.metrics.spec import FactMetric, NoData, Sample


def _time(read: Callable[[Facts], float | None]) -> Callable[[Facts], Iterator[Sample]]:
    def compute(facts: Facts) -> Iterator[Sample]:
        seconds = read(facts)
        if seconds is None:
            raise NoData
        yield (), seconds

    return compute


TIMESTAMPS = (
    FactMetric(
        "ml_watermark_timestamp_seconds",
        "gauge",
        "Event time up to which the log was read, in Unix seconds.",
        _time(lambda facts: facts.watermark),
    ),
    FactMetric(
        "ml_last_prediction_timestamp_seconds",
        "gauge",
        "Event time of the newest prediction, in Unix seconds.",
        _time(lambda facts: facts.last_prediction),
    ),
    FactMetric(
        "ml_last_label_timestamp_seconds",
        "gauge",
        "Event time of the newest label, in Unix seconds.",
        _time(lambda facts: facts.last_label),
    ),
    FactMetric(
        "ml_version_first_prediction_timestamp_seconds",
        "gauge",
        "Event time of the version's first prediction, in Unix seconds.",
        _time(lambda facts: facts.first_prediction),
    ),
)
