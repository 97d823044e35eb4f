"""A name keeps its slot, whatever comes after and whatever the configuration allows."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.profile.adapt import adapt_slots
from exporter.profile.vocabulary import OTHER, Vocabulary


@given(st.lists(st.lists(st.sampled_from([*"abcdefg", OTHER]), max_size=8), max_size=6), st.integers(2, 6))
def test_slots_in_order_of_appearance_and_then_other(batches: list[list[str]], capacity: int) -> None:
    words = Vocabulary({"k": capacity})
    seen = list(dict.fromkeys(name for names in batches for name in names if name != OTHER))
    for names in batches:
        expected = [min(seen.index(name), capacity - 1) if name != OTHER else capacity - 1 for name in names]
        assert words.slots("k", names) == expected
    labels = words.labels("k")
    assert (len(labels), labels[-1], labels[:-1]) == (capacity, OTHER, (seen + [""] * capacity)[: capacity - 1])


def test_fewer_slots_than_names() -> None:
    """What was allowed before and is not now is other; it is not written over."""
    words = Vocabulary({"k": 3}, {"k": ["a", "b", "c", "d"]})
    assert words.slots("k", ["a", "b", "c", "d", "e"]) == [0, 1, 2, 2, 2]
    assert words.labels("k") == ["a", "b", OTHER]
    assert words.names == {"k": ["a", "b", "c", "d"]}


def test_knows() -> None:
    words = Vocabulary({"k": 3}, {"k": ["a"]})
    assert (words.knows("k", ["a"]), words.knows("k", ["a", "b"]), words.knows("z", [])) == (True, False, True)


def test_adapted_slots() -> None:
    assert adapt_slots(3, 3).tolist() == [0, 1, 2]
    assert adapt_slots(3, 5).tolist() == [0, 1, 4]
    assert adapt_slots(5, 3).tolist() == [0, 1, 2, 2, 2]
