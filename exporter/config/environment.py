"""`${NAME}` in the configuration: filled in from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<body>[^}]*)\}|(?P<open>\{))")
_NAME = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Expanded:
    """Text with its references filled in, and what was wrong with them."""

    text: str
    problems: tuple[str, ...] = ()


def expand(text: str, environment: Mapping[str, str]) -> Expanded:
    """`text` with `${NAME}` and `${NAME:-default}` filled in and `$$` made `$`; any other `$` stays."""
    problems: list[str] = []

    def fill(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if match["open"]:
            problems.append("`${` is never closed; write `${NAME}`, or `$${` for the text itself")
            return ""
        name = _NAME.fullmatch(match["body"])
        if name is None:
            problems.append(f"`{match[0]}` names no variable; write `${{NAME}}`, or `$${{` for the text itself")
            return ""
        value = environment.get(name["name"])
        # As in a shell, `:-` also replaces what is set but empty.
        if name["default"] is not None:
            return value or name["default"]
        if value is None:
            problems.append(
                f"the environment variable {name['name']} is not set; "
                f"set it, or give a default: `${{{name['name']}:-default}}`"
            )
            return ""
        return value

    filled = _REFERENCE.sub(fill, text)
    return Expanded(filled, tuple(problems))
