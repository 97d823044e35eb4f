"""Shares of bad values, label coverage and slices on /metrics, against plain recounts of the log's rows."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exporters import BINARY, DAY, HOUR, NOW, REGRESSION, Exporter, reference_rows

LOWEST, HIGHEST = 2.0, 18.0
KNOWN = ("AA", "UA", "DL")
WINDOWS = {"1h": HOUR, "1d": DAY}
MIN_SLICE = 30

Row = dict[str, Any]
Pairs = list[tuple[Row, Row]]
"""Answered predictions with their labels."""


def log_of(n: int, seed: int) -> tuple[list[Row], dict[str, Row]]:
    """Predictions of a day, half of them of its last hour, with all that a column can hold; labels by id."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for number in range(n):
        failed = bool(rng.random() < 0.1)
        score = float(rng.integers(1, 20)) / 20
        some = [
            None,
            "n.a.?",
            LOWEST,
            HIGHEST,
            LOWEST - 0.001,
            HIGHEST + 0.001,
            1e9,
            round(float(rng.normal(10, 3)), 3),
        ]
        rows.append(
            {
                "ts": NOW - float(rng.integers(1, HOUR if number % 2 else DAY)),
                "id": f"i{number}",
                "version": ("v1", "v2")[number % 3 == 0],
                "error": "down" if failed else None,
                "late": None if failed else int(score > 0.5),
                "p": None if failed else score,
                "value": None if failed else round(float(rng.normal(12, 4)), 3),
                "x": some[rng.choice(len(some), p=[0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.6])],
                "carrier": [*KNOWN, None, "ZZ", "YY"][rng.choice(6, p=[0.4, 0.3, 0.15, 0.05, 0.09, 0.01])],
            }
        )
    labels = {
        row["id"]: {"id": row["id"], "late": int(rng.random() < (row["p"] or 0.5)), "y": round(float(rng.normal(12, 4)), 3),
                    "at": row["ts"] + 1.0}
        for row in rows
        if rng.random() < 0.7
    }  # fmt: skip
    return rows, labels


@pytest.fixture(params=["binary", "regression"])
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def day(tmp_path: Path, task: str) -> tuple[dict[str, Any], list[Row], dict[str, Row]]:
    """What the program exposes of a log, the log's rows, and its labels by id."""
    model = BINARY if task == "binary" else REGRESSION
    columns = {**model["predictions"]["columns"], "error": "error"}
    exporter = Exporter(
        tmp_path,
        model,
        predictions={**model["predictions"], "columns": columns},
        features={
            "include": ["x", "carrier"],
            "overrides": {"x": {"range": [LOWEST, HIGHEST]}, "carrier": {"categories": list(KNOWN)}},
        },
        thresholds={"min_slice": MIN_SLICE},
    )
    exporter.fit([{**each, "value": each["x"], "y": each["y"] if task == "binary" else each["x"] + 1}
                  for each in reference_rows()])  # fmt: skip
    rows, labels = log_of(2000, seed=7)
    exporter.predict(*rows)
    exporter.label(*labels.values())
    exporter.read()
    samples = exporter.samples()
    exporter.close()
    return samples, rows, labels


def of_window(rows: list[Row], version: str, window: str) -> list[Row]:
    return [row for row in rows if row["version"] == version and NOW - WINDOWS[window] <= row["ts"] < NOW]


def is_number(value: Any) -> bool:
    return isinstance(value, float)


SHARES: Mapping[str, tuple[str, Callable[[Row], bool], Callable[[Row], bool]]] = {
    # metric → feature, which rows are judged, which of them are bad
    "ml_feature_missing_ratio": ("x", lambda row: True, lambda row: row["x"] is None),
    "ml_feature_invalid_ratio": ("x", lambda row: True, lambda row: row["x"] == "n.a.?"),
    "ml_feature_out_of_range_ratio": (
        "x", lambda row: is_number(row["x"]), lambda row: not LOWEST <= row["x"] <= HIGHEST,
    ),
    "ml_feature_unseen_ratio": (
        "carrier", lambda row: row["carrier"] is not None, lambda row: row["carrier"] not in KNOWN,
    ),
}  # fmt: skip


@pytest.mark.parametrize("metric", SHARES)
def test_shares_of_bad_values(day: Any, metric: str) -> None:
    samples, rows, _ = day
    feature, judged, bad = SHARES[metric]
    for version in ("v1", "v2"):
        for window in WINDOWS:
            chosen = [row for row in of_window(rows, version, window) if judged(row)]
            expected = sum(map(bad, chosen)) / len(chosen)
            assert 0 < expected < 1
            assert expected == samples[metric][version, window, feature]


def test_checks_that_a_feature_has_not_are_absent(day: Any) -> None:
    samples, _, _ = day
    assert {key[2] for key in samples["ml_feature_out_of_range_ratio"]} == {"x"}
    assert {key[2] for key in samples["ml_feature_unseen_ratio"]} == {"carrier"}
    assert {key[2] for key in samples["ml_feature_missing_ratio"]} == {"x", "carrier"}


def test_label_coverage(day: Any) -> None:
    """Of the answered predictions: one that failed waits for no label."""
    samples, rows, labels = day
    for version in ("v1", "v2"):
        for window in WINDOWS:
            answered = [row for row in of_window(rows, version, window) if row["error"] is None]
            expected = sum(row["id"] in labels for row in answered) / len(answered)
            assert expected == samples["ml_label_coverage_ratio"][version, window]


def accuracy(pairs: Pairs) -> float:
    return sum(row["late"] == label["late"] for row, label in pairs) / len(pairs)


def precision(pairs: Pairs) -> float:
    return accuracy([pair for pair in pairs if pair[0]["late"] == 1])


def recall(pairs: Pairs) -> float:
    return accuracy([pair for pair in pairs if pair[1]["late"] == 1])


def f1(pairs: Pairs) -> float:
    return 2 / (1 / precision(pairs) + 1 / recall(pairs))


def roc_auc(pairs: Pairs) -> float:
    """Share of pairs of a late and a punctual flight whose scores are in this order; equal scores count a half."""
    late = [row["p"] for row, label in pairs if label["late"] == 1]
    punctual = [row["p"] for row, label in pairs if label["late"] == 0]
    return sum((a > b) + (a == b) / 2 for a in late for b in punctual) / (len(late) * len(punctual))


def errors(pairs: Pairs) -> list[float]:
    return [row["value"] - label["y"] for row, label in pairs]


PERFORMANCE: Mapping[str, Mapping[str, Callable[[Pairs], float]]] = {
    "binary": {"accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1, "roc_auc": roc_auc},
    "regression": {
        "mean_error": lambda pairs: math.fsum(errors(pairs)) / len(pairs),
        "mean_absolute_error": lambda pairs: math.fsum(map(abs, errors(pairs))) / len(pairs),
        "root_mean_squared_error": lambda pairs: math.sqrt(math.fsum(e * e for e in errors(pairs)) / len(pairs)),
    },
}


def test_performance_of_slices(day: Any, task: str) -> None:
    """Every metric of every value with enough labels, and no other."""
    samples, rows, labels = day
    expected = {}
    few = 0
    for version in ("v1", "v2"):
        for window in WINDOWS:
            joined = [
                (row, labels[row["id"]])
                for row in of_window(rows, version, window)
                if row["error"] is None and row["id"] in labels
            ]
            for value in (*KNOWN, "ZZ", "YY"):
                pairs = [pair for pair in joined if pair[0]["carrier"] == value]
                few += 0 < len(pairs) < MIN_SLICE
                if len(pairs) >= MIN_SLICE:
                    for metric, compute in PERFORMANCE[task].items():
                        expected[version, window, "carrier", value, metric] = compute(pairs)
    assert few > 0
    assert expected == pytest.approx(samples["ml_slice_performance"], abs=1e-6)
