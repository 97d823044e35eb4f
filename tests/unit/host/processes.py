"""A /proc of a test's own, whose processes a test starts, changes and ends."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from exporter.host.plan import Roots

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
BOOT = 1_700_000_000
MB = 1_000_000


@dataclass
class FakeMachine:
    """Folders that look like /proc and /sys; `uptime` is in seconds."""

    folder: Path
    uptime: float = 1000.0
    _made: int = field(default=0)

    def __post_init__(self) -> None:
        self.proc.mkdir(parents=True, exist_ok=True)
        (self.folder / "sys").mkdir(exist_ok=True)
        (self.proc / "stat").write_text(f"cpu  1 2 3 4\nbtime {BOOT}\n")
        (self.proc / "meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\n")
        (self.proc / "swaps").write_text("Filename Type Size Used Priority\n/dev/sda2 partition 1000 0 -2\n")
        (self.proc / "uptime").write_text(f"{self.uptime} 1.0\n")

    @property
    def proc(self) -> Path:
        return self.folder / "proc"

    @property
    def roots(self) -> Roots:
        return Roots(self.proc, self.folder / "sys", self.folder)

    def run(self, pid: int, name: str, **facts: object) -> None:
        """Process `pid` runs, with these facts; called again, they are what changed."""
        folder = self.proc / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / "fd").mkdir(exist_ok=True)
        said = {
            "started": self.uptime,
            "user": 0.0,
            "system": 0.0,
            "resident": MB,
            "swap": 0,
            "threads": 1,
            "parent": 1,
            "state": "S",
            "command": name,
            "cgroup": "0::/\n",
            "read": 0,
            "written": 0,
            "descriptors": 3,
            "limit": "1024",
        } | facts
        numbers = ["0"] * 45
        numbers[0], numbers[1] = str(said["state"]), str(said["parent"])
        numbers[11], numbers[12] = (str(round(said[key] * TICKS)) for key in ("user", "system"))
        numbers[17], numbers[19] = str(said["threads"]), str(round(said["started"] * TICKS))
        numbers[21] = str(said["resident"] // PAGE)
        (folder / "stat").write_text(f"{pid} ({name[:15]}) {' '.join(numbers)}\n")
        (folder / "status").write_text(f"Name:\t{name}\nVmSwap:\t{said['swap'] // 1024} kB\nThreads:\t1\n")
        (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in str(said["command"]).split()))
        (folder / "cgroup").write_text(str(said["cgroup"]))
        (folder / "io").write_text(
            f"rchar: 9\nwchar: 9\nsyscr: 1\nsyscw: 1\nread_bytes: {said['read']}\n"
            f"write_bytes: {said['written']}\ncancelled_write_bytes: 77\n"
        )
        (folder / "limits").write_text(f"Limit Soft Hard Units\nMax open files {said['limit']} 4096 files\n")
        for number in range(said["descriptors"]):
            (folder / "fd" / str(number)).touch()

    def end(self, pid: int) -> None:
        """Process `pid` is gone."""
        shutil.rmtree(self.proc / str(pid))
