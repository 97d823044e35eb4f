"""All that must not depend on how a log was read: what two states of the same rows have in common."""

from typing import Any

import numpy as np

from tests.exporters import DAY, HOUR, Exporter


def state_of(exporter: Exporter, end: int) -> dict[str, Any]:
    """All that must not depend on how the log was read; windows end at `end`."""
    book, references = exporter.book, exporter.worker.references
    words = {kind: sorted(names) for kind, names in book.vocabulary.names.items() if names}
    windows = {}
    for version in sorted(book.versions.last):
        layout = references.layout(version)
        for seconds in (HOUR, DAY, 2 * DAY):
            counts = book.panes.window(version, layout, seconds, end)
            windows[version, seconds] = by_name(counts, book.vocabulary)
    return {
        "windows": windows,
        "words": words,
        "times": (book.versions.first, book.versions.last, book.versions.last_label),
        "predictions": exporter.rejected(),
        "labels": exporter.rejected("labels"),
        "rows": (exporter.rows_read(), exporter.rows_read("labels")),
        "waiting": (book.ledger.waiting, book.ledger.unmatched),
    }


def by_name(counts: Any, vocabulary: Any) -> tuple[Any, ...]:
    """Counts with slice values and error classes by name: their slots are in the order of their first rows."""
    layout, by_slice = counts.layout, {}
    for dimension in layout.slices:
        rows = counts.by_slice[layout.slice_span[dimension]]
        names = vocabulary.labels(dimension)
        by_slice |= {(dimension, n): r.tobytes() for n, r in zip(names, rows, strict=True) if r.any()}
    errors = dict(zip(vocabulary.labels("error"), counts["errors"].tolist(), strict=True))
    return (
        _without_errors(counts).tobytes(),
        {name: n for name, n in errors.items() if n},
        {key: _masked(row, layout) for key, row in by_slice.items()},
    )


def _without_errors(counts: Any) -> np.ndarray:
    vector = counts.all.copy()
    vector[counts.layout.spans["errors"]] = 0.0
    return vector


def _masked(row: bytes, layout: Any) -> bytes:
    """A slice's counts without its error slots, whose order is that of their first rows."""
    vector = np.frombuffer(row).copy()
    vector[layout.slice_spans["errors"]] = 0.0
    return vector.tobytes()


def seen(exporter: Exporter, conflict: str) -> dict[str, Any]:
    """All that there is to be seen of a state, to the last count."""
    samples = exporter.samples()
    del samples["ml_watermark_timestamp_seconds"]  # it needs so many rows of a batch, and batches are as they come
    if conflict == "last":
        # A label that is corrected was news or was not, by when its prediction came: counters never go back.
        for name in ("ml_outcomes_total", "ml_absolute_error_total", "ml_squared_error_total"):
            samples.pop(name, None)
    counters = {
        name: sorted(values.values())
        for name, values in samples.items()
        if name.endswith("_total") and all(isinstance(value, float | int) for value in values.values())
    }
    state = state_of(exporter, int(exporter.clock.now()))
    return {**state, "samples": samples, "counters": counters}


def unlike(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What differs, in words short enough to be read."""
    found: dict[str, Any] = {}
    for key in one.keys() | other.keys():
        mine, its = one.get(key), other.get(key)
        if mine == its:
            continue
        inner = isinstance(mine, dict) and isinstance(its, dict)
        found[str(key)] = unlike(mine, its) if inner else (str(mine)[:80], str(its)[:80])
    return found


def undisturbed(exporter: Exporter, conflict: str) -> dict[str, Any]:
    """What one finds that reads the same logs with nobody in its way."""
    exporter.close()
    for file in (exporter.folder / "state").glob("*"):
        file.unlink()
    exporter.restart()
    exporter.read()
    found = seen(exporter, conflict)
    exporter.close()
    return found
