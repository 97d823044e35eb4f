"""Counts are a commutative monoid, and do not depend on how rows were cut, ordered or packed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.profile.bins import sum_unit, to_unit
from exporter.profile.codec import pack, pack_reference, unpack, unpack_reference
from exporter.profile.count import count_outcomes, scatter_outcomes
from exporter.profile.counts import Counts
from exporter.profile.counts import total as sum_of
from exporter.profile.reference import Reference
from exporter.profile.scattered import Addition
from exporter.profile.vectors import Vectors
from tests.laws.rows import PANE, TASKS, counted, layout, outcomes, rows, same, total

RUNS = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("task", TASKS)
@RUNS
@given(data=st.data())
def test_adding_is_associative_and_commutative_with_an_identity(task, data) -> None:
    a, b, c = (total(task, [data.draw(rows(task, 12))]) for _ in range(3))
    assert same((a + b) + c, a + (b + c))
    assert same(a + b, b + a)
    assert same(a + Counts.zero(layout(task)), a)


@pytest.mark.parametrize("task", TASKS)
@RUNS
@given(data=st.data())
def test_any_split_and_order_of_rows_gives_the_same_counts(task, data) -> None:
    """Bit for bit, in every version and pane, with weights too."""
    log = data.draw(rows(task))
    order = data.draw(st.permutations(log))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=4)))
    parts = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(log)], strict=True)]
    whole, split = counted(task, [log]), counted(task, parts)
    assert whole.keys() == split.keys()
    assert all(same(whole[key], split[key]) for key in whole)


@pytest.mark.parametrize("task", TASKS)
@RUNS
@given(data=st.data())
def test_what_enters_a_sum_can_leave_it_again(task, data) -> None:
    """A running window: subtracting gives what adding the rest would have given."""
    a, b = (total(task, [data.draw(rows(task, 20))]) for _ in range(2))
    both = a + b
    both.all -= a.all
    both.by_slice -= a.by_slice
    assert np.array_equal(both.all, b.all)
    assert np.array_equal(both.by_slice, b.by_slice)


@pytest.mark.parametrize("task", TASKS)
@RUNS
@given(data=st.data())
def test_codec_gives_back_every_bit(task, data) -> None:
    counts = total(task, [data.draw(rows(task))])
    assert same(unpack(pack(counts), layout(task)), counts)
    reference = Reference(
        layout(task),
        counts,
        "m",
        block_seconds=300,
        block_starts=np.array([0, 300]),
        blocks=Vectors.of([counts.all] * 2),
    )
    again = unpack_reference(pack_reference(reference), "file")
    assert again.id == reference.id
    assert same(again.total, counts)
    assert again.blocks.dense().tobytes() == reference.blocks.dense().tobytes()


@pytest.mark.parametrize("task", TASKS)
@RUNS
@given(data=st.data())
def test_slices_add_up_to_the_whole(task, data) -> None:
    """With a value in every row, the values of a dimension together count what all rows count."""
    log = [{**each, "site": each["site"] or "x"} for each in data.draw(rows(task))]
    counts = total(task, [log])
    for part in ("rows", "errors", "latency", "labels", "latency_sum"):
        assert np.array_equal(counts.sliced("site", part).sum(axis=0), counts[part])
    for part in ("outcomes", "score", "score_actual", "score_terms", "prediction", "error_terms", "actual"):
        if counts.get(part) is not None:
            assert np.allclose(counts.sliced("site", part).sum(axis=0), counts[part], rtol=1e-12)


@pytest.mark.parametrize("task", TASKS)
@RUNS
@given(data=st.data())
def test_scattered_counts_are_those_of_whole_panes(task, data) -> None:
    """Bit for bit, in every version and pane, also as bytes, and where what was counted is taken back."""
    shape = layout(task)
    known = outcomes(task, data.draw(rows(task)))
    some = data.draw(st.lists(st.booleans(), min_size=len(known), max_size=len(known)))
    known.sign[np.array(some, dtype=np.bool_)] *= -1.0
    plain = {key: counts for group in count_outcomes(known, shape, PANE) for key, counts in group.items()}
    if not plain:
        return
    cells, scattered = scatter_outcomes(known, shape, PANE)
    assert set(cells) == plain.keys()
    for key, addition in zip(cells, scattered.each(), strict=True):
        pane = Counts.zero(shape)
        Addition.unpack(addition.pack(), shape).add_to(pane)
        assert np.all(addition.values)
        assert np.array_equal(pane.all, plain[key].all)
        assert np.array_equal(pane.by_slice, plain[key].by_slice)
    for version in {owner for owner, _ in cells}:
        whole, mine = Counts.zero(shape), np.array([owner == version for owner, _ in cells])
        scattered.add_to(whole, mine)
        together = sum_of(shape, [counts for (owner, _), counts in plain.items() if owner == version])
        assert np.array_equal(whole.all, together.all)
        assert np.array_equal(whole.by_slice, together.by_slice)


def addition(place: int = 0, code: int = 0, features: int = 2) -> bytes:
    codes, terms = np.full((1, features), code, dtype=np.uint8), np.ones((1, 5))
    return Addition(np.array([place]), np.array([1.0]), codes, terms).pack()


@pytest.mark.parametrize(
    "data",
    [b"", b"1", addition(place=10**6), addition(code=9), addition(features=3), addition()[:-1], addition() + b"1"],
)
def test_scattered_counts_of_another_layout_are_refused(data) -> None:
    assert Addition.unpack(addition(), layout("binary")).pack() == addition()
    with pytest.raises(ValueError, match="scattered counts are damaged"):
        Addition.unpack(data, layout("binary"))


NUMBERS = st.floats(-1e6, 1e6)


@given(st.lists(NUMBERS, max_size=50), st.sampled_from([1e-3, 1.0, 50.0, 1e5]))
def test_sums_are_exact_and_near(values, scale) -> None:
    """Rounding to the unit changes a value by half a unit at most, and then sums in any order are the same."""
    unit = sum_unit(scale)
    given_values = np.array(values, dtype=np.float64)
    rounded = to_unit(given_values, unit)
    assert np.array_equal(to_unit(-given_values, unit), -rounded)
    assert np.all(np.abs(rounded - given_values) <= unit / 2)
    assert np.array_equal(rounded / unit, np.round(rounded / unit))
    if np.abs(rounded).sum() < 2.0**53 * unit:
        assert rounded.sum() == sum(reversed(rounded.tolist()))


@given(st.lists(st.floats(allow_nan=False), max_size=20), st.sampled_from([2.0**-30, 1.0, 2.0**30]))
def test_absurd_values_stay_finite(values, unit) -> None:
    """A value a thousand million times beyond its unit's scale is cut, so that it cannot swallow a sum."""
    rounded = to_unit(np.array(values, dtype=np.float64), unit)
    assert np.all(np.abs(rounded) <= unit * 2.0**60)
    big = to_unit(np.array([*values, 1e300]), unit)
    assert big.sum() - big[-1] == pytest.approx(rounded.sum(), abs=unit * 2.0**10 * (len(values) + 1))
