"""Which few of many are shown in detail: those that matter most, and they do not change places with every cycle."""

from collections.abc import Mapping

from exporter.metrics.evaluation import Evaluation

MOST = 8
"""Features of a model, version and window whose details are shown."""
_STAY = 1.5
"""Those that were shown a cycle ago stay while they are among so many times as many."""


def foremost(evaluation: Evaluation, key: str, weights: Mapping[str, float]) -> frozenset[str]:
    """The names that are shown: the `MOST` with the largest weights, less those whose place another one still holds.

    What was shown a cycle ago under the same key stays while it is among the first `_STAY` · `MOST`: weights of what is
    calm are noise, and series that come and go are of no use to a graph. Among equals, the first ones.
    """
    names = list(weights)
    if len(names) <= MOST:
        return frozenset(names)

    def choose(of: Evaluation) -> frozenset[str]:
        order = sorted(names, key=lambda name: -weights[name])
        before = of.memory.get(key, frozenset())
        stay = [name for name in order[: int(_STAY * MOST)] if name in before][:MOST]
        fresh = [name for name in order if name not in stay]
        chosen = frozenset(stay + fresh[: MOST - len(stay)])
        of.memory[key] = chosen
        return chosen

    return evaluation.once(f"foremost {key}", choose)
