"""host-a, the machine that the demo's models run on: simulated by files like the kernel's, so that none is harmed.

The exporter reads them where `host.roots` of its configuration says. The machine lives by the clock on the wall.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CORES = 4
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1024 * 1024
MEMORY = 8192 * MIB
RESERVE = 256 * MIB
"""With less memory left than this, the kernel ends the largest process."""
_OPEN_FILES = 40
UPTIME_SECONDS = 40 * 86400.0
"""How long the machine had been up when the demo began."""


@dataclass(frozen=True, slots=True)
class Strain:
    """What goes wrong with the machine.

    Attributes:
        cores: so many cores' worth of work that something else wants done.
        leak: bytes a second that the server of flight_delay takes and does not give back.
        disk: share of the time that the disk is busy with something else.
    """

    cores: float = 0.0
    leak: float = 0.0
    disk: float = 0.0


@dataclass(slots=True)
class _Server:
    """One process that serves a model."""

    name: str
    command: str
    pid: int
    cores: float
    base: float
    grown: float = 0.0
    used: float = 0.0
    started: float = UPTIME_SECONDS - 86400.0

    @property
    def resident(self) -> float:
        return self.base + self.grown


class Machine:
    """Grows counters as a machine of four cores does that serves two models at a third of its strength."""

    def __init__(self, folder: Path) -> None:
        self.proc = folder / "proc"
        self.sys = folder / "sys"
        self._servers = [
            _Server("flight-server", "/opt/serving/flight-server --model flight_delay", 2101, 0.9, 900 * MIB),
            _Server("arrival-server", "/opt/serving/arrival-server --model arrival_delay", 2201, 0.4, 500 * MIB),
        ]
        self._pid = 2300
        self._wall: float | None = None
        self._up = UPTIME_SECONDS
        self._busy = self._waited = 0.0
        self._idle = CORES * UPTIME_SECONDS * 0.67
        self._cpu_pressure = self._io_pressure = 0.0
        self._reads = self._written = self._disk_busy = self._disk_queue = 0.0
        self._sent = 0.0
        self._killed = 0
        for path in (self.proc / "pressure", self.proc / "net", self.proc / "1/net", self.proc / "sys/fs", self.sys):
            path.mkdir(parents=True, exist_ok=True)

    def advance(self, wall: float, strains: Sequence[Strain] = ()) -> None:
        """The files say what is so at `wall` (Unix seconds), these strains having lasted since the call before."""
        seconds = 0.0 if self._wall is None else max(0.0, wall - self._wall)
        self._wall = wall
        strain = Strain(*(sum(getattr(each, name) for each in strains) for name in ("cores", "leak", "disk")))
        self._live(seconds, wall, strain)
        self._write(wall)

    def _live(self, seconds: float, wall: float, strain: Strain) -> None:
        self._up += seconds
        tide = 1 + 0.1 * math.sin(wall / 7)  # nothing on a machine is quite even
        wanted = sum(server.cores for server in self._servers) * tide + strain.cores
        given = min(1.0, CORES * 0.995 / wanted)
        disk = min(1.0, 0.05 * tide + strain.disk)
        waiting = min(0.5 * disk * strain.disk, max(0.0, CORES - wanted) / CORES)  # of all cores, for the disk
        self._busy += wanted * given * seconds
        self._waited += CORES * waiting * seconds
        self._idle += max(0.0, CORES * (1 - waiting) - wanted * given) * seconds
        self._cpu_pressure += max(0.01, 1 - given) * seconds
        self._io_pressure += max(0.002, strain.disk * 0.6) * seconds
        self._disk_busy += disk * seconds
        self._disk_queue += (disk + 12 * strain.disk) * seconds
        self._reads += 2 * MIB * seconds
        self._written += (3 + 60 * strain.disk) * MIB * seconds
        self._sent += 1.5 * MIB * tide * seconds
        for server in self._servers:
            server.used += server.cores * tide * given * seconds
        self._servers[0].grown += strain.leak * seconds
        if self._available < RESERVE:
            self._kill(max(self._servers, key=lambda server: server.resident))

    @property
    def _available(self) -> float:
        return MEMORY - 2400 * MIB - sum(server.resident for server in self._servers)

    def _kill(self, server: _Server) -> None:
        """The kernel ended the process for its memory; its supervisor started it anew."""
        (self.proc / str(server.pid)).rename(self.proc / f"ended-{server.pid}")
        self._killed += 1
        self._pid += 1
        server.pid, server.grown, server.used, server.started = self._pid, 0.0, 0.0, self._up

    def _write(self, wall: float) -> None:
        user, system = round(self._busy * 0.8 * TICKS), round(self._busy * 0.2 * TICKS)
        spent = (user, 0, system, round(self._idle * TICKS), round(self._waited * TICKS), 0, 0, 0, 0, 0)
        each = tuple(round(value / CORES) for value in spent)
        lines = [_words("cpu ", *spent), *(_words(f"cpu{core}", *each) for core in range(CORES))]
        self._put("uptime", [f"{self._up:.2f} {self._idle:.2f}"])
        self._put("stat", [*lines, f"btime {round(wall - self._up)}", "processes 90000", "procs_running 2"])
        runnable = self._busy / max(self._up - UPTIME_SECONDS, 1.0)
        self._put("loadavg", [f"{runnable:.2f} {runnable:.2f} {runnable:.2f} 2/310 {self._pid}"])
        free = max(self._available - 700 * MIB, 60 * MIB)
        sizes = {"MemTotal": MEMORY, "MemFree": free, "MemAvailable": max(self._available, 0), "Buffers": 90 * MIB}
        sizes |= {"Cached": 900 * MIB, "Dirty": 2 * MIB, "SwapTotal": 0, "SwapFree": 0}
        self._put("meminfo", [f"{name}: {round(size / 1024)} kB" for name, size in sizes.items()])
        self._put("vmstat", ["pgmajfault 4100", "pswpin 0", "pswpout 0", f"oom_kill {self._killed}"])
        self._put("pressure/cpu", [_pressure("some", self._cpu_pressure)])
        self._put("pressure/io", [_pressure("some", self._io_pressure), _pressure("full", self._io_pressure * 0.7)])
        self._put("pressure/memory", [_pressure("some", 0), _pressure("full", 0)])
        reads, writes = round(self._reads / 65536), round(self._written / 65536)
        disk = (reads, 0, round(self._reads / 512), reads * 1.0, writes, 0, round(self._written / 512), writes * 2.0)
        queue = (0, self._disk_busy * 1000, self._disk_queue * 1000)
        self._put("diskstats", [_words("8 0 sda", *(round(value) for value in (*disk, *queue)))])
        sent = round(self._sent)
        network = _words("eth0:", sent * 2, sent // 700, 0, 0, 0, 0, 0, 0, sent, sent // 900, 0, 0, 0, 0, 0, 0)
        for name in ("net/dev", "1/net/dev"):
            self._put(name, ["Inter-| Receive | Transmit", " face |bytes", network])
        self._put("1/mountinfo", [])
        self._put("sys/fs/file-nr", ["2300\t0\t800000"])
        for server in self._servers:
            self._write_server(server)

    def _write_server(self, server: _Server) -> None:
        folder = f"{server.pid}"
        fresh = not (self.proc / folder).exists()
        ticks, pages = round(server.used * TICKS), round(server.resident / PAGE)
        numbers = [1, server.pid, server.pid, 0, -1, 4194304, 0, 0, 0, 0, round(ticks * 0.8), round(ticks * 0.2), 0, 0]
        numbers += [20, 0, 9, 0, round(server.started * TICKS), pages * PAGE * 2, pages, *[0] * 28]
        self._put(f"{folder}/stat", [_words(f"{server.pid} ({server.name}) S", *numbers)])
        self._put(f"{folder}/status", [f"Name:\t{server.name}", f"VmRSS:\t{pages * PAGE // 1024} kB", "VmSwap:\t0 kB"])
        self._put(f"{folder}/io", ["rchar: 0", f"read_bytes: {round(self._reads / 3)}", "write_bytes: 0"])
        if fresh:
            (self.proc / folder / "cmdline").write_bytes(server.command.replace(" ", "\0").encode() + b"\0")
            self._put(f"{folder}/comm", [server.name])
            self._put(f"{folder}/cgroup", [f"0::/system.slice/{server.name}.service"])
            self._put(f"{folder}/limits", ["Limit Soft Hard Units", "Max open files  4096  4096  files"])
            (self.proc / folder / "fd").mkdir()
            for number in range(_OPEN_FILES):
                (self.proc / folder / "fd" / str(number)).touch()

    def _put(self, name: str, lines: Sequence[str]) -> None:
        """The file appears whole: who reads it meanwhile sees the one before."""
        path = self.proc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}")
        unfinished.write_text("\n".join(lines) + "\n")
        unfinished.rename(path)


def _words(first: str, *numbers: float) -> str:
    return " ".join((first, *map(str, numbers)))


def _pressure(kind: str, seconds: float) -> str:
    return f"{kind} avg10=0.00 avg60=0.00 avg300=0.00 total={round(seconds * 1e6)}"
