"""The tables of a store, their versions, and the way from each version to the next."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from typing import Any

# In the header of the file (PRAGMA application_id): "diff" in ASCII.
APPLICATION = 0x64696666
VERSION = 2
PAGE = 4096  # bytes

OUTCOME = (
    "key",
    "attempt",
    "experiment",
    "description",
    "status",
    "reason",
    "seconds",
    "host",
    "finished",
    "run",
    "position",
    "rows",
)
RUN = ("id", "provenance")

_TABLES = (
    """CREATE TABLE outcome (
        key TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        experiment TEXT NOT NULL,
        description TEXT NOT NULL,
        status TEXT NOT NULL,
        reason TEXT,
        seconds REAL NOT NULL,
        host TEXT NOT NULL,
        finished TEXT NOT NULL,
        run INTEGER NOT NULL,
        position INTEGER NOT NULL,
        rows TEXT NOT NULL,
        checksum TEXT NOT NULL,
        UNIQUE (key, attempt)
    )""",
    """CREATE TABLE run (
        id INTEGER NOT NULL UNIQUE,
        provenance TEXT NOT NULL,
        checksum TEXT NOT NULL
    )""",
)


def checksum(*values: Any) -> str:
    """16 hexadecimal digits of BLAKE2b over the values of a row, as Python's ``ascii`` has them."""
    return hashlib.blake2b(ascii(values).encode("ascii"), digest_size=8).hexdigest()


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, in the transaction that is under way."""
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def insertion(table: str, columns: tuple[str, ...]) -> str:
    """The statement that adds a row, which counts for nothing where it is there already."""
    marks = ", ".join("?" * (len(columns) + 1))
    return f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}, checksum) VALUES ({marks})"


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from ``version`` to VERSION, in the transaction that is under way."""
    for before in range(version, VERSION):
        _STEPS[before](connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _add_runs_hosts_and_checksums(connection: sqlite3.Connection) -> None:
    """Version 1 had one table, without ``host``, ``run``, ``position`` and ``checksum``."""
    for statement in _TABLES:
        connection.execute(statement)
    connection.create_function("checksum", -1, checksum, deterministic=True)
    known = ", ".join(name for name in OUTCOME if name not in ("host", "run", "position"))
    everything = ", ".join(OUTCOME)
    connection.execute(
        f"INSERT INTO outcome ({everything}, checksum) SELECT {everything}, checksum({everything})"
        f" FROM (SELECT {known}, '' AS host, 0 AS run, rowid - 1 AS position"
        " FROM cell ORDER BY rowid)"
    )
    connection.execute("DROP TABLE cell")


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _add_runs_hosts_and_checksums}
