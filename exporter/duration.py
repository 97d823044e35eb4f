"""Durations as people write them."""

import re
from typing import Any

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_seconds(value: Any) -> float:
    """Seconds of `90s`, `5m`, `1h30m`, `7d`, `250ms`, or of bare seconds.

    Raises:
        ValueError: it is not a duration; says how one is written.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    else:
        text = str(value).strip()
        parts = _PART.findall(f"{text}s" if text.isascii() and text.isdigit() else text)
        if not parts or "".join(number + unit for number, unit in parts) not in (text, f"{text}s"):
            raise ValueError("is not a duration; write it like 90s, 5m, 1h or 7d")
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 <= seconds < 100 * 365 * 86400:
        raise ValueError("is not a duration that can be waited for; write it like 90s, 5m, 1h or 7d")
    return seconds


def whole_seconds(value: Any) -> int:
    """As `parse_seconds`, without a fraction.

    Raises:
        ValueError: it is not a duration of whole seconds.
    """
    seconds = parse_seconds(value)
    if seconds != int(seconds):
        raise ValueError("must be whole seconds, such as 1s or 5m")
    return int(seconds)


def positive(value: float) -> float:
    """The duration itself, where it is one that passes.

    Raises:
        ValueError: it is 0.
    """
    if value <= 0:
        raise ValueError("must be longer than 0, such as 5m")
    return value
