"""What is read at the scrape: in time, or left out."""

import threading
from queue import SimpleQueue

import pytest

from exporter.exposition.family import Family
from exporter.exposition.fresh import SHARED_SECONDS, Fresh, Part
from exporter.exposition.status import CollectorStatus

LATE = 0.02


def fresh(rig, **parts):
    """Only what is stuck is late, however busy the machine is."""
    limits = {name: LATE if isinstance(read, Stuck) else 30.0 for name, read in parts.items()}
    return Fresh(rig.health, {name: Part(parts[name], limits[name]) for name in parts}, rig.clock, rig.log)


def load():
    return [Family("ml_host_load", "gauge", "Load.", (), [((), 0.5)])]


def failing():
    raise OSError("no such device")


class Stuck:
    """A part that comes back when it is told to, and notes when it was started."""

    def __init__(self):
        self.started: SimpleQueue[threading.Thread] = SimpleQueue()
        self.times = 0
        self.go_on = threading.Event()

    def __call__(self):
        self.times += 1
        self.started.put(threading.current_thread())
        self.go_on.wait()
        return load()


@pytest.fixture
def stuck():
    part = Stuck()
    yield part
    part.go_on.set()


def again(rig, reader):
    """A scrape that shares nothing with those before."""
    rig.clock.advance(SHARED_SECONDS)
    return reader.read().text


def success(text, name):
    return int(text.split(b'ml_exporter_collector_success{collector="%s"} ' % name)[1][:1])


def test_own_numbers_are_those_of_this_moment(rig):
    reader = fresh(rig)
    rig.health.set("ml_exporter_start_time_seconds", (), 5)
    assert reader.read().text.endswith(b"\nml_exporter_start_time_seconds 5\n")
    rig.health.set("ml_exporter_start_time_seconds", (), 6)
    assert reader.read().text.endswith(b"\nml_exporter_start_time_seconds 6\n")


def test_own_histograms_are_shown(rig):
    rig.health.observe("ml_exporter_cycle_seconds", (), 0.2)
    assert b'ml_exporter_cycle_seconds_bucket{le="0.25"} 1\n' in fresh(rig).read().text


def test_parts_are_added_and_marked_good(rig):
    text = fresh(rig, host=load).read().text
    assert b"\nml_host_load 0.5\n" in text
    assert success(text, b"host") == 1
    assert b'\nml_exporter_collector_duration_seconds{collector="host"} 0\n' in text


def test_a_failing_part_takes_nothing_with_it_and_is_logged_once(rig):
    answers = [OSError("no such device"), OSError("no such file"), load()]

    def gpu():
        if isinstance(answers[0], OSError):
            raise answers.pop(0)
        return answers[0]

    reader = fresh(rig, gpu=gpu, host=failing)
    for _ in range(2):
        text = again(rig, reader)
        assert [success(text, name) for name in (b"gpu", b"host")] == [0, 0]
    assert reader.status()[0] == CollectorStatus("gpu", "bad", 0.0, "OSError: no such file")
    text = again(rig, reader)
    assert b"\nml_host_load 0.5\n" in text
    assert [success(text, name) for name in (b"gpu", b"host")] == [1, 0]
    assert [(event["level"], event["event"], event["collector"], event.get("error")) for event in rig.events] == [
        ("warning", "collector failed", "gpu", "OSError: no such device"),
        ("warning", "collector failed", "host", "OSError: no such device"),
        ("info", "collector works again", "gpu", None),
    ]


def test_a_late_part_is_left_out_and_not_started_again_until_it_came_back(rig, stuck):
    reader = fresh(rig, gpu=stuck, cpu=lambda: [Family("ml_host_cpus", "gauge", "Cores.", (), [((), 2.0)])])
    for scrape in range(3):
        text = again(rig, reader)
        assert b"ml_host_load" not in text
        assert b"\nml_host_cpus 2\n" in text
        assert b'duration_seconds{collector="gpu"} %d\n' % scrape in text
    assert stuck.times == 1
    thread = stuck.started.get()
    stuck.go_on.set()
    while b"ml_host_load" not in text:
        text = again(rig, reader)
    assert stuck.times > 1  # what it said at first was of long ago
    assert stuck.started.get() is thread
    assert [event["event"] for event in rig.events] == ["collector failed", "collector works again"]


def test_a_late_part_is_waited_for_once(rig, stuck, monkeypatch):
    """Only the scrape that started it may be delayed, and by its own limit alone."""
    waits = []
    wait = threading.Event.wait
    reader = fresh(rig, gpu=stuck)
    monkeypatch.setattr(threading.Event, "wait", lambda event, seconds=None: waits.append(seconds) or wait(event, 0))
    again(rig, reader)
    again(rig, reader)
    assert [each for each in waits if each is not None] == pytest.approx([LATE, 0.0])
    monkeypatch.undo()


def test_scrapes_within_a_second_share_a_reading(rig):
    times = []

    def part():
        times.append(1)
        return [Family("ml_host_load", "gauge", "Load.", (), [((), float(len(times)))])]

    reader = fresh(rig, host=part)
    scrapers = [threading.Thread(target=reader.read) for _ in range(8)]
    for each in scrapers:
        each.start()
    for each in scrapers:
        each.join()
    assert len(times) == 1
    rig.health.set("ml_exporter_start_time_seconds", (), 7)
    assert b"\nml_exporter_start_time_seconds 7\n" in reader.read().text
    rig.clock.advance(SHARED_SECONDS / 2)
    assert b"\nml_host_load 1\n" in reader.read().text
    rig.clock.advance(SHARED_SECONDS / 2)
    assert b"\nml_host_load 2\n" in reader.read().text


def test_a_part_that_has_nothing_is_not_spoken_of(rig):
    asked = []
    reader = fresh(rig, gpu=lambda: asked.append(1), host=load)
    for _ in range(2):
        text = again(rig, reader)
        assert b'"gpu"' not in text
        assert success(text, b"host") == 1
    assert asked == [1]
    assert [each.collector for each in reader.status()] == ["host"]


def test_other_parts_after_a_reload(rig, stuck):
    """What hangs under a name is not started a second time under it; what is gone is not spoken of."""
    reader = fresh(rig, gpu=stuck, host=load)
    again(rig, reader)
    reader.replace({"gpu": Part(load, LATE)})
    text = reader.read().text
    assert success(text, b"gpu") == 0
    assert b'"host"' not in text
    stuck.go_on.set()
    while b"ml_host_load" not in text:
        text = again(rig, reader)
    assert stuck.times == 1


def test_threads_end_with_their_parts(rig):
    def threads():
        return [each for each in threading.enumerate() if each.name == "collector-soon-gone"]

    reader = Fresh(rig.health, {"soon-gone": Part(load)}, rig.clock, rig.log)
    reader.read()
    (thread,) = threads()
    reader.replace({})
    thread.join(10)
    assert not threads()
    assert not reader.may_block


def test_who_observes_is_told_each_reading_and_causes_one_where_there_was_none(rig):
    seen, times = [], []

    def part():
        times.append(rig.clock.now())
        return load()

    reader = Fresh(rig.health, {"load": Part(part, 30.0)}, rig.clock, rig.log, seen.append)
    reader.read()
    rig.clock.advance(10.0)
    reader.look(15.0)
    assert len(times) == len(seen) == 1
    rig.clock.advance(5.0)
    reader.look(15.0)
    assert len(times) == len(seen) == 2
    assert [family.name for family in seen[1]] == ["ml_host_load"]
    reader.read()
    assert len(seen) == 2
