"""An open store: what is in it, and how an outcome is added."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from diffkit.errors import StoreError
from diffkit.guard import wire
from diffkit.runner.engines.engine import CellOutcome, CellTask
from diffkit.runner.results import Results
from diffkit.runner.store import schema

_INSERT_OUTCOME = schema.insertion("outcome", schema.OUTCOME)
_AT_ONCE = 1000
_INSERT_RUN = schema.insertion("run", schema.RUN)


class Stored(NamedTuple):
    """One row of the table `outcome`."""

    key: str
    attempt: int
    experiment: str
    description: str
    status: str
    reason: str | None
    seconds: float
    host: str
    finished: str
    run: int
    position: int
    rows: str

    def bookkeeping(self) -> dict[str, Any]:
        return {"status": self.status, "reason": self.reason, "seconds": self.seconds}


class Damage(Exception):
    """Something in the file is not as it was written."""


class Store:
    """Outcomes by key and attempt. Made by `open_store`, `read_store` and `memory_store`."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path | None, *, checked: bool = False
    ) -> None:
        self._connection, self.path = connection, path
        self._checked = checked  # all checksums have been looked at
        self._run: int | None = None
        self._provenance: dict[str, Any] = {}

    def begin(self, provenance: Mapping[str, Any]) -> None:
        """Say where the outcomes come from that are added from now on."""
        self._run, self._provenance = None, dict(provenance)

    def add(self, task: CellTask, outcome: CellOutcome, experiment: str) -> bool:
        """Add what became of a task, unless that is known; whether it was added.

        Raises StoreError where the file cannot be written to; what was in it stays.
        """
        with self._writing():
            if self._run is None:
                self._run = self._add_run()
            values = (
                outcome.key,
                outcome.attempt,
                experiment,
                task.description,
                outcome.status,
                outcome.reason,
                outcome.seconds,
                outcome.host,
                outcome.finished,
                self._run,
                task.position,
                outcome.rows,
            )
            done = self._connection.execute(_INSERT_OUTCOME, (*values, schema.checksum(*values)))
            return done.rowcount == 1

    def copy_rows(self, outcomes: Iterable[Any], runs: Iterable[Any]) -> None:
        """Add rows as they were in another store, checksums included."""
        with self._writing():
            self._connection.executemany(_INSERT_OUTCOME, outcomes)
            self._connection.executemany(_INSERT_RUN, runs)

    def latest(self) -> dict[str, tuple[str, int]]:
        """Status and number of the latest attempt, by key."""
        found: dict[str, tuple[str, int]] = {}
        for key, status, attempt in self._read("SELECT key, status, attempt FROM outcome"):
            if key not in found or attempt > found[key][1]:
                found[key] = (status, attempt)
        return found

    def stored(self) -> dict[str, Stored]:
        """The latest attempt, by key, in the order in which the cells were first finished."""
        found: dict[str, Stored] = {}
        for row in self._attempts():
            if row.key not in found or row.attempt > found[row.key].attempt:
                found[row.key] = row
        return found

    def results(self, keys: Iterable[str] | None = None) -> Results:
        """The table of the latest attempts, in the order of the keys; those without one are left
        out. Without keys, of all cells."""
        found = self.stored()
        chosen = found if keys is None else [key for key in keys if key in found]
        return Results.of_plain(
            {**row, **stored.bookkeeping()} for stored, row in _rows([found[k] for k in chosen])
        )

    def exported(self, *, every_attempt: bool = False) -> Results:
        """The table with ``attempt``, ``host`` and ``finished``, of the latest or of all attempts,
        in the order of the grid.

        Where the store holds several experiments, ``experiment`` tells them apart.
        """
        attempts = list(self._attempts()) if every_attempt else list(self.stored().values())
        attempts.sort(key=lambda stored: (stored.experiment, stored.position, stored.attempt))
        several = len({stored.experiment for stored in attempts}) > 1
        return Results.of_plain(
            {
                **({"experiment": stored.experiment} if several else {}),
                **row,
                **stored.bookkeeping(),
                "attempt": stored.attempt,
                "host": stored.host,
                "finished": stored.finished,
            }
            for stored, row in _rows(attempts)
        )

    def counts(self) -> dict[str, Counter[str]]:
        """How many cells have which status, by experiment."""
        statement = (
            "SELECT experiment, status, count(*) FROM outcome AS o WHERE attempt = "
            "(SELECT max(attempt) FROM outcome WHERE key = o.key) GROUP BY 1, 2 ORDER BY 1, 2"
        )
        found: dict[str, Counter[str]] = {}
        for experiment, status, number in self._read(statement):
            found.setdefault(experiment, Counter())[status] = number
        return found

    def last(self) -> str | None:
        """When the last outcome was added, UTC in ISO 8601."""
        for (moment,) in self._read("SELECT max(finished) FROM outcome"):
            return None if moment is None else str(moment)
        return None

    def earlier_runs(self, keys: Iterable[str]) -> list[tuple[int, dict[str, Any]]]:
        """How many of these cells each run before this one has given, with its provenance."""
        wanted, latest = set(keys), {}
        for key, run in self._read("SELECT key, run FROM outcome ORDER BY attempt"):
            latest[key] = run
        counts = Counter(run for key, run in latest.items() if key in wanted)
        known = dict(self._read("SELECT id, provenance FROM run"))
        return [
            (counts[id], json.loads(known[id]) if id in known else {})
            for id in sorted(counts)
            if id != self._run
        ]

    def provenance(self) -> dict[int, dict[str, Any]]:
        """Where the outcomes of each run come from, by its number."""
        found = self._read("SELECT id, provenance FROM run")
        return {number: json.loads(text) for number, text in found}

    def check(self, *, checksums: bool = True) -> None:
        """Raises Damage where the file's structure or, if asked for, a row's checksum is wrong."""
        with self._reading():
            [(answer,), *_] = self._connection.execute("PRAGMA quick_check(1)").fetchall()
            if answer != "ok":
                raise Damage(" ".join(str(answer).split()))
            if not checksums:
                return
            for table, columns in (("outcome", schema.OUTCOME), ("run", schema.RUN)):
                names = ", ".join(columns)
                for *values, stated in self._connection.execute(
                    f"SELECT {names}, checksum FROM {table}"
                ):
                    if schema.checksum(*values) != stated:
                        raise Damage("a row does not have the checksum that it was written with")

    def close(self) -> None:
        """Close the file, with all of it in one file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _add_run(self) -> int:
        [(number,)] = self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM run")
        text = json.dumps(self._provenance)
        values = (int(number), text)
        self._connection.execute(_INSERT_RUN, (*values, schema.checksum(*values)))
        return int(number)

    def _attempts(self) -> Iterator[Stored]:
        names = ", ".join(schema.OUTCOME)
        statement = f"SELECT {names}, checksum FROM outcome ORDER BY rowid"
        for *values, stated in self._read(statement):
            if not self._checked and schema.checksum(*values) != stated:
                raise StoreError(
                    f"{self.path} is damaged: a row does not have the checksum that it was "
                    "written with; run the experiment again to recover the others"
                )
            yield Stored(*values)

    def _read(self, statement: str) -> Iterator[tuple[Any, ...]]:
        try:
            with self._reading():
                yield from self._connection.execute(statement)
        except Damage as error:
            raise StoreError(
                f"{self.path} is damaged ({error}); run the experiment again to recover what can be"
            ) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise Damage(str(error)) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, all of it or nothing."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise StoreError(
                f"cannot write to {self.path}: {error}; what was in it before is kept"
            ) from error


def memory_store() -> Store:
    """A store that is nowhere but in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.create(connection)
    return Store(connection, None)


def _rows(attempts: Sequence[Stored]) -> Iterator[tuple[Stored, dict[str, Any]]]:
    """The rows of the attempts, each with its attempt; many are decoded at once."""
    for start in range(0, len(attempts), _AT_ONCE):
        part = attempts[start : start + _AT_ONCE]
        decoded = wire.decode(f"[{','.join(stored.rows for stored in part)}]")
        for stored, rows in zip(part, decoded, strict=True):
            for row in rows:
                yield stored, row
