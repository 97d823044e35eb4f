"""What the exporter says of itself."""

import threading

import pytest

from exporter.health import FAMILIES, Health, HealthFamily, HealthHistogram


def readings(health):
    return {family.name: dict(samples) for family, samples in health.read()}


def test_nothing_is_said_before_anything_is_known():
    assert Health().read() == []


def test_counters_rise_from_a_visible_zero():
    health = Health()
    health.inc("ml_exporter_rows_total", ("m", "labels"), 0)
    assert readings(health) == {"ml_exporter_rows_total": {("m", "labels"): 0.0}}
    health.inc("ml_exporter_rows_total", ("m", "labels"), 5)
    health.inc("ml_exporter_rows_total", ("m", "labels"))
    assert health.value("ml_exporter_rows_total", ("m", "labels")) == 6.0


def test_counters_never_fall():
    health = Health()
    for amount in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="cannot rise by"):
            health.inc("ml_exporter_rows_total", ("m", "labels"), amount)


def test_gauges_stand_where_they_were_set_last_until_removed():
    health = Health()
    health.set("ml_exporter_source_up", ("m", "labels"), 1)
    health.set("ml_exporter_source_up", ("m", "labels"), 0)
    assert health.value("ml_exporter_source_up", ("m", "labels")) == 0.0
    health.remove("ml_exporter_source_up", ("m", "labels"))
    health.remove("ml_exporter_source_up", ("m", "labels"))
    assert health.value("ml_exporter_source_up", ("m", "labels")) is None
    assert health.read() == []


def test_replace_leaves_no_other_series():
    health = Health()
    health.set("ml_exporter_series", ("old",), 3)
    health.replace("ml_exporter_series", {("new",): 4})
    assert readings(health) == {"ml_exporter_series": {("new",): 4.0}}


def test_a_model_that_is_gone_leaves_nothing_behind():
    health = Health()
    health.inc("ml_exporter_rows_total", ("gone", "labels"))
    health.set("ml_exporter_series", ("gone",), 1)
    health.set("ml_exporter_series", ("stays",), 1)
    health.set("ml_exporter_last_cycle_timestamp_seconds", (), 7)
    health.remove_model("gone")
    assert readings(health) == {
        "ml_exporter_series": {("stays",): 1.0},
        "ml_exporter_last_cycle_timestamp_seconds": {(): 7.0},
    }


def test_a_histograms_bucket_holds_its_upper_edge():
    health = Health((HealthFamily("h", "histogram", "", bounds=(1.0, 2.0)),))
    for value in (1.0, 1.5, 2.0, 3.0):
        health.observe("h", (), value)
    assert readings(health) == {"h": {(): HealthHistogram((1.0, 2.0), (1.0, 2.0, 1.0), 7.5)}}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda health: health.inc("ml_nothing", ()), "ml_nothing: no such family"),
        (lambda health: health.inc("ml_exporter_rows_total", ("m",)), "has the labels"),
        (lambda health: health.set("ml_exporter_rows_total", ("m", "s"), 1), "is a counter, not a gauge"),
        (lambda health: health.inc("ml_exporter_source_up", ("m", "s")), "is a gauge, not a counter"),
        (lambda health: health.observe("ml_exporter_source_up", ("m", "s"), 1), "is a gauge, not a histogram"),
        (lambda health: health.replace("ml_exporter_series", {("a", "b"): 1}), "has the labels"),
        (lambda health: health.remove("ml_exporter_series", ()), "has the labels"),
    ],
)
def test_a_wrong_name_kind_or_number_of_labels_is_a_mistake_of_the_program(call, message):
    with pytest.raises(ValueError, match=message):
        call(Health())


def test_threads_lose_no_increment():
    health = Health()

    def count():
        for _ in range(2000):
            health.inc("ml_exporter_rows_total", ("m", "labels"))
            health.observe("ml_exporter_cycle_seconds", (), 0.1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert health.value("ml_exporter_rows_total", ("m", "labels")) == 8000.0
    assert sum(readings(health)["ml_exporter_cycle_seconds"][()].counts) == 8000.0


def test_the_table_of_families_is_well_formed():
    names = [family.name for family in FAMILIES]
    assert sorted(set(names)) == sorted(names)
    for family in FAMILIES:
        assert (family.kind == "counter") == family.name.endswith("_total"), family.name
        assert (family.kind == "histogram") == bool(family.bounds), family.name
        assert family.help.endswith("."), family.name
