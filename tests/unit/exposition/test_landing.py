"""The page for people."""

import html.parser

import pytest

from exporter.exposition.landing import page, span
from exporter.exposition.status import CollectorStatus, ModelStatus, SourceStatus, Status

STATUS = Status(
    version="1.2.3",
    now=10_000.0,
    started_at=0.0,
    config_digest="0123456789abcdef",
    last_cycle_at=9_990.0,
    cycle_seconds=0.25,
    models=(
        ModelStatus(
            model="<script>alert(1)</script>",
            state="bad",
            reasons=("accuracy 0.7 below 0.8 & falling",),
            task="binary",
            owner='"team"',
            versions=("v1", "v2"),
            series=1234,
            sources=(
                SourceStatus("predictions", "files logs/*.jsonl", "ok", 65.0),
                SourceStatus("labels", "files labels/*.csv", "bad", None, "labels.csv: no such file"),
            ),
        ),
    ),
)


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.texts, self.links, self.tags = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(status):
    reader = Reader()
    reader.feed(page(status))
    assert reader.open == []
    return reader


def test_it_says_what_there_is_to_know():
    text = "\n".join(read(STATUS).texts)
    for expected in (
        *("1.2.3", "2 h 46 min", "1970-01-01 02:46:30 UTC (10 s ago), took 250 ms", "0123456789ab", "1,234"),
        *("▲ bad", "accuracy 0.7 below 0.8 & falling", "binary", '"team"', "version v1, v2"),
        *("files logs/*.jsonl", ", 1 min 5 s behind", "labels.csv: no such file"),
    ):
        assert expected in text


def test_names_are_text_and_nothing_comes_from_elsewhere():
    reader = read(STATUS)
    assert "script" not in reader.tags
    assert "<script>alert(1)</script>" in reader.texts
    assert reader.links == ["metrics", "api/v1/status", "-/healthy", "-/ready"]


def test_before_the_first_cycle_and_without_models():
    text = "\n".join(read(Status("1", 5.0, 5.0)).texts)
    assert "none yet" in text
    assert "None configured." in text


def test_many_reasons_are_cut():
    many = Status("1", 5.0, 5.0, models=(ModelStatus("m", "bad", tuple(f"reason {number}" for number in range(9))),))
    texts = read(many).texts
    assert [text for text in texts if text.startswith(("reason", "and"))] == [
        *(f"reason {number}" for number in range(6)),
        "and 3 more",
    ]


def test_a_failed_reload_is_told():
    assert "ml-exporter.yml:3: bad" in "\n".join(
        read(Status("1", 5.0, 5.0, config_error="ml-exporter.yml:3: bad")).texts
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 ms"), (0.0421, "42 ms"), (1, "1 s"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "1 d 1 h"), (-2, "-2 s")],
)
def test_spans_are_short(seconds, expected):
    assert span(seconds) == expected


def test_names_that_turn_text_or_are_no_text_are_written_out():
    """A file's name may hold any bytes; the page must still be sent."""
    name = "a\u202egnp.\udcff\x1b"
    source = SourceStatus("predictions", name, "bad", None, name)
    text = page(Status("1", 5.0, 5.0, models=(ModelStatus("m", "bad", (name,), sources=(source,)),)))
    assert text.count("a&lt;U+202E&gt;gnp.&lt;U+DCFF&gt;&lt;U+001B&gt;") == 3
    text.encode()


def test_collectors_in_trouble_come_first():
    machine = (
        CollectorStatus("cpu", "ok", 2e-5),
        CollectorStatus("gpu", "bad", 61.0, "no answer within 1 s"),
        CollectorStatus("process"),
    )
    texts = read(Status("1", 5.0, 5.0, collectors=machine)).texts
    told = [text.strip() for text in texts[texts.index("Machine") + 1 :] if text.strip()]
    assert told == [
        *("▲ bad", "gpu", ", took 1 min 1 s", "no answer within 1 s"),
        *("○ unknown", "process"),
        *("● ok", "cpu", ", took 20 µs"),
    ]
    assert "Machine" not in read(STATUS).texts
