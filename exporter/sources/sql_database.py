"""What the SQL source asks of a database, and the rows that it gets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from numpy.typing import NDArray

from exporter.sources.sql_place import Key, Mark, plain_mark


@dataclass(frozen=True, slots=True)
class Keys:
    """Watermarks and ids of some rows.

    Attributes:
        marks: (n,) int64 or float64; as objects where they are text, or numbers of both kinds.
        ids: (n,) as text or the bytes of text, whatever they are; null where there is none.
        exact: (n,) ids as the database takes them back.
    """

    marks: NDArray[Any]
    ids: pa.Array
    exact: Sequence[Any]

    def __len__(self) -> int:
        return len(self.marks)

    def key(self, row: int) -> Key:
        """What places row `row`."""
        return Key(plain_mark(self.marks[row]), self.exact[row])

    def slice(self, start: int, stop: int) -> "Keys":
        return Keys(self.marks[start:stop], self.ids[start:stop], self.exact[start:stop])


@dataclass(frozen=True, slots=True)
class Fetched:
    """Some rows of the log, with their keys; without a watermark, `keys` is None."""

    rows: pa.RecordBatch
    keys: Keys | None = None

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def slice(self, start: int, stop: int) -> "Fetched":
        return Fetched(
            self.rows.slice(start, stop - start), None if self.keys is None else self.keys.slice(start, stop)
        )


@dataclass(frozen=True, slots=True)
class Survey:
    """How many rows are not read: without a watermark that can be put in order, and with one in the future."""

    unplaced: int
    ahead: int


class Database(Protocol):
    """A database as the source reads it. One statement at a time; every one ends within the statement timeout.

    All methods but `close` and `lower` raise SourceError, one line, after which the database is as if just made.
    """

    name: str
    """The table, for people."""
    keeps_snapshot: bool
    """True where a snapshot that stays open between polls is in nobody's way."""

    def begin(self, key: Key | None) -> None:
        """Opens a snapshot: until `end`, the database stands still. Connects where that was not done.

        Args:
            key: the last row that was read, None: none yet.
        """
        ...

    def end(self) -> None:
        """Lets the snapshot go."""
        ...

    def lower(self, mark: Mark) -> Mark:
        """Behind which watermark the look-back of this one begins."""
        ...

    def keys(self, since: Mark, until: Key) -> Iterator[Keys]:
        """Keys of all rows behind the watermark `since`, up to `until`, in no order."""
        ...

    def between(self, first: Mark, last: Mark, until: Key) -> Iterator[Fetched]:
        """Rows from one watermark to another, both included, up to `until`; in no order, but rows of a key together."""
        ...

    def select(self, after: Key | None) -> None:
        """Begins to read the rows after a key, in order, up to the present."""
        ...

    def select_all(self) -> None:
        """Begins to read all rows, in no order that is known."""
        ...

    def fetch(self, rows: int) -> Fetched:
        """The next rows, at most so many; none where there are no more."""
        ...

    def survey(self) -> Survey:
        """Counts what is not read."""
        ...

    def close(self) -> None:
        """Disconnects."""
        ...
