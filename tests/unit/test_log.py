"""What a log's own content can do to our log: nothing."""

import json
from collections.abc import Iterator

import pytest
import structlog

from exporter.log import LogFormat, configure

HOSTILE = 'a\nlevel=error event="forged"\r\x1b[2J\u202e\ud800'


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("fmt", ["logfmt", "json"])
def test_one_event_is_one_line_of_harmless_text(fmt: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    log = configure("info", fmt)
    log.warning(HOSTILE, file=HOSTILE)
    log.error("failed", exc_info=ValueError(HOSTILE))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert all("<U+001B>[2J<U+202E><U+D800>" in line for line in lines)


def test_json_tells_the_line_feed_from_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json").info("read", file="a\n\\n")
    assert json.loads(capsys.readouterr().err)["file"] == "a\n\\n"
