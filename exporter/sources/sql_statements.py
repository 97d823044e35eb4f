"""The statements that read a table in order. Names come quoted, values go as parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exporter.sources.sql_place import Key, Mark

Statement = tuple[str, tuple[Any, ...]]
"""Text and the values of its parameters."""


@dataclass(frozen=True, slots=True)
class Statements:
    """Writes statements for one relation in one dialect.

    Attributes:
        relation: the table, quoted, or the query in brackets.
        columns: what is selected of a row, one expression each.
        mark, id: the two columns that order rows, quoted.
        id_text: the id as text.
        placed, unplaced_if: a condition that rows with a usable watermark fulfil, and one that the others do.
        parameter: n, value → how the dialect writes the n-th parameter.
        nulls_first: rows without id come before all others of their watermark; else after them.
        exact_id: the id is selected as it is too, since its text does not tell its kind.
        present: the newest watermark that is not in the future, as a value; None: any may be read.
    """

    relation: str
    columns: tuple[str, ...]
    mark: str
    id: str
    id_text: str
    placed: str
    unplaced_if: str
    parameter: Callable[[int, Any], str]
    nulls_first: bool
    exact_id: bool = False
    present: Any = None

    def _where(self, conditions: list[str], values: list[Any]) -> Statement:
        return f" FROM {self.relation} WHERE {' AND '.join([self.placed, *conditions])}", tuple(values)

    def _value(self, values: list[Any], value: Any) -> str:
        values.append(value)
        return self.parameter(len(values), value)

    def _until_present(self, values: list[Any]) -> list[str]:
        return [] if self.present is None else [f"{self.mark} <= {self._value(values, self.present)}"]

    @property
    def _row(self) -> str:
        return ", ".join((*self.columns, self.mark, self.id_text, *([self.id] if self.exact_id else [])))

    def after(self, key: Key | None) -> Statement:
        """Rows after `key`, in order, up to the present."""
        values: list[Any] = []
        conditions = [] if key is None else self._after(key, values)
        where, parameters = self._where([*conditions, *self._until_present(values)], values)
        return f"SELECT {self._row}{where} ORDER BY {self.mark}, {self.id}", parameters

    def between(self, first: Mark, last: Mark, until: Key) -> Statement:
        """Rows from one watermark to another, up to a key."""
        values: list[Any] = []
        conditions = [
            f"{self.mark} >= {self._value(values, first)}",
            f"{self.mark} <= {self._value(values, last)}",
            *self._up_to(until, values),
        ]
        where, parameters = self._where(conditions, values)
        return f"SELECT {self._row}{where} ORDER BY {self.mark}, {self.id}", parameters

    def keys(self, since: Mark, until: Key) -> Statement:
        """Keys of the rows behind a watermark, up to a key."""
        values: list[Any] = []
        conditions = [f"{self.mark} > {self._value(values, since)}", *self._up_to(until, values)]
        where, parameters = self._where(conditions, values)
        return f"SELECT {self.mark}, {self.id_text}{where}", parameters

    def everything(self) -> Statement:
        """All rows, as they come."""
        return f"SELECT {', '.join(self.columns) or '1'} FROM {self.relation}", ()  # noqa: S608 -- see the class

    def unplaced(self) -> Statement:
        """How many rows have no usable watermark."""
        return f"SELECT count(*) FROM {self.relation} WHERE {self.unplaced_if}", ()  # noqa: S608 -- see the class

    def ahead(self) -> Statement | None:
        """How many rows lie in the future; None where that cannot be."""
        if self.present is None:
            return None
        where = f"{self.relation} WHERE {self.mark} > {self.parameter(1, self.present)}"
        return f"SELECT count(*) FROM {where}", (self.present,)  # noqa: S608 -- see the class

    def _after(self, key: Key, values: list[Any]) -> list[str]:
        mark = self._value(values, key.mark)
        if key.id is None:
            others = f"({self.mark} > {mark} OR {self.id} IS NOT NULL)"
            return [f"{self.mark} >= {mark}", others] if self.nulls_first else [f"{self.mark} > {mark}"]
        row = f"({self.mark}, {self.id}) > ({mark}, {self._value(values, key.id)})"
        if self.nulls_first:
            return [row]
        return [f"{self.mark} >= {mark}", f"({row} OR ({self.mark} = {mark} AND {self.id} IS NULL))"]

    def _up_to(self, key: Key, values: list[Any]) -> list[str]:
        mark = self._value(values, key.mark)
        up_to = [f"{self.mark} <= {mark}"]
        if key.id is None:
            return [*up_to, f"({self.mark} < {mark} OR {self.id} IS NULL)"] if self.nulls_first else up_to
        same = f"{self.id} <= {self._value(values, key.id)}"
        nulls = f" OR {self.id} IS NULL" if self.nulls_first else ""
        return [*up_to, f"({self.mark} < {mark} OR {same}{nulls})"]
