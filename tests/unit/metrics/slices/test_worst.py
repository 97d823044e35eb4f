"""The slices that cost the most are found, no others, and their series do not come and go."""

import numpy as np
import pytest

from exporter.metrics.slices.segments import Loss, Segments
from exporter.metrics.slices.worst import TOP, gaps, worst
from exporter.profile.bins import Floats


def segments_of(values: Floats, codes: Floats, slices: int) -> Segments:
    """Sums of `values` (n,) by code (n,)."""
    sums = (np.bincount(codes, each, minlength=slices) for each in (np.ones(len(values)), values, values**2))
    whole = Loss(*(np.array([each.sum()]) for each in (np.ones(len(values)), values, values**2)))
    return Segments(tuple(("carrier", f"c{code}") for code in range(slices)), Loss(*sums), whole)


def test_gap_is_the_difference_of_means() -> None:
    rng = np.random.default_rng(0)
    values, codes = rng.gamma(2, 3, 5000), rng.integers(0, 4, 5000)
    found = gaps(segments_of(values, codes, 4), 30)
    for code in range(4):
        one, others = values[codes == code], values[codes != code]
        assert found.gap[code] == pytest.approx(one.mean() - others.mean())
        assert found.error[code] == pytest.approx(
            np.sqrt(one.var(ddof=1) / len(one) + others.var(ddof=1) / len(others)), rel=0.01
        )
        assert found.share[code] == pytest.approx(len(one) / 5000)


@pytest.mark.parametrize("kind", ["wrong", "error"])
def test_where_no_slice_is_worse_hardly_ever_is_one_shown(kind: str) -> None:
    rng, shown = np.random.default_rng(1), 0
    for _ in range(400):
        values = (rng.random(20_000) < 0.1).astype(float) if kind == "wrong" else np.abs(rng.standard_t(5, 20_000))
        codes = np.searchsorted(np.cumsum(rng.dirichlet(np.ones(60))), rng.random(20_000)).clip(0, 59)
        shown += bool(worst(segments_of(values, codes, 60), None, 30, 0.01))
    assert shown <= 12  # 1 % and what the normal approximation is off where 30 rows are rarely wrong


def test_the_interval_covers_the_gap() -> None:
    rng, covered = np.random.default_rng(2), 0
    for _ in range(500):
        codes = rng.integers(0, 5, 3000)
        found = gaps(segments_of((rng.random(3000) < np.where(codes == 0, 0.3, 0.2)).astype(float), codes, 5), 30)
        covered += abs(found.gap[0] - 0.1) < 1.96 * found.error[0]
    assert 0.93 < covered / 500 < 0.97


def test_a_bad_slice_is_found_and_the_worst_stands_first() -> None:
    rng, first = np.random.default_rng(3), 0
    for _ in range(100):
        codes = rng.integers(0, 20, 20_000)
        rate = np.select([codes == 3, codes == 4], [0.3, 0.2], 0.1)
        found = worst(segments_of((rng.random(20_000) < rate).astype(float), codes, 20), None, 30, 0.01)
        first += [each.name[1] for each in found[:2]] == ["c3", "c4"]
    assert first >= 99


def test_a_large_slice_costs_more_than_a_small_one_that_is_worse() -> None:
    codes = np.repeat([0, 1, 2], [100, 4000, 20_000])
    values = np.random.default_rng(4).random(len(codes)) < np.choose(codes, [0.5, 0.25, 0.1])
    found = worst(segments_of(values.astype(float), codes, 3), None, 30, 0.01)
    assert [each.name[1] for each in found] == ["c1", "c0"]
    assert found[0].harm > found[1].harm


def test_slices_with_few_labels_say_nothing() -> None:
    codes = np.repeat([0, 1], [29, 1000])
    assert worst(segments_of((codes == 0).astype(float), codes, 2), None, 30, 0.01) == []


def test_series_stay_where_two_slices_are_nearly_alike() -> None:
    """Twelve slices equally bad: whichever were shown are shown again, though chance ranks them anew each time."""
    rng, changes, unsteady, shown = np.random.default_rng(5), 0, 0, frozenset[tuple[str, str]]()
    free = shown
    for cycle in range(60):
        codes = rng.integers(0, 60, 60_000)
        now = segments_of((rng.random(60_000) < np.where(codes < 7, 0.3, 0.1)).astype(float), codes, 60)
        kept = frozenset(each.name for each in worst(now, None, 30, 0.01, shown))
        anew = frozenset(each.name for each in worst(now, None, 30, 0.01))
        assert len(kept) == len(anew) == TOP
        if cycle:
            changes, unsteady = changes + (kept != shown), unsteady + (anew != free)
        shown, free = kept, anew
    assert changes == 0
    assert unsteady > 40


def test_what_was_so_in_the_reference_is_told() -> None:
    rng = np.random.default_rng(6)
    codes = rng.integers(0, 5, 20_000)
    before = segments_of((rng.random(20_000) < np.where(codes == 0, 0.2, 0.1)).astype(float), codes, 5)
    now = segments_of((rng.random(20_000) < np.where(codes == 0, 0.3, 0.1)).astype(float), codes, 5)
    (found,) = worst(now, before, 30, 0.01)
    assert found.reference_gap == pytest.approx(0.1, abs=0.02)
    assert found.lower < 0.2 < found.upper
