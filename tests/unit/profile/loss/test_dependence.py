"""What pairs do beyond their variables is seen, and what single variables do is not taken for it."""

import numpy as np
import pytest

from exporter.profile.bins import Floats
from exporter.profile.loss.dependence import Dependence
from exporter.profile.loss.pair_terms import Pairs

RANDOM = np.random.default_rng(11)
ROWS = 10_000 * RANDOM.dirichlet(np.full(30, 2.0)).reshape(6, 5)
"""Two variables that go together somehow."""
OTHERS = 10_000 * RANDOM.dirichlet(np.full(12, 2.0)).reshape(3, 4)
TABLES = [RANDOM.normal(size=(6, 5, 2)), RANDOM.normal(size=(3, 4, 2))]
KNOWN = Dependence.of([ROWS, OTHERS], TABLES)


def means(rows: list[Floats]) -> Floats:
    """(P, L) of windows whose rows by both codes are known."""
    return np.stack(
        [np.einsum("ab,abl->l", each, table) / each.sum() for each, table in zip(rows, TABLES, strict=True)]
    )


def moved(rows: list[Floats], n: float = np.inf) -> Floats:
    return KNOWN.moved(means(rows), [each.sum(axis=1) for each in rows], [each.sum(axis=0) for each in rows], n)


def test_variables_that_moved_one_by_one_are_no_change_of_dependence() -> None:
    """Rows weighted by a factor of each code alone keep their odds ratios, and the means are told by the margins."""
    for _ in range(20):
        window = [
            each * np.exp(RANDOM.normal(size=(each.shape[0], 1)) + RANDOM.normal(size=each.shape[1]))
            for each in (ROWS, OTHERS)
        ]
        assert moved(window) == pytest.approx(0.0, abs=1e-4)
        assert ((means(window) - means([ROWS, OTHERS])) ** 2).sum(axis=0).max() > 0.01


def test_what_goes_together_otherwise_is_seen_in_full() -> None:
    """Rows moved about a rectangle leave every margin as it was: E is the square of what that does to the mean."""
    change = np.zeros_like(ROWS)
    change[np.ix_([1, 3], [0, 2])] = 80.0 * np.array([[1, -1], [-1, 1]])
    due = np.einsum("ab,abl->l", change, TABLES[0]) / ROWS.sum()
    assert moved([ROWS + change, OTHERS]) == pytest.approx(due**2, rel=1e-3)


def test_chance_is_taken_off() -> None:
    """Windows drawn from the reference itself are by chance what `spread` says, and nothing is left on average."""
    found = []
    for _ in range(400):
        window = [RANDOM.multinomial(500, (each / each.sum()).ravel()).reshape(each.shape) for each in (ROWS, OTHERS)]
        off = means(window) - KNOWN.expected([w.sum(axis=1) for w in window], [w.sum(axis=0) for w in window])
        found.append((off * off).sum(axis=0))
    assert np.mean(found, axis=0) == pytest.approx(KNOWN.spread / 500, rel=0.15)
    assert moved([ROWS, OTHERS], 500) == pytest.approx(0.0, abs=1e-12)


def test_a_value_that_was_never_seen_goes_with_the_others_as_they_are() -> None:
    """Its rows are expected to have the other's codes in their usual shares."""
    rows, table = ROWS.copy(), TABLES[0].copy()
    rows[0] = 0.0
    table[0] = (rows.sum(axis=0)[:, None] * table).sum(axis=0) / rows.sum()
    known = Dependence.of([rows], [table])
    window = 0.8 * rows
    window[0] = 0.2 * rows.sum(axis=0)
    told = np.einsum("ab,abl->l", window, table)[None] / window.sum()
    assert known.moved(told, [window.sum(axis=1)], [window.sum(axis=0)], np.inf) == pytest.approx(0.0, abs=1e-6)


def test_pairs_of_a_layout_are_in_units_of_the_loss() -> None:
    whole = [np.rint(1000 * table).astype(np.int64).reshape(-1, 2) for table in TABLES]
    units = np.array([0.001, 0.002])
    known = Dependence.of_pairs(Pairs.of([("a", "b"), ("a", None)], whole, 2), units, [ROWS, OTHERS])
    assert known.tables[0] == pytest.approx(TABLES[0] * np.array([1.0, 2.0]), abs=0.002)
    assert known.tables[1, :3, :4] == pytest.approx(TABLES[1] * np.array([1.0, 2.0]), abs=0.002)


def test_without_pairs_nothing_is_said() -> None:
    assert Dependence.of([], []).moved(np.zeros((0, 0)), [], [], 100.0).size == 0
