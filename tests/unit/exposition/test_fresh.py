"""What is read at the scrape: in time, or left out."""

import threading

from exporter.exposition.family import Family
from exporter.exposition.fresh import Fresh


def fresh(rig, **parts):
    return Fresh(rig.health, parts, rig.clock, rig.log, limit_seconds=0.02)


def load():
    return [Family("ml_host_load", "gauge", "Load.", (), [((), 0.5)])]


def failing():
    raise OSError("no such device")


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
    assert b'\nml_exporter_collector_success{collector="host"} 1\n' in text


def test_a_failing_part_takes_nothing_with_it_and_is_logged_once(rig):
    reader = fresh(rig, gpu=failing, host=load)
    for _ in range(2):
        text = reader.read().text
    assert b"\nml_host_load 0.5\n" in text
    assert b'\nml_exporter_collector_success{collector="gpu"} 0\n' in text
    assert [(event["collector"], event["error"]) for event in rig.events] == [("gpu", "OSError: no such device")]


def test_a_late_part_is_left_out_and_not_started_twice(rig):
    started = []
    go_on = threading.Event()

    def slow():
        started.append(threading.current_thread())
        go_on.wait()
        return load()

    reader = fresh(rig, host=slow)
    for _ in range(3):
        assert b"ml_host_load" not in reader.read().text
    assert len(started) == 1
    go_on.set()
    started[0].join()
    assert b"\nml_host_load 0.5\n" in reader.read().text
