"""Label values and edges."""

import pytest

from exporter.exposition.text import MAX_VALUE_CHARACTERS, edge, label_value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('say "x"', 'say \\"x\\"'),
        ("back\\slash", "back\\\\slash"),
        ("two\nlines", "two\\nlines"),
        ("a\tb\r\0\x1b[31m", "a<U+0009>b<U+000D><U+0000><U+001B>[31m"),
        ("user\u202egnp.exe", "user<U+202E>gnp.exe"),
        ("zero\u200bwidth\ufeff", "zero<U+200B>width<U+FEFF>"),
        ("half \ud83d", "half <U+D83D>"),
        ("join\u200der ist Persisch", "join\u200der ist Persisch"),
        ("<U+202E>", "<U+003C>U+202E>"),
        ("<U+", "<U+"),
        ("", ""),
    ],
)
def test_a_value_is_valid_and_harmless(value, expected):
    assert label_value(value) == expected


def test_long_values_are_cut_and_stay_apart():
    one, two = label_value("x" * 10_000 + "1"), label_value("x" * 10_000 + "2")
    assert (len(one), one[:240]) == (MAX_VALUE_CHARACTERS, "x" * 239 + "…")
    assert one != two
    assert label_value("x" * MAX_VALUE_CHARACTERS) == "x" * MAX_VALUE_CHARACTERS
    assert label_value(one) != one


@pytest.mark.parametrize(
    ("bound", "expected"), [(1.0, "1.0"), (0.005, "0.005"), (float("inf"), "+Inf"), (1e-7, "1e-07"), (-0.0, "0.0")]
)
def test_edges_are_written_alike_in_both_formats(bound, expected):
    assert edge(bound) == expected
