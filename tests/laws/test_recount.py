"""Window counts equal a recount of the log's lines in plain Python, one row at a time."""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter.profile.bins import CategoryBins, NumericBins
from tests.exporters import BINARY, DAY, HOUR, NOW, REGRESSION, Exporter, reference_rows


def code(value: Any, bins: NumericBins | CategoryBins) -> int:
    """Code of a value as a line holds it."""
    if value is None:
        return 0
    if isinstance(bins, CategoryBins):
        return 2 + bins.values.index(value) if value in bins.values else 2 + len(bins.values) + 1
    if not isinstance(value, float | int):
        return 1
    return 2 + bisect_left(bins.edges.tolist(), value)


def cell(value: float, bins: NumericBins) -> int:
    return bisect_left(bins.edges.tolist(), value)


def log_of(n: int, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Predictions of two days in any order, some failed, some twice; labels of most, some twice, some of nobody."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for i in range(n):
        failed = rng.random() < 0.05
        p = round(float(rng.random()), 5)
        rows.append({
            "ts": float(NOW - rng.integers(0, 2 * DAY)),
            "id": f"i{i}",
            "version": str(rng.choice(["v1", "v2"])),
            "error": str(rng.choice(["down", "timeout"])) if failed else None,
            "late": None if failed else int(p > 0.5),
            "p": None if failed else p,
            "value": None if failed else round(p * 40 - 5, 3),
            "seconds": round(float(rng.exponential(0.05)), 6),
            "x": [None, "n.a.?", float("nan"), round(float(rng.normal(10, 4)), 4), 1e6][rng.choice(5, p=[0.03, 0.02, 0.01, 0.93, 0.01])],
            "carrier": [None, "AA", "UA", "DL", "ZZ"][rng.choice(5, p=[0.05, 0.5, 0.3, 0.1, 0.05])],
        })  # fmt: skip
    labels = [
        {
            "id": row["id"],
            "late": int(rng.random() < 0.5),
            "y": round(float(rng.normal(15, 10)), 3),
            "at": row["ts"] + 100.5,
        }
        for row in rows
        if rng.random() < 0.8
    ]
    rows += [dict(rows[i]) for i in rng.integers(0, n, 20)]
    labels += [dict(labels[i]) for i in rng.integers(0, len(labels), 20)] + [
        {"id": "nobody", "late": 1, "y": 1.0, "at": NOW}
    ]
    for row in rows:
        row["x"] = None if isinstance(row["x"], float) and math.isnan(row["x"]) else row["x"]
    return rows, [labels[i] for i in rng.permutation(len(labels))]


def once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first row of each id."""
    return list({row["id"]: row for row in reversed(rows)}.values())


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("model", [BINARY, REGRESSION], ids=["binary", "regression"])
def test_window_counts_equal_a_recount(tmp_path: Path, model: dict[str, Any], seed: int) -> None:
    regression = model is REGRESSION
    columns = {**model["predictions"]["columns"], "latency": "seconds", "error": "error"}
    exporter = Exporter(tmp_path, model, predictions={**model["predictions"], "columns": columns})
    exporter.fit([{**each, "value": each["x"], "y": each["x"] + 1 if regression else each["y"], "seconds": 0.1}
                  for each in reference_rows()])  # fmt: skip
    rows, labels = log_of(1500, seed)
    for start in range(0, len(rows), 400):
        exporter.predict(*rows[start : start + 400])
        exporter.label(*labels[start : start + 400])
        exporter.read()
    assert exporter.rejected() == {"duplicate": 20.0}
    truths = {label["id"]: label for label in labels}
    words = exporter.book.vocabulary.labels("carrier")
    for version in ("v1", "v2"):
        for seconds in (HOUR, DAY, 2 * DAY):
            counts = exporter.window(seconds, version)
            chosen = [row for row in once(rows) if row["version"] == version and NOW - seconds <= row["ts"] < NOW]
            compare(counts.__getitem__, chosen, truths, exporter, regression=regression)
            features(counts, chosen)
            truth_by_feature(counts, chosen, truths, regression=regression)
            for value in ("AA", "UA", "DL", "ZZ"):
                slot = words.index(value)

                def sliced(part: str, slot: int = slot, counts: Any = counts) -> np.ndarray:
                    return counts.sliced("carrier", part)[slot]

                inside = [row for row in chosen if row["carrier"] == value]
                compare(sliced, inside, truths, exporter, regression=regression)
    exporter.close()


def features(counts: Any, rows: list[dict[str, Any]]) -> None:
    for name, bins in counts.layout.features.items():
        expected = Counter(code(row[name], bins) for row in rows)
        assert dict(expected) == {i: n for i, n in enumerate(counts.feature(name)) if n}
        if isinstance(bins, NumericBins):
            sums: defaultdict[int, float] = defaultdict(float)
            for row in rows:
                if code(row[name], bins) > 1:
                    sums[code(row[name], bins)] += row[name]
            for i, total in enumerate(counts.feature_sums(name)):
                assert total == pytest.approx(sums[i], abs=len(rows) * bins.unit)


def truth_by_feature(counts: Any, rows: list[dict[str, Any]], truths: dict[str, Any], *, regression: bool) -> None:
    """Terms of labelled rows by coarse code, and by the first bad cell; a category never seen is a bad one."""
    layout = counts.layout
    codes = [{name: int(layout.coarse[name].table[code(row[name], bins)]) for name, bins in layout.features.items()}
             for row in rows]  # fmt: skip
    first = [
        next((i for i, name in enumerate(layout.features) if at[name] < 2 or _unseen(row[name], layout.features[name])), None)
        for at, row in zip(codes, rows, strict=True)
    ]  # fmt: skip
    assert counts["bad_cells"].tolist() == [first.count(i) for i in range(len(layout.features))]
    by_code, by_cell = np.zeros(counts["feature_truth"].shape), np.zeros(counts["bad_truth"].shape)
    for row, at, bad in zip(rows, codes, first, strict=True):
        if row["error"] is None and row["id"] in truths:
            terms = _terms(row, truths[row["id"]], regression=regression)
            for name, span in layout.coarse_span.items():
                by_code[span.start + at[name]] += terms
            if bad is not None:
                by_cell[bad] += terms
    near = {"rtol": 1e-6, "atol": 1e-4 if regression else len(rows) * 2.0**-30}
    assert np.allclose(counts["feature_truth"], by_code, **near)
    assert np.allclose(counts["bad_truth"], by_cell, **near)


def _unseen(value: Any, bins: NumericBins | CategoryBins) -> bool:
    return isinstance(bins, CategoryBins) and value not in bins.values


def _terms(row: dict[str, Any], truth: dict[str, Any], *, regression: bool) -> list[float]:
    if regression:
        error = row["value"] - truth["y"]
        return [1.0, error, error * error, abs(error)]
    given = row["p"] if truth["late"] else 1 - row["p"]
    return [
        1.0,
        row["late"] != truth["late"],
        truth["late"],
        -math.log(min(max(given, 2.0**-52), 1 - 2.0**-52)),
        row["p"],
    ]


def compare(
    part: Any, rows: list[dict[str, Any]], truths: dict[str, Any], exporter: Exporter, *, regression: bool
) -> None:
    layout = exporter.worker.references.layout("")
    answered = [row for row in rows if row["error"] is None]
    assert part("rows")[0] == len(rows)
    names = exporter.book.vocabulary.labels("error")
    assert {n: c for n, c in zip(names, part("errors"), strict=True) if c} == Counter(
        row["error"] for row in rows if row["error"]
    )
    assert part("latency").tolist() == histogram([row["seconds"] for row in answered], layout.latency_bounds)
    assert part("latency_sum")[0] == pytest.approx(sum(row["seconds"] for row in answered), abs=len(rows) * 2.0**-20)
    joined = [(row, truths[row["id"]]) for row in answered if row["id"] in truths]
    assert part("labels")[0] == len(joined)
    if regression:
        errors = [(row["value"] - truth["y"], truth["y"]) for row, truth in joined]
        expected = [
            len(errors), sum(abs(e) for e, _ in errors), sum(e * e for e, _ in errors), sum(e for e, _ in errors),
            sum(abs(e / y) for e, y in errors if y), sum(1 for _, y in errors if y), sum(y for _, y in errors),
            sum(y * y for _, y in errors),
        ]  # fmt: skip
        assert part("error_terms").tolist() == pytest.approx(expected, rel=1e-6, abs=1e-4)
        assert cells(part("error_cells")) == Counter(cell(e, layout.error_bins) for e, _ in errors)
        assert cells(part("actual")) == Counter(cell(y, layout.actual_bins) for _, y in errors)
        assert cells(part("prediction")) == Counter(cell(row["value"], layout.prediction_bins) for row in answered)
        return
    assert cells(part("score")) == Counter(cell(row["p"], layout.score_bins) for row in answered)
    assert part("score_sum")[0] == pytest.approx(sum(row["p"] for row in answered), abs=len(rows) * 2.0**-30)
    assert cells(part("predicted")) == Counter(row["late"] for row in answered)
    assert {tuple(map(int, at)): part("outcomes")[tuple(at)] for at in np.argwhere(part("outcomes"))} == Counter(
        (row["late"], truth["late"]) for row, truth in joined
    )
    assert {
        tuple(map(int, at)): part("score_actual")[tuple(at)] for at in np.argwhere(part("score_actual"))
    } == Counter((cell(row["p"], layout.ranked_bins), truth["late"]) for row, truth in joined)
    terms = [(row["p"], truth["late"]) for row, truth in joined]
    losses = [-math.log(min(max(p if y else 1 - p, 2**-52), 1 - 2**-52)) for p, y in terms]
    expected = [sum((p - y) ** 2 for p, y in terms), sum(losses), len(terms)]
    assert part("score_terms").tolist() == pytest.approx(expected, abs=1e-6)


def cells(counts: np.ndarray) -> dict[int, float]:
    return {i: float(n) for i, n in enumerate(counts) if n}


def histogram(values: list[float], bounds: tuple[float, ...]) -> list[int]:
    counted = [0] * (len(bounds) + 1)
    for value in values:
        counted[bisect_left(bounds, value)] += 1
    return counted
