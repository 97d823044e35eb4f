"""Since when there is what advice is about, and from when on rows teach what holds now."""

from collections.abc import Iterator

import numpy as np

from exporter.metrics.advice.evidence import gather
from exporter.metrics.advice.rules import Advice
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.onset.onset import Onset
from exporter.metrics.onset.results import Name, onsets
from exporter.metrics.spec import NoData


def since(evaluation: Evaluation, advice: Advice) -> float:
    """When what is to be done something about began, Unix seconds; NaN where that is not known, or nothing is to be."""
    if advice.action == "fix_infrastructure":
        known = (*gather(evaluation).troubles, *gather(evaluation).damages)
        found = next(each.since for each in known if (each.reason, each.about) == (advice.reason, advice.subject))
        return np.nan if found is None else found
    return min((each.at for each in _onsets(evaluation, advice)), default=np.nan)


def training_start(evaluation: Evaluation, advice: Advice) -> float:
    """From when on rows show what is to be learned, Unix seconds; NaN where that is not known, or nothing is.

    To retrain: when inputs began to move. Rows since then must be among those that are learned from; what older ones
    teach is true as well. To rebuild: when the outcomes had surely changed, the upper end of the onset's interval: what
    older rows teach is true no more.
    """
    found = _onsets(evaluation, advice)
    if advice.action == "rebuild":
        return max((each.upper for each in found), default=np.nan)
    return min((each.at for each in found), default=np.nan) if advice.action == "retrain" else np.nan


def _onsets(evaluation: Evaluation, advice: Advice) -> list[Onset]:
    """Onsets of what `advice` is about."""
    if advice.action in {"none", "wait_for_labels"}:
        return []
    try:
        known = onsets(evaluation).onsets
    except NoData:
        return []
    found = {name: onset for name, onset in known.items() if onset is not None}
    for names in _about(evaluation, advice):
        if told := [onset for name, onset in found.items() if name in names]:
            return told
    return []


def _about(evaluation: Evaluation, advice: Advice) -> Iterator[set[Name]]:
    """What may have an onset, what tells most first: the subject, then the fall of performance."""
    checks = {problem.check for problem in gather(evaluation).problems} | {advice.reason}
    if advice.action == "fix_data_pipeline":
        yield {("quality", (advice.subject, check)) for check in checks}
    if advice.action == "retrain":
        yield {("feature", (advice.subject,))}
    yield {("performance", (each.metric.name,)) for each in gather(evaluation).degraded}
