"""From a table of raw rows to what is exposed of it: fit, counting and evaluation of the program itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from exporter.batch import Batch
from exporter.metrics.drift import DRIFT
from exporter.metrics.drift.distances import BY_NAME
from exporter.metrics.drift.variables import variables_of
from exporter.metrics.estimated import ESTIMATED
from exporter.metrics.evaluation import Thresholds
from exporter.metrics.performance import PERFORMANCE
from exporter.metrics.spec import WindowMetric
from exporter.profile.columns import Columns
from exporter.profile.count import count_outcomes, count_rows, slice_slots
from exporter.profile.counts import Counts
from exporter.profile.fit import FeatureWish, FitSpec, fit
from exporter.profile.layout import ERROR_SLOTS, Task
from exporter.profile.outcomes import row_outcomes
from exporter.profile.reference import Reference
from exporter.profile.rows import Reading, decode_predictions
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.references import evaluation_of, samples

TIME = "__time__"


def batches(table: pa.Table) -> list[Batch]:
    return [Batch(part, "test", 1) for part in table.combine_chunks().to_batches()]


@dataclass(frozen=True)
class Fitted:
    """A reference of a table without time, and what is said of windows beside it."""

    columns: Columns
    reference: Reference

    @classmethod
    def of(
        cls,
        table: pa.Table,
        task: Task,
        features: tuple[str, ...],
        wishes: Mapping[str, FeatureWish] | None = None,
        **columns: str,
    ) -> "Fitted":
        roles = Columns(time=None, **columns)
        classes = ("0", "1") if task == "binary" else ()
        spec = FitSpec(model="m", task=task, columns=roles, include=features, classes=classes, wishes=wishes or {})
        return cls(roles, fit(lambda: batches(table), spec, 0.0).reference)

    def count(self, table: pa.Table) -> Counts:
        layout = self.reference.layout
        total, words = Counts.zero(layout), Vocabulary({"error": ERROR_SLOTS})
        reading = Reading(replace(self.columns, time=TIME), layout)
        for batch in batches(table.append_column(TIME, pa.array(np.zeros(len(table))))):
            rows, refused = decode_predictions(batch, reading)
            assert not refused.tally
            slots = slice_slots(rows, layout, words)
            groups = list(count_rows(rows, slots, layout, words, 3600))
            outcomes = row_outcomes(rows, slots)
            if outcomes is not None and len(outcomes):
                groups += count_outcomes(outcomes, layout, 3600)
            for group in groups:
                for counts in group.values():
                    total.add(counts)
        return total

    def samples(self, table: pa.Table, *methods: str) -> dict[str, dict[tuple[str, ...], float]]:
        """What is exposed of a window that holds the table's rows."""
        thresholds = Thresholds(methods=methods or ("jensen_shannon",))
        metrics = [each for each in (*DRIFT, *PERFORMANCE, *ESTIMATED) if isinstance(each, WindowMetric)]
        return samples(metrics, evaluation_of(self.count(table), self.reference, thresholds=thresholds))

    def distance(self, method: str, table: pa.Table) -> dict[str, float]:
        """Feature → distance of the table's rows on all bins there are."""
        variables = variables_of(self.reference, "features")
        assert variables is not None
        found = BY_NAME[method].compute(variables.pair(self.count(table), self.reference.total))
        return dict(zip(variables.names, found.tolist(), strict=True))
