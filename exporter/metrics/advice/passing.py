"""What is wrong with a window and passes by itself: it is over already, or comes back at the same hours."""

from collections.abc import Sequence

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.metrics.onset.results import Name, onsets
from exporter.metrics.onset.shape import Shape
from exporter.metrics.onset.subjects import Subject, bad_values, feature, performance
from exporter.metrics.performance.estimate import Z
from exporter.metrics.performance.results import Result
from exporter.metrics.spec import NoData

_NEWEST = 4
"""The newest quarter of a window shows whether something is over …"""
_LEFT = 0.5
"""… where surely less than half is left of what the whole window shows."""


def shapes(evaluation: Evaluation) -> dict[Name, Shape]:
    """The shapes that are known of what is wrong with a window; `temporary` only where it surely is over.

    An onset is called temporary where less is left than half of the most that there was. That may still be a lot.
    """
    return evaluation.once("shapes", _shapes)


def shape_of_fall(degraded: Sequence[Result], known: dict[Name, Shape]) -> Shape | None:
    """`temporary` or `recurring` where that is true of all that is degraded; else None: something goes on."""
    found = {known.get(("performance", (each.metric.name,))) for each in degraded}
    if not found or not found <= {"temporary", "recurring"}:
        return None
    return "temporary" if "temporary" in found else "recurring"


def _shapes(evaluation: Evaluation) -> dict[Name, Shape]:
    try:
        found = onsets(evaluation).onsets
    except NoData:
        return {}
    known = {name: onset.shape for name, onset in found.items() if onset is not None and onset.shape is not None}
    return {name: shape for name, shape in known.items() if shape != "temporary" or _is_over(evaluation, name)}


def _is_over(evaluation: Evaluation, name: Name) -> bool:
    subject = _subject(evaluation, name)
    if subject is None or evaluation.reference is None or evaluation.history is None:
        return False
    past, window = evaluation.history(subject.places), evaluation.window
    newest = past.starts >= window.end - window.seconds // _NEWEST
    now, last = (subject.cells(past.counts[part]).sum(axis=0) for part in (past.starts >= window.start, newest))
    before = subject.cells(evaluation.reference.total.all[None, subject.places])[0]
    if min(last.sum(), before.sum()) <= 0:
        return False
    p, q, r = (each / each.sum() for each in (now, before, last))
    # How far rows went from the reference towards the window, as onsets see it: course.py.
    slope = np.divide(p - q, (p + q) / 2, out=np.zeros_like(p), where=p + q > 0)
    variance = float(slope**2 @ p - (slope @ p) ** 2) / (last.sum() * evaluation.counts.worth(subject.counted))
    return bool(slope @ (r - q) + Z * np.sqrt(variance) < _LEFT * (slope @ (p - q)))


def _subject(evaluation: Evaluation, name: Name) -> Subject | None:
    family, labels = name
    if family == "quality":
        return bad_values(evaluation.layout, *labels)
    if family == "performance":
        return performance(evaluation.layout, *labels)
    return feature(evaluation.layout, *labels) if family == "feature" else None
