"""Label values, help texts and bucket edges as the exposition formats want them."""

import hashlib
import re

MAX_VALUE_CHARACTERS = 256
"""Longer label values are cut to this length: their beginning, `…` and 16 hex digits of a hash of the whole."""

_HASH_DIGITS = 16

_UNSAFE = re.compile(
    "["
    "\x00-\x09\x0b-\x1f\x7f-\x9f"  # controls; a line feed is escaped below
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069"  # turn the text around them, or show nothing
    "\u2028\u2029\ufeff"  # line ends and a mark that some viewers act on
    "\ud800-\udfff"  # halves of a pair: not UTF-8
    "]"
)


def label_value(value: str) -> str:
    """The value as it stands between quotes: short, harmless for a viewer, and valid in both formats.

    What a viewer would act on (controls, marks of direction) is written out as `<U+202E>`: two values stay two.
    """
    if len(value) > MAX_VALUE_CHARACTERS:
        digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=_HASH_DIGITS // 2).hexdigest()
        value = f"{value[: MAX_VALUE_CHARACTERS - _HASH_DIGITS - 1]}…{digest}"
    if _UNSAFE.search(value):
        value = _UNSAFE.sub(lambda found: f"<U+{ord(found.group()):04X}>", value)
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def text_help(text: str) -> str:
    """A HELP text of the text format 0.0.4."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def openmetrics_help(text: str) -> str:
    """A HELP text of OpenMetrics 1.0, where quotes are escaped too."""
    return text_help(text).replace('"', '\\"')


def edge(bound: float) -> str:
    """The `le` of a bucket: the shortest decimal, always with a point or an exponent, the same in both formats."""
    if bound == float("inf"):
        return "+Inf"
    return repr(float(bound) + 0.0)
