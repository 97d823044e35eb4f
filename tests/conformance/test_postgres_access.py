"""Who may read what of a Postgres database, over which line; and that nothing else can be done with it."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import SourceError
from exporter.sources.postgres import PostgresConfig
from exporter.sources.source import Source
from tests.conformance.sources import postgres_config
from tests.postgres import Database, PostgresServer, running


@pytest.fixture
def database() -> Iterator[Database]:
    database = running().database()
    database.execute("CREATE TABLE log (at timestamptz, id int, value float8)")
    database.execute("INSERT INTO log VALUES ('2024-01-01', 1, 0.5)")
    yield database
    database.drop()


@contextlib.contextmanager
def opened(database: Database, **options: Any) -> Iterator[Source]:
    config = postgres_config(database, **{"table": "log", "watermark": "at", "id": "id", **options})
    with contextlib.closing(config.open()) as source:
        yield source


def values(source: Source, column: str = "value") -> list[Any]:
    return [one for batch in source.poll(None, 100).batches for one in batch.rows.column(column).to_pylist()]


def told(database: Database, **options: Any) -> SourceError:
    with opened(database, **options) as source, pytest.raises(SourceError) as error:
        source.poll(None, 100)
    assert "\n" not in str(error.value)
    return error.value


def test_a_role_with_the_rights_of_the_page_reads_its_tables_and_no_other(database: Database) -> None:
    """The statements of docs/sql.md, as they stand there."""
    page = (Path(__file__).parents[2] / "docs/sql.md").read_text()
    rights, index = (block.split("```")[0] for block in page.split("```sql\n")[1:])
    create, *grants = [statement for statement in rights.split(";") if statement.strip()]
    assert len(grants) == 2
    database.execute("CREATE SCHEMA ml")
    database.execute("CREATE TABLE ml.predictions (created_at timestamptz, row_id int, value float8)")
    database.execute("CREATE TABLE ml.labels (id int)")
    database.execute("INSERT INTO ml.predictions VALUES ('2024-01-01', 1, 2.5)")
    database.execute(index)
    database.execute("DROP ROLE IF EXISTS model_reader")
    database.execute(create)
    table = {"table": "ml.predictions", "watermark": "created_at", "id": "row_id", "user": "model_reader"}
    assert "GRANT SELECT on it (and USAGE on its schema)" in str(told(database, **table))
    for grant in grants:
        database.execute(grant)
    with opened(database, **table) as source:
        assert values(source) == [2.5]
    assert "permission denied for table log" in str(told(database, user="model_reader"))
    database.execute("DROP OWNED BY model_reader")
    database.execute("DROP ROLE model_reader")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT *, nextval('numbers') AS made FROM log",
        "WITH gone AS (DELETE FROM log RETURNING *) SELECT * FROM gone",
    ],
)
def test_a_query_that_writes_is_refused_even_to_the_superuser(database: Database, query: str) -> None:
    database.execute("CREATE SEQUENCE numbers")
    error = told(database, table=None, query=query, user="postgres")
    assert error.fatal
    assert "read-only transaction" in str(error) or "must be at the top level" in str(error)
    assert database.execute("SELECT count(*) FROM log") == [(1,)]
    assert database.execute("SELECT is_called FROM numbers") == [(False,)]


def test_nothing_that_a_query_did_stays(database: Database) -> None:
    """Postgres lets some functions write in a read-only transaction before version 16; every one of ours is undone."""
    query = "SELECT *, lo_create(0) AS made FROM log"
    with opened(database, table=None, query=query, user="postgres") as source, contextlib.suppress(SourceError):
        source.poll(None, 100)
    assert database.execute("SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM log) AS one; DELETE FROM log; SELECT * FROM (SELECT 1",
        "SELECT * FROM log; DELETE FROM log",
        "SELECT * FROM log) AS one; COMMIT; DELETE FROM log; --",
        "SELECT * FROM log; -- all",
    ],
)
def test_a_second_statement_is_refused(database: Database, query: str) -> None:
    error = told(database, table=None, query=query, user="postgres")
    assert error.fatal
    assert "`query` must be one SELECT without a semicolon" in str(error)
    assert database.execute("SELECT count(*) FROM log") == [(1,)]


@pytest.mark.parametrize(
    "query",
    ["SELECT * FROM log;", "SELECT * FROM log -- all", "(SELECT * FROM log)", "TABLE log ;\n;",
     "SELECT at, id, value FROM log WHERE '%s {} $1' LIKE '%'"],
)  # fmt: skip
def test_a_query_may_be_written_as_people_write_it(database: Database, query: str) -> None:
    with opened(database, table=None, query=query) as source:
        assert values(source) == [0.5]


def test_names_are_only_names(database: Database) -> None:
    name = 'x"; drop table log; --'
    database.execute('CREATE TABLE "x""; drop table log; --" ("at 100%s" timestamptz, "i""d" int, "{} $1" float8)')
    database.execute("""INSERT INTO "x""; drop table log; --" VALUES ('2024-01-01', 1, 7)""")
    quoted = name.replace('"', '""')
    with opened(database, table=f'public."{quoted}"', watermark="at 100%s", id='i"d') as source:
        assert values(source, "{} $1") == [7.0]
    error = told(database, watermark='at" is not null; drop table log; --')
    assert "there is no column" in str(error)
    assert database.execute("SELECT count(*) FROM log") == [(1,)]


def test_what_is_wrong_is_told_in_one_line(database: Database) -> None:
    missing = told(database, table="nope")
    assert 'relation "nope" does not exist; check `table` (with its schema)' in str(missing)
    column = told(database, watermark="ta")
    assert "there is no column `ta` (`watermark`); there are at, id, value" in str(column)
    kind = told(database, watermark="value")
    assert "column `value` (`watermark`) is of type float8; it must be a timestamp, a date or a whole number" in str(
        kind
    )
    twice = told(database, table=None, query="SELECT *, 1 AS value FROM log")
    assert "column `value` stands twice in the query; name one of them otherwise with AS" in str(twice)
    nobody = told(database, host="127.0.0.1", port=1)
    assert "cannot be reached: connection failed" in str(nobody)
    absent = told(Database(database.server, "nope"))
    assert 'database "nope" does not exist' in str(absent)
    assert not any(error.fatal for error in (missing, column, kind, twice, nobody, absent))


def test_errors_never_hold_what_stands_in_a_row(database: Database) -> None:
    database.execute("ALTER TABLE log ADD COLUMN name text DEFAULT 'nobody''s business'")
    error = str(told(database, table=None, query="SELECT *, name::int AS number FROM log"))
    assert "InvalidTextRepresentation while the query was computed" in error
    assert "business" not in error


def test_a_password_is_nowhere_to_be_seen(database: Database) -> None:
    server = database.server
    access = {"host": "127.0.0.1", "password": "pa ss%40word!"}
    config = postgres_config(database, table="log", watermark="at", id="id", **access)
    assert "pa ss" not in f"{config!r} {config.describe()} {config.model_dump_json()}"
    refused = told(database, **access)
    assert "password authentication failed" in str(refused)
    for dsn in (
        f"postgresql://watcher:s3cret@127.0.0.1:{server.port}/{database.name}",
        f"host=127.0.0.1 port={server.port} user=watcher password=s3cret dbname={database.name}",
        "postgresql://watcher:s3cret@[bad/ml",
        f"postgresql://watcher:pa@s3cret@127.0.0.1:{server.port}/{database.name}",
        "s3cret",
        "passwort=s3cret",
    ):
        config = PostgresConfig.model_validate(
            {"type": "postgres", "dsn": dsn, "table": "log", "watermark": "at", "id": "id"}
        )
        with contextlib.closing(config.open()) as source, pytest.raises(SourceError) as error:
            source.poll(None, 10)
        seen: Any = error.value
        while seen is not None:
            assert "s3cret" not in f"{seen!r} {config!r} {config.describe()}"
            seen = None if seen.__suppress_context__ else seen.__cause__ or seen.__context__


def test_a_dsn_lets_in_as_the_keys_do(database: Database) -> None:
    server = database.server
    password = server.password.replace(" ", "%20")
    dsn = f"postgresql://{server.user}:{password}@{server.host}:{server.port}/{database.name}"
    config = PostgresConfig.model_validate(
        {"type": "postgres", "dsn": dsn, "table": "log", "watermark": "at", "id": "id"}
    )
    with contextlib.closing(config.open()) as source:
        assert values(source) == [0.5]


def certificate(folder: Path, name: str, subject: str, *options: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={subject}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", *options],
        check=True,
        capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates: of an authority, of the server and of a user by it, and of another authority."""
    folder = tmp_path_factory.mktemp("tls")
    certificate(folder, "ca", "authority")
    certificate(folder, "other", "another authority")
    by = ("-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key"))
    certificate(folder, "server", "server", *by, "-addext", "subjectAltName=IP:127.0.0.1")
    certificate(folder, "client", "certified", *by)
    return folder


@pytest.fixture(scope="module")
def secured(folder: Path) -> Iterator[Database]:
    """A server that lets in over TLS only, and the user `certified` by a certificate only."""
    names = ("ca.crt", "server.crt", "server.key")
    server = PostgresServer(
        "ssl = on\nssl_ca_file = 'ca.crt'",
        "hostssl all certified 127.0.0.1/32 cert\nhostnossl all all 127.0.0.1/32 reject",
        {name: (folder / name).read_bytes() for name in names},
    )
    try:
        database = server.database()
        database.execute("CREATE TABLE log AS SELECT timestamptz '2024-01-01' AS at, 1 AS id, 0.5::float8 AS value")
        database.execute("CREATE ROLE certified LOGIN IN ROLE pg_read_all_data")
        yield database
    finally:
        server.remove()


@pytest.fixture
def read(secured: Database) -> Callable[..., list[Any]]:
    def read(**options: Any) -> list[Any]:
        access = {"host": "127.0.0.1", "password": secured.server.password, **options}
        with opened(secured, **access) as source:
            return values(source)

    return read


def test_the_server_is_made_sure_of(folder: Path, read: Callable[..., list[Any]]) -> None:
    """A certificate of the authority that is named, for the host that is named; `ca_file` alone asks for both."""
    assert read(ca_file=folder / "ca.crt") == [0.5]
    assert read(ca_file=folder / "ca.crt", sslmode="verify-full") == [0.5]
    assert read(sslmode="require") == [0.5]
    with pytest.raises(SourceError, match="certificate verify failed"):
        read(ca_file=folder / "other.crt")
    with pytest.raises(SourceError, match=r'server certificate for .* does not match host name "localhost"'):
        read(ca_file=folder / "ca.crt", host="localhost")
    assert read(ca_file=folder / "ca.crt", host="localhost", sslmode="verify-ca") == [0.5]
    with pytest.raises(SourceError, match=r"rejects connection|no encryption"):
        read(sslmode="disable")


def test_a_certificate_of_ours_lets_in(folder: Path, read: Callable[..., list[Any]]) -> None:
    (folder / "client.key").chmod(0o600)
    access = {"user": "certified", "ca_file": folder / "ca.crt", "cert_file": folder / "client.crt"}
    assert read(**access, key_file=folder / "client.key") == [0.5]
    with pytest.raises(SourceError, match="certificate"):
        read(user="certified", ca_file=folder / "ca.crt")
