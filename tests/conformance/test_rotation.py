"""Any history of writing, rotating, outages, restarts and polls in between: every row comes once.

Rotating is what logrotate does, one step after the other, with a poll between any two: names move up, the last one is
compressed beside itself and then removed, the log is renamed or copied and truncated.
"""

import gzip
import json
import os
import random
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.errors import SourceError
from exporter.sources.files import FilesConfig

NAME, KEPT, STEPS = "log.jsonl", 80, 60


class History:
    """A folder with a log, its writer, logrotate and a reader, all by the dice of one seed."""

    pause = 0.08
    """Share of the steps of rotating behind which there is a poll."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.here, self.away = folder / "logs", folder / "away"
        self.here.mkdir()
        self.rows = 0
        self.seen: Counter[str] = Counter()
        self.cursor: bytes | None = None
        self.source = self._opened()

    def _opened(self):
        return FilesConfig(type="files", path=str(self.here / f"{NAME}*")).open()

    @property
    def folder(self) -> Path:
        """Where the writer finds its log: its reader may not."""
        return self.away if self.away.exists() else self.here

    def go_on(self) -> None:
        """One step of anybody."""
        steps = (self.append, self.poll, self.rotate, self.leave, self.come_back, self.poll_a_little, self.restart)
        self.random.choices(steps, [5, 4, 3, 0.4, 0.8, 1, 0.3])[0]()

    def append(self) -> None:
        with (self.folder / NAME).open("a") as log:
            for number in range(self.rows, self.rows + self.random.choice([1, 5, 400])):
                log.write(json.dumps({"id": f"f{number}", "x": "y" * self.random.choice([3, 30])}) + "\n")
                self.rows = number + 1

    def poll(self, limit: int = 10**6) -> None:
        try:
            poll = self.source.poll(self.cursor, limit)
        except SourceError:
            return  # away
        self.cursor = poll.cursor
        self.seen.update(value for batch in poll.batches for value in batch.rows.column("id").to_pylist())

    def poll_a_little(self) -> None:
        self.poll(self.random.choice([1, 50, 300]))

    def leave(self) -> None:
        if not self.away.exists():
            self.here.rename(self.away)

    def come_back(self) -> None:
        if self.away.exists():
            self.away.rename(self.here)

    def restart(self) -> None:
        self.source.close()
        self.source = self._opened()

    def rotate(self) -> None:
        if (self.folder / NAME).exists():
            for _ in self._rotating():
                if self.random.random() < self.pause:
                    self.poll(self.random.choice([50, 10**6]))

    def _rotating(self) -> Iterator[None]:
        one = self.folder / f"{NAME}.1"
        for number in range(KEPT, 1, -1):
            old = self.folder / f"{NAME}.{number}.gz"
            if old.exists():
                yield old.rename(self.folder / f"{NAME}.{number + 1}.gz") and None
        if one.exists():
            packed = self.folder / f".{NAME}.tmp"
            with one.open("rb") as plain, gzip.open(packed, "wb", compresslevel=1) as file:
                shutil.copyfileobj(plain, file)
            yield packed.rename(self.folder / f"{NAME}.2.gz") and None
            yield one.unlink()
        if self.random.random() < 0.5:
            yield shutil.copy2(self.folder / NAME, one) and None
            yield os.truncate(self.folder / NAME, 0)
        else:
            yield (self.folder / NAME).rename(one) and None


class Race(History):
    """The same while another thread reads: a poll finds files renamed between listing, comparing and reading them."""

    pause = 0.0

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.over = threading.Event()

    def write(self, steps: int) -> None:
        for _ in range(steps):
            choices = (self.append, self.rotate, self.leave, self.come_back)
            self.random.choices(choices, [5, 2, 0.1, 0.8])[0]()
            time.sleep(self.random.choice([0.0, 0.0, 0.005]))
        self.come_back()
        self.over.set()

    def read(self) -> None:
        dice = random.Random(self.rows)
        while not self.over.is_set():
            self.poll(dice.choice([50, 1000, 10**6]))
            if dice.random() < 0.02:
                self.restart()


@pytest.mark.parametrize("seed", range(4))
def test_every_row_comes_once_while_logs_are_rotated_under_the_reader(tmp_path: Path, seed: int) -> None:
    race = Race(tmp_path, seed)
    writer = threading.Thread(target=race.write, args=(150,))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        writer.start()
        race.read()
        writer.join()
    finally:
        sys.setswitchinterval(before)
    for _ in range(5):
        race.poll()
    race.source.close()
    assert set(race.seen.values()) <= {1}, "rows came twice"
    assert len(race.seen) == race.rows, "rows did not come"


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_every_row_comes_once(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        history = History(folder, seed)
        for _ in range(STEPS):
            history.go_on()
        history.come_back()
        for _ in range(3):
            history.poll()
        history.source.close()
        assert set(history.seen.values()) <= {1}, f"seed {seed}: rows came twice"
        assert len(history.seen) == history.rows, f"seed {seed}: rows did not come"
