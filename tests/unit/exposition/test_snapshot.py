"""Publishing: immutable bytes, budget, mistakes counted."""

import gzip

import pytest

from exporter.exposition.family import Family
from exporter.exposition.render import Rendered
from exporter.exposition.snapshot import Deflated, ModelFamilies


def gauge(name, *values, model="m", rank=0):
    samples = [((model, value), 1.0) for value in values]
    return Family(name, "gauge", "G.", ("model", "bin"), samples, rank)


def test_a_snapshot_holds_all_models(rig):
    snapshot = rig.publisher.publish(
        [ModelFamilies("m", [gauge("ml_a", "x", "y")]), ModelFamilies("n", [gauge("ml_a", "x", model="n")])]
    )
    assert rig.publisher.current is snapshot
    assert (snapshot.series, snapshot.built_at) == ({"m": 2, "n": 1}, 1000.0)
    assert snapshot.text.plain.count(b"# TYPE ml_a gauge") == 1
    assert rig.health.value("ml_exporter_series", ("n",)) == 1.0


def test_a_model_that_is_gone_has_no_series_count(rig):
    rig.publisher.publish([ModelFamilies("m", [gauge("ml_a", "x")])])
    rig.publisher.publish([])
    assert rig.health.value("ml_exporter_series", ("m",)) is None


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("openmetrics", [False, True])
def test_an_answer_is_the_snapshot_and_what_is_fresh(rig, openmetrics, gzipped):
    snapshot = rig.publisher.publish([ModelFamilies("m", [gauge("ml_a", *map(str, range(500)))])])
    body = b"".join(snapshot.body(Rendered(b"fresh 1\n", b"fresh 2\n"), openmetrics=openmetrics, gzip=gzipped))
    tail = b"fresh 2\n# EOF\n" if openmetrics else b"fresh 1\n"
    assert (gzip.decompress(body) if gzipped else body) == snapshot.text.plain + tail


@pytest.mark.parametrize(("head", "tail"), [(b"", b""), (b"", b"x"), (b"x" * 100_000, b""), (b"ab" * 70_000, b"ba")])
def test_gzip_of_two_halves_is_one_member(head, tail):
    ready = Deflated.of(head)
    body = ready.data + ready.gzip_end(tail)
    assert gzip.decompress(body) == head + tail
    assert gzip.decompress(body + body) == (head + tail) * 2  # nothing is left over behind the member


def test_what_goes_over_budget_is_counted_each_time_and_logged_once(rig):
    model = ModelFamilies("m", [gauge("ml_a", "x", "y"), gauge("ml_b", "x", rank=5)], budget=2)
    for _ in range(3):
        rig.publisher.publish([model])
    assert rig.health.value("ml_exporter_series_dropped_total", ("m", "budget")) == 3.0
    assert rig.health.value("ml_exporter_series", ("m",)) == 2.0
    assert [(event["level"], event["wanted"], event["dropped"]) for event in rig.events] == [
        ("warning", 3, {"ml_b": 1})
    ]
    rig.publisher.publish([ModelFamilies("m", [gauge("ml_a", "x")], budget=2)])
    assert rig.events[-1]["event"] == "series within budget again"


def test_drops_are_counted_from_zero(rig):
    rig.publisher.publish([ModelFamilies("m", [])])
    assert [
        rig.health.value("ml_exporter_series_dropped_total", ("m", reason)) for reason in ("budget", "duplicate")
    ] == [
        0.0,
        0.0,
    ]


def test_a_series_twice_fails_a_test(rig):
    with pytest.raises(ValueError, match="ml_a has series twice"):
        rig.publisher.publish([ModelFamilies("m", [gauge("ml_a", "x", "x")])])


class TestInProduction:
    @pytest.fixture
    def rig(self, rig):
        rig.strict = False
        rig.__post_init__()
        return rig

    def test_a_series_twice_is_dropped_counted_and_logged_once(self, rig):
        for _ in range(2):
            snapshot = rig.publisher.publish([ModelFamilies("m", [gauge("ml_a", "x", "x", "y")])])
        assert snapshot.series == {"m": 2}
        assert rig.health.value("ml_exporter_series_dropped_total", ("m", "duplicate")) == 2.0
        assert [event["event"] for event in rig.events] == ["series twice: please report this"]

    def test_a_broken_family_is_left_out_counted_and_logged_once(self, rig):
        broken = Family("ml_bad", "counter", "C.", ("model",), [(("m",), 1.0)])
        for _ in range(2):
            snapshot = rig.publisher.publish([ModelFamilies("m", [gauge("ml_a", "x"), broken])])
        assert b"ml_bad" not in snapshot.text.plain
        assert rig.health.value("ml_exporter_metric_failures_total", ("ml_bad",)) == 2.0
        assert [event["event"] for event in rig.events] == ["family left out: please report this"]
