"""Text in the order of time: moments are written so that they come before every text of their second."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.sqlite_times import format_of

NOON = datetime(2024, 7, 1, 12, 0, 30, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "written", "minute_before"),
    [
        ("2024-01-01T00:00:30.25Z", "2024-07-01T12:00:30", "2023-12-31T23:59:30"),
        ("2024-01-01 00:00:30", "2024-07-01 14:00:30", "2023-12-31 23:59:30"),
        ("2024-01-01 00:00", "2024-07-01 14:00:30", "2023-12-31 23:59:00"),
        ("2024-01-01T00:00:30-05:30", "2024-07-01T06:30:30", "2023-12-31T23:59:30"),
        ("2024-01-01T00:00:30+02", "2024-07-01T14:00:30", "2023-12-31T23:59:30"),
        ("2024-01-01", "2024-07-01", "2023-12-31"),
    ],
)
def test_moments_are_written_as_the_column_is(text: str, written: str, minute_before: str) -> None:
    """In the column's own offset; without one, in the zone that is said."""
    found = format_of(text, ZoneInfo("Europe/Vienna"))
    assert found is not None
    assert (found.written(NOON), found.before(text, 60)) == (written, minute_before)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-1-1", "20240101", "1717243200", "2024-01-01T", "2024-01-01x00:00"]
)
def test_other_text_is_no_time(text: str) -> None:
    assert format_of(text, UTC) is None


MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001


@given(
    moments=st.tuples(MOMENTS, MOMENTS),
    seconds=st.integers(0, 10**7),
    separator=st.sampled_from("T "),
)
def test_the_look_back_holds_at_least_what_it_says_and_never_moves_back(
    moments: tuple[datetime, datetime], seconds: int, separator: str
) -> None:
    one, other = sorted(moments)
    texts = [each.isoformat(separator) for each in (one, other)]
    found = format_of(texts[0], UTC)
    assert found is not None
    bounds = [found.before(text, seconds) for text in texts]
    assert bounds[0] <= bounds[1] <= texts[1]
    if (other - one).total_seconds() < seconds:
        assert bounds[1] <= texts[0]
