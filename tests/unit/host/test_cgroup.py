"""Limits of the container: found for every kind of hierarchy, told only where they hold, with what is used of them."""

import pytest

from exporter.host.cgroup_tree import branch
from tests.unit.host.trees import lines, made, told, write

GIB = 1024**3
MEMINFO = lines("MemTotal: 8388608 kB")  # 8 GiB
V1_NONE = "9223372036854771712\n"
PRESSURE = lines("some avg10=0.00 total=3000000", "full avg10=0.00 total=1000000")


def mountinfo(root, *mounts):
    """`kind mounted-folder seen-at options` below the tree."""
    return lines(
        f"{at} 1 0:{at} {inside} {root / 'cg' / place} rw - {kind} {kind} rw,{options}"
        for at, (kind, inside, place, options) in enumerate(mounts, start=30)
    )


def v2(root, path, groups, inside="/"):
    """A machine with cgroup v2 alone, the exporter in `path`: folder below the mount → its files."""
    files = {f"cg/{group}/{name}": text for group, each in groups.items() for name, text in each.items()}
    write(root, {"proc/meminfo": MEMINFO, "proc/self/cgroup": f"0::{path}\n"})
    write(root, {"proc/self/mountinfo": mountinfo(root, ("cgroup2", inside, ".", "nsdelegate"))})
    return write(root, files)


def container(cpu="max 100000", memory="max", current=3 * GIB):
    """Files of a group of v2."""
    return {
        "cpu.max": f"{cpu}\n",
        "cpu.stat": lines("usage_usec 5000000", "nr_periods 100", "nr_throttled 7", "throttled_usec 250000"),
        "memory.max": f"{memory}\n",
        "memory.current": f"{current}\n",
        "memory.stat": lines("anon 1", f"inactive_file {GIB}", "workingset_refault_anon 5"),
        "memory.events": lines("low 0", "oom 4", "oom_kill 3", "oom_group_kill 1"),
        **{f"{name}.pressure": PRESSURE for name in ("cpu", "memory", "io")},
    }


CPU = {
    "ml_host_cgroup_cpu_limit_cores": 1.5,
    "ml_host_cgroup_cpu_usage_seconds_total": 5.0,
    "ml_host_cgroup_cpu_periods_total": 100.0,
    "ml_host_cgroup_cpu_throttled_periods_total": 7.0,
    "ml_host_cgroup_cpu_throttled_seconds_total": 0.25,
}
MEMORY = {
    "ml_host_cgroup_memory_limit_bytes": 4.0 * GIB,
    "ml_host_cgroup_memory_usage_bytes": 3.0 * GIB,
    "ml_host_cgroup_memory_working_set_bytes": 2.0 * GIB,
    "ml_host_cgroup_oom_kills_total": 3.0,
}
WAITED = {
    "cpu": {"cpu_waiting": 3.0},
    **{name: {f"{name}_waiting": 3.0, f"{name}_stalled": 1.0} for name in ("memory", "io")},
}


def waited(*resources):
    return {
        f"ml_host_cgroup_pressure_{name}_seconds_total": value
        for resource in resources
        for name, value in WAITED[resource].items()
    }


def numbers(collector):
    return {name: samples[()] for name, samples in told(collector).items()}


class TestVersion2:
    def test_a_container_with_both_limits(self, tmp_path):
        root = v2(tmp_path, "/", {"": container("150000 100000", 4 * GIB)})
        assert numbers(made("cgroup", root)) == {**CPU, **MEMORY, **waited("cpu", "memory", "io")}

    def test_one_limit_is_told_alone(self, tmp_path):
        root = v2(tmp_path, "/", {"": container("150000 100000")})
        assert numbers(made("cgroup", root)) == {**CPU, **waited("cpu", "io")}

    def test_no_limit_no_word(self, tmp_path):
        """Nor of one above what the machine has: that is no limit."""
        root = v2(tmp_path, "/", {"": container(memory=8 * GIB)})
        assert numbers(made("cgroup", root)) == {}

    def test_the_tightest_on_the_way_up_counts_and_use_is_its_groups(self, tmp_path):
        groups = {
            "pod": container("150000 100000", 6 * GIB, current=5 * GIB),
            "pod/one": container("400000 100000", 4 * GIB),
            "pod/one/inner": {"memory.max": "max\n", "memory.current": "1\n"},
        }
        root = v2(tmp_path, "/pod/one/inner", groups)
        write(root, {"cg/pod/one/cpu.stat": "usage_usec 1\n"})
        assert numbers(made("cgroup", root)) == {**CPU, **MEMORY, **waited("cpu", "memory")}

    def test_a_container_that_sees_its_own_group_at_the_top(self, tmp_path):
        """Without a namespace of its own the path is the host's, and that folder is what is mounted."""
        root = v2(tmp_path, "/docker/4f1c/app", {"app": container("150000 100000")}, inside="/docker/4f1c")
        assert branch(root / "proc", "cpu").folders == (root / "cg/app", root / "cg")
        assert numbers(made("cgroup", root))["ml_host_cgroup_cpu_limit_cores"] == 1.5

    @pytest.mark.parametrize("path", ["/../../other", "/elsewhere"])
    def test_a_path_that_is_not_seen_is_the_top(self, tmp_path, path):
        root = v2(tmp_path, path, {"": container()}, inside="/kubepods/pod1")
        assert branch(root / "proc", "cpu").folders == (root / "cg",)

    def test_a_services_own_limit_is_not_the_machines(self, tmp_path):
        groups = {"ml.slice": container(memory=4 * GIB), "ml.slice/ml-exporter.service": container(memory=GIB)}
        root = v2(tmp_path, "/ml.slice/ml-exporter.service", groups)
        assert numbers(made("cgroup", root)) == {**MEMORY, **waited("memory", "io")}

    def test_files_that_go_or_are_odd(self, tmp_path):
        """A group may be taken down while it is read; an old kernel tells no pressure."""
        root = v2(
            tmp_path, "/", {"": {"cpu.max": "odd\n", "memory.max": f"{4 * GIB}\n", "memory.events": "oom_kill x\n"}}
        )
        collector = made("cgroup", root)
        assert numbers(collector) == {"ml_host_cgroup_memory_limit_bytes": 4.0 * GIB}
        for file in (root / "cg").iterdir():
            file.unlink()
        assert numbers(collector) == {}


def v1(root, together=True, above=V1_NONE, limit=f"{4 * GIB}\n"):
    """A container of cgroup v1: each controller has a hierarchy; cpu and cpuacct share theirs or not."""
    accounting = "cpu" if together else "cpuacct"
    joined = [("cgroup", "/docker/4f1c", "cpu", "cpu,cpuacct")] if together else []
    apart = [("cgroup", "/docker/4f1c", "cpu", "cpu"), ("cgroup", "/docker/4f1c", "cpuacct", "cpuacct")]
    memory = ("cgroup", "/docker/4f1c", "memory", "memory")
    names = ["5:cpu,cpuacct"] if together else ["5:cpu", "4:cpuacct"]
    write(
        root,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": lines(f"{name}:/docker/4f1c" for name in (*names, "3:memory", "1:name=systemd")),
            "proc/self/mountinfo": mountinfo(root, *(joined or apart), memory),
            "cg/cpu/cpu.cfs_quota_us": "150000\n",
            "cg/cpu/cpu.cfs_period_us": "100000\n",
            "cg/cpu/cpu.stat": lines("nr_periods 100", "nr_throttled 7", "throttled_time 250000000"),
            f"cg/{accounting}/cpuacct.usage": "5000000000\n",
            "cg/memory/memory.limit_in_bytes": limit,
            "cg/memory/memory.usage_in_bytes": f"{3 * GIB}\n",
            "cg/memory/memory.stat": lines(
                "inactive_file 1", f"hierarchical_memory_limit {above.strip()}", f"total_inactive_file {GIB}"
            ),
            "cg/memory/memory.oom_control": lines("oom_kill_disable 0", "under_oom 0", "oom_kill 3"),
        },
    )
    return root


class TestVersion1:
    @pytest.mark.parametrize("together", [True, False])
    def test_a_container_with_both_limits(self, tmp_path, together):
        assert numbers(made("cgroup", v1(tmp_path, together))) == {**CPU, **MEMORY}

    def test_a_limit_above_what_the_container_sees(self, tmp_path):
        root = v1(tmp_path, limit=V1_NONE, above=f"{4 * GIB}")
        assert numbers(made("cgroup", root)) == {**CPU, **MEMORY}

    def test_no_limit_no_word(self, tmp_path):
        root = write(v1(tmp_path, limit=V1_NONE), {"cg/cpu/cpu.cfs_quota_us": "-1\n"})
        assert numbers(made("cgroup", root)) == {}


class TestHybrid:
    """v1 controllers beside a v2 hierarchy, as older systemd has it."""

    def test_each_controller_is_looked_for_where_it_is(self, tmp_path):
        root = v1(tmp_path)
        mounts = (
            ("cgroup2", "/", "unified", "nsdelegate"),
            ("cgroup", "/", "systemd", "name=systemd"),
            ("cgroup", "/docker/4f1c", "memory", "memory"),
        )
        groups = {"cpu.max": "150000 100000\n", "cpu.stat": container()["cpu.stat"], "cpu.pressure": PRESSURE}
        write(
            root,
            {
                "proc/self/cgroup": lines("3:memory:/docker/4f1c", "1:name=systemd:/docker/4f1c", "0::/docker/4f1c"),
                "proc/self/mountinfo": mountinfo(root, *mounts),
                **{f"cg/unified/docker/4f1c/{name}": text for name, text in groups.items()},
            },
        )
        assert numbers(made("cgroup", root)) == {**CPU, **MEMORY, **waited("cpu")}

    def test_a_controller_of_v1_that_is_not_mounted_has_none(self, tmp_path):
        root = v1(tmp_path)
        write(root, {"proc/self/mountinfo": mountinfo(root, ("cgroup2", "/", "unified", ""))})
        write(root, {"cg/unified/cpu.max": "1 1\n"})
        assert branch(root / "proc", "cpu").folders == ()
        assert made("cgroup", root) is None


def test_a_kernel_without_control_groups(tmp_path):
    assert made("cgroup", write(tmp_path, {"proc/self/cgroup": "\nodd\n", "proc/self/mountinfo": ""})) is None
