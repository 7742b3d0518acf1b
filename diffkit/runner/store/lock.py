"""One process at a time: a lock that ends with the process that holds it."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from diffkit.errors import StoreError

_LOOK = 0.1  # seconds between two attempts
_FAR = 1 << 30  # where Windows locks a byte, so that the text before it can be read


class Lock:
    """A lock on ``path``, by a file beside it that says who holds it.

    The file is locked with flock(2), which ends with its process however that dies: a file left
    behind by a dead process is taken over. It is removed when the lock is given back.

    wait: seconds to wait for another process at most.
    on_wait: called once, with who holds the lock, before waiting.

    Raises StoreError where another process holds it for longer, or it cannot be written.
    """

    def __init__(
        self, path: Path, wait: float = 0.0, on_wait: Callable[[str], None] | None = None
    ) -> None:
        self._locked, self._path = path, path.with_name(f"{path.name}.lock")
        self._wait, self._on_wait = wait, on_wait
        self._file = -1

    def __enter__(self) -> Self:
        deadline = time.monotonic() + self._wait
        told = False
        while not self._acquire():
            if time.monotonic() >= deadline:
                raise StoreError(
                    f"{self._locked} is in use by {self._holder()}; wait for its end, or write to "
                    "another place with --out"
                )
            if not told and self._on_wait is not None:
                self._on_wait(self._holder())
            told = True
            time.sleep(_LOOK)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        file, self._file = self._file, -1
        if sys.platform == "win32":
            os.close(file)  # an open file cannot be removed there
        with suppress(OSError):
            self._path.unlink()
        if sys.platform != "win32":
            os.close(file)

    def _acquire(self) -> bool:
        """Whether the lock is held now."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StoreError(f"cannot write to {self._path}: {error.strerror or error}") from error
        try:
            if not _lock(file) or not self._is_current(file):
                os.close(file)
                return False
            self._sign(file)
        except OSError as error:
            with suppress(OSError):
                self._path.unlink()
            os.close(file)
            raise StoreError(f"cannot lock {self._path}: {error.strerror or error}") from error
        self._file = file
        return True

    def _is_current(self, file: int) -> bool:
        """Whether the locked file still has its name: who held it before may have removed it."""
        try:
            return os.path.samestat(os.fstat(file), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _sign(self, file: int) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"process": os.getpid(), "host": platform.node(), "since": since}
        os.ftruncate(file, 0)
        os.write(file, json.dumps(holder).encode())

    def _holder(self) -> str:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return f"process {found['process']} on {found['host']}, since {found['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(file, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
