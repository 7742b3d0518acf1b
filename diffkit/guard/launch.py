"""Start child processes, all of them from one thread that lives as long as this process.

Linux ties a child's parent-death signal to the *thread* that started it (prctl(2),
PR_SET_PDEATHSIG): started from a thread of a pool, a child would die with that thread.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, cast

from diffkit.errors import GuardError

# The parent's path from the first import on, and nothing of the parent's __main__.
_CHILD = (
    "import sys; parent, preload, *sys.path[:] = sys.argv[1:]; sys.argv[1:] = []; "
    "from diffkit.guard.child import main; main(parent, preload)"
)
# The variables that the common numerical libraries read when they are loaded.
_THREADS = (
    "BLIS_NUM_THREADS",
    "DIFFKIT_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

_Order = tuple[dict[str, Any], "Future[subprocess.Popen[bytes]]"]
_orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
_lock = threading.Lock()
_starter: threading.Thread | None = None


def launch(
    preload: Sequence[str], threads: int | None, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a child that will say when it is ready. Raises GuardError where none starts."""
    if not sys.executable:
        raise GuardError("sys.executable is empty, so no child process can be started")
    command = [sys.executable, "-P", "-c", _CHILD, str(os.getpid()), json.dumps(list(preload))]
    options = {
        "args": command + [entry for entry in sys.path if isinstance(entry, str)],
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "bufsize": 0,
        "env": {**os.environ, **_thread_counts(threads), **environment},
        # A session of its own: Ctrl-C is the parent's, and what a task starts ends with it.
        "start_new_session": True,
    }
    started: Future[subprocess.Popen[bytes]] = Future()
    _wake_starter()
    _orders.put((options, started))
    try:
        return started.result()
    except (OSError, ValueError) as error:
        raise GuardError(f"no child process can be started: {error}") from error


def _thread_counts(threads: int | None) -> dict[str, str]:
    return {} if threads is None else dict.fromkeys(_THREADS, str(threads))


def _wake_starter() -> None:
    global _starter
    with _lock:
        if _starter is None:
            _starter = threading.Thread(target=_start, name="diffkit-guard", daemon=True)
            _starter.start()


def _start() -> None:
    while True:
        _obey(*_orders.get())


def _obey(options: dict[str, Any], started: Future[subprocess.Popen[bytes]]) -> None:
    try:
        started.set_result(cast("subprocess.Popen[bytes]", subprocess.Popen(**options)))
    except BaseException as error:
        started.set_exception(error)


def _forget_starter() -> None:
    """After a fork there is only one thread."""
    global _starter, _orders, _lock
    _starter, _orders, _lock = None, queue.SimpleQueue(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_starter)
