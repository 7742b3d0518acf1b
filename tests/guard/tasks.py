"""Tasks for the tests of the guard: good ones, and every kind of bad one."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from diffkit.errors import DomainError
from diffkit.guard import Guard, report


def echo(value: Any = None) -> Any:
    return value


def process() -> int:
    return os.getpid()


def sympy_expansion() -> int:
    import sympy

    symbols = sympy.symbols("x0:12")
    return len(sympy.expand(sum(symbols) ** 40).args)


def power_tower() -> str:
    return hex(9**9**9)[:10]


def huge_allocation() -> int:
    return len(bytearray(80 * 10**9))


def reserve(megabytes: int) -> int:
    """Memory that is asked for and never touched, so that none of it becomes resident."""
    return len(bytes(megabytes * 10**6))


def slow_growth() -> int:
    """Memory that is touched piece by piece, each of them a small allocation."""
    kept = []
    while True:
        kept.append(b"x" * 10**6)


def exit_at_once() -> None:
    print("leaving")
    os._exit(3)


def segmentation_fault() -> None:
    ctypes.string_at(0)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def exception() -> None:
    raise ValueError("first line\n\tsecond\x1b[31m line")


def domain_error() -> None:
    raise DomainError("log(-1) has no real value")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def unprintable_exception() -> None:
    raise Unprintable


def memory_error() -> None:
    raise MemoryError


def system_exit() -> None:
    sys.exit(0)


def endless_recursion() -> None:
    endless_recursion()


def unsendable() -> object:
    return object()


def backtracking() -> object:
    """A hang inside one call of C code that never lets go of the interpreter lock."""
    return re.match(r"(a+)+$", "a" * 100 + "b")


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def signal_and_backtrack(path: str) -> None:
    """Hang as `backtracking` does, after leaving this process's number in a file."""
    _leave_number(path)
    backtracking()


def signal_and_sleep(path: str) -> None:
    _leave_number(path)
    time.sleep(600)


def _leave_number(path: str) -> None:
    with open(f"{path}.part", "w") as file:
        file.write(str(os.getpid()))
    os.replace(f"{path}.part", path)


def report_three_times() -> str:
    for step in range(3):
        report({"step": step})
    return "done"


def report_and_sleep(times: int, seconds: float) -> int:
    for step in range(times):
        report(step)
        time.sleep(seconds)
    return times


def report_late() -> int:
    """Leave a thread behind that goes on reporting when the task has ended."""

    def go_on() -> None:
        while True:
            report("too late")

    threading.Thread(target=go_on, daemon=True).start()
    return os.getpid()


def print_much(lines: int) -> int:
    for line in range(lines):
        print(f"line {line}")
        os.write(1, b"raw\n")
        print("to stderr", file=sys.stderr)
    subprocess.run([sys.executable, "-c", "print('from a grandchild')"], check=True)
    return lines


def read_input() -> str:
    return sys.stdin.read()


def disturb_every_pipe() -> None:
    for pipe in range(3, 30):
        try:
            os.write(pipe, b"not a message of the protocol at all")
        except OSError:
            continue
    time.sleep(600)


def start_grandchild() -> int:
    """Start a process that keeps every pipe open, and return its number."""
    return subprocess.Popen(["sleep", "600"], close_fds=False).pid


def fork_and_die() -> None:
    """Leave a forked process that holds the pipes open, and die."""
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    os._exit(4)


def keep_memory(megabytes: int) -> int:
    global kept
    kept = b"x" * (megabytes * 10**6)
    return os.getpid()


def die_later() -> None:
    threading.Timer(0.05, os._exit, (5,)).start()


def processor_limit() -> int:
    return resource.getrlimit(resource.RLIMIT_CPU)[0]


def guard_inside(task: str, hang: str) -> None:
    """Report the number of a child of this child, and let it hang."""
    guard = Guard()
    report(guard.run(task).value)
    guard.run(hang)


def variable(name: str) -> str | None:
    return os.environ.get(name)


def main_file() -> str | None:
    return getattr(sys.modules["__main__"], "__file__", None)


def path() -> list[str]:
    return sys.path


def loaded(module: str) -> bool:
    return module in sys.modules
