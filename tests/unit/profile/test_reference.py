"""A reference cut into windows: whole ones stay, however quiet; those that its ends or gaps cut off go."""

import numpy as np

from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors

LAYOUT = Layout(task="regression")
HOUR = 3600


def reference(rows_by_hour: dict[int, float]) -> Reference:
    blocks = np.zeros((len(rows_by_hour), LAYOUT.width))
    blocks[:, LAYOUT.spans["rows"].start] = list(rows_by_hour.values())
    starts = np.array([hour * HOUR for hour in rows_by_hour], dtype=np.int64)
    return Reference(
        LAYOUT, Counts.zero(LAYOUT), "m", block_seconds=HOUR, block_starts=starts, blocks=Vectors.of(blocks)
    )


def rows(of: Reference, seconds: int) -> list[float]:
    return of.part(of.windows(seconds), "rows")[:, 0].tolist()


def test_windows_are_sums_of_their_blocks() -> None:
    assert rows(reference(dict.fromkeys(range(48), 2.0)), 24 * HOUR) == [48.0, 48.0]
    assert rows(reference(dict.fromkeys(range(4), 2.0)), HOUR) == [2.0, 2.0, 2.0, 2.0]


def test_a_quiet_window_is_a_window() -> None:
    """A weekend with a tenth of the traffic is part of how the data varies."""
    hours = {hour: 1.0 if hour // 24 == 1 else 10.0 for hour in range(72)}
    assert rows(reference(hours), 24 * HOUR) == [240.0, 24.0, 240.0]


def test_cut_off_windows_are_left_out() -> None:
    """The last window when the reference ends in it, and one with a gap of more than half its blocks."""
    hours = {hour: 1.0 for hour in range(24 * 4 + 5) if not 24 <= hour < 42}
    assert rows(reference(hours), 24 * HOUR) == [24.0, 24.0, 24.0]


def test_no_windows() -> None:
    """None without time blocks, and none that are shorter than a block."""
    assert len(reference(dict.fromkeys(range(5), 1.0)).windows(600)) == 0
    assert len(Reference(LAYOUT, Counts.zero(LAYOUT), "m").windows(HOUR)) == 0
