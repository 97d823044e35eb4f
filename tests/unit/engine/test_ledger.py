"""Labels that come late, early, twice or never: each is counted once, where its prediction stands."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.engine.ledger import Ledger, LedgerRules
from exporter.profile.cells import NO_TIME, Names
from exporter.profile.rows import LabelRows, Rows
from exporter.state.store import Store

DAY = 86400
RULES = LedgerRules(dedupe=2 * DAY, wait=4 * DAY)


def predictions(ids: list[int], seconds: list[float], values: list[float] | None = None) -> Rows:
    n = len(ids)
    return Rows(
        time=np.array([int(s * 1e6) for s in seconds], dtype=np.int64),
        version=Names(np.zeros(n, dtype=np.int64), ("v1",)),
        error=Names(np.full(n, -1, dtype=np.int64), ()),
        latency=np.full(n, np.nan),
        score=np.full(n, np.nan),
        score_bad=np.zeros(n, dtype=np.bool_),
        prediction=np.array(values if values is not None else [float(i) for i in ids]),
        place=np.arange(n),
        ids=np.array(ids, dtype=np.uint64),
        has_id=np.ones(n, dtype=np.bool_),
    )


def labels(ids: list[int], values: list[float], seconds: list[float] | None = None) -> LabelRows:
    times = [NO_TIME] * len(ids) if seconds is None else [int(s * 1e6) for s in seconds]
    return LabelRows(
        np.array(ids, dtype=np.uint64), np.array(values), np.array(times, dtype=np.int64), np.arange(len(ids))
    )


def no_slots(n: int) -> np.ndarray:
    return np.empty((n, 0), dtype=np.int64)


def add(ledger: Ledger, rows: Rows) -> list[tuple[float, float]]:
    """Adds predictions that are new; (prediction, label) of those whose label was there first."""
    assert rows.ids is not None
    assert rows.has_id is not None
    rows = rows.take(~ledger.known(rows.ids, rows.has_id))
    return pairs(ledger.add_predictions(rows, no_slots(len(rows))))


def pairs(outcomes: object) -> list[tuple[float, float]]:
    return sorted(zip(outcomes.prediction.tolist(), outcomes.actual.tolist(), strict=True))  # type: ignore[attr-defined]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "m.sqlite")


def test_label_joins_its_prediction_days_later(store: Store) -> None:
    """A label is counted with its prediction, at the prediction's time, with its delay."""
    ledger = Ledger(store, RULES, 0, {})
    add(ledger, predictions([1, 2, 3], [10, 20, 30]))
    joined = ledger.add_labels(labels([2, 9], [7.0, 8.0], [3 * DAY, 3 * DAY]), now=3 * DAY)
    assert pairs(joined.fresh) == [(2.0, 7.0)]
    assert joined.fresh.time.tolist() == [20_000_000]
    assert joined.fresh.delay.tolist() == [3 * DAY - 20]
    assert (ledger.waiting, ledger.unmatched) == (2, 1)


def test_label_before_its_prediction_waits(store: Store) -> None:
    ledger = Ledger(store, RULES, 0, {})
    assert pairs(ledger.add_labels(labels([5], [1.0]), now=0.0).fresh) == []
    assert add(ledger, predictions([5, 6], [10, 10])) == [(5.0, 1.0)]
    assert ledger.unmatched == 0


def test_prediction_twice_is_known(store: Store) -> None:
    """An id is known from earlier batches and from earlier in the same batch; rows without an id never are."""
    ledger = Ledger(store, RULES, 0, {})
    add(ledger, predictions([1], [10]))
    rows = predictions([1, 2, 2, 3], [11, 12, 13, 14])
    rows.has_id = np.array([True, True, True, False])
    assert ledger.known(rows.ids, rows.has_id).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("conflict", "fresh", "corrections"),
    [("first", [(1.0, 0.0)], []), ("last", [(1.0, 0.0)], [(1.0, 0.0), (1.0, 1.0)])],
)
def test_second_label(store: Store, conflict: str, fresh: list, corrections: list) -> None:
    """The same label again is a duplicate; another one is a conflict, and corrects only where the last one holds."""
    ledger = Ledger(store, LedgerRules(2 * DAY, 4 * DAY, None, conflict), 0, {})  # type: ignore[arg-type]
    add(ledger, predictions([1], [10]))
    assert pairs(ledger.add_labels(labels([1], [0.0]), 0).fresh) == fresh
    again = ledger.add_labels(labels([1], [0.0]), 0)
    assert (pairs(again.fresh), again.duplicates.tolist()) == ([], [True])
    other = ledger.add_labels(labels([1], [1.0]), 0)
    assert (pairs(other.fresh), pairs(other.corrections), other.conflicts.tolist()) == ([], corrections, [True])
    assert other.corrections.sign.sum() == 0


def test_conflict_within_a_batch(store: Store) -> None:
    """The first label is news, the last one holds: as if each had come in a batch of its own."""
    ledger = Ledger(store, RULES, 0, {})
    add(ledger, predictions([1, 2], [10, 10]))
    joined = ledger.add_labels(labels([1, 1, 2, 2], [0.0, 1.0, 5.0, 5.0]), 0)
    assert pairs(joined.fresh) == [(1.0, 0.0), (2.0, 5.0)]
    assert pairs(joined.corrections) == [(1.0, 0.0), (1.0, 1.0)]
    assert joined.conflicts.tolist() == [False, True, False, False]
    assert joined.duplicates.tolist() == [False, False, False, True]


def test_end_of_the_wait(store: Store) -> None:
    """Unlabelled predictions are told, or get the default label; a label that comes after corrects it."""
    ledger = Ledger(store, LedgerRules(2 * DAY, 4 * DAY, default=0.0), 0, {})
    add(ledger, predictions([1, 2], [10, 10]))
    ledger.add_labels(labels([1], [1.0]), 20)
    outcomes, unlabelled, _ = ledger.expire(3 * DAY)
    assert (pairs(outcomes), unlabelled) == ([], 0)
    outcomes, unlabelled, _ = ledger.expire(4 * DAY + RULES.bucket + 1)
    assert (pairs(outcomes), unlabelled, ledger.waiting) == ([(2.0, 0.0)], 0, 0)


def test_unlabelled_and_orphans_are_told_once(store: Store) -> None:
    ledger = Ledger(store, RULES, 0, {})
    add(ledger, predictions([1], [10]))
    ledger.add_labels(labels([9], [1.0]), 20)
    assert ledger.expire(4 * DAY + RULES.bucket + 1)[1:] == (1, 0)
    assert ledger.expire(20 * DAY)[1:] == (0, 1)
    assert ledger.expire(40 * DAY)[1:] == (0, 0)
    assert (ledger.waiting, ledger.unmatched) == (0, 0)
    assert not ledger.known(np.array([1], dtype=np.uint64), np.array([True]))[0]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["prediction", "label", "restart"]),
        st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2), st.integers(0, 3 * DAY)), min_size=1, max_size=6),
    ),
    max_size=15,
)


@settings(max_examples=40, deadline=None)
@given(events=EVENTS, conflict=st.sampled_from(["first", "last"]))
def test_ledger_equals_a_dictionary(tmp_path_factory: pytest.TempPathFactory, events: list, conflict: str) -> None:
    """Whatever comes in whatever order and however often the state is reopened: the same pairs as with two dictionaries."""
    store = Store(tmp_path_factory.mktemp("ledger") / "m.sqlite")
    rules = LedgerRules(10 * DAY, 10 * DAY, None, conflict)  # type: ignore[arg-type]
    ledger = Ledger(store, rules, 0, {})
    counted: dict[tuple[float, float], float] = {}
    known: set[int] = set()
    truth: dict[int, float] = {}

    def tell(outcomes) -> None:
        for p, a, s in zip(outcomes.prediction, outcomes.actual, outcomes.sign, strict=True):
            counted[(p, a)] = counted.get((p, a), 0.0) + s

    for kind, items in events:
        if kind == "prediction":
            rows = predictions([i for i, _, _ in items], [t for _, _, t in items])
            rows = rows.take(~ledger.known(rows.ids, rows.has_id))
            tell(ledger.add_predictions(rows, no_slots(len(rows))))
            known |= {i for i, _, _ in items}
        elif kind == "label":
            joined = ledger.add_labels(labels([i for i, _, _ in items], [float(v) for _, v, _ in items]), 2 * DAY)
            tell(joined.fresh)
            tell(joined.corrections)
            for i, v, _ in items:
                if conflict == "last" or i not in truth:
                    truth[i] = float(v)
        else:
            with store.transaction():
                ledger.flush(store)
            versions, tallies = ledger.versions, ledger.tallies
            ledger = Ledger(store, rules, 0, tallies)
            ledger.versions = versions
    assert {pair: n for pair, n in counted.items() if n} == {(float(i), truth[i]): 1.0 for i in known if i in truth}
    assert ledger.waiting == len(known - truth.keys())
    assert ledger.unmatched == len(truth.keys() - known)
