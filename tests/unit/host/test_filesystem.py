"""Room on file systems: which are shown, what of each, and one that does not answer."""

import errno
import os
import threading
import time

import pytest

from exporter.host.filesystem import FilesystemCollector, Room, ask, shown
from exporter.host.mounts import parse
from tests.unit.host.trees import lines, told, write

ROOM = Room(1000.0, 600.0, 500.0, 100.0, 40.0)


def mounted(*rows):
    """Lines of mountinfo: `number point kind device`, more options behind."""
    return lines(
        f"{at} 1 {number} / {point} rw,relatime shared:1 - {kind} {device} {','.join(('rw', *options))}"
        for at, (number, point, kind, device, *options) in enumerate(rows, start=20)
    )


def points(text):
    return [mount.point for mount in shown(parse(text))]


def test_pseudo_file_systems_are_not_shown():
    kinds = ("proc", "sysfs", "cgroup2", "tracefs", "overlay", "squashfs", "autofs", "devpts", "nsfs")
    text = mounted(
        ("8:1", "/", "ext4", "/dev/sda1"),
        ("0:30", "/run", "tmpfs", "tmpfs"),
        ("0:31", "/dev/shm", "tmpfs", "tmpfs"),
        ("0:32", "/sys/firmware", "tmpfs", "tmpfs"),
        ("8:2", "/var/lib/docker/btrfs", "ext4", "/dev/sda2"),
        ("8:3", "/device", "xfs", "/dev/sda3"),
        *((f"0:{number}", f"/x{number}", kind, "none") for number, kind in enumerate(kinds, start=50)),
    )
    assert points(text) == ["/", "/run", "/device"]


def test_a_file_system_is_shown_once_where_it_is_nearest_to_the_root():
    text = mounted(
        ("8:1", "/data/deep/bind", "ext4", "/dev/sda1"),
        ("8:1", "/data", "ext4", "/dev/sda1"),
        ("8:1", "/database", "ext4", "/dev/sda1"),
        ("0:40", "/srv", "btrfs", "/dev/sdb"),
        ("0:40", "/", "btrfs", "/dev/sdb"),
    )
    assert points(text) == ["/data", "/"]


def test_of_two_at_one_place_the_last_is_seen():
    text = mounted(("8:1", "/mnt", "ext4", "/dev/sda1"), ("8:2", "/mnt", "xfs", "/dev/sdb1"))
    assert [(mount.device, mount.kind) for mount in shown(parse(text))] == [("/dev/sdb1", "xfs")]


def test_a_containers_own_root_counts():
    """Its programs fill it, although it is of a kind that is none of a machine's."""
    text = mounted(("0:60", "/", "overlay", "overlay"), ("0:61", "/other", "overlay", "overlay"))
    assert points(text) == ["/"]


def test_odd_lines_and_names():
    text = lines(
        "",
        "20 1 8:1 / /with\\040blank\\134 rw - ext4 /dev/sda\\0401 rw",
        "21 1 8:x / /odd rw - ext4 /dev/sda rw",
        "22 1 8:2 / /short",
        "23 1 8:2 / /short rw - ext4",
        "24 1 8:3 / /bare rw - fuse.s3fs bucket ro,user_id=0",
    )
    assert [(mount.point, mount.device) for mount in parse(text)] == [
        ("/with blank\\", "/dev/sda 1"),
        ("/bare", "bucket"),
    ]


def collector(tmp_path, text, answer, pid="1"):
    write(tmp_path, {f"proc/{pid}/mountinfo": text})
    return FilesystemCollector(tmp_path / "proc", tmp_path, answer)


@pytest.mark.parametrize("pid", ["1", "self"])
def test_what_is_told(tmp_path, pid):
    """Read-only where the mount or the file system is; no files where there is no limit to them."""
    rooms = {"/": ROOM, "/ro": Room(10.0, 5.0, 5.0, 0.0, 0.0), "/gone": None}
    asked = []

    def answer(mount, path):
        asked.append(path)
        return rooms[mount.point]

    text = mounted(
        ("8:1", "/", "ext4", "/dev/a"), ("8:2", "/ro", "vfat", "/dev/b", "ro"), ("8:3", "/gone", "xfs", "/dev/c")
    )
    found = told(collector(tmp_path, text, answer, pid))
    root, ro = ("/dev/a", "/", "ext4"), ("/dev/b", "/ro", "vfat")
    assert asked == [tmp_path, tmp_path / "ro", tmp_path / "gone"]
    assert found == {
        "ml_host_filesystem_size_bytes": {root: 1000.0, ro: 10.0},
        "ml_host_filesystem_free_bytes": {root: 600.0, ro: 5.0},
        "ml_host_filesystem_avail_bytes": {root: 500.0, ro: 5.0},
        "ml_host_filesystem_files": {root: 100.0},
        "ml_host_filesystem_files_free": {root: 40.0},
        "ml_host_filesystem_readonly": {root: 0.0, ro: 1.0},
        "ml_host_filesystem_device_error": {root: 0.0, ro: 0.0},
    }


def test_a_hardened_service_is_not_the_machine(tmp_path):
    """It sees all mounts read-only; only what the file system itself says counts."""
    text = lines("20 1 8:1 / / ro,nosuid - ext4 /dev/a rw", "21 1 8:2 / /b ro - ext4 /dev/b ro,errors=remount-ro")
    found = told(collector(tmp_path, text, lambda *_: ROOM, pid="self"))["ml_host_filesystem_readonly"]
    assert found == {("/dev/a", "/", "ext4"): 0.0, ("/dev/b", "/b", "ext4"): 1.0}
    found = told(collector(tmp_path, text, lambda *_: ROOM))["ml_host_filesystem_readonly"]
    assert found == {("/dev/a", "/", "ext4"): 1.0, ("/dev/b", "/b", "ext4"): 1.0}


def test_one_that_fails_takes_no_other_with_it(tmp_path):
    def answer(mount, _):
        if mount.point == "/bad":
            raise OSError(errno.EIO, "Input/output error")
        return ROOM

    found = told(collector(tmp_path, mounted(("8:1", "/", "ext4", "a"), ("8:2", "/bad", "ext4", "b")), answer))
    assert found["ml_host_filesystem_device_error"] == {("a", "/", "ext4"): 0.0, ("b", "/bad", "ext4"): 1.0}
    assert list(found["ml_host_filesystem_size_bytes"]) == [("a", "/", "ext4")]


def test_a_lost_server_is_asked_once_until_it_answers(tmp_path, monkeypatch):
    """It is waited for once; the others are told all the while."""
    monkeypatch.setattr("exporter.host.filesystem._REMOTE_SECONDS", 2.0)
    go_on = threading.Event()
    asked = []

    def answer(mount, _):
        asked.append(mount.point)
        if mount.point == "/lost":
            go_on.wait()
        return ROOM

    rows = (("8:1", "/", "ext4", "a"), ("0:50", "/lost", "nfs4", "server:/x"), ("0:51", "/near", "nfs4", "server:/y"))
    reader = collector(tmp_path, mounted(*rows), answer)
    lost = ("server:/x", "/lost", "nfs4")
    began = time.monotonic()
    for _ in range(9):
        found = told(reader)
        assert found["ml_host_filesystem_device_error"][lost] == 1.0
        assert set(found["ml_host_filesystem_size_bytes"]) == {("a", "/", "ext4"), ("server:/y", "/near", "nfs4")}
    assert time.monotonic() - began < 9 * 2.0
    assert asked.count("/lost") == 1
    assert asked.count("/near") == 9
    go_on.set()
    while lost not in told(reader)["ml_host_filesystem_size_bytes"]:
        pass
    assert told(reader)["ml_host_filesystem_device_error"][lost] == 0.0


class TestAsk:
    def mount(self, path, number):
        (mount,) = parse(mounted((number, str(path), "ext4", "/dev/a")))
        return mount

    def of(self, path):
        number = path.stat().st_dev
        return f"{os.major(number)}:{os.minor(number)}"

    def test_the_systems_own_answer(self, tmp_path):
        told = os.statvfs(tmp_path)
        room = ask(self.mount(tmp_path, self.of(tmp_path)), tmp_path)
        assert (room.size, room.files) == (told.f_blocks * told.f_frsize, told.f_files)
        assert 0 < room.avail <= room.free <= room.size

    def test_what_is_not_seen_there_is_not_told(self, tmp_path):
        """Nothing there, a file that is mounted by itself, or something else in its place."""
        file = write(tmp_path, {"hosts": ""}) / "hosts"
        assert ask(self.mount(tmp_path, self.of(tmp_path)), tmp_path / "none") is None
        assert ask(self.mount(file, self.of(file)), file) is None
        assert ask(self.mount(tmp_path, "7:7"), tmp_path) is None
