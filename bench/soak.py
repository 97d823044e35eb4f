"""Half an hour at speed with reloads, outages and incidents: `python -m bench.soak [--minutes 30] [--rate 10000]`.

A real exporter reads logs that grow, rotate and vanish (soak_logs.py) and is scraped every second. Memory, descriptors
and threads must stay where they were after the warm-up, and every row that was written must have been counted once.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table
from scipy import stats

from bench.soak_logs import FOLDERS, Logs, config

WARM = 0.3
"""Share of the time that is warm-up: until the first ids are forgotten and the first panes have grown old."""
_BLOCK_SECONDS = 30
_PATIENCE = 300.0
"""Seconds that the exporter has to finish, on a machine that may do much else."""
_MOST_GROWTH = 0.05
"""Memory is flat if its slope cannot be told from none, and its peak after the warm-up does not rise by more than this
share from the first half to the second.
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """The exporter's process at one moment; bytes and seconds."""

    at: float
    rss: int
    private: int
    descriptors: int
    threads: int
    state: int
    cpu: float


def sampled(pid: int, state: Path, began: float) -> Sample:
    """What Linux says of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return Sample(
        at=time.monotonic() - began,
        rss=int(status["VmRSS"].split()[0]) << 10,
        private=int(status["RssAnon"].split()[0]) << 10,
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=int(status["Threads"]),
        state=sum(path.stat().st_size for path in state.glob("*") if path.exists()),
        cpu=(int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK"),
    )


class Scraper(threading.Thread):
    """Scrapes once a second, as Prometheus would; `seconds` are the answers' times, `failures` what went wrong."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.seconds: list[float] = []
        self.failures: list[str] = []
        self.page = ""
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(1.0):
            self.scrape()

    def scrape(self) -> str:
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                self.page = answer.read().decode()
        except OSError as error:
            self.failures.append(str(error))
        self.seconds.append(time.perf_counter() - began)
        return self.page

    def value(self, name: str) -> dict[str, float]:
        """Labels → value of a family in the last scrape."""
        lines = (line.rpartition(" ") for line in self.page.splitlines() if line.startswith(name + "{"))
        return {head[len(name) :]: float(value) for head, _, value in lines}


class Soak:
    """An exporter, its logs, and everything that is done to them."""

    def __init__(self, folder: Path, seconds: float, rate: int, seed: int) -> None:
        self.folder = folder
        self.seconds = seconds
        self.random = random.Random(seed)
        self.logs = Logs(folder, rate, seed)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.path = folder / "ml-exporter.yml"
        self.scraper = Scraper(self.port)
        self.samples: list[Sample] = []
        self.did: dict[str, int] = {}
        self.takes = 0

    def configure(self, take: int) -> None:
        half = self.path.with_suffix(".half")
        half.write_text(yaml.safe_dump(config(self.folder, self.port, take)))
        half.rename(self.path)

    def _did(self, what: str) -> None:
        self.did[what] = self.did.get(what, 0) + 1

    def run(self) -> None:
        """Runs for as long as was asked for, then lets the exporter finish what there is."""
        self.configure(0)
        self.logs.reference()
        command = [sys.executable, "-m", "exporter.cli"]
        subprocess.run([*command, "reference", "fit", "-c", self.path, "-m", "flights"], check=True)
        with (self.folder / "exporter.log").open("w") as log:
            self.exporter = subprocess.Popen([*command, "run", "-c", self.path], stdout=log, stderr=log)
        try:
            while not self.scraper.scrape():
                time.sleep(0.1)
            self.scraper.seconds, self.scraper.failures = [], []
            self.scraper.start()
            self._go_on()
            self._finish()
        finally:
            self.scraper.over.set()
            self.exporter.send_signal(signal.SIGTERM)
            try:
                self.exit_code: int | None = self.exporter.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.exporter.kill()
                self.exit_code = None

    def _go_on(self) -> None:
        began = time.monotonic()
        schedule = self._schedule()
        due, act = next(schedule)
        while (now := time.monotonic() - began) < self.seconds:
            self.logs.write()
            if int(now) != int(self.samples[-1].at if self.samples else -1):
                self.samples.append(sampled(self.exporter.pid, self.folder / "state", began))
            while now >= due:
                act()
                due, act = next(schedule)
            time.sleep(0.2)

    def _schedule(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """(second, what is done then), in order: reloads each minute, rotations, outages, incidents."""
        at = 0.0
        while True:
            at += 10.0
            tick = round(at / 10)
            yield at, lambda tick=tick: self._tick(tick)

    def _tick(self, tick: int) -> None:
        self.logs.rotate("flights", "log.jsonl", copy=tick % 2 == 0)
        self.logs.rotate("prices", "log.csv", copy=tick % 3 == 0)
        self.logs.rotate("labels", "log.jsonl", copy=False)
        self.logs.tidy()
        self._did("rotations")
        if tick % 6 == 0:
            self._reload()
        if tick % 12 == 5:
            self._out(self.random.choice((*FOLDERS, "orders")))
        elif tick % 12 == 7:
            self.logs.back()
            (self.folder / "flights" / "log.jsonl.loop").unlink(missing_ok=True)
        if tick % 9 == 3:
            self._did("incidents")
            kind = self.random.choice(("bad", "categories", "version"))
            if kind == "version":
                self.logs.new_version()
            else:
                self.logs.incident = kind
        elif tick % 9 == 5:
            self.logs.incident = ""

    def _reload(self) -> None:
        self.takes += 1
        self.configure(self.takes)
        if self.takes % 7 == 0:
            self.path.write_text("models: [")  # refused: the old one stays
            self._did("bad configurations")
        self._did("reloads")
        if self.takes % 2:
            self.exporter.send_signal(signal.SIGHUP)
            return
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/-/reload", method="POST")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(request, timeout=60).close()

    def _out(self, name: str) -> None:
        """A source cannot be read for a while: its folder is gone, or holds what no one can read."""
        self._did("outages")
        if name == "orders":
            self.logs.lock()
        elif self.random.random() < 0.5:
            self.logs.away(name)
        else:
            loop = self.folder / "flights" / "log.jsonl.loop"
            loop.symlink_to(loop.name)

    def _finish(self) -> None:
        """No more is written; what was written is counted within five minutes, or `missing` says what is not."""
        self.logs.back()
        self.logs.incident = ""
        self.takes = 5
        self._reload()
        deadline = time.monotonic() + _PATIENCE
        while (missing := self.missing()) and time.monotonic() < deadline:
            time.sleep(1.0)
        self.left = missing

    def missing(self) -> dict[str, float]:
        """Model and log → rows written less rows counted, where these differ."""
        read = self.scraper.value("ml_exporter_rows_total")
        found = {}
        for (model, stream), written in self.logs.written.items():
            counted = read.get(f'{{model="{model}",source="{stream}"}}', 0.0)
            if counted != written:
                found[f"{model} {stream}"] = written - counted
        return found


def slope(samples: list[Sample], field: str) -> tuple[float, float]:
    """Bytes (or whatever) a second with its 99 % half-width, from medians of blocks: a cycle's peaks do not count."""
    at = np.array([each.at for each in samples])
    value = np.array([getattr(each, field) for each in samples], dtype=float)
    block = ((at - at[0]) // _BLOCK_SECONDS).astype(int)
    blocks = [b for b in np.unique(block) if (block == b).sum() >= _BLOCK_SECONDS // 3]
    x = np.array([at[block == b].mean() for b in blocks])
    y = np.array([np.median(value[block == b]) for b in blocks])
    if len(blocks) < 4:
        return float("nan"), float("nan")
    fit = stats.linregress(x, y)
    return float(fit.slope), float(stats.t.ppf(0.995, len(blocks) - 2) * fit.stderr)


def verdicts(soak: Soak) -> dict[str, tuple[str, bool]]:
    """What was asked → what was found, and whether that is well."""
    warm = [each for each in soak.samples if each.at >= WARM * soak.seconds]
    half, rest = warm[: len(warm) // 2], warm[len(warm) // 2 :]
    found: dict[str, tuple[str, bool]] = {}
    for name in ("rss", "private"):
        rise, width = slope(warm, name)
        level = statistics.median(getattr(each, name) for each in warm)
        peaks = [max(getattr(each, name) for each in part) for part in (half, rest)]
        flat = rise - width <= 0 and peaks[1] <= (1 + _MOST_GROWTH) * peaks[0]
        text = (
            f"{level / 2**20:.1f} MiB, {rise * 1800 / 2**20:+.2f} ± {width * 1800 / 2**20:.2f} MiB in 30 min, "
            f"peaks {peaks[0] / 2**20:.0f}, then {peaks[1] / 2**20:.0f} MiB"
        )
        found[f"{name} is flat"] = (text, flat)
    for name in ("descriptors", "threads"):
        first, then = ([getattr(each, name) for each in part] for part in (half, rest))
        text = f"{min(first)}-{max(first)}, then {min(then)}-{max(then)}"
        found[f"{name} are flat"] = (text, max(then) <= max(first) + 1)
    seconds = sorted(soak.scraper.seconds)
    p99 = seconds[int(0.99 * (len(seconds) - 1))]
    text = f"{len(seconds)}, p50 {statistics.median(seconds) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms"
    failures = soak.scraper.failures
    found["scrapes"] = (f"{text}, longest {seconds[-1] * 1e3:.0f} ms, failed {len(failures)}", not failures)
    rows = sum(soak.logs.written.values())
    found["every row counted once"] = (f"{rows:,} rows, off by {soak.left or 0}", not soak.left)
    cpu = soak.samples[-1].cpu / soak.samples[-1].at
    found["state"] = (f"{soak.samples[-1].state / 2**20:.1f} MiB, {cpu:.2f} cores", True)
    log = (soak.folder / "exporter.log").read_text()
    mistaken = "please report" in log or "Traceback" in log
    found["no mistakes in the log"] = (f"{len(log.splitlines())} lines", not mistaken)
    found["ends when told"] = (f"exit code {soak.exit_code}", soak.exit_code == 0)
    return found


def table(soak: Soak) -> Table:
    """A row a tenth of the time."""
    shown = Table("minute", "RSS MiB", "private MiB", "descriptors", "threads", "state MiB", "cores", box=None)
    step = max(1, len(soak.samples) // 15)
    for before, each in zip(soak.samples[::step], soak.samples[step::step], strict=False):
        cores = (each.cpu - before.cpu) / (each.at - before.at)
        size = [f"{value / 2**20:.1f}" for value in (each.rss, each.private, each.state)]
        shown.add_row(
            f"{each.at / 60:.1f}", *size[:2], str(each.descriptors), str(each.threads), size[2], f"{cores:.2f}"
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=10_000, help="rows a second, all models together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="leave samples and the exporter's log in this folder")
    arguments = parser.parse_args()
    console = Console(width=140)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        soak = Soak(Path(name), arguments.minutes * 60, arguments.rate, arguments.seed)
        try:
            soak.run()
        finally:
            if arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                (arguments.keep / "samples.json").write_text(json.dumps([asdict(each) for each in soak.samples]))
                (arguments.keep / "exporter.log").write_bytes((soak.folder / "exporter.log").read_bytes())
        found = verdicts(soak)
    console.print(table(soak))
    console.print(", ".join(f"{count} {what}" for what, count in soak.did.items()))
    for what, (text, well) in found.items():
        console.print(f"{'ok    ' if well else 'MISSED'}  {what}: {text}", highlight=False)
    sys.exit(not all(well for _, well in found.values()))


if __name__ == "__main__":
    main()
