"""What the configurations of all databases have in common."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from exporter.duration import positive, whole_seconds

_TABLE = re.compile(r'(?:"(?:[^"]|"")+"|[^".]+)(?:\.(?:"(?:[^"]|"")+"|[^".]+))*')
_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


def _name(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("is empty; give the name of a column or take the line out")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no time zone; use an IANA name such as UTC or Europe/Vienna") from None
    return value


def _look_back(value: Any) -> int | None:
    return None if value is None else whole_seconds(value)


def _statement(value: str) -> str:
    """The query without what ends it."""
    query = value.strip().rstrip("; \t\r\n")
    if not query:
        raise ValueError("is empty; give a SELECT, or name a `table`")
    if not re.match(r"(?i)(\(|/\*|--|(select|with|values|table)\b)", query):
        raise ValueError("must be a SELECT; it is read as a table")
    return query


def _table(value: str) -> str:
    if not _TABLE.fullmatch(value) or "\0" in value:
        raise ValueError('must be a table\'s name, such as predictions, ml.predictions or "odd.name"')
    return value


Column = Annotated[str, AfterValidator(_name)]
Seconds = Annotated[int, BeforeValidator(whole_seconds), AfterValidator(positive)]


class SqlConfig(BaseModel):
    """What is read of a database, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: Annotated[
        str | None,
        AfterValidator(lambda value: None if value is None else _table(value)),
        Field(
            description="Table or view, with its schema where it needs one. A part with a dot or a quote in it stands "
            'in double quotes: `ml."odd.name"`. Either `table` or `query`.',
            examples=["ml.predictions"],
        ),
    ] = None
    query: Annotated[
        str | None,
        AfterValidator(lambda value: None if value is None else _statement(value)),
        Field(
            description="Any SELECT instead of a table. It is read as `SELECT … FROM (query)`.",
            examples=["SELECT * FROM predictions WHERE model = 'a'"],
        ),
    ] = None
    watermark: Annotated[
        Column | None,
        Field(
            description="Column by which rows are read in order: when the row was written, or a serial number. "
            "Needed, but for `reference_data`.",
            examples=["created_at"],
        ),
    ] = None
    id: Annotated[
        Column | None,
        Field(
            description="Column that tells rows of one watermark apart, best the primary key; "
            "default: the model's `columns.id`.",
            examples=["id"],
        ),
    ] = None
    look_back: Annotated[
        int | None,
        BeforeValidator(_look_back),
        Field(
            description="How far before the newest row rows that were committed late are looked for: a duration, or a "
            "number where the watermark is one; default: 1m, two days where the watermark is a date, 1000 where it is "
            "a number.",
            json_schema_extra={"kind": "duration or whole number"},
            examples=["5m"],
        ),
    ] = None
    timezone: Annotated[
        str,
        AfterValidator(_zone),
        Field(description="IANA name; watermarks without an offset are of this zone.", examples=["Europe/Vienna"]),
    ] = "UTC"
    statement_timeout: Annotated[Seconds, Field(description="A statement that takes longer is given up.")] = 30
    fetch_rows: Annotated[
        int, Field(ge=1, le=100_000, description="Most rows that are held at once before they become Arrow columns.")
    ] = 10_000

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`")
        return self

    def faults(self, id_column: str | None) -> Iterator[tuple[str, str]]:
        """Keys that are missing where this is read again and again, with what to do.

        Args:
            id_column: the model's own id column.
        """
        if self.watermark is None:
            yield "watermark", "is missing; name the column by which new rows are told, such as `watermark: created_at`"
        if self.id is None and id_column is None:
            yield "id", "is missing; name a column that tells rows apart, such as the primary key: `id: id`"

    def parts(self) -> tuple[str, ...]:
        """The table's name and what it stands in, without quotes."""
        return tuple(
            quoted.replace('""', '"') if quoted else plain for quoted, plain in _PART.findall(self.table or "")
        )

    def what(self) -> str:
        """For people: the table's name."""
        return f"table {self.table}" if self.table is not None else "query"
