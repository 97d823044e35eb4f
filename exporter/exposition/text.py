"""Label values, help texts and bucket edges as the exposition formats want them."""

import hashlib

from exporter.visible import visible

MAX_VALUE_CHARACTERS = 256
"""Longer label values are cut to this length: their beginning, `…` and 16 hex digits of a hash of the whole."""

_HASH_DIGITS = 16
_CUT = "…"


def label_value(value: str) -> str:
    """The value as it stands between quotes: short, harmless for a viewer, and valid in both formats.

    What a viewer would act on (controls, marks of direction) is written out as `<U+202E>`: two values stay two.
    """
    # What looks cut already is cut too, or two values could be the same series.
    if len(value) > MAX_VALUE_CHARACTERS or value[-_HASH_DIGITS - 1 : -_HASH_DIGITS] == _CUT:
        digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=_HASH_DIGITS // 2).hexdigest()
        value = f"{value[: MAX_VALUE_CHARACTERS - _HASH_DIGITS - 1]}{_CUT}{digest}"
    return visible(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


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
