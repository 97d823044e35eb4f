"""What Postgres says when it says no, as one line with what to do. Never a password, never a row's content."""

from typing import Final

import psycopg

from exporter.errors import SourceError
from exporter.sources.postgres import PostgresConfig

_DATA: Final = "22"
"""The class of errors that quote a row's values."""


class NotReadable(Exception):  # noqa: N818 -- turned into a SourceError within the Postgres source
    """Something about the table that does not go with the configuration; the message says what and what to do."""

    def __init__(self, message: str, *, fatal: bool = False) -> None:
        self.fatal = fatal
        super().__init__(message)


def told(
    error: psycopg.Error | NotReadable, config: PostgresConfig, watermark: str | None, *, silent: bool
) -> SourceError:
    """The error as the source raises it.

    Args:
        error: what came.
        config: of the source.
        watermark: its column.
        silent: we hung up, because the server said nothing for too long.
    """
    if isinstance(error, NotReadable):
        return SourceError(f"{config.describe()}: {error}", fatal=error.fatal)
    if silent:
        what = f"no answer within {config.statement_timeout} s, not even an error; is the network up?"
        return SourceError(f"{config.describe()}: {what}")
    message, fatal = _message(error, config, watermark)
    return SourceError(f"{config.describe()}: {_without_secrets(message, config)}", fatal=fatal)


def _message(error: psycopg.Error, config: PostgresConfig, watermark: str | None) -> tuple[str, bool]:
    said = _first_line(error.diag.message_primary or str(error))
    code = error.sqlstate or ""
    if isinstance(error, psycopg.errors.QueryCanceled):
        order = f"; an index on `{watermark}` and the id makes it fast" if watermark else ""
        what = f"a statement took longer than `statement_timeout` ({config.statement_timeout} s) or was cancelled"
        return f"{what}{order}", False
    if isinstance(error, psycopg.errors.UndefinedTable):
        return f"{said}; check `table` (with its schema), `database`, and the user's USAGE on the schema", False
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"{said}; GRANT SELECT on it (and USAGE on its schema) to the user", False
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction | psycopg.errors.FeatureNotSupported):
        return f"{said}; `query` must only read", True
    if code == "42601":
        return f"{said}; `query` must be one SELECT without a semicolon", True
    if code.startswith("42"):
        return f"{said}; check `query`, `watermark` and `id`", False
    if code.startswith(_DATA):
        return f"{type(error).__name__} while the query was computed; find the row in the database's own log", False
    if code.startswith("28"):
        return f"{said}; check `user` and `password`", False
    if not code:
        return f"cannot be reached: {said}", False
    return said, False


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "it says nothing"


def _without_secrets(message: str, config: PostgresConfig) -> str:
    for secret in (config.password, config.dsn):
        value = secret.get_secret_value() if secret is not None else ""
        if value:
            message = message.replace(value, "***")
    return message
