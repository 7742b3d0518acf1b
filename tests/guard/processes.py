"""Look at processes, and wait for what happens to them; nothing here waits for ever."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

TASKS = str(Path(__file__).with_name("tasks.py"))
PATIENCE = 20.0  # seconds


def task(name: str) -> str:
    return f"{TASKS}:{name}"


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and has not been waited for does not."""
    if sys.platform == "linux":
        try:
            # The state follows the name, which stands in parentheses (proc_pid_stat(5)).
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].strip()
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        command = ["ps", "-o", "stat=", "-p", str(pid)]
        state = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return bool(state) and state[0] not in "ZX"


def guarded(parent: int) -> list[int]:
    """The guarded children of a process that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, its_parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            guard = b"diffkit.guard.child" in (folder / "cmdline").read_bytes()
            if guard and int(its_parent) == parent and state not in "ZX":
                found.append(int(folder.name))
    return found


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
