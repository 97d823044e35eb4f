"""Collectors that read files of the whole machine: what is there is told, odd lines and missing files are not."""

import os

import pytest

from exporter.clock import SystemClock
from exporter.host import files
from exporter.host.plan import HostPlan
from exporter.host.registry import COLLECTORS
from tests.unit.host.trees import lines, made, told, write

STAT = lines(
    "cpu  1000 20 300 4000 50 6 7 8 90 10",
    "cpu0 600 10 200 2000 30 3 3 4 45 5",
    "cpu1 400 10 100 2000 20 3 4 4 45 5",
    "intr 5 0 0",
    "btime 1700000000",
    "cpufreq is no processor",
)
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def times(*seconds, cpu=""):
    return {(cpu, mode): value for mode, value in zip(MODES, seconds, strict=False)}


class TestCpu:
    def test_all_together(self, tmp_path):
        found = told(made("cpu", write(tmp_path, {"proc/stat": STAT.replace("cpufreq is no processor\n", "")})))
        assert found == {
            "ml_host_cpu_seconds_total": times(10.0, 0.2, 3.0, 40.0, 0.5, 0.06, 0.07, 0.08),
            "ml_host_cpus": {(): 2.0},
        }

    def test_core_by_core(self, tmp_path):
        found = told(made("cpu", write(tmp_path, {"proc/stat": STAT}), per_core=True))
        assert found["ml_host_cpu_seconds_total"] == {
            **times(6.0, 0.1, 2.0, 20.0, 0.3, 0.03, 0.03, 0.04, cpu="0"),
            **times(4.0, 0.1, 1.0, 20.0, 0.2, 0.03, 0.04, 0.04, cpu="1"),
        }

    def test_an_old_kernel_tells_fewer_modes(self, tmp_path):
        found = told(made("cpu", write(tmp_path, {"proc/stat": "cpu 100 200 300 400\ncpu0 100 200 300 400\n"})))
        assert found["ml_host_cpu_seconds_total"] == times(1.0, 2.0, 3.0, 4.0)

    def test_waiting_that_falls_a_little_is_held_and_a_new_start_is_told(self, tmp_path):
        """The kernel takes back what it called waiting; a counter must not look as if it began anew."""
        collector = made("cpu", write(tmp_path, {"proc/stat": "cpu 100 0 0 900 500\n"}))
        idle = []
        for ticks in (500, 450, 460, 510, 100, 120):
            write(tmp_path, {"proc/stat": f"cpu 100 0 0 900 {ticks}\n"})
            idle.append(told(collector)["ml_host_cpu_seconds_total"]["", "iowait"])
        assert idle == [5.0, 5.0, 5.0, 5.1, 1.0, 1.2]


class TestLoad:
    def test_everything(self, tmp_path):
        root = write(tmp_path, {"proc/loadavg": "0.50 1.25 2.00 3/456 7890\n", "proc/stat": STAT})
        system = os.uname()
        assert told(made("load", root)) == {
            "ml_host_load1": {(): 0.5},
            "ml_host_load5": {(): 1.25},
            "ml_host_load15": {(): 2.0},
            "ml_host_boot_time_seconds": {(): 1.7e9},
            "ml_host_time_seconds": {(): 1000.0},
            "ml_host_info": {(system.nodename, system.release, system.machine): 1.0},
        }


class TestPressure:
    FULL = lines(
        "some avg10=1.00 avg60=0.50 avg300=0.10 total=2500000", "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000"
    )

    def test_seconds_of_waiting(self, tmp_path):
        root = write(tmp_path, {f"proc/pressure/{name}": self.FULL for name in ("cpu", "memory", "io")})
        assert told(made("pressure", root)) == {
            f"ml_host_pressure_{name}_seconds_total": {(): 0.5 if name.endswith("stalled") else 2.5}
            for name in ("cpu_waiting", "memory_waiting", "memory_stalled", "io_waiting", "io_stalled")
        }

    def test_a_kernel_that_tells_little_or_nothing(self, tmp_path):
        assert made("pressure", write(tmp_path, {"proc/stat": ""})) is None
        root = write(tmp_path, {"proc/pressure/cpu": "some avg10=1.00 total=1000000\n", "proc/pressure/io": "odd\n\n"})
        assert told(made("pressure", root)) == {"ml_host_pressure_cpu_waiting_seconds_total": {(): 1.0}}


class TestMemory:
    def test_sizes_in_bytes_and_events(self, tmp_path):
        meminfo = lines(
            "MemTotal:  16000 kB", "MemFree: 1000 kB", "MemAvailable: 8000 kB", "HugePages_Total: 0", "Dirty:"
        )
        vmstat = lines("nr_free_pages 250", "pswpin 3", "pswpout 4", "pgmajfault 5", "oom_kill 6", "oom_kill odd", "")
        root = write(tmp_path, {"proc/meminfo": meminfo, "proc/vmstat": vmstat})
        assert told(made("memory", root)) == {
            "ml_host_memory_total_bytes": {(): 16000 * 1024.0},
            "ml_host_memory_free_bytes": {(): 1000 * 1024.0},
            "ml_host_memory_available_bytes": {(): 8000 * 1024.0},
            "ml_host_swap_in_pages_total": {(): 3.0},
            "ml_host_swap_out_pages_total": {(): 4.0},
            "ml_host_page_faults_major_total": {(): 5.0},
            "ml_host_oom_kills_total": {(): 6.0},
        }

    def test_without_events(self, tmp_path):
        root = write(tmp_path, {"proc/meminfo": "MemTotal: 1 kB\n"})
        assert told(made("memory", root)) == {"ml_host_memory_total_bytes": {(): 1024.0}}


class TestDisk:
    ROW = "{0} {1} {2} 10 1 200 3000 20 2 400 4000 0 5000 6000 7 8 9"

    def test_disks_alone_in_base_units(self, tmp_path):
        names = ("sda", "sda1", "nvme0n1", "nvme0n1p2", "loop0", "ram1", "dm-0", "vdb", "vdb12", "zram0", "md127")
        text = lines((self.ROW.format(8, number, name) for number, name in enumerate(names)), "8 0 odd 1 2")
        found = told(made("disk", write(tmp_path, {"proc/diskstats": text})))
        values = {
            "reads_completed": 10.0,
            "read_bytes": 200 * 512.0,
            "read_time_seconds": 3.0,
            "writes_completed": 20.0,
            "written_bytes": 400 * 512.0,
            "write_time_seconds": 4.0,
            "io_time_seconds": 5.0,
            "io_time_weighted_seconds": 6.0,
        }
        disks = ("sda", "nvme0n1", "dm-0", "vdb", "zram0", "md127")
        assert found == {
            f"ml_host_disk_{name}_total": {(disk,): value for disk in disks} for name, value in values.items()
        }

    def test_errors_where_the_driver_counts_them(self, tmp_path):
        text = lines(
            self.ROW.format(8, number, name) for number, name in enumerate(("sda", "sdb", "cciss/c0d0", "vda"))
        )
        root = write(
            tmp_path,
            {
                "proc/diskstats": text,
                "sys/block/sda/device/ioerr_cnt": "0x1f\n",
                "sys/block/sdb/device/ioerr_cnt": "odd\n",
                "sys/block/cciss!c0d0/device/ioerr_cnt": "0x0\n",
            },
        )
        assert told(made("disk", root))["ml_host_disk_errors_total"] == {("sda",): 31.0, ("cciss/c0d0",): 0.0}

    def test_none_where_the_kernel_tells_nothing(self, tmp_path):
        assert made("disk", tmp_path) is None


class TestNetwork:
    TEXT = lines(
        "Inter-|   Receive                                                |  Transmit",
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
        "    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0",
        "  eth0:200 2 3 4 0 0 0 0 500 5 6 7 0 0 0 0",
        "veth12ab: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0",
        "eth0:1: 8 9 10 11 0 0 0 0 12 13 14 15 0 0 0 0",
        "odd: 1 2 3",
    )

    def test_columns(self, tmp_path):
        found = told(made("network", write(tmp_path, {"proc/net/dev": self.TEXT})))
        names = [f"{way}_{what}" for way in ("receive", "transmit") for what in ("bytes", "packets", "errs", "drop")]
        of = {"lo": (100, 1, 0, 0, 100, 1, 0, 0), "eth0": (200, 2, 3, 4, 500, 5, 6, 7), "eth0:1": tuple(range(8, 16))}
        assert found == {
            f"ml_host_network_{name}_total": {(device,): float(counts[at]) for device, counts in of.items()}
            for at, name in enumerate(names)
        }

    def test_a_host_seen_from_a_container_is_its_first_process(self, tmp_path):
        """`net` is the reader's own network, wherever /proc is mounted."""
        host = self.TEXT.replace("eth0:200", "eth0:999")
        found = told(made("network", write(tmp_path, {"proc/net/dev": self.TEXT, "proc/1/net/dev": host})))
        assert found["ml_host_network_receive_bytes_total"]["eth0",] == 999.0


class TestDescriptors:
    def test_both(self, tmp_path):
        assert told(made("descriptors", write(tmp_path, {"proc/sys/fs/file-nr": "2190\t0\t2466170\n"}))) == {
            "ml_host_file_descriptors_allocated": {(): 2190.0},
            "ml_host_file_descriptors_maximum": {(): 2466170.0},
        }
        assert made("descriptors", tmp_path / "other") is None


class TestTemperature:
    def test_monitors_and_zones_that_none_shows(self, tmp_path):
        device = write(tmp_path / "sys/devices/platform/coretemp.0", {"hwmon/hwmon0/temp1_input": "45000\n"})
        write(device / "hwmon/hwmon0", {"temp2_input": "bad\n", "temp2_crit": "99000\n", "fan1_input": "1200\n"})
        (device / "hwmon/hwmon0/device").symlink_to(device)
        write(tmp_path / "sys/class/hwmon/hwmon1", {"name": "nvme\n", "temp1_input": "-500\n"})
        (tmp_path / "sys/class/hwmon/hwmon0").symlink_to(device / "hwmon/hwmon0")
        write(tmp_path / "sys/class/thermal/thermal_zone0", {"type": "acpitz\n", "temp": "30000\n", "hwmon2/x": ""})
        write(tmp_path / "sys/class/thermal/thermal_zone1", {"type": "x86_pkg_temp\n", "temp": "51500\n"})
        write(tmp_path / "sys/class/thermal/cooling_device0", {"type": "fan\n"})
        assert told(made("temperature", tmp_path)) == {
            "ml_host_temperature_celsius": {
                ("platform_coretemp_0", "temp1"): 45.0,
                ("nvme", "temp1"): -0.5,
                ("x86_pkg_temp", "thermal_zone1"): 51.5,
            }
        }

    def test_a_machine_without_sensors(self, tmp_path):
        assert made("temperature", write(tmp_path, {"sys/class/thermal/cooling_device0/type": "fan"})) is None


ESSENTIAL = {"cpu": "stat", "load": "loadavg", "memory": "meminfo", "network": "net/dev", "filesystem": "1/mountinfo"}


@pytest.mark.parametrize("name", ESSENTIAL)
def test_what_every_machine_has_is_missed(tmp_path, name):
    """A root that is none must not look like a machine that does nothing."""
    with pytest.raises(FileNotFoundError):
        told(made(name, tmp_path))


@pytest.mark.parametrize("name", [name for name in COLLECTORS if name != "gpu"])
def test_of_this_machine(name):
    """Here, too, everything has its family's labels and a number, and no series comes twice."""
    collector = COLLECTORS[name].make(HostPlan(), SystemClock())
    for metric, samples in () if collector is None else collector.read():
        assert metric in COLLECTORS[name].metrics
        labels = [labels for labels, _ in samples]
        assert len(set(labels)) == len(labels)
        assert all(len(each) == len(metric.labels) and isinstance(value, float) for each, value in samples)


def test_families_are_one_collectors_alone():
    names = [metric.name for entry in COLLECTORS.values() for metric in entry.metrics]
    assert sorted(set(names)) == sorted(names)


class TestFiles:
    def test_a_file_that_goes_while_it_is_read(self, tmp_path, monkeypatch):
        """Of what has gone, nothing is told; nothing stays open."""
        path = write(tmp_path, {"temp": "1"}) / "temp"
        closed = []
        monkeypatch.setattr(files.os, "read", lambda *_: (_ for _ in ()).throw(OSError(19, "No such device")))
        close = os.close
        monkeypatch.setattr(files.os, "close", lambda number: closed.append(close(number)))
        assert files.number(path) is None
        assert len(closed) == 1
        with pytest.raises(OSError, match="No such device"):
            files.read(path)

    def test_pieces_are_put_together(self, tmp_path, monkeypatch):
        path = write(tmp_path, {"stat": "cpu 1 2 3"}) / "stat"
        read = os.read
        monkeypatch.setattr(files.os, "read", lambda number, _: read(number, 4))
        assert files.read(path) == "cpu 1 2 3"

    def test_no_number_is_none(self, tmp_path):
        root = write(tmp_path, {"max": "max\n", "empty": "", "minus": "-1\n", "bytes": "12\n"})
        assert [files.number(root / name) for name in ("max", "empty", "minus", "bytes", "none")] == [
            *(None, None, -1.0, 12.0, None)
        ]
