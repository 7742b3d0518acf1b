"""No child survives its parent, however the parent dies and whatever the child does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.guard.processes import alive, eventually, task

IN_A_THREAD = """
import sys, threading
from diffkit.guard import Guard, Limits

guard = Guard()
# The thread that started the child ends; the task runs in another one.
first = threading.Thread(target=guard.run, args=("os:getpid",))
first.start()
first.join()
guard.run(sys.argv[1], {"path": sys.argv[2]}, Limits(seconds=600))
"""
IN_MAIN = """
import sys
from diffkit.guard import Guard, Limits

outcome = Guard().run(sys.argv[1], {"path": sys.argv[2]}, Limits(seconds=float(sys.argv[3])))
print(outcome.status, flush=True)
"""
# The child's own thread, as it runs where the kernel does not tell of a parent's death.
WITHOUT_THE_KERNEL = """
import os, sys, time
from diffkit.guard import backstops

if os.fork() == 0:
    os.setsid()
    backstops._ask_kernel = lambda: False
    backstops.die_with_parent(os.getppid())
    with open(sys.argv[2] + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.replace(sys.argv[2] + ".part", sys.argv[2])
time.sleep(600)
"""


@contextmanager
def parent(
    script: str, name: str, folder: Path, seconds: float = 600
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process with a child in the midst of a task, and the number of that."""
    mark = folder / "child"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), task(name), mark, str(seconds)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    child = None
    try:
        assert eventually(mark.exists)
        child = int(mark.read_text())
        assert alive(child)
        yield process, child
    finally:
        process.kill()
        process.communicate()
        if child is not None and alive(child):
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("script", [IN_MAIN, IN_A_THREAD], ids=["main", "thread"])
@pytest.mark.parametrize("name", ["signal_and_sleep", "signal_and_backtrack"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the time limit has to pass first")
def test_a_child_dies_with_its_parent(script: str, name: str, number: int, tmp_path: Path) -> None:
    with parent(script, name, tmp_path) as (process, child):
        os.kill(process.pid, number)
        assert eventually(lambda: not alive(child))


def test_ctrl_c_in_the_parent_ends_the_child(tmp_path: Path) -> None:
    with parent(IN_MAIN, "signal_and_backtrack", tmp_path) as (process, child):
        os.kill(process.pid, signal.SIGINT)
        assert eventually(lambda: not alive(child))


@pytest.mark.parametrize("name", ["signal_and_sleep", "signal_and_backtrack"])
def test_a_child_ends_by_itself_soon_after_its_time(name: str, tmp_path: Path) -> None:
    # The parent is there and cannot act, so that only the kernel's timer is left.
    with parent(IN_MAIN, name, tmp_path, seconds=2) as (process, child):
        os.kill(process.pid, signal.SIGSTOP)
        assert eventually(lambda: not alive(child))
        os.kill(process.pid, signal.SIGCONT)
        assert process.communicate(timeout=30)[0] == b"timeout\n"


def test_a_child_sees_the_end_of_its_parent_without_the_kernel(tmp_path: Path) -> None:
    with parent(WITHOUT_THE_KERNEL, "echo", tmp_path) as (process, child):
        os.kill(process.pid, signal.SIGKILL)
        assert eventually(lambda: not alive(child))
