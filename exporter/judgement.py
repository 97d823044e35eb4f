"""How a model stands, in a word and with its reasons, for the landing page and the status."""

from collections.abc import Sequence

from exporter.engine.evaluate import MetricSamples
from exporter.exposition.status import State
from exporter.metrics.silence import Silence

_BAD_METRICS = {
    "ml_performance_degraded": "{version}: {0} is worse than its threshold over {window}",
    "ml_feature_drift_detected": "{version}: {0} has drifted over {window}",
    "ml_prediction_drift_detected": "{version}: predictions have drifted over {window}",
    "ml_feature_quality_detected": "{version}: {0} {check} over {window}",
}
"""Metric → what its value 1 means to a person; {0} is the first of its own labels."""
_CHECKS = {
    "missing": "is missing more often",
    "invalid": "has more invalid values",
    "out_of_range": "is out of range more often",
    "unseen": "has more unseen values",
    "constant": "is constant",
    "unit_change": "has changed its unit",
}
_VERDICTS = ("ml_performance_degraded", "ml_feature_drift_detected")
"""A model about which none of these says anything is unknown, not ok."""


def judge(samples: Sequence[MetricSamples], silences: Sequence[Silence] = ()) -> tuple[State, list[str]]:
    """Ok, bad, blind or unknown, and why, from the verdicts among a model's samples and what they lack."""
    reasons = []
    said = False
    for each in samples:
        said |= each.metric.name in _VERDICTS
        text = _BAD_METRICS.get(each.metric.name)
        if text is None:
            continue
        for labels, value in each.samples:
            if value == 1.0:
                check = _CHECKS.get(labels[-1], labels[-1])
                reasons.append(text.format(*labels[3:], version=labels[1], window=labels[2], check=check))
    if reasons:
        return "bad", reasons
    if _is_blind(samples):
        return "blind", ["too few labels in every window to show a fall of performance that matters"]
    if said:
        return "ok", []
    lacking = [f"{each.version}: no verdict on {each.about} over {each.window}: {each.why}" for each in silences]
    return "unknown", lacking or ["no verdict yet: no row lies in a window"]


def _is_blind(samples: Sequence[MetricSamples]) -> bool:
    """True if nobody would see performance fall: no measure shows it in any window, and no estimate stands in."""
    found = {each.metric.name: each.samples for each in samples if each.samples}
    verdicts = found.get("ml_performance_blind", [])
    return bool(verdicts) and "ml_performance_estimated_degraded" not in found and all(v == 1.0 for _, v in verdicts)
