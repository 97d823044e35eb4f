"""A log that fails: when it is tried again, and when it is not."""

from pathlib import Path

from exporter.engine.stream import Stream
from exporter.engine.worker import Worker
from tests.exporters import DAY, Exporter, row, truth


def streams(worker: Worker) -> dict[str, Stream]:
    return {stream.name: stream for stream in worker._streams}


def test_fatal_failure_is_not_retried_but_told_once(tmp_path: Path) -> None:
    """A cursor that is none: reading it again would change nothing. The other log goes on."""
    exporter = Exporter(tmp_path)
    exporter.fit()
    with exporter.worker._store.transaction():
        exporter.worker._store.put_cursor("predictions", b"of something else")
    exporter.restart()
    exporter.predict(row(1))
    for day in range(3):
        exporter.label(truth(day))
        exporter.read()
        exporter.clock.advance(DAY)
    assert streams(exporter.worker)["predictions"].failures == 1
    assert exporter.rows_read("labels") == 3.0
    assert exporter.health.value("ml_exporter_source_up", ("m", "predictions")) == 0.0
    (told,) = [event for event in exporter.logged if event["level"] == "error"]
    assert (told["event"], told["source"]) == ("source failed for good: mend it, then reload or restart", "predictions")
    assert exporter.worker.stream_trouble("predictions") == told["error"]
    assert "give the model a new state" in told["error"]
    exporter.close()


def test_fatal_failure_stays_when_the_state_is_read_anew_and_ends_with_a_restart(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path)
    exporter.fit()
    exporter.predict(row(1))
    worker = exporter.worker
    worker._source_failed(streams(worker)["predictions"], "gone for good", fatal=True)
    worker._let_go()
    exporter.read()
    assert exporter.rows_read() == 0.0
    exporter.restart()
    exporter.read()
    assert exporter.rows_read() == 1.0
    exporter.close()


def test_back_off_grows_to_a_minute(tmp_path: Path) -> None:
    stream = Stream("predictions", Exporter(tmp_path).model_plan.predictions, None)
    assert [stream.failed(100.0) for _ in range(7)] == [1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 60.0]
    assert stream.retry_at == 160.0
