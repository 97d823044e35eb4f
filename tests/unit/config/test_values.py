"""Durations and addresses as people write them."""

import pytest

from exporter.config.likeness import did_you_mean
from exporter.config.settings import parse_listen
from exporter.duration import parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("90", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("7d", 604800),
        ("28d", 2419200),
        ("2w", 1209600),
        ("250ms", 0.25),
        (60, 60),
        (0.5, 0.5),
        ("1.5h", 5400),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert seconds == parse_seconds(text)


@pytest.mark.parametrize(
    "text", ["", "5 m", "m5", "-5m", "5M", "1h 5m", True, None, -1, float("nan"), float("inf"), [1], "1e9d"]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9877", ("127.0.0.1", 9877)),
        (":80", ("0.0.0.0", 80)),
        ("[::1]:1", ("::1", 1)),
        ("a.example:0", ("a.example", 0)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert address == parse_listen(text)


@pytest.mark.parametrize("text", ["localhost", "::1:80", "host:", "host:http", "host:65536", "host:²"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_listen(text)


def test_likeness_ignores_case_and_length() -> None:
    known = ["time", "prediction", "score", "thresholds"]
    assert [did_you_mean(each, known) for each in ("Tiem", "timestamp", "zzz")] == [
        "did you mean `time`?",
        "did you mean `time`?",
        "",
    ]
