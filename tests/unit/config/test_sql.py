"""What the configuration makes of databases, and what `check` says of them."""

import sys
from pathlib import Path

import pytest

from exporter.config import load
from exporter.config.check import check
from exporter.engine.plan import Plan
from exporter.errors import ReferenceFileError, SourceError
from exporter.profile.reference import Reference
from exporter.sources.postgres import PostgresConfig
from exporter.sources.sql_config import SqlConfig
from tests.postgres import running

FOLDER = Path(__file__).parents[2] / "config"


def source_of(stream: object) -> PostgresConfig:
    config = stream.open.func.__self__  # type: ignore[attr-defined]
    assert isinstance(config, PostgresConfig)
    return config


def test_every_key_of_a_postgres_source_reaches_libpq() -> None:
    (model,) = load(FOLDER / "good-postgres.yml", {"DB_PASSWORD": "s3cret"}).models
    config = source_of(model.predictions)
    assert config.connection() == {
        "host": "db.example.com",
        "port": "6432",
        "dbname": "ml",
        "user": "ml_exporter",
        "password": "s3cret",
        "sslmode": "verify-full",
        "sslrootcert": str(FOLDER / "tls/ca.crt"),
        "sslcert": str(FOLDER / "tls/client.crt"),
        "sslkey": str(FOLDER / "tls/client.key"),
        "connect_timeout": "5",
        "application_name": "watcher",
    }
    assert config.parts() == ("ml", "predictions.2024")
    assert (config.look_back, config.statement_timeout, config.fetch_rows) == (300, 60, 5000)
    assert model.predictions.description == 'postgres table ml."predictions.2024" at db.example.com:6432/ml'
    assert "s3cret" not in repr(config)


def test_columns_that_put_rows_in_order_are_no_features(tmp_path: Path) -> None:
    """A serial number always drifts. Who wants it says so."""
    source = "{type: sqlite, path: a.sqlite, table: t, watermark: created_at, id: n}"
    for features, expected in (("{exclude: [x]}", ("x", "created_at", "n")), ("{include: [n, x]}", ("created_at",))):
        file = tmp_path / "ml-exporter.yml"
        columns = "{time: ts, prediction: late}"
        predictions = f"{{source: {source}, columns: {columns}}}"
        file.write_text(f"models: {{delay: {{task: binary, predictions: {predictions}, features: {features}}}}}\n")
        assert load(file, {}).models[0].excluded_features == expected


def test_a_ca_alone_asks_for_the_servers_name_too() -> None:
    config = PostgresConfig.model_validate({"type": "postgres", "table": "t", "ca_file": "ca.crt"})
    assert config.connection()["sslmode"] == "verify-full"
    assert "sslmode" not in PostgresConfig.model_validate({"type": "postgres", "table": "t"}).connection()


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("predictions", ("predictions",)),
        ("ml.predictions", ("ml", "predictions")),
        ('"a.b"."c""d"', ("a.b", 'c"d')),
        ('x."y; drop table z; --"', ("x", "y; drop table z; --")),
        ("Ärger mit Blanks", ("Ärger mit Blanks",)),
    ],
)
def test_a_table_has_parts_that_may_be_quoted(written: str, parts: tuple[str, ...]) -> None:
    assert SqlConfig(table=written).parts() == parts


def told(folder: Path, source: str) -> list[str]:
    """What `check` says of predictions in a table."""
    file = folder / "ml-exporter.yml"
    columns = "{time: ts, id: request_id, prediction: late}"
    file.write_text(f"models: {{delay: {{task: binary, predictions: {{source: {source}, columns: {columns}}}}}}}\n")
    plan: Plan = load(file, {})

    def no_reference(_: Path) -> Reference:
        raise ReferenceFileError("there is none")

    return [str(result) for result in check(plan, no_reference, 1_717_243_200.0) if "predictions" in result.subject]


def test_check_says_plainly_what_is_wrong_with_a_table(tmp_path: Path) -> None:
    database = running().database()
    server = database.server
    database.execute("CREATE TABLE log (created_at timestamptz, ts text, request_id text, late int)")
    database.execute(
        "INSERT INTO log SELECT '2024-06-01', '2024-06-01T00:00:00Z', n, n % 2 FROM generate_series(1, 50) n"
    )
    access = (
        f"type: postgres, host: {server.directory}, port: {server.port}, user: {server.user}, database: {database.name}"
    )
    where = f"at {server.directory}:{server.port}/{database.name}"
    fine = told(tmp_path, f"{{{access}, table: log, watermark: created_at}}")
    assert fine[0] == (
        f"ok       delay predictions: postgres table log {where} is readable (50 rows with 4 columns looked at)"
    )
    for table, watermark, expected in (
        ("gol", "created_at", 'relation "gol" does not exist; check `table` (with its schema)'),
        ("log", "created", "there is no column `created` (`watermark`); there are created_at, ts, request_id, late"),
        ("log", "ts", "column `ts` (`watermark`) is of type text; it must be a timestamp, a date or a whole number"),
    ):
        (line,) = told(tmp_path, f"{{{access}, table: {table}, watermark: {watermark}}}")
        assert line.startswith(
            f"problem  delay predictions: cannot be read: postgres table {table} {where}: {expected}"
        )
    (line,) = told(tmp_path, "{type: postgres, host: 127.0.0.1, port: 1, database: ml, table: log, watermark: ts}")
    assert "cannot be read: postgres table log at 127.0.0.1:1/ml: cannot be reached: connection failed" in line
    (line,) = told(tmp_path, "{type: sqlite, path: none.sqlite, table: log, watermark: ts}")
    assert "there is no such file; check `path`, or wait for the first log" in line
    database.drop()


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("exporter.sources.postgres_database", "psycopg"):
        monkeypatch.setitem(sys.modules, name, None)
    source = PostgresConfig.model_validate({"type": "postgres", "table": "t", "watermark": "at", "id": "id"}).open()
    with pytest.raises(SourceError, match=r"pip install 'ml-exporter\[postgres\]'") as error:
        source.poll(None, 10)
    assert error.value.fatal
    source.close()
