"""Values as YAML on one line, for examples and for files that are written for people."""

import json
import re
from typing import Any

_PLAIN = re.compile(r"[\w./][\w./:%+-]*(?: [\w./%+-]+)*")
"""Text that YAML takes for text without quotes, inside brackets too."""
_WORDS = ("null", "true", "false", "yes", "no", "on", "off")


def flow(value: Any) -> str:
    """`value` as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(str(key))}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and ": " not in f"{text} " and not _is_number(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
