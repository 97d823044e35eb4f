"""How far a table was read: the newest row by watermark and id, and hashes of the rows read just before it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from exporter.errors import SourceError
from exporter.profile.ids import hash_ids

Hashes = NDArray[np.uint64]
Mark = int | float | str
"""A watermark: microseconds since the epoch, days, a number, or ISO text."""
RowId = int | float | str | bytes | None

VERSION: Final = 1
KNOWN_MOST: Final = 1_000_000
"""So many rows of the look-back are told apart, 8 bytes each in the cursor."""
_MARK_KEY: Final = (0x6D61726B, 0x6D6C)
_ID_KEY: Final = (0x6964, 0x6D6C)
_SAME: Final = np.uint64(0x9E3779B97F4A7C15)
"""Added for each earlier row of the same key: odd, so that all of them differ."""
_NO_HASHES: Final = np.empty(0, dtype=np.uint64)


class Unreadable(str):
    """Text whose bytes are no UTF-8, as people see it; only by the bytes `raw` does the database find it again."""

    __slots__ = ("raw",)
    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        """The text with what cannot be read replaced."""
        text = super().__new__(cls, raw.decode("utf-8", "replace"))
        text.raw = raw
        return text


def text_of(raw: bytes) -> str:
    """Text of any bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Unreadable(raw)


@dataclass(frozen=True, slots=True)
class Key:
    """What orders rows: the watermark, then the id."""

    mark: Mark
    id: RowId


@dataclass(frozen=True)
class Place:
    """A cursor.

    Attributes:
        of: watermark and id column: a cursor means nothing where these are others.
        key: the last row that was read in order; None: none yet.
        rows: how many were read.
        unplaced: rows without a usable watermark that were told.
        since: behind this watermark all rows that were read are known; None: none were read.
        known: sorted hashes of these rows.
    """

    of: tuple[str, str]
    key: Key | None = None
    rows: int = 0
    unplaced: int = 0
    since: Mark | None = None
    known: Hashes = field(default_factory=lambda: _NO_HASHES)

    def encode(self) -> bytes:
        """The bytes that `decode` reads: a line of JSON, then the hashes."""
        head = {
            "version": VERSION,
            "sql": self.of,
            "key": None if self.key is None else [self.key.mark, _plain(self.key.id)],
            "rows": self.rows,
            "unplaced": self.unplaced,
            "since": self.since,
        }
        return orjson.dumps(head) + b"\n" + self.known.astype("<u8").tobytes()


def decode(cursor: bytes | None, of: tuple[str, str]) -> Place:
    """The place that a cursor tells; the beginning for None.

    Raises:
        SourceError: fatal; these bytes are no cursor of a SQL source, or of one with other columns.
    """
    if cursor is None:
        return Place(of)
    try:
        head, _, hashes = cursor.partition(b"\n")
        document: Any = orjson.loads(head)
        if document["version"] != VERSION:
            msg = f"sql: the cursor is of version {document['version']}, this program reads version {VERSION}"
            raise SourceError(msg, fatal=True)
        was = (str(document["sql"][0]), str(document["sql"][1]))
        key = None if document["key"] is None else Key(document["key"][0], _scalar(document["key"][1]))
        known = np.frombuffer(hashes, dtype="<u8").astype(np.uint64)
        place = Place(of, key, int(document["rows"]), int(document["unplaced"]), document["since"], known)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        msg = "sql: the cursor kept in the state directory is not one of a SQL source; give the model a new state"
        raise SourceError(msg, fatal=True) from error
    if was != of:
        msg = (
            f"sql: the state was read by watermark `{was[0]}` and id `{was[1]}`, the configuration now says `{of[0]}` "
            f"and `{of[1]}`; take that back, or give the model a new state"
        )
        raise SourceError(msg, fatal=True)
    return place


def _plain(value: RowId) -> Any:
    if isinstance(value, Unreadable):
        return {"text": value.raw.hex()}
    if isinstance(value, float) and math.isinf(value):
        return {"real": str(value)}  # JSON has no infinity, and null is no id
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _scalar(value: Any) -> RowId:
    if not isinstance(value, dict):
        return value  # type: ignore[no-any-return]  # JSON has no other scalars
    if "real" in value:
        return float(value["real"])
    return text_of(bytes.fromhex(value["text"])) if "text" in value else bytes.fromhex(value["hex"])


def joined(pieces: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Watermarks one behind the other; of several kinds as objects, for no integer beyond 2^53 may become a float."""
    if len({piece.dtype for piece in pieces}) > 1:
        pieces = [piece.astype(object) for piece in pieces]
    return np.concatenate(pieces)


def _mark_hashes(marks: NDArray[Any]) -> Hashes:
    """(n,) hashes; equal numbers have one, whatever their kind and whatever stands beside them."""
    real = np.fromiter((type(mark) is float for mark in marks), np.bool_, len(marks)) if marks.dtype == object else None
    if real is None or not real.any():
        return hash_ids(pa.array(marks), _MARK_KEY)[0]
    hashes = np.empty(len(marks), dtype=np.uint64)
    for kind, places in ((pa.float64(), real), (pa.int64(), ~real)):
        if places.any():
            hashes[places] = hash_ids(pa.array(marks[places], kind), _MARK_KEY)[0]
    return hashes


def key_hashes(marks: NDArray[Any], ids: pa.Array) -> Hashes:
    """(n,) hashes of watermarks and ids (text or its bytes); a row without id has the hash of its watermark alone."""
    by_id, _ = hash_ids(ids, _ID_KEY)
    mixed: Hashes = _mark_hashes(marks) * _SAME + np.where(np.asarray(ids.is_valid()), by_id, np.uint64(0))
    return mixed


def told_apart(hashes: Hashes) -> Hashes:
    """The hashes, those of rows with one key made different: the first as it is, the second one step on, and so on."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(ordered) else order
    nth = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.append(starts, len(ordered))))
    apart = np.empty_like(hashes)
    apart[order] = ordered + nth.astype(np.uint64) * _SAME
    return apart


def among(hashes: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """(n,) whether each hash is one of the sorted `known`."""
    if not len(known):
        return np.zeros(len(hashes), dtype=np.bool_)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found: NDArray[np.bool_] = known[at] == hashes
    return found


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of the look-back that were read: (n,) watermarks and (n,) hashes."""

    marks: NDArray[Any]
    hashes: Hashes

    def __add__(self, other: "Window") -> "Window":
        if not len(other.hashes):
            return self
        if not len(self.hashes):
            return other
        return Window(joined((self.marks, other.marks)), np.concatenate((self.hashes, other.hashes)))

    def shortened(self, since: Mark) -> tuple["Window", Mark]:
        """The rows behind the watermark `since`, of too many the newest; and behind which one they are complete."""
        keep = _behind(self.marks, since)
        if (kept := int(np.count_nonzero(keep))) > KNOWN_MOST:
            # A watermark of which not all rows can be kept is left out as a whole.
            since = plain_mark(np.sort(self.marks[keep])[kept - KNOWN_MOST - 1])
            keep = _behind(self.marks, since)
        return (self if keep.all() else Window(self.marks[keep], self.hashes[keep])), since


def _behind(marks: NDArray[Any], since: Mark) -> NDArray[np.bool_]:
    """(n,) whether each watermark is greater, as exactly as a database compares."""
    if marks.dtype == np.int64 and isinstance(since, float):
        since = math.floor(since)
    elif marks.dtype == np.float64 and isinstance(since, int):
        marks = marks.astype(object)
    return np.asarray(marks > since, dtype=np.bool_)


def plain_mark(value: object) -> Mark:
    """A NumPy scalar as the watermark it stands for."""
    plain: Mark = value.item() if isinstance(value, np.generic) else value  # type: ignore[assignment]
    return plain


def later(one: Mark, other: Mark | None) -> Mark:
    """The later of two watermarks; None is none."""
    return one if other is None or one >= other else other  # type: ignore[operator]  # of one kind


NOTHING: Final = Window(np.empty(0, dtype=np.int64), _NO_HASHES)
