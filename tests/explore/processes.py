"""Look at the processes that a process has started."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

PATIENCE = 20.0  # seconds


def children(pid: int) -> set[int]:
    """The numbers of the running children of a process that are a guard's."""
    command = ["ps", "-e", "-ww", "-o", "pid=,ppid=,stat=,args="]
    told = subprocess.run(command, capture_output=True, text=True)
    rows = [line.split(None, 3) for line in told.stdout.splitlines()]
    return {
        int(row[0])
        for row in rows
        if len(row) == 4 and int(row[1]) == pid and row[2][0] != "Z" and "guard.child" in row[3]
    }


def alive(pid: int) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(told.stdout.strip()) and told.stdout.strip()[0] != "Z"


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
