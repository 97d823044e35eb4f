"""Isotonic regression is scikit-learn's, and is used only where it helps on rows that it has not seen."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from exporter.metrics.estimated.calibration import FOLDS, calibrate, isotonic, parts_of
from tests.oracle.counting import count
from tests.oracle.references import reference_of
from tests.unit.metrics.estimated.worlds import calibrated, layout_of, overconfident


@pytest.mark.parametrize("seed", range(5))
def test_pooled_shares_are_those_of_scikit_learn(seed) -> None:
    rng = np.random.default_rng(seed)
    said = np.sort(rng.random(200))
    rows = rng.integers(0, 30, 200).astype(float)
    positives = rng.binomial(rows.astype(int), said**2).astype(float)
    used = rows > 0
    theirs = IsotonicRegression(out_of_bounds="clip")
    theirs.fit(said[used], positives[used] / rows[used], sample_weight=rows[used])
    ours, group = isotonic(positives, rows, said)
    assert theirs.predict(said) == pytest.approx(ours, abs=1e-12)
    # A pool is one share of its own rows.
    for pool in range(group.max() + 1):
        cells = used & (group == pool)
        assert positives[cells].sum() / rows[cells].sum() == pytest.approx(ours[cells][0])


def learned(reference):
    table = reference.total["score_ranks"]
    edges = np.concatenate(([0.0], reference.layout.rank_edges, [1.0]))
    said = (edges[1:] + edges[:-1]) / 2
    return calibrate(table, said, parts_of(reference, "score_ranks"))


@pytest.mark.parametrize("seconds", [None, 86_400])
def test_scores_are_taken_at_their_word_only_where_that_is_better(seconds) -> None:
    """Whether the reference's parts are stretches of time or drawn at random."""
    verdicts = {}
    for draw in (overconfident, calibrated):
        rng = np.random.default_rng(3)
        days = [draw(rng, 500) for _ in range(20)]
        layout = layout_of(days[0])
        verdicts[draw] = [
            learned(
                reference_of([count(layout, **day) for day in [draw(rng, 500) for _ in range(20)]], seconds)
            ).isotonic
            for _ in range(10)
        ]
    assert all(verdicts[overconfident])
    assert sum(verdicts[calibrated]) <= 3


@pytest.mark.parametrize("seconds", [None, 86_400])
def test_parts_are_the_whole(seconds) -> None:
    rng = np.random.default_rng(4)
    days = [overconfident(rng, 300) for _ in range(12)]
    layout = layout_of(days[0])
    reference = reference_of([count(layout, **day) for day in days], seconds)
    folds = parts_of(reference, "score_ranks")
    assert len(folds) == FOLDS
    assert (folds.sum(axis=(1, 2)) > 0).all()
    assert folds.sum(axis=0) == pytest.approx(reference.total["score_ranks"])
