"""What the ledger learns from a reference's windows does not depend on how many are looked at together."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from bench.ledger_scenarios import counted, evaluation, reference_of, window
from exporter.metrics.evaluation import Thresholds, Window
from exporter.metrics.performance import parts
from exporter.metrics.shift.learned import learned
from exporter.metrics.shift.losses import LOSSES
from exporter.metrics.shift.recognition import changed_prior
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors

HOURS = 365 * 24


@pytest.fixture(scope="module")
def year() -> Reference:
    """Hours that are drawn from the mean of days."""
    random, days = np.random.default_rng(1), reference_of("binary", days=24, rows=500)
    hour = np.maximum(days.blocks.dense().mean(axis=0) / 10, 0.0)
    blocks = Vectors.of([random.poisson(hour).astype(np.float64) for _ in range(HOURS)])
    return replace(days, block_seconds=3600, block_starts=np.arange(HOURS) * 3600, blocks=blocks)


def test_windows_are_learned_from_alike_in_chunks_of_any_size(year: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    some, found = np.arange(HOURS) < 200, []
    for at_once in (7, 1000):
        monkeypatch.setattr(parts, "AT_ONCE", at_once)
        fresh = replace(year, block_starts=year.block_starts[some], blocks=year.blocks.rows(some))
        sides = [learned(fresh, loss, 3600, Thresholds(min_labels=10)) for loss in LOSSES["binary"]]
        found.append([each.between for each in sides if each is not None])
    assert len(found[0]) == 2
    assert max(found[0]) > 0
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_a_year_of_hours_is_not_held_as_plain_numbers(year: Reference) -> None:
    """All that is learned of an hour's window takes less than the features' counts alone would."""
    plain = 8 * HOURS * year.layout.feature_width
    case = evaluation(year, counted(year, window(np.random.default_rng(2), "binary", 2000)))
    hourly = replace(case, window=Window("1h", 3600, 0, 3600))
    tracemalloc.start()
    for loss in LOSSES["binary"]:
        assert learned(year, loss, 3600, Thresholds(min_labels=10)) is not None
    assert not changed_prior(hourly)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * plain
