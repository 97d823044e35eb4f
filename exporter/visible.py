"""Text from logs, files and requests, made harmless for those who look at it: terminals, log readers, browsers."""

import re

_UNSAFE = re.compile(
    r"<(?=U\+[0-9A-F]{4}>)"  # what looks written out already, so that two texts stay two
    "|["
    "\x00-\x09\x0b-\x1f\x7f-\x9f"  # controls; a line feed is each format's own matter
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069"  # turn the text around them, or show nothing
    "\u2028\u2029\ufeff"  # line ends and a mark that some viewers act on
    "\ud800-\udfff"  # halves of a pair: not UTF-8
    "]"
)


def visible(text: str) -> str:
    """`text` with what a viewer would act on written out as `<U+202E>`: two texts stay two. Line feeds stay."""
    if text.isascii() and text.isprintable() and "<U+" not in text:
        return text
    return _UNSAFE.sub(lambda found: f"<U+{ord(found.group()):04X}>", text)


def one_line(text: str) -> str:
    """`text` made visible, line feeds too."""
    return visible(text).replace("\n", "\\n")
