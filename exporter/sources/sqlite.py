"""SQLite as a source: the configuration, and what a `type: sqlite` opens."""

from typing import Annotated, Literal

from pydantic import Field

from exporter.sources.source import Source
from exporter.sources.sql import SqlSource, WholeSource
from exporter.sources.sql_config import SqlConfig
from exporter.sources.sqlite_database import SqliteDatabase


class SqliteConfig(SqlConfig):
    """A table, a view or a query of a SQLite file, opened for reading only. docs/sql.md says how it is read."""

    type: Literal["sqlite"]
    path: Annotated[str, Field(min_length=1, description="The database file.", examples=["logs/predictions.sqlite"])]

    def describe(self) -> str:
        """For people: what is read."""
        return f"sqlite {self.what()} in {self.path}"

    def open(
        self,
        *,
        keep_rows: bool = False,  # noqa: ARG002 -- a row has no text to keep
        columns: tuple[str, ...] | None = None,
        complete: bool = False,
        id_column: str | None = None,
    ) -> Source:
        """The source, not opened until it is polled.

        Args:
            keep_rows: of no use here.
            columns: columns that are needed; None: all.
            complete: read once, all of it, by no watermark (training data).
            id_column: what tells rows apart where the configuration does not say.
        """
        row_id = self.id or id_column
        if complete or self.watermark is None or row_id is None:
            return WholeSource(SqliteDatabase(self, self.path, None, columns), self.fetch_rows)
        database = SqliteDatabase(self, self.path, (self.watermark, row_id), columns)
        return SqlSource(database, self.watermark, row_id, self.fetch_rows)
