"""Columns of a prediction log that nobody watches: they have no role, and no reference knows them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from exporter.batch import Batch
from exporter.engine.plan import ModelPlan
from exporter.profile.layout import Layout
from exporter.visible import one_line

_MOST: Final = 1000
"""Names that are remembered; where there are more they are data."""
_NAMES, _LENGTH = 10, 100
"""Names that are told at once, and characters of each."""


class Unwatched:
    """Finds each such column of one model once."""

    def __init__(self, plan: ModelPlan, layouts: Mapping[str, Layout]) -> None:
        """Nothing is found where features are listed by the configuration, or where no reference knows any."""
        columns = plan.predictions.columns
        features = {name for layout in layouts.values() for name in layout.features}
        truth = plan.reference_stream.columns.label if plan.reference_stream is not None else None
        roles = (
            columns.time, columns.id, columns.prediction, columns.score, columns.latency, columns.error,
            columns.version, columns.replica, columns.weight, columns.label, columns.label_time, columns.run,
            truth,
        )  # fmt: skip
        named = {*roles, *columns.scores.values(), *chain(*columns.slices.values()), *plan.excluded_features, *features}
        known = {name for name in (*named, *(plan.feature_columns.get(each, each) for each in features)) if name}
        # A dot may reach into an object: then the object is known.
        self._seen = known | {name.split(".", 1)[0] for name in known}
        self._searched = columns.features is None and bool(features)

    def new(self, batches: Iterable[Batch]) -> list[str]:
        """Names, in order, that were not in any batch before."""
        if not self._searched or len(self._seen) > _MOST:
            return []
        found = {name for batch in batches for name in batch.rows.schema.names} - self._seen
        self._seen |= found
        return sorted(found)


def some(names: Sequence[str]) -> str:
    """The first of them, for people."""
    told = ", ".join(one_line(name[:_LENGTH]) for name in names[:_NAMES])
    return f"{told}{f' and {len(names) - _NAMES} more' * (len(names) > _NAMES)}"
