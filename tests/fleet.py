"""Three small models with their logs, the same bytes on every machine: what whole-program tests run on.

`spam` is binary, has two versions, JSON lines and labels in a log of their own; `leaf` is multiclass with a score a
class, in CSV; `price` is a regression in Parquet with the truth in the prediction's own row, and a nightly job with a log
of its runs.
"""

import csv
import json
import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]

HOUR = 3600
DAY = 24 * HOUR
START = 1_767_225_600
"""2026-01-01 00:00 UTC: where the references begin."""
REFERENCE_DAYS = 30
NOW = START + 32 * DAY + 10 * HOUR + 60
"""When the tests look: two days of logs behind the reference, windows end a settle time ago, on the hour."""
PER_HOUR = 10

CONFIG = """\
server:
  listen: 127.0.0.1:0
state_dir: state
host: {collectors: []}  # what this machine does would be on no committed page
cycle: 15s
defaults:
  pane: 1h
  max_counter_age: 7d
models:
  spam:
    task: binary
    owner: mail-team
    tier: critical
    predictions:
      source: {type: files, path: "logs/spam-*.jsonl"}
      columns:
        time: ts
        id: id
        prediction: spam
        score: probability
        latency: {column: latency_ms, unit: ms}
        error: error
        version: version
    labels:
      source: {type: files, path: "logs/spam_labels.jsonl"}
      columns: {id: id, label: was_spam, time: told_at}
    slices: [sender]
    windows: [6h, 24h]
    reference: {default: refs/spam.mlref, versions: {v2: refs/spam-v2.mlref}}
    reference_data:
      source: {type: files, path: reference/spam.jsonl}
      columns: {label: was_spam, label_time: told_at}
    thresholds:
      methods: [jensen_shannon, population_stability_index]
      performance: {accuracy: {lower: 0.7}}
    slo:
      - {name: availability, objective: 0.99}
      - {name: latency, objective: 0.95, latency: 80ms}
      - {name: freshness, objective: 0.99, freshness: 1h}
      - {name: right, objective: 0.8, quality: true}
  leaf:
    task: multiclass
    owner: garden-team
    predictions:
      source: {type: files, path: "logs/leaf.csv"}
      columns: {time: ts, id: id, prediction: kind, scores: {ash: p_ash, elm: p_elm, oak: p_oak}}
    labels:
      source: {type: files, path: "logs/leaf_labels.csv"}
      columns: {id: id, label: truth, time: told_at}
    windows: [24h]
    reference: refs/leaf.mlref
    reference_data:
      source: {type: files, path: reference/leaf.csv}
      columns: {label: truth, label_time: told_at}
  price:
    task: regression
    predictions:
      source: {type: files, path: "logs/price.parquet"}
      columns: {time: ts, prediction: estimate, latency: seconds, label: paid, label_time: sold_at}
    slices: {town: town}
    clock: watermark
    windows: [24h]
    slo: [{name: close, objective: 0.9, quality: true, tolerance: 10}]
    reference: refs/price.mlref
    batch:
      source: {type: files, path: logs/price_runs.jsonl}
      columns: {run: run, start: start, end: end, status: status, rows_in: read, rows_out: done, failed: failed}
      schedule: 0 2 * * *
    reference_data:
      source: {type: files, path: reference/price.parquet}
"""


def write(folder: Path) -> Path:
    """Logs, reference data and the configuration are in `folder`; the configuration's path."""
    for name in ("logs", "reference"):
        (folder / name).mkdir()
    spam = list(spam_rows(random.Random(1), START, REFERENCE_DAYS * DAY))
    write_jsonl(folder / "reference/spam.jsonl", spam)
    leaf = list(leaf_rows(random.Random(2), START, REFERENCE_DAYS * DAY))
    write_csv(folder / "reference/leaf.csv", leaf)
    price = list(price_rows(random.Random(3), START, REFERENCE_DAYS * DAY))
    write_parquet(folder / "reference/price.parquet", price)

    after = START + REFERENCE_DAYS * DAY
    # Two days; on the second one lengths have grown, and senders are lost.
    spam = list(spam_rows(random.Random(4), after, 2 * DAY + 10 * HOUR, incident=after + DAY))
    write_jsonl(folder / "logs/spam-1.jsonl", [without(row, "was_spam", "told_at") for row in spam[:300]])
    write_jsonl(folder / "logs/spam-2.jsonl", [without(row, "was_spam", "told_at") for row in spam[300:]])
    told = [only(row, "id", "was_spam", "told_at") for row in spam if row["told_at"] <= NOW - HOUR]
    # Two rows twice, and a label of a prediction that nobody made.
    stray = {"id": "nobody", "was_spam": 1, "told_at": NOW - HOUR}
    write_jsonl(folder / "logs/spam_labels.jsonl", [*told, *told[:2], stray])
    # On the second day hardly any oaks are left, and leaves are often taken for another kind.
    leaf = list(leaf_rows(random.Random(5), after, 2 * DAY + 10 * HOUR, incident=after + DAY))
    write_csv(folder / "logs/leaf.csv", [without(row, "truth", "told_at") for row in leaf])
    write_csv(folder / "logs/leaf_labels.csv", [only(row, "id", "truth", "told_at") for row in leaf[:-60]])
    price = list(price_rows(random.Random(6), after, 2 * DAY + 10 * HOUR, too_high=15.0))
    write_parquet(folder / "logs/price.parquet", price)
    write_jsonl(folder / "logs/price_runs.jsonl", run_rows())
    path = folder / "ml-exporter.yml"
    path.write_text(CONFIG)
    return path


def spam_rows(draw: random.Random, start: int, seconds: int, incident: float = math.inf) -> Iterator[Row]:
    """Mails; version v2 answers every third one. Three in four are told right, an hour to a day later."""
    for number, at in enumerate(_times(start, seconds)):
        sender = ("friend", "shop", "stranger")[int(draw.random() * 3)]
        length = round(100 * (1 + draw.random()) * (1 + draw.random()), 1)
        probability = round(draw.random() ** (1 if sender == "stranger" else 2), 4)
        failed = draw.random() < 0.01
        truth = int(draw.random() < probability)
        if at >= incident:
            length = round(length * 1.5, 1)
            sender = sender if draw.random() > 0.2 else ""
        yield {
            "ts": datetime.fromtimestamp(at, UTC).isoformat(),
            "id": f"mail-{start}-{number}",
            "version": "v2" if number % 3 == 0 else "v1",
            "sender": sender or None,
            "length": length,
            "links": int(draw.random() * 6) if draw.random() > 0.02 else None,
            "probability": None if failed else probability,
            "spam": None if failed else int(probability > 0.5),
            "latency_ms": round(20 + 70 * draw.random() ** 3, 2),
            "error": "timeout" if failed else None,
            "was_spam": truth,
            "told_at": at + HOUR + int(draw.random() * 23) * HOUR,
        }


def leaf_rows(draw: random.Random, start: int, seconds: int, incident: float = math.inf) -> Iterator[Row]:
    """Leaves of three kinds, with a score for each."""
    kinds = ("ash", "elm", "oak")
    for number, at in enumerate(_times(start, seconds)):
        truth = int(draw.random() * (3 if at < incident else 2.1))
        seen = truth if at < incident or draw.random() > 0.5 else 0
        weights = [0.2 + draw.random() + (0.8 if kind == seen else 0.0) for kind in range(3)]
        scores = [round(weight / sum(weights), 4) for weight in weights]
        yield {
            "ts": at,
            "id": f"leaf-{start}-{number}",
            "width": round(2 + truth + draw.random(), 2),
            "hairy": "yes" if draw.random() < 0.3 + 0.1 * truth else "no",
            "p_ash": scores[0],
            "p_elm": scores[1],
            "p_oak": scores[2],
            "kind": kinds[max(range(3), key=scores.__getitem__)],
            "truth": kinds[truth],
            "told_at": at + 2 * HOUR,
        }


def price_rows(draw: random.Random, start: int, seconds: int, too_high: float = 0.0) -> Iterator[Row]:
    """Houses and what they were sold for; in town bb estimates are `too_high`."""
    for at in _times(start, seconds):
        area = round(40 + 160 * draw.random(), 1)
        town = ("aa", "bb")[int(draw.random() * 2)]
        paid = round(2 * area + (50 if town == "aa" else 0) + 40 * draw.random(), 1)
        yield {
            "ts": datetime.fromtimestamp(at, UTC),
            "area": area,
            "rooms": int(area // 30),
            "town": town,
            "estimate": round(2 * area + 45 + 20 * draw.random() + (too_high if town == "bb" else 0.0), 1),
            "seconds": round(0.01 + 0.05 * draw.random(), 4),
            "paid": paid,
            "sold_at": datetime.fromtimestamp(at + 5 * HOUR, UTC),
        }


def run_rows() -> list[Row]:
    """A nightly job: 32 runs that went well, the last one with half of its rows; one that failed, and its second try."""
    nights = [START + day * DAY + 2 * HOUR for day in range(33)]
    rows: list[Row] = [
        {"run": f"r{at}", "start": at, "end": at + 1800, "status": "success", "read": 240, "done": 238, "failed": 1}
        for at in nights[:-1]
    ]
    rows[-1] |= {"read": 120, "done": 117}
    failed = {"run": "again", "start": nights[-1], "end": nights[-1] + 60, "status": "failed", "read": 240}
    return [*rows, failed, {"run": "by hand", "start": NOW - 600, "status": "running", "read": 240}]


def _times(start: int, seconds: int) -> range:
    return range(start, start + seconds, HOUR // PER_HOUR)


def without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def only(row: Row, *names: str) -> Row:
    return {name: row[name] for name in names}


def write_jsonl(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
