"""The tables of a state, and what made them of older ones."""

from collections.abc import Mapping

STATE_VERSION = 3

_ADDITIONS = """
CREATE TABLE additions (
    number INTEGER PRIMARY KEY, version TEXT NOT NULL, start INTEGER NOT NULL, width INTEGER NOT NULL,
    layout TEXT NOT NULL, counts BLOB NOT NULL, sum INTEGER
)"""
SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layouts (id TEXT PRIMARY KEY, layout TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;
CREATE TABLE cursors (stream TEXT PRIMARY KEY, cursor BLOB NOT NULL, sum INTEGER) WITHOUT ROWID;
CREATE TABLE panes (
    version TEXT NOT NULL, start INTEGER NOT NULL, width INTEGER NOT NULL, layout TEXT NOT NULL, counts BLOB NOT NULL,
    sum INTEGER, PRIMARY KEY (version, start, width, layout)
) WITHOUT ROWID;
CREATE TABLE totals (version TEXT PRIMARY KEY, counts BLOB NOT NULL, sum INTEGER) WITHOUT ROWID;
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, bucket INTEGER NOT NULL, data BLOB NOT NULL, sum INTEGER
);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;
CREATE TABLE rejects (
    number INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, origin TEXT NOT NULL, row INTEGER NOT NULL,
    reason TEXT NOT NULL, digest TEXT NOT NULL, content TEXT
);
{_ADDITIONS};
"""
UPGRADES: Mapping[int, str] = {
    1: "".join(
        f"ALTER TABLE {table} ADD COLUMN sum INTEGER;"
        for table in ("layouts", "cursors", "panes", "totals", "runs", "facts")
    ),
    2: _ADDITIONS,
}
"""What makes a state of a version one of the next.

Version 1 had no sums: SQLite does not see a flipped bit. Version 2 wrote a pane anew for every label in it.
"""
