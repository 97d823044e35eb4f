"""The program counts labelled rows as the plain builder of these oracles does, so what is proved of one holds of the other."""

import numpy as np
import pytest

from exporter.metrics.performance.parts import of_counts
from exporter.metrics.performance.registry import BY_TASK
from exporter.profile.count import Outcomes, count_outcomes
from tests.oracle.counting import count
from tests.oracle.test_performance import DATA, Rows


def program(rows: Rows):
    n = len(rows.actual)
    missing = np.full(n, np.nan)
    columns = rows.columns
    outcomes = Outcomes(
        versions=("v",),
        version=np.zeros(n, dtype=np.int64),
        time=np.zeros(n, dtype=np.int64),
        prediction=columns.get("prediction", columns.get("predicted", missing)).astype(np.float64),
        score=columns.get("score", missing),
        actual=rows.actual.astype(np.float64),
        delay=missing,
        slots=np.empty((n, 0), dtype=np.int64),
        sign=np.ones(n),
        scores=columns.get("scores"),
    )
    [cells] = count_outcomes(outcomes, rows.layout, 3600)
    return cells[("v", 0)]


@pytest.mark.parametrize(
    ("task", "rows"),
    [pytest.param(task, rows, id=f"{task}-{i}") for task, some in DATA.items() for i, rows in enumerate(some)],
)
def test_the_program_counts_as_the_oracle_does(task, rows):
    ours, plain = program(rows), count(rows.layout, **rows.columns)
    for metric in BY_TASK[task]:
        expected = metric.compute(of_counts(plain))
        found = metric.compute(of_counts(ours))
        for name in ("value", "lower", "upper"):
            assert getattr(expected, name)[0] == pytest.approx(
                getattr(found, name)[0], rel=1e-7, abs=1e-9, nan_ok=True
            ), metric.name
