"""The program counts labelled rows as the plain builder of these oracles does, so what is proved of one holds of the other."""

import numpy as np
import pyarrow as pa
import pytest

from exporter.metrics.performance.parts import of_counts
from exporter.metrics.performance.registry import BY_TASK
from exporter.profile.count import Outcomes, count_outcomes
from tests.oracle.counting import count
from tests.oracle.pipeline import Fitted
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


def test_predicted_classes_are_counted_by_score_of_all_rows() -> None:
    """Labelled or not, and without rows that lack a score: the program's own path from a log's columns."""
    random = np.random.default_rng(12)
    n = 2000
    scores = random.dirichlet((1.0, 2.0, 3.0), n)
    predicted = scores.argmax(axis=1)
    missing = random.random(n) < 0.1
    names = np.array(["a", "b", "c"])
    table = pa.table(
        {
            **{f"p_{name}": pa.array(scores[:, k], mask=missing & (k == 1)) for k, name in enumerate(names)},
            "said": names[predicted],
            "was": pa.array(names[predicted], mask=random.random(n) < 0.5),
        }
    )
    columns = {"prediction": "said", "label": "was", "scores": {name: f"p_{name}" for name in names}}
    fitted = Fitted.of(table, "multiclass", (), **columns)
    kept = ~missing
    plain = count(fitted.reference.layout, scores=scores[kept], predicted=predicted[kept])
    assert plain["class_score"].tolist() == fitted.count(table)["class_score"].tolist()
    assert plain["class_score"].tolist() == fitted.reference.total["class_score"].tolist()

    score = random.beta(2, 2, n)
    called = (score > 0.7).astype(int)
    binary = pa.table({"p": pa.array(score, mask=missing), "said": called, "was": called})
    fitted = Fitted.of(binary, "binary", (), prediction="said", score="p", label="was")
    plain = count(fitted.reference.layout, score=score[kept], predicted=called[kept])
    assert plain["score_positive"].tolist() == fitted.count(binary)["score_positive"].tolist()
