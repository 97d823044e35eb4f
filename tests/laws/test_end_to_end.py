"""However the same lines are cut into files, appends, polls and restarts: the state is the same."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.sources import file_reader
from tests.exporters import BINARY, DAY, HOUR, NOW, Exporter, reference_rows
from tests.states import state_of

END = int(NOW)
REFERENCES = {"default": "m.mlref", "versions": {"v2": "v2.mlref"}}
PREDICTIONS = st.lists(
    st.tuples(
        st.integers(0, 25),  # id
        st.integers(0, 30 * HOUR),  # seconds ago
        st.sampled_from(["v1", "v2", None]),
        st.sampled_from(["AA", "UA", "DL", "XX", None]),
        st.sampled_from([None, None, "down", "timeout"]),
        st.sampled_from([1.0, 7.25, 10.0, 13.5, "bad", None]),
        st.sampled_from([0.0, 0.25, 0.6180339, 1.0, None]),
    ),
    max_size=30,
)
CUTS = st.lists(
    st.tuples(
        st.integers(0, 1),  # which log goes on
        st.integers(0, 4),  # by how much of what is left, in quarters
        st.booleans(),  # the last line is half there for a while
        st.booleans(),  # ... and is read so
        st.booleans(),  # a restart
        st.integers(0, 1),  # the next file begins
    ),
    max_size=20,
)
REST = [(0, 4, False, False, False, 0)] * 2
"""What is left of both logs, at once."""
LABELS = st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0, 1, None]), st.integers(-HOUR, DAY)), max_size=30)


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The fitted files, which every example reads."""
    exporter = Exporter(tmp_path_factory.mktemp("fit"), reference=REFERENCES)
    rows = [{**each, "version": "v1"} for each in reference_rows(600)]
    exporter.fit([*rows, *({**each, "version": "v2", "x": each["x"] + 1} for each in rows)])
    return {name: (exporter.folder / name).read_bytes() for name in ("m.mlref", "v2.mlref")}


def prediction(fields: tuple[Any, ...]) -> dict[str, Any]:
    number, ago, version, carrier, error, x, p = fields
    late = None if p is None or error else int(p > 0.5)
    return {"ts": NOW - ago, "id": f"i{number}", "version": version, "carrier": carrier, "error": error, "x": x,
            "p": p, "late": late, "seconds": 0.001 * number}  # fmt: skip


def label(fields: tuple[Any, ...]) -> dict[str, Any]:
    number, late, ago = fields
    return {"id": f"i{number}", "late": late, "at": NOW - ago}


def started(folder: Path, references: dict[str, bytes], **changes: Any) -> Exporter:
    exporter = Exporter(folder, reference=REFERENCES, **changes)
    for name, content in references.items():
        (folder / name).write_bytes(content)
    return exporter


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    predictions=PREDICTIONS,
    labels=LABELS,
    cuts=CUTS,
    conflict=st.sampled_from(["first", "last"]),
    block=st.sampled_from([64, 400, 8 << 20]),
)
def test_state_does_not_depend_on_the_cut(  # noqa: PLR0917 - fixtures and draws
    tmp_path_factory, references, predictions, labels, cuts, conflict, block
) -> None:
    """Rows out of order, duplicates, conflicts, early and late labels, two versions with bins of their own; read in
    blocks of any size.
    """
    logs = {"logs": [prediction(each) for each in predictions], "labels": [label(each) for each in labels]}
    settings_of_labels = {**BINARY["labels"], "conflict": conflict}
    whole = started(tmp_path_factory.mktemp("whole"), references, labels=settings_of_labels)
    for name, rows in logs.items():
        whole.write(f"{name}/a.jsonl", rows)
    whole.read()
    expected = state_of(whole, END)
    whole.close()

    cut = started(tmp_path_factory.mktemp("cut"), references, labels=settings_of_labels)
    with pytest.MonkeyPatch.context() as reader:
        for limit in ("BLOCK_BYTES", "_SMALLEST_BLOCK"):
            reader.setattr(file_reader, limit, min(block, getattr(file_reader, limit)))
        _read_in_cuts(cut, logs, cuts)
    assert state_of(cut, END) == expected
    cut.restart()
    cut.worker.finish_waits()
    assert state_of(cut, END)["windows"] == expected["windows"]
    cut.close()


def _read_in_cuts(cut: Exporter, logs: Mapping[str, list[dict[str, Any]]], cuts: list[tuple[Any, ...]]) -> None:
    """Both logs are written and read bit by bit, until nothing is left of them."""
    for name in logs:
        cut.write(f"{name}/a.jsonl", [])
    rest = {name: list(rows) for name, rows in logs.items()}
    files = Counter({"logs": 0, "labels": 0})
    for which, share, half, read_between, restart, next_file in [*cuts, *REST]:
        left = [name for name, rows in rest.items() if rows]
        if not left:
            break
        name = left[which % len(left)]
        size = 1 + share * (len(rest[name]) - 1) // 4
        rows, rest[name] = rest[name][:size], rest[name][size:]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        path = cut.folder / name / f"{'abcdefghijklmnopqrstuvwxyz'[min(25, files[name])]}.jsonl"
        with path.open("a") as log:
            log.write(text[: len(text) // 2] if half else text)
        if read_between:
            cut.read()
        if half:
            # The rest of a line that was half there.
            with path.open("a") as log:
                log.write(text[len(text) // 2 :])
        cut.read()
        if restart:
            cut.restart()
        files[name] += next_file
    cut.read()


@settings(max_examples=20, deadline=None)
@given(gaps=st.lists(st.integers(0, 2000), min_size=2, max_size=60), places=st.lists(st.integers(0, 60), max_size=4))
def test_replay_in_order_gives_the_same_counters(tmp_path_factory, references, gaps, places) -> None:
    """By the watermark, rows in the order of their times are never late: counters do not depend on the cut either."""
    times = np.cumsum(gaps)
    rows = [{**prediction((i, 0, "v1", "AA", None, 10.0, 0.75)), "ts": NOW + float(t)} for i, t in enumerate(times)]
    totals = []
    for cuts in ([], sorted(min(place, len(rows)) for place in places)):
        exporter = started(tmp_path_factory.mktemp("replay"), references, clock="watermark")
        for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True):
            exporter.predict(*rows[a:b])
            exporter.read()
            exporter.restart()
        exporter.read()
        totals.append((exporter.total("v1").all.tobytes(), exporter.book.timeline.watermarks))
        exporter.close()
    assert totals[0] == totals[1]


@settings(max_examples=15, deadline=None)
@given(
    predictions=PREDICTIONS,
    labels=LABELS,
    seed=st.integers(0, 1000),
    pane=st.sampled_from(["1m", "10m", "30m", "1h"]),
)
def test_windows_depend_on_neither_order_nor_panes(  # noqa: PLR0917 - fixtures and draws
    tmp_path_factory, references, predictions, labels, seed, pane
) -> None:
    """Lines in any order, both logs in any turns, panes of any width: where each id comes once, windows are the same."""
    random = Random(seed)
    logs = {
        "logs": [{**prediction(each), "id": f"i{number}"} for number, each in enumerate(predictions)],
        "labels": [{**label(each), "id": f"i{number}"} for number, each in enumerate(labels)],
    }
    states = []
    for width, shuffled in (("5m", False), (pane, True)):
        exporter = started(tmp_path_factory.mktemp("order"), references, pane=width)
        # A log without any file is told as an error, and tried again later.
        for name in logs:
            exporter.write(f"{name}/a.jsonl", [])
        turns = [(name, row) for name in logs for row in logs[name]]
        if shuffled:
            random.shuffle(turns)
        for name, row in turns:
            exporter.write(f"{name}/{'ab'[shuffled and random.random() < 0.5]}.jsonl", [row])
            if shuffled and random.random() < 0.2:
                exporter.read()
        exporter.read()
        states.append(state_of(exporter, END))
        exporter.close()
    assert states[0] == states[1]
