"""What the kernel does for a guard when the parent cannot: the child arms it on itself.

All of it works while C code holds the interpreter lock, and after the parent has died.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time

# The parent comes first; what stands here is for when it does not.
GRACE = 1.0  # seconds
# Beside twice the limit: what libraries reserve for their threads and pools without using it.
_UNUSED = 4 * 10**9  # bytes
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LONGEST = 10**8  # seconds, three years: more than the timers of some kernels take
_LOOK = 0.2  # seconds


def die_with_parent(parent: int) -> None:
    """See to it that this process ends when the process ``parent`` has ended."""
    if sys.platform == "win32":
        return
    if not _ask_kernel():
        threading.Thread(target=_look_at_parent, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it was gone before the kernel had been asked
        os._exit(1)


def _ask_kernel() -> bool:
    """Have the kernel send SIGKILL when the thread that started this process ends (Linux)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def _look_at_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    with contextlib.suppress(OSError):
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


if sys.platform == "win32":

    class Backstops:
        """Windows has none of them."""

        def arm(self, seconds: float | None, megabytes: float | None, hard: bool) -> None:
            pass

        def arm_time(self, seconds: float | None) -> None:
            pass

        def disarm(self) -> None:
            pass

        def free_memory(self) -> None:
            pass

else:
    import resource

    class Backstops:
        """The kernel's limits, armed anew for each task.

        Time by a timer, and the processor time of all threads by a limit: both kill by their
        signal's default action, for which no Python code has to run. The processor time stays
        limited between tasks, for the threads that a task may have left behind.
        """

        def __init__(self) -> None:
            self._set: dict[int, int] = {}
            self._statm = _open_statm()
            _limit(resource.RLIMIT_CORE, 0)  # a crash leaves a row in a table, not a file

        def arm(self, seconds: float | None, megabytes: float | None, hard: bool) -> None:
            """Arm for one task; None stands for no limit."""
            self.arm_time(seconds)
            if megabytes is None:
                self._change(resource.RLIMIT_DATA, resource.RLIM_INFINITY)
            else:
                resident, data = self._memory()
                limit = int(megabytes * 10**6)
                room = max(limit - resident, 0) if hard else 2 * limit + _UNUSED
                self._change(resource.RLIMIT_DATA, data + room)

        def disarm(self) -> None:
            """The task has ended, and the time until the next one is nobody's."""
            signal.setitimer(signal.ITIMER_REAL, 0)

        def free_memory(self) -> None:
            """Let this process allocate again, to say that it could not."""
            self._change(resource.RLIMIT_DATA, resource.RLIM_INFINITY)

        def arm_time(self, seconds: float | None) -> None:
            """Let the time begin anew, from the main thread."""
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.signal(signal.SIGXCPU, signal.SIG_DFL)
            if seconds is None:
                self._change(resource.RLIMIT_CPU, resource.RLIM_INFINITY)
                return
            patience = min(seconds + GRACE, _LONGEST)
            signal.setitimer(signal.ITIMER_REAL, patience)
            # A task may use all processors at once.
            used = time.process_time() + patience * _PROCESSORS
            self._change(resource.RLIMIT_CPU, math.ceil(used))

        def _change(self, kind: int, limit: int) -> None:
            if self._set.get(kind) != limit:
                self._set[kind] = limit
                _limit(kind, limit)

        def _memory(self) -> tuple[int, int]:
            """Resident memory, and what RLIMIT_DATA counts, in bytes; 0 where nobody says.

            That is private writable memory, used or only reserved (Linux 4.7 and later).
            """
            if self._statm < 0:
                return 0, 0
            pages = os.pread(self._statm, 200, 0).split()
            return int(pages[1]) * _PAGE, int(pages[5]) * _PAGE

    def _limit(kind: int, limit: int) -> None:
        """Set a soft limit, as far as this system has it and allows it."""
        _, most = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY and (limit > most or limit == resource.RLIM_INFINITY):
            limit = most
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, most))

    def _open_statm() -> int:
        try:
            return os.open("/proc/self/statm", os.O_RDONLY)
        except OSError:
            return -1

    _PROCESSORS = os.cpu_count() or 1
    _PAGE = resource.getpagesize()
