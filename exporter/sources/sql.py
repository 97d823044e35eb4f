"""Reads a table by a watermark column: what is newer than the last row, and what was committed late before it.

A poll reads what stands behind the last row, by watermark and id. Rows may be committed after later ones were read:
whoever opens a snapshot therefore looks at the keys of the last stretch (`look_back`) again, and fetches those that it
does not know. The cursor holds the last row's key and, 8 bytes each, hashes of the stretch's rows that were read.
A page ends where the key changes, so that rows of one key stay together.
"""

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exporter.batch import Batch, Poll, Reject
from exporter.clock import SystemClock
from exporter.errors import SourceError
from exporter.sources.sql_database import Database, Fetched, Keys
from exporter.sources.sql_place import (
    KNOWN_MOST,
    NOTHING,
    Hashes,
    Key,
    Mark,
    Place,
    Window,
    among,
    decode,
    joined,
    key_hashes,
    later,
    plain_mark,
    told_apart,
)

POLL_BYTES: Final = 64 << 20
"""One poll reads at most about so much, however many rows it may give."""
_KEY_BYTES: Final = 4 * POLL_BYTES
"""A page that rows of one key make longer than this is none: it would not end before memory does."""
_FIRST_FETCH: Final = 256
"""Rows fetched before it is known how wide they are."""
_FETCH_BYTES: Final = 8 << 20
_CLOCK: Final = SystemClock()
_SURVEY_SECONDS: Final = 600.0
"""Rows that are not read in order are counted so often, for without an index that takes a look at all rows."""


@dataclass(slots=True)
class _Page:
    """What a poll has gathered."""

    limit: int
    batches: list[pa.RecordBatch]
    hashes: list[Hashes]
    marks: list[NDArray[Any]]
    rows: int = 0
    bytes: int = 0

    @property
    def left(self) -> int:
        return 0 if self.bytes >= POLL_BYTES else self.limit - self.rows

    def add(self, fetched: Fetched) -> None:
        self.batches.append(fetched.rows)
        self.rows += len(fetched)
        self.bytes += fetched.rows.nbytes
        if fetched.keys is not None:
            self.hashes.append(key_hashes(fetched.keys.marks, fetched.keys.ids))
            self.marks.append(fetched.keys.marks)

    def whole(self) -> list[pa.RecordBatch]:
        """The rows as one batch; as more where columns change their kind in between."""
        return [_one(list(alike)) for _, alike in groupby(self.batches, key=lambda rows: rows.schema)]

    def window(self, start: int) -> Window:
        """Watermarks and hashes of the rows from the `start`-th piece on."""
        return Window(joined(self.marks[start:]), told_apart(np.concatenate(self.hashes[start:])))


class SqlSource:
    """Reads one table or query, incrementally. What it keeps open only saves time."""

    def __init__(self, database: Database, watermark: str, row_id: str, fetch_rows: int) -> None:
        self._database = database
        self._of = (watermark, row_id)
        self._fetch_rows = fetch_rows
        self._at: bytes | None = None
        """The cursor at which the open snapshot stands; None: none is open."""
        self._place = Place(self._of)
        self._window = NOTHING
        self._rest: Fetched | None = None
        self._surveyed = -_SURVEY_SECONDS
        self._problems: tuple[str, ...] = ()

    def poll(self, cursor: bytes | None, limit: int) -> Poll:
        """At most about `limit` rows: those that were committed late, then those behind the last one, in order.

        Raises:
            SourceError: the database cannot be reached or says no; fatal where only another configuration helps.
        """
        try:
            return self._poll(cursor, limit)
        except BaseException:
            self._leave()
            raise

    def close(self) -> None:
        """Disconnects."""
        self._leave()
        self._database.close()

    def _poll(self, cursor: bytes | None, limit: int) -> Poll:
        page = _Page(limit, [], [], [])
        going_on = self._at is not None and self._at == cursor
        place = self._place if going_on else decode(cursor, self._of)
        first, unplaced = place.rows, 0
        if going_on:
            if not self._read(page):
                return self._finished(page, first, unplaced, exhausted=False, going_on=True)
            place = self._place  # all that was there when the snapshot was made; more may be there by now
        self._leave()
        self._database.begin(place.key)
        place, unplaced = self._surveyed_place(place)
        self._place, complete = self._late(place, page)
        if not complete:
            return self._finished(page, first, unplaced, exhausted=False, going_on=False)
        self._database.select(place.key)
        exhausted = self._read(page)
        return self._finished(page, first, unplaced, exhausted=exhausted, going_on=not exhausted)

    def _finished(self, page: _Page, first: int, unplaced: int, *, exhausted: bool, going_on: bool) -> Poll:
        encoded = self._place.encode()
        if going_on and self._database.keeps_snapshot:
            self._at = encoded
        else:
            self._leave()
        name, batches = self._database.name, []
        for rows in page.whole():
            batches.append(Batch(rows, name, first + 1))
            first += rows.num_rows
        return Poll(
            batches=tuple(batches),
            rejects=(Reject(name, 0, "bad_time", ""),) if unplaced else (),
            cursor=encoded,
            exhausted=exhausted,
            problems=self._told(),
            unnoted={"bad_time": unplaced - 1} if unplaced > 1 else {},
        )

    def _leave(self) -> None:
        self._at, self._rest, self._window = None, None, NOTHING
        self._database.end()

    # What was committed late

    def _late(self, place: Place, page: _Page) -> tuple[Place, bool]:
        """Adds rows of the look-back that are not known; the place then, and whether that was all of them."""
        if place.key is None:
            return place, True
        since = later(self._database.lower(place.key.mark), place.since)
        found = self._look_back(since, place.key)
        new = ~among(found.hashes, place.known)
        if not new.any():
            self._window = found
            return replace(place, since=since, known=np.sort(found.hashes)), True
        unknown = np.sort(found.hashes[new])
        marks = found.marks[new]
        delivered = self._fetch_late(plain_mark(marks.min()), plain_mark(marks.max()), place.key, unknown, page)
        rows = place.rows + len(delivered)
        if len(delivered) == len(unknown):
            self._window = found
            return replace(place, rows=rows, since=since, known=np.sort(found.hashes)), True
        known = np.sort(np.concatenate((place.known, delivered)))
        return replace(place, rows=rows, known=known), False

    def _look_back(self, since: Mark, until: Key) -> Window:
        marks, hashes = [], []
        for keys in self._database.keys(since, until):
            marks.append(keys.marks)
            hashes.append(key_hashes(keys.marks, keys.ids))
        if not marks:
            return NOTHING
        return Window(joined(marks), told_apart(np.concatenate(hashes)))

    def _fetch_late(self, first: Mark, last: Mark, until: Key, unknown: Hashes, page: _Page) -> Hashes:
        """Adds the rows with unknown hashes that stand between two watermarks; their hashes.

        Rows of one key come one after the other, so that their hashes are told apart as in the whole look-back.
        """
        delivered: list[Hashes] = []
        tail = np.empty(0, dtype=np.uint64)
        for fetched in self._database.between(first, last, until):
            assert fetched.keys is not None
            plain = key_hashes(fetched.keys.marks, fetched.keys.ids)
            apart = told_apart(np.concatenate((tail, plain)))[len(tail) :]
            same = np.concatenate((tail, plain)) == plain[-1:]
            tail = np.full(int(np.count_nonzero(same)), plain[-1])
            wanted = among(apart, unknown)
            places = np.flatnonzero(wanted)[: max(page.left, 0)]
            if len(places):
                page.batches.append(fetched.rows.take(pa.array(places)))
                page.rows += len(places)
                page.bytes += page.batches[-1].nbytes
                delivered.append(apart[places])
            if page.left <= 0:
                break
        return np.concatenate(delivered) if delivered else tail[:0]

    # What is new

    def _read(self, page: _Page) -> bool:
        """Adds rows in order until the page is full; true where there are no more."""
        before, start, size, last = page.rows, len(page.hashes), _FIRST_FETCH, None
        exhausted = False
        while True:
            # One more than there is room for says where the page ends, unless more rows have the last one's key.
            ask = max(1, min(size, self._fetch_rows, page.left + 1 if page.left > 0 else _FIRST_FETCH))
            fetched, self._rest = self._rest or self._database.fetch(ask), None
            if not len(fetched):
                exhausted = True
                break
            keys = fetched.keys
            assert keys is not None
            if len(fetched) > page.left:
                stop = self._page_end(keys, max(page.left, 0), last)
                if stop < len(fetched):
                    self._rest = fetched.slice(stop, len(fetched))
                    if stop:
                        page.add(fetched.slice(0, stop))
                        last = keys.key(stop - 1)
                    break
                if page.bytes > _KEY_BYTES:
                    raise self._endless()
            page.add(fetched)
            last = keys.key(len(keys) - 1)
            size = max(1, _FETCH_BYTES * len(fetched) // max(fetched.rows.nbytes, 1))
        if last is not None:
            self._advance(last, page.window(start), page.rows - before)
        return exhausted

    def _endless(self) -> SourceError:
        watermark, row_id = self._of
        return SourceError(
            f"{self._database.name}: more than {_KEY_BYTES >> 20} MB of rows share one `{watermark}` and `{row_id}`, "
            "and such rows are read all at once; name an `id` that tells them apart, and give the model a new state",
            fatal=True,
        )

    @staticmethod
    def _page_end(keys: Keys, start: int, last: Key | None) -> int:
        """The first row from `start` on whose key is not that of the row before; all rows if there is none."""
        hashes = key_hashes(keys.marks, keys.ids)
        before = hashes[start - 1] if start else _hash_of(keys, last)
        while start < len(keys) and before is not None and hashes[start] == before:
            start += 1
        return start

    def _advance(self, last: Key, read: Window, rows: int) -> None:
        """Moves on to the last row that was read; the look-back goes along."""
        since = later(self._database.lower(last.mark), self._place.since)
        self._window, since = (self._window + read).shortened(since)
        known = np.sort(self._window.hashes)
        self._place = replace(self._place, key=last, rows=self._place.rows + rows, since=since, known=known)

    # What is not read in order

    def _surveyed_place(self, place: Place) -> tuple[Place, int]:
        """Learns, at most every ten minutes, how many rows are not read; how many can never be that were not told."""
        if _CLOCK.monotonic() - self._surveyed < _SURVEY_SECONDS:
            return place, 0
        watermark, name = self._of[0], self._database.name
        self._surveyed = _CLOCK.monotonic()
        try:
            survey = self._database.survey()
        except SourceError as error:
            # Without an index it may take longer than is allowed: rows are read all the same, from a new snapshot.
            self._problems = (
                f"{name}: how many rows have no `{watermark}`, or one in the future, is not known: {error}",
            )
            self._database.begin(place.key)
            return place, 0
        problems = []
        if survey.unplaced:
            problems.append(
                f"{name}: {survey.unplaced} rows have no `{watermark}` that can be put in order (null, or of another "
                "kind) and are not read; fill it in, or leave such rows out with `query`"
            )
        if survey.ahead:
            problems.append(
                f"{name}: {survey.ahead} rows have a `{watermark}` in the future and are read when its time has come; "
                "if it is local time without a zone, say `timezone`"
            )
        self._problems = tuple(problems)
        return replace(place, unplaced=survey.unplaced), max(0, survey.unplaced - place.unplaced)

    def _told(self) -> tuple[str, ...]:
        place = self._place
        if place.key is None or place.since is None or place.since == self._database.lower(place.key.mark):
            return self._problems
        short = (
            f"{self._database.name}: rows committed late are looked for only behind the watermark {place.since}: more "
            f"than {KNOWN_MOST:,} rows stand within `look_back` (make it shorter), or it was made longer just now"
        )
        return (*self._problems, short)


def _hash_of(keys: Keys, last: Key | None) -> np.uint64 | None:
    """The hash of a key that stood before these; None where none did."""
    if last is None or last != keys.key(0):
        return None
    return np.uint64(key_hashes(keys.marks[:1], keys.ids[:1])[0])


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    if not batches[0].num_columns:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * sum(map(len, batches)), pa.struct([])))
    return pa.RecordBatch.from_arrays(
        [pa.concat_arrays(columns) for columns in zip(*(rows.columns for rows in batches), strict=True)],
        schema=batches[0].schema,
    )


class WholeSource:
    """Reads a table once, all of it: training data. A cursor is the number of rows read; a snapshot stays open."""

    def __init__(self, database: Database, fetch_rows: int) -> None:
        self._database = database
        self._fetch_rows = fetch_rows
        self._at = -1

    def poll(self, cursor: bytes | None, limit: int) -> Poll:
        """The next rows, at most `limit`.

        Raises:
            SourceError: the database cannot be reached or says no.
        """
        try:
            start = int(cursor or b"0")
        except ValueError as error:
            raise SourceError("sql: this is not a cursor of a table that is read once", fatal=True) from error
        try:
            batches, exhausted = self._rows(start, limit)
        except BaseException:
            self._leave()
            raise
        if exhausted:
            self._leave()
        end = start + sum(batch.rows.num_rows for batch in batches)
        return Poll(tuple(batches), (), str(end).encode(), exhausted=exhausted)

    def close(self) -> None:
        """Disconnects."""
        self._leave()
        self._database.close()

    def _rows(self, start: int, limit: int) -> tuple[list[Batch], bool]:
        if self._at != start:
            self._leave()
            self._database.begin(None)
            self._database.select_all()
            self._at = 0
            while self._at < start and (skipped := len(self._database.fetch(min(self._fetch_rows, start - self._at)))):
                self._at += skipped
        batches: list[Batch] = []
        size, space, read = _FIRST_FETCH, POLL_BYTES, 0
        while read < limit and space > 0:
            fetched = self._database.fetch(max(1, min(size, self._fetch_rows, limit - read)))
            if not len(fetched):
                return batches, True
            batches.append(Batch(fetched.rows, self._database.name, start + read + 1))
            read += len(fetched)
            space -= fetched.rows.nbytes
            size = max(1, _FETCH_BYTES * len(fetched) // max(fetched.rows.nbytes, 1))
        self._at = start + read
        return batches, False

    def _leave(self) -> None:
        self._at = -1
        self._database.end()
