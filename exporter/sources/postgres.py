"""Postgres as a source: the configuration, and what a `type: postgres` opens."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from exporter.errors import SourceError
from exporter.sources.source import Source
from exporter.sources.sql import SqlSource, WholeSource
from exporter.sources.sql_config import Seconds, SqlConfig

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class PostgresConfig(SqlConfig):
    """A table, a view or a query of a Postgres database. docs/sql.md says how it is read and which rights it needs."""

    type: Literal["postgres"]
    dsn: Annotated[
        SecretStr | None,
        Field(
            description="Connection string as libpq takes it, a URL or `key=value` pairs; the keys below go first.",
            examples=["postgresql://watcher@db.example.com/ml"],
        ),
    ] = None
    host: Annotated[
        str | None, Field(description="Host, or the directory of a Unix socket.", examples=["db.example.com"])
    ] = None
    port: Annotated[int | None, Field(ge=1, le=65535, description="Port; default: 5432.", examples=[5432])] = None
    database: Annotated[str | None, Field(description="Database.", examples=["ml"])] = None
    user: Annotated[str | None, Field(description="Who reads; needs SELECT alone.", examples=["model_reader"])] = None
    password: Annotated[SecretStr | None, Field(description="Password.", examples=["${DB_PASSWORD}"])] = None
    sslmode: Annotated[
        SslMode | None,
        Field(
            description="As libpq's. Only `verify-full` makes sure who answers; default: that where there is a "
            "`ca_file`, else `prefer`.",
            examples=["verify-full"],
        ),
    ] = None
    ca_file: Annotated[
        Path | None, Field(description="Certificates of who may vouch for the server.", examples=["tls/ca.crt"])
    ] = None
    cert_file: Annotated[Path | None, Field(description="Our own certificate.", examples=["tls/client.crt"])] = None
    key_file: Annotated[Path | None, Field(description="Its private key.", examples=["tls/client.key"])] = None
    connect_timeout: Annotated[Seconds, Field(description="A server that takes longer to let us in is given up.")] = 10
    application_name: Annotated[str, Field(description="How we show in `pg_stat_activity`.")] = "ml-exporter"

    def describe(self) -> str:
        """For people: what is read."""
        where = f"{self.host or ''}{f':{self.port}' if self.port else ''}" + (
            f"/{self.database}" if self.database else ""
        )
        return f"postgres {self.what()}" + (f" at {where}" if where else "")

    def open(
        self,
        *,
        keep_rows: bool = False,  # noqa: ARG002 -- a row has no text to keep
        columns: tuple[str, ...] | None = None,
        complete: bool = False,
        id_column: str | None = None,
    ) -> Source:
        """The source, not connected until it is polled.

        Args:
            keep_rows: of no use here.
            columns: columns that are needed; None: all.
            complete: read once, all of it, by no watermark (training data).
            id_column: what tells rows apart where the configuration does not say.
        """
        try:
            from exporter.sources.postgres_database import PostgresDatabase  # noqa: PLC0415 -- the driver is an extra
        except ImportError as error:
            return Undriven(f"postgres: the driver is missing ({error.name}); pip install 'ml-exporter[postgres]'")
        row_id = self.id or id_column
        if complete or self.watermark is None or row_id is None:
            return WholeSource(PostgresDatabase(self, None, None, columns), self.fetch_rows)
        database = PostgresDatabase(self, self.watermark, row_id, columns)
        return SqlSource(database, self.watermark, row_id, self.fetch_rows)

    def connection(self) -> dict[str, Any]:
        """What libpq is told; holds the password."""
        told: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": None if self.password is None else self.password.get_secret_value(),
            "sslmode": self.sslmode or (None if self.ca_file is None else "verify-full"),
            "sslrootcert": self.ca_file,
            "sslcert": self.cert_file,
            "sslkey": self.key_file,
            "connect_timeout": self.connect_timeout,
            "application_name": self.application_name,
        }
        return {key: str(value) for key, value in told.items() if value is not None}


class Undriven:
    """A source whose driver is not installed."""

    def __init__(self, message: str) -> None:
        self._message = message

    def poll(self, cursor: bytes | None, limit: int) -> Any:  # noqa: ARG002 -- as every source
        """Never reads anything.

        Raises:
            SourceError: fatal; says what to install.
        """
        raise SourceError(self._message, fatal=True)

    def close(self) -> None: ...
