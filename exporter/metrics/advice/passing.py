"""What is wrong with a window and passes by itself: it is over already, or comes back at the same hours."""

from collections.abc import Sequence

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.onset.results import Name, onsets
from exporter.metrics.onset.shape import Shape
from exporter.metrics.performance.results import Result
from exporter.metrics.spec import NoData


def shapes(evaluation: Evaluation) -> dict[Name, Shape]:
    """The shapes that are known of what is wrong with a window."""
    try:
        found = onsets(evaluation).onsets
    except NoData:
        return {}
    return {name: onset.shape for name, onset in found.items() if onset is not None and onset.shape is not None}


def shape_of_fall(degraded: Sequence[Result], known: dict[Name, Shape]) -> Shape | None:
    """`temporary` or `recurring` where that is true of all that is degraded; else None: something goes on."""
    found = {known.get(("performance", (each.metric.name,))) for each in degraded}
    if not found or not found <= {"temporary", "recurring"}:
        return None
    return "temporary" if "temporary" in found else "recurring"
