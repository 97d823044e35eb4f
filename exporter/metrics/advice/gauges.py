"""The gauges of this family on /metrics."""

from collections.abc import Iterator

from exporter.metrics.advice.evidence import gather
from exporter.metrics.advice.rules import advise
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.spec import Sample, WindowMetric


def _recommended(evaluation: Evaluation) -> Iterator[Sample]:
    advice = advise(gather(evaluation))
    if advice is not None:
        yield (advice.action, advice.reason, advice.subject), 1.0


ADVICE = (
    WindowMetric(
        "ml_recommended_action",
        "1 with what to do, why, and what it is about: a feature, a slice, a version or an objective.",
        _recommended,
        labels=("action", "reason", "subject"),
    ),
)
