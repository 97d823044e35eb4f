"""Objectives of freshness: for how long the newest prediction was no older than promised, and for how long it was."""

from collections.abc import Mapping, Sequence

from exporter.health import Health
from exporter.metrics.evaluation import Objective

OBSERVED, STALE = "ml_slo_observed_seconds_total", "ml_slo_stale_seconds_total"


class Freshness:
    """Seconds by the clock on the wall, by objective: those that were judged, and those among them that were stale.

    Judged is what the exporter could see: not the time in which it did not run, could not read the log, or had more of
    it to read. It speaks of the model, not of a version, and goes on when none has any traffic left.

    Attributes:
        seconds: objective → (judged, stale), never falling; to be kept with the state.
    """

    def __init__(self, objectives: Sequence[Objective], known: Mapping[str, Sequence[float]]) -> None:
        """Goes on from `known`, which an earlier one kept as `seconds`."""
        self._limits = {each.name: each.freshness_seconds for each in objectives if each.freshness_seconds is not None}
        self.seconds = {name: tuple(known.get(name, (0.0, 0.0))) for name in self._limits}
        self._judged_until: float | None = None

    def judge(self, now: float, newest: float | None, *, readable: bool) -> None:
        """Judges the time since this was last asked. Times are Unix seconds.

        Args:
            now: by the clock on the wall.
            newest: event time of the newest prediction; None before there was one: nothing is judged.
            readable: the log was read to its end just now.
        """
        since, self._judged_until = self._judged_until, now
        if since is None or newest is None or not readable:
            return
        for name, limit in self._limits.items():
            judged, stale = self.seconds[name]
            self.seconds[name] = (
                judged + max(0.0, now - since),
                stale + max(0.0, now - max(since, newest + limit)),
            )

    def tell(self, model: str, health: Health) -> None:
        """Health's counters stand where `seconds` do."""
        for name, values in self.seconds.items():
            for family, value in zip((OBSERVED, STALE), values, strict=True):
                health.inc(family, (model, name), max(0.0, value - (health.value(family, (model, name)) or 0.0)))
