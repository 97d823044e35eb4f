"""Durations: what Prometheus reads is what was meant, at any speed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.duration import Duration


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("90s", 90, "1m30s"),
        ("5m", 300, "5m"),
        ("24h", 86_400, "1d"),
        ("1h30m", 5_400, "1h30m"),
        ("1w", 604_800, "7d"),
        ("0s", 0, "0s"),
    ],
)
def test_texts(text: str, seconds: int, shown: str) -> None:
    assert (seconds, shown) == (Duration.parse(text).seconds, str(Duration.parse(text)))


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "1.5h", "5ms", "-5m"])
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        Duration.parse(text)


@given(st.integers(0, 10**7))
def test_text_and_parse_are_inverse(seconds: int) -> None:
    assert Duration(seconds) == Duration.parse(str(Duration(seconds)))


@given(st.integers(0, 10**7), st.floats(1, 10**5), st.integers(1, 60))
def test_division_never_goes_under_the_least(seconds: int, speed: float, least: int) -> None:
    """At speed 1 nothing changes; nothing stays nothing; else it is at least the least and at least the true part."""
    divided = Duration(seconds).divided(speed, Duration(least)).seconds
    if seconds == 0 or speed == 1:
        assert seconds == divided
    else:
        assert divided >= max(least, seconds / speed)
