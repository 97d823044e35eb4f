"""Durations as Prometheus and Alertmanager write them, and how they shrink for a replay."""

import math
import re
from dataclasses import dataclass

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_TEXT = re.compile(r"(?:\d+[wdhms])+")
_PART = re.compile(r"(\d+)([wdhms])")


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A whole number of seconds; its text is what Prometheus reads, such as `1h30m`."""

    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """The duration that `text` says: `90s`, `5m`, `1h30m`, `7d`.

        Raises:
            ValueError: `text` is no duration.
        """
        if not _TEXT.fullmatch(text):
            raise ValueError(f"{text!r} is no duration: write it like 90s, 5m, 1h30m or 7d")
        return cls(sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text)))

    def __str__(self) -> str:
        rest, parts = self.seconds, []
        # Weeks are left out: `7d` beside `3d` reads better than `1w`, and Alertmanager's Go durations end at hours.
        for unit in "dhms":
            count, rest = divmod(rest, _UNITS[unit])
            if count:
                parts.append(f"{count}{unit}")
        return "".join(parts) or "0s"

    def divided(self, speed: float, least: "Duration") -> "Duration":
        """This stretch of processing time where time runs `speed` times as fast: whole seconds, never under `least`.

        Nothing stays nothing, and at speed 1 nothing changes.
        """
        if self.seconds == 0 or speed == 1:
            return self
        return max(Duration(math.ceil(self.seconds / speed)), least)
