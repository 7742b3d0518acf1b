"""How much memory another process has resident."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys


class Resident:
    """The resident memory of one process, looked at many times.

    By /proc where there is one (a few microseconds a look), by ``ps`` on other POSIX systems
    (some milliseconds), and not at all on Windows.
    """

    def __init__(self, pid: int) -> None:
        self._pid, self._file = pid, -1
        with contextlib.suppress(OSError):
            self._file = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
        # Seconds between two looks at least: `ps` is a process of its own.
        self.shortest = 0.005 if self._file >= 0 else 0.25

    def bytes(self) -> int | None:
        """What is resident now; 0 for a process that has ended, None where nobody says."""
        if self._file >= 0:
            return self._by_proc()
        return None if sys.platform == "win32" else self._by_ps()

    def _by_proc(self) -> int:
        try:
            return int(os.pread(self._file, 200, 0).split()[1]) * _PAGE
        except (OSError, IndexError):
            return 0

    def _by_ps(self) -> int | None:
        command = ["ps", "-o", "rss=", "-p", str(self._pid)]
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
        except (OSError, subprocess.SubprocessError):
            return None
        return int(found.strip() or 0) * 1024

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
