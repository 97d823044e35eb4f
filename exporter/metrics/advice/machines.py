"""Whether the machines under a model have so little to do that fewer would do."""

from collections.abc import Sequence

import numpy as np

from exporter.metrics.evaluation import Evaluation, HostFacts
from exporter.metrics.performance.estimate import wilson
from exporter.metrics.traffic.objectives import events

_SHORTEST = 86400
"""Seconds of a window that can tell too little work: in a shorter one a quiet night would."""
WIDE = 0.25
"""Part of a latency objective's budget that may be used where machines can be spared."""
LOW, LOW_PEAK = 0.30, 0.50
"""Share in use, on the mean and at its highest, from which there is too little work …"""
MORE, MORE_PEAK = 0.40, 0.65
"""… until there is so much: what lies between changes nothing. As in the recorded rules (prometheus/values.yml)."""


def idle(evaluation: Evaluation) -> bool:
    """Latency objectives are kept with a wide margin, and little of the machines is used; known a cycle later."""
    host = evaluation.host
    if host is None or evaluation.window.seconds < _SHORTEST or host.troubles or not _kept(evaluation):
        found = False
    else:
        found = _unused(host, before=bool(evaluation.memory.get("idle")))
    evaluation.memory["idle"] = found
    return found


def _unused(host: HostFacts, *, before: bool) -> bool:
    """NaN is not unused."""
    mean, peak = (MORE, MORE_PEAK) if before else (LOW, LOW_PEAK)
    return host.utilisation < mean and host.peak < peak


def _kept(evaluation: Evaluation) -> bool:
    """Whether there are latency objectives, each with most of its budget left beyond chance."""
    asked = [each for each in evaluation.objectives if each.kind == "latency"]
    found = [events(evaluation.counts, each) for each in asked]
    budgets = [WIDE * (1 - each.objective) for each in asked]
    return bool(asked) and all(_below(each, budget) for each, budget in zip(found, budgets, strict=True))


def _below(seen: Sequence[float] | None, budget: float) -> bool:
    if seen is None or seen[0] <= 0:
        return False
    upper = wilson(np.array([seen[1] / seen[0]]), np.array([seen[0]]))[1][0]
    return bool(upper < budget)
