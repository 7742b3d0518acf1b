"""Open a store: lock it, look at it, migrate or recover it where need be."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from urllib.parse import quote

from diffkit.errors import StoreError
from diffkit.runner.store import schema
from diffkit.runner.store.lock import Lock
from diffkit.runner.store.recovery import readable_rows
from diffkit.runner.store.store import Damage, Store

# Called with one line for people: whom a run waits for, what was migrated or recovered.
Notice = Callable[[str], None]

_BUSY = 10.0  # seconds that SQLite waits for a reader that is in the way
_BESIDE = ("-wal", "-shm")
_OF_THE_SYSTEM = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
)

# A flipped byte in SQLite's schema can make its own message unreadable.
_UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)


@contextmanager
def open_store(
    path: Path,
    *,
    wait: float = 60.0,
    durable: bool = False,
    on_notice: Notice | None = None,
) -> Iterator[Store]:
    """The store at ``path`` to write to, made if need be, and locked until the block ends.

    A store of an older schema is migrated, with a copy of it kept beside. From a damaged one all
    that is readable is recovered into a new one, and the damaged one is kept beside.

    Args:
        path: the file.
        wait: seconds to wait at most for another process that has it open.
        durable: let each cell survive also a power failure, for some milliseconds a cell.
        on_notice: told, in a line, what is waited for and what had to be done.

    Raises:
        StoreError: it is in use for longer, was written by a newer diffkit, is no store, or cannot
            be written to.
    """
    tell = on_notice or (lambda line: None)
    lock = Lock(path, wait, lambda holder: tell(f"waiting for {holder}, at most {wait:g} s"))
    with lock, _opened(path, tell) as store:
        store._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        yield store


@contextmanager
def read_store(path: Path) -> Iterator[Store]:
    """The store at ``path`` to read from, whether or not another process writes to it.

    Raises StoreError where there is none, it was written by a newer or older diffkit, or it is no
    store.
    """
    if not path.is_file():
        raise StoreError(f"there is no store of results at {path}")
    try:
        connection = _connect_to_read(path)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error
    try:
        try:
            version = _version(connection)
        except _UNREADABLE as error:
            raise _unreadable(path, error) from error
        if version is None:
            raise _is_foreign(path)
        _refuse_newer(path, version)
        if version < schema.VERSION:
            raise StoreError(
                f"{path} was written by an older diffkit; run the experiment again to migrate it"
            )
        yield Store(connection, path)
    finally:
        connection.close()


def put_aside(path: Path, why: str, wait: float = 60.0, on_notice: Notice | None = None) -> Path:
    """Give the store at ``path`` another name beside it, ``NAME.WHY-1.sqlite``; the new path.

    Raises StoreError where it is in use for longer than ``wait`` seconds.
    """
    tell = on_notice or (lambda line: None)
    lock = Lock(path, wait, lambda holder: tell(f"waiting for {holder}, at most {wait:g} s"))
    with lock:
        return _put_aside(path, why)


def _put_aside(path: Path, why: str) -> Path:
    target = _free_name(path, why)
    try:
        for ending in ("", *_BESIDE):
            if _with(path, ending).exists():
                _with(path, ending).rename(_with(target, ending))
    except OSError as error:
        raise StoreError(f"cannot rename {path}: {error.strerror or error}") from error
    return target


def _opened(path: Path, tell: Notice) -> Store:
    try:
        _look_at(path)
        return _open(path, tell)
    except Damage as error:
        return _recovered(path, str(error), tell)


def _look_at(path: Path) -> None:
    """Raises Damage where the file is not as it was written, of which nothing is changed here."""
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return
    try:
        connection = _connect_to_read(path)
        try:
            version = _version(connection)
            if version is None:
                raise Damage("its header is not that of a store")
            _refuse_newer(path, version)
            Store(connection, path).check(checksums=version == schema.VERSION)
        finally:
            connection.close()
    except _UNREADABLE as error:
        raise _told_apart(error, path) from error


def _open(path: Path, tell: Notice) -> Store:
    """The store, created or migrated; what is in it has been looked at."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY)
        try:
            _prepare(connection, path, tell)
        except BaseException:
            connection.close()
            raise
    except _UNREADABLE as error:
        raise _told_apart(error, path) from error
    return Store(connection, path, checked=True)


def _told_apart(error: Exception, path: Path) -> Damage | StoreError:
    if _is_damage(error, path):
        return Damage(str(error))
    return StoreError(f"cannot open {path}: {error}")


def _is_damage(error: Exception, path: Path) -> bool:
    """Whether the file is at fault, and not what it stands on: the disk, or a permission."""
    if not isinstance(error, sqlite3.Error):
        return True
    code = error.sqlite_errorcode
    if code == sqlite3.SQLITE_IOERR_SHORT_READ:
        return True
    if code & 0xFF == sqlite3.SQLITE_READONLY:  # by a permission, or by what its header says
        return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return code & 0xFF not in _OF_THE_SYSTEM


def _prepare(connection: sqlite3.Connection, path: Path, tell: Notice) -> None:
    version = _version(connection)
    if version:
        _upgrade(connection, path, version, tell)
    connection.execute(f"PRAGMA page_size = {schema.PAGE}")
    connection.execute("PRAGMA journal_mode = WAL")
    with _transaction(connection):  # shows at once whether it can be written to
        if not version:
            schema.create(connection)


def _upgrade(connection: sqlite3.Connection, path: Path, version: int, tell: Notice) -> None:
    """Migrate the tables where they are of an older version, after making a copy."""
    if version == schema.VERSION:
        return
    copy = _free_name(path, f"v{version}")
    try:
        _back_up(connection, copy)
    except OSError as error:
        raise StoreError(f"cannot write to {copy}: {error.strerror or error}") from error
    tell(f"{path} was written by an older diffkit and is migrated; it is kept as {copy}")
    with _transaction(connection):
        schema.migrate(connection, version)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _back_up(connection: sqlite3.Connection, copy: Path) -> None:
    partial = _with(copy, ".part")
    target = sqlite3.connect(partial)
    try:
        connection.backup(target)
    finally:
        target.close()
    partial.rename(copy)


def _version(connection: sqlite3.Connection) -> int | None:
    """The version of the schema, 0 for an empty file, None for what is no store."""
    [(application,)] = connection.execute("PRAGMA application_id").fetchall()
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    [(tables,)] = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    if application == schema.APPLICATION and version > 0:
        return int(version)
    return 0 if application == version == tables == 0 else None


def _recovered(path: Path, why: str, tell: Notice) -> Store:
    """A new store with all that can be read of the damaged one, which is kept beside it."""
    outcomes, runs = readable_rows(path)
    if not outcomes:
        raise StoreError(
            f"{path} is not a store of results, or nothing of it can be read ({why}); "
            "move it to another place"
        )
    scratch = _with(path, ".recovered")
    _remove(scratch)
    try:
        new = _open(scratch, tell)
        new.copy_rows(outcomes, runs)
        new.close()
        kept = _keep(path)
        scratch.replace(path)
    except OSError as error:
        _remove(scratch)
        raise StoreError(f"cannot recover {path} ({why}): {error}") from error
    tell(
        f"{path} was damaged ({why}): {len(outcomes)} outcomes were recovered, and what is missing "
        f"is measured again; the damaged file is kept as {kept}"
    )
    return _open(path, tell)


def _keep(path: Path) -> Path:
    """Give a damaged store a second name; only what would be taken for part of the new store
    loses its first one."""
    kept = _free_name(path, "damaged")
    try:
        os.link(path, kept)
    except OSError:
        shutil.copy2(path, kept)
    for ending in _BESIDE:
        if _with(path, ending).exists():
            _with(path, ending).rename(_with(kept, ending))
    return kept


def _free_name(path: Path, why: str) -> Path:
    names = (path.with_name(f"{path.stem}.{why}-{n}{path.suffix}") for n in count(1))
    return next(name for name in names if not name.exists())


def _with(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _remove(path: Path) -> None:
    for ending in ("", *_BESIDE):
        with suppress(OSError):
            _with(path, ending).unlink(missing_ok=True)


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, in the first way that works here.

    A log that somebody has left behind would be merged into the file by closing a connection that
    may write; without one, closing such a connection removes the files that reading takes. In a
    folder that cannot be written to, SQLite cannot keep account of its readers, and nobody writes.
    """
    modes = ["mode=rw", "mode=ro", "mode=ro&immutable=1"]
    if _with(path, "-wal").exists():
        modes.remove("mode=rw")
    for mode in modes:
        address = f"file:{quote(str(path.resolve()))}?{mode}"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=_BUSY)
        try:
            connection.execute("PRAGMA query_only = 1")
            connection.execute("PRAGMA user_version").fetchall()
            return connection
        except sqlite3.OperationalError:
            connection.close()
            if mode == modes[-1]:
                raise
        except BaseException:
            connection.close()
            raise
    raise AssertionError


def _refuse_newer(path: Path, version: int) -> None:
    if version > schema.VERSION:
        raise StoreError(
            f"{path} was written by a newer diffkit (schema {version}, and this one knows "
            f"{schema.VERSION}); upgrade diffkit, or write to another place with --out"
        )


def _is_foreign(path: Path) -> StoreError:
    return StoreError(f"{path} is not a store of results")


def _unreadable(path: Path, error: Exception) -> StoreError:
    if not _is_damage(error, path):
        return StoreError(f"cannot read {path}: {error}")
    return StoreError(
        f"{path} is damaged ({error}); run the experiment again to recover what can be"
    )
