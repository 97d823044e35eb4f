"""Logs that grow, rotate, break and vanish while somebody reads them: what the soak's exporter lives on.

Event time runs `SPEED` times as fast as the wall, so that half an hour sees every id forgotten, every wait end and
panes grow old many times over.
"""

import contextlib
import gzip
import json
import os
import shutil
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SPEED = 120
BEGAN = 1_767_225_600
"""Event time of the first row, 2026-01-01 00:00 UTC."""
KEPT_FILES = 30
FOLDERS = ("flights", "labels", "prices", "images")
SHARES = {"flights": 0.5, "prices": 0.28, "images": 0.2, "orders": 0.02}
"""Model → its share of all rows."""
_TABLES = """
PRAGMA journal_mode=WAL;
CREATE TABLE predictions (
    n INTEGER PRIMARY KEY, ts REAL, id TEXT, late INTEGER, p REAL, version TEXT, x REAL, carrier TEXT
);
CREATE TABLE labels (n INTEGER PRIMARY KEY, id TEXT, y INTEGER, at REAL);
"""
_KEPT_ORDERS = 20_000
_POOL = 4096
"""Rows that are drawn beforehand; those of a log are these over and over with their own times and ids."""
_LABEL_DELAY = 1200
"""Seconds of event time until the truth is known."""


def config(folder: Path, port: int, take: int) -> dict[str, Any]:
    """The configuration, a little different at every `take`: what a reload takes up."""
    sloped = {"windows": ["1h", "6h"] if take % 2 else ["1h", "3h", "6h"], "clock": "watermark"}
    kept = {"dedupe": "1h", "retention": {"fine": "6h", "hourly": "8h", "daily": "12h"}}
    columns = {"time": "ts", "id": "id", "prediction": "late", "score": "p", "version": "version", "error": "error"}
    models: dict[str, Any] = {
        "flights": {
            "task": "binary",
            "owner": f"team-{take % 3}",
            "predictions": {"source": _files(folder / "flights" / "log.jsonl*"), "columns": columns},
            "labels": {
                "source": _files(folder / "labels" / "log.jsonl*"),
                "columns": {"id": "id", "label": "y", "time": "at"},
                "wait": "1h",
                "conflict": "last" if take % 4 < 2 else "first",
            },
            "slices": ["carrier", "airport"] if take % 3 else ["carrier"],
            "thresholds": {"drift_effect": 0.04 + take % 2 / 100},
            "reference": str(folder / "flights.mlref"),
            "reference_data": {"source": _files(folder / "reference.jsonl"), "columns": {"label": "y"}},
            **sloped,
            **kept,
        },
        "prices": {
            "task": "regression",
            "predictions": {
                "source": _files(folder / "prices" / "log.csv*"),
                "columns": {"time": "ts", "id": "id", "prediction": "value", "label": "truth"},
            },
            "slices": ["carrier"],
            **sloped,
            **kept,
        },
        "images": {
            "task": "multiclass",
            "predictions": {
                "source": _files(folder / "images" / "*.parquet"),
                "columns": {"time": "ts", "prediction": "kind", "label": "truth"},
            },
            "windows": ["10m", "1h"],
            "pane": "1m",
            "max_counter_age": "1d",
        },
    }
    table = {"type": "sqlite", "path": str(folder / "orders.db"), "watermark": "n", "id": "n", "look_back": 500}
    models["orders"] = {
        "task": "binary",
        "predictions": {"source": {**table, "table": "predictions"}, "columns": dict(columns)},
        "labels": {
            "source": {**table, "table": "labels"},
            "columns": {"id": "id", "label": "y", "time": "at"},
            "wait": "1h",
        },
        **sloped,
        **kept,
    }
    del models["orders"]["predictions"]["columns"]["error"]
    if take % 5 == 4:
        del models["images"]  # away for a minute, then back
    return {"server": {"listen": f"127.0.0.1:{port}"}, "state_dir": str(folder / "state"), "cycle": "1s",
            "models": models}  # fmt: skip


def _files(path: Path) -> dict[str, str]:
    return {"type": "files", "path": str(path)}


class Logs:
    """The logs of all models; `write` goes on by what time has passed. `written` counts lines by model and stream."""

    def __init__(self, folder: Path, rate: int, seed: int) -> None:
        self.folder = folder
        self.rate = rate
        self.written: Counter[tuple[str, str]] = Counter()
        self.incident = ""
        """Of new rows: `bad`, `categories`, `version`, or nothing."""
        self._random = np.random.default_rng(seed)
        self._began = self._then = time.time()
        self._numbers: Counter[str] = Counter()
        self._owed = dict.fromkeys(SHARES, 0.0)
        self._due: list[tuple[float, str]] = []
        self._versions = 0
        self._x = self._random.normal(10, 3, _POOL).round(3)
        self._p = (1 / (1 + np.exp(10 - self._x))).round(4)
        self._carrier = self._random.choice(["AA", "UA", "DL"], _POOL, p=[0.6, 0.3, 0.1])
        self._airport = self._random.choice([f"K{n:02}" for n in range(30)], _POOL)
        for name in FOLDERS:
            (folder / name).mkdir()
        self._database = sqlite3.connect(folder / "orders.db", timeout=10)
        self._database.executescript(_TABLES)
        self._locked = False
        self._waiting: list[tuple[str, tuple[Any, ...]]] = []

    def event_time(self, wall: float) -> float:
        return BEGAN + (wall - self._began) * SPEED

    def reference(self, rows: int = 20_000) -> None:
        """Reference data of `flights`: forty days before the log."""
        with (self.folder / "reference.jsonl").open("w") as file:
            for n in range(rows):
                at = n % _POOL
                row = {"ts": BEGAN - 40 * 86400 + n * 172, "id": f"r{n}", "late": int(self._p[at] > 0.5),
                       "p": float(self._p[at]), "y": int(self._random.random() < self._p[at]),
                       "x": float(self._x[at]), "carrier": str(self._carrier[at]),
                       "airport": str(self._airport[at])}  # fmt: skip
                file.write(json.dumps(row) + "\n")

    def write(self) -> None:
        """Every log has what it should have by now."""
        now = time.time()
        passed, self._then = now - self._then, now
        for name, share in SHARES.items():
            self._owed[name] += passed * self.rate * share
        self._flights(self._take("flights"), now - passed, now)
        self._prices(self._take("prices"), now - passed, now)
        if self._owed["images"] >= 5 * self.rate * SHARES["images"]:
            self._images(self._take("images"), now)
        self._orders(self._take("orders"), now - passed, now)

    def _take(self, name: str) -> int:
        rows = int(self._owed[name])
        self._owed[name] -= rows
        return rows

    def _flights(self, rows: int, start: float, end: float) -> None:
        lines, first = [], self._numbers["flights"]
        self._numbers["flights"] += rows
        times = np.linspace(self.event_time(start), self.event_time(end), rows, endpoint=False).round(3).tolist()
        version = f"v{self._versions}" if self.incident == "version" else "v0"
        for n, at in enumerate(times):
            k = (first + n) * 7 % _POOL
            carrier = f"new-{n % 5000}" if self.incident == "categories" else self._carrier[k]
            if self.incident == "bad" and n % 3 == 0:
                lines.append(('{"ts": "yesterday", "id": 1}', "no JSON {", '{"id": [], "ts": 1e400}')[n % 9 // 3])
                continue
            x = '"ten"' if self.incident == "bad" and n % 3 == 1 else self._x[k]
            lines.append(
                f'{{"ts":{at},"id":"f{first + n}","late":{int(self._p[k] > 0.5)},"p":{self._p[k]},"x":{x},'
                f'"carrier":"{carrier}","airport":"{self._airport[k]}","version":"{version}"}}'
            )
            if n % 2 == 0:
                truth = f'{{"id":"f{first + n}","y":{int(k % 97 / 97 < self._p[k])},"at":{at + _LABEL_DELAY}}}'
                self._due.append((at + _LABEL_DELAY, truth))
        self._append("flights", "log.jsonl", lines)
        now = self.event_time(end)
        ripe = [line for due, line in self._due if due <= now]
        self._due = self._due[len(ripe) :]
        self._append("labels", "log.jsonl", ripe)

    def _prices(self, rows: int, start: float, end: float) -> None:
        lines, first = [], self._numbers["prices"]
        self._numbers["prices"] += rows
        times = np.linspace(self.event_time(start), self.event_time(end), rows, endpoint=False).round(3).tolist()
        for n, at in enumerate(times):
            k = (first + n) * 7 % _POOL
            value = "none" if self.incident == "bad" and n % 3 == 0 else self._x[k]
            lines.append(f"{at},p{first + n},{value},{self._x[k] + self._p[k]},{self._carrier[k]}")
        self._append("prices", "log.csv", lines, head="ts,id,value,truth,carrier")

    def _images(self, rows: int, now: float) -> None:
        kinds = np.array(["ash", "elm", "oak"])
        number = self._numbers["images"] = self._numbers["images"] + 1
        table = pa.table(
            {
                "ts": pa.array(((now - self._random.random(rows) * 5) * 1e6).astype(int), pa.timestamp("us", "UTC")),
                "kind": kinds[self._random.integers(0, 3, rows)],
                "truth": kinds[self._random.integers(0, 3, rows)],
                **{f"f{i}": self._random.normal(size=rows) for i in range(10)},
            }
        )
        folder = self.place("images")
        pq.write_table(table, folder / "half.tmp", compression="zstd")
        (folder / "half.tmp").rename(folder / f"{number:06}.parquet")
        self.written["images", "predictions"] += rows

    def _orders(self, rows: int, start: float, end: float) -> None:
        """Inserts rows, in one transaction; what cannot be inserted while the database is locked comes later."""
        first = self._numbers["orders"]
        self._numbers["orders"] += rows
        times = np.linspace(self.event_time(start), self.event_time(end), rows, endpoint=False).tolist()
        for n, at in enumerate(times):
            k = (first + n) * 7 % _POOL
            x, p, name = float(self._x[k]), float(self._p[k]), f"o{first + n}"
            row = (at, name, int(p > 0.5), p, "v0", x, str(self._carrier[k]))
            self._waiting.append(
                ("predictions (ts, id, late, p, version, x, carrier) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            )
            if n % 2:
                self._waiting.append(("labels (id, y, at) VALUES (?, ?, ?)", (name, int(k % 97 / 97 < p), at + 60)))
        if self._locked:
            return
        with self._database as db:
            for into, values in self._waiting:
                db.execute(f"INSERT INTO {into}", values)
                self.written["orders", into.split(" ", 1)[0]] += 1
            for name in ("predictions", "labels"):
                db.execute(f"DELETE FROM {name} WHERE n < (SELECT max(n) FROM {name}) - ?", (_KEPT_ORDERS,))
        self._waiting = []

    def lock(self) -> None:
        """Nobody reads or writes the database until `back`."""
        self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._database.execute("BEGIN EXCLUSIVE")
        self._locked = True

    def _append(self, name: str, file: str, lines: list[str], head: str = "") -> None:
        if not lines:
            return
        path = self.place(name) / file
        with path.open("a") as log:
            if head and log.tell() == 0:
                log.write(head + "\n")
            log.write("\n".join(lines) + "\n")
        key = ("flights", "labels") if name == "labels" else (name, "predictions")
        self.written[key] += len(lines)

    # What happens to files

    def place(self, name: str) -> Path:
        """Where the logs of that name are now: somewhere else during an outage."""
        away = self.folder / f"{name}.away"
        return away if away.exists() else self.folder / name

    def rotate(self, name: str, file: str, *, copy: bool) -> None:
        """log → log.1 → log.2.gz …: by renaming, or by copying and truncating."""
        folder = self.place(name)
        if not (folder / file).exists():
            return
        for number in range(KEPT_FILES, 1, -1):
            old = folder / f"{file}.{number}.gz"
            if old.exists():
                old.rename(folder / f"{file}.{number + 1}.gz")
        (folder / f"{file}.{KEPT_FILES + 1}.gz").unlink(missing_ok=True)
        one = folder / f"{file}.1"
        if one.exists():
            with one.open("rb") as plain, gzip.open(folder / f".{file}.tmp", "wb", compresslevel=1) as packed:
                shutil.copyfileobj(plain, packed)
            (folder / f".{file}.tmp").rename(folder / f"{file}.2.gz")
            one.unlink()
        if copy:
            shutil.copy2(folder / file, one)
            os.truncate(folder / file, 0)
        else:
            (folder / file).rename(one)

    def tidy(self, keep: int = 60) -> None:
        """Only the newest Parquet files are left: five minutes of them."""
        for old in sorted(self.place("images").glob("*.parquet"))[:-keep]:
            old.unlink()

    def away(self, name: str) -> None:
        """The folder is gone for its reader; its writer goes on."""
        (self.folder / name).rename(self.folder / f"{name}.away")

    def back(self) -> None:
        """Every folder is where it was."""
        if self._locked:
            self._database.execute("ROLLBACK")
            self._database.execute("PRAGMA locking_mode=NORMAL")
            self._database.execute("SELECT count(*) FROM labels").fetchone()  # only now others may
            self._locked = False
        for name in FOLDERS:
            with contextlib.suppress(FileNotFoundError):
                (self.folder / f"{name}.away").rename(self.folder / name)

    def new_version(self) -> None:
        self._versions += 1
        self.incident = "version"
