"""The memory of another process, by every way of asking for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from diffkit.guard import Guard, Limits, memory
from tests.guard.processes import eventually, task

needs_ps = pytest.mark.skipif(shutil.which("ps") is None, reason="there is no command ps")
SIZE = 100 * 10**6


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has written on ``SIZE`` bytes and says so."""
    code = f"x = b'x' * {SIZE}; print('ready', flush=True); import time; time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system that has no /proc."""
    real = os.open

    def refuse(path: Any, *args: Any, **options: Any) -> int:
        if str(path).startswith("/proc"):
            raise FileNotFoundError(path)
        return real(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)


def check(process: subprocess.Popen[bytes]) -> None:
    resident = memory.Resident(process.pid)
    found = resident.bytes()
    assert found is not None
    assert SIZE < found < SIZE + 50 * 10**6
    process.kill()
    # It is not waited for here: a process that has ended and keeps its number.
    assert eventually(lambda: resident.bytes() == 0)
    resident.close()


def test_resident_memory_is_seen(process: subprocess.Popen[bytes]) -> None:
    check(process)


@needs_ps
@pytest.mark.usefixtures("without_proc")
def test_resident_memory_is_seen_without_proc(process: subprocess.Popen[bytes]) -> None:
    check(process)


@needs_ps
@pytest.mark.usefixtures("without_proc")
def test_a_memory_bomb_is_stopped_without_proc() -> None:
    with Guard() as guard:
        limits = Limits(seconds=60, megabytes=200)
        assert guard.run(task("slow_growth"), {}, limits).status == "memory"
        assert guard.run(task("echo"), {"value": 1}, limits).value == 1
