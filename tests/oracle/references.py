"""References and evaluations made by hand, for tests of metrics."""

from collections.abc import Sequence

import numpy as np

from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.metrics.spec import NoData, WindowMetric
from exporter.profile.counts import Counts, total
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.counting import stack

DAY = 86_400


def reference_of(blocks: Sequence[Counts], seconds: int | None = DAY) -> Reference:
    """A reference with a block for each of `blocks`; without time if `seconds` is None. Blocks keep no sums."""
    layout = blocks[0].layout
    whole = total(layout, blocks)
    if seconds is None:
        return Reference(layout, whole, "m")
    vectors = stack(layout, blocks)
    vectors[:, layout.spans["feature_sums"]] = 0.0
    return Reference(
        layout,
        whole,
        "m",
        block_seconds=seconds,
        block_starts=np.arange(len(blocks)) * seconds,
        blocks=Vectors.of(vectors),
    )


def evaluation_of(
    counts: Counts,
    reference: Reference | None = None,
    *,
    seconds: int = DAY,
    thresholds: Thresholds | None = None,
    vocabulary: Vocabulary | None = None,
    decided_at: float = float(DAY),
    end: int = DAY,
) -> Evaluation:
    return Evaluation(
        model="m",
        version="v",
        window=Window("24h", seconds, end - seconds, end),
        counts=counts,
        reference=reference,
        thresholds=thresholds or Thresholds(),
        vocabulary=vocabulary or Vocabulary({}),
        decided_at=decided_at,
    )


def samples(metrics: Sequence[WindowMetric], evaluation: Evaluation) -> dict[str, dict[tuple[str, ...], float]]:
    """Metric → labels → value; metrics with nothing to say are left out. A series given twice is an error."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for metric in metrics:
        try:
            listed = list(metric.compute(evaluation))
        except NoData:
            continue
        assert len({labels for labels, _ in listed}) == len(listed), metric.name
        assert all(len(labels) == len(metric.labels) for labels, _ in listed), metric.name
        if listed:
            found[metric.name] = dict(listed)
    return found
