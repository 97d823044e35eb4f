"""The kinds of values that the configuration is made of, each with its own reading and its own words."""

import re
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from exporter.config.likeness import did_you_mean
from exporter.duration import parse_seconds, positive, whole_seconds

_PRINTABLE_LIMIT = 128
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")


def _text(value: Any) -> Any:
    """Numbers and truth values as text: `positive_class: 1` and `"1"` mean the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return getattr(value, "text", None) or str(value)
    return value


def _printable(value: str) -> str:
    if value != value.strip() or not value.isprintable() or len(value) > _PRINTABLE_LIMIT:
        raise ValueError(f"must be printable text of at most {_PRINTABLE_LIMIT} characters without blanks around it")
    return value


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; give a name or take the line out")
    return value


def check_name(value: str) -> str:
    """`value` where it can be a label value, a folder's name and a part of a URL.

    Raises:
        ValueError: it cannot.
    """
    if not NAME.fullmatch(value):
        raise ValueError("is not a good name; use letters, digits, `_`, `-` and `.`, at most 64, such as flight_delay")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        hint = did_you_mean(value, available_timezones()) or "use an IANA name such as UTC or Europe/Vienna"
        raise ValueError(f"is no time zone; {hint}") from None
    return value


def _resolved(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, (str, Path)):
        return value
    if not str(value).strip():
        raise ValueError("is empty; give a path or take the line out")
    return resolved((info.context or {}).get("directory", Path()), value)


def resolved(directory: Path, value: str | Path) -> Path:
    """`value` as a path that starts at `directory`, `~` filled in.

    Raises:
        ValueError: it starts in the home directory of a user whom the system does not know.
    """
    try:
        return directory / Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError("is in a home directory that cannot be found; write the path without `~`") from error


def _share(value: float) -> float:
    if not 0 < value < 1:
        percent = f"; {value:g} % is written {value / 100:g}" if 1 < value < 100 else ""  # noqa: PLR2004 - per cent
        raise ValueError(f"must be more than 0 and less than 1{percent}")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, (str, int, float)) else value


Duration = Annotated[int, BeforeValidator(whole_seconds), AfterValidator(positive)]
"""Whole seconds, at least one."""
DurationOrZero = Annotated[int, BeforeValidator(whole_seconds)]
"""Whole seconds, 0 allowed."""
FineDuration = Annotated[float, BeforeValidator(parse_seconds), AfterValidator(positive)]
"""Seconds with fractions, more than 0."""
Text = Annotated[str, BeforeValidator(_text), AfterValidator(_filled)]
"""Text; numbers and truth values are taken as they were written."""
Printable = Annotated[str, BeforeValidator(_text), AfterValidator(_printable)]
"""Text that makes a decent label value."""
Dimension = Annotated[Text, AfterValidator(_printable)]
Name = Annotated[Text, AfterValidator(check_name)]
Timezone = Annotated[str, AfterValidator(_timezone)]
FilePath = Annotated[Path, BeforeValidator(_resolved)]
"""A path; a relative one starts at the configuration file's directory."""
Ratio = Annotated[float, AfterValidator(_share)]
"""More than 0, less than 1."""
Names = Annotated[list[Text], BeforeValidator(_as_list)]
"""A list of texts; one text stands for a list of one."""
