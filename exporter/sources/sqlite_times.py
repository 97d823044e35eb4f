"""Times that SQLite holds as text: one format of ISO 8601 a column, so that text in order is time in order."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?([Zz]|[+-]\d\d(?::?\d\d)?))?)?")
_SECONDS: Final = 19
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class TextTimes:
    """A column's format.

    Attributes:
        separator: what stands between date and time; empty: there is no time.
        zone: what the times are readings of.
    """

    separator: str
    zone: tzinfo

    def written(self, when: datetime) -> str:
        """A moment as the column would write it, down to whole seconds: not after any text of that second."""
        local = when.astimezone(self.zone).replace(tzinfo=None)
        return local.strftime(f"%Y-%m-%d{self.separator}%H:%M:%S") if self.separator else local.strftime("%Y-%m-%d")

    def before(self, text: str, seconds: int) -> str:
        """The text of a moment some seconds earlier, of a date whole days."""
        if not self.separator:
            earlier = datetime.fromisoformat(text[:10]) - timedelta(days=-(-seconds // _DAY))
            return earlier.strftime("%Y-%m-%d")
        clock = datetime.fromisoformat(text[:10] + "T" + _padded(text))
        return (clock - timedelta(seconds=seconds)).strftime(f"%Y-%m-%d{self.separator}%H:%M:%S")


def format_of(text: str, zone: tzinfo) -> TextTimes | None:
    """The format of a column in which `text` stands, times without an offset being of `zone`; None: it is no time."""
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    offset = found[2]
    if offset in ("Z", "z"):
        zone = UTC
    elif offset:
        digits = offset[1:].replace(":", "").ljust(4, "0")
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    return TextTimes(found[1] or "", zone)


def _padded(text: str) -> str:
    """The time of an ISO text down to whole seconds."""
    time = text[11:_SECONDS]
    return time if re.fullmatch(r"\d\d:\d\d:\d\d", time) else f"{time[:5]}:00"
