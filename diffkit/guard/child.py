"""The child's side: run one task after the other until the pipe of tasks ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

from diffkit.guard import backstops, progress, wire
from diffkit.guard.task import function, home

_LONGEST_MESSAGE = 2000  # characters


def main(parent: str, preload: str) -> None:
    """Serve the process numbered ``parent`` after loading ``preload``, names as a JSON list."""
    backstops.die_with_parent(int(parent))
    tasks, replies = _take_over_pipes()
    try:
        for name in json.loads(preload):
            home(name)
    except BaseException as error:
        replies.send({"failed": _one_line(error)})
        os._exit(1)
    replies.send({"ready": True})
    _serve(tasks, replies)
    # Threads that tasks have left behind must not keep this process alive.
    os._exit(0)


class _Replies:
    """The pipe to the parent; whole messages, whichever thread sends them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._lock = file, threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message. Raises TypeError where it cannot travel."""
        self.send_frame(wire.frame(message))

    def send_frame(self, frame: bytes) -> None:
        try:
            with self._lock:
                self._file.write(frame)
                self._file.flush()
        except OSError:  # the parent is gone
            os._exit(1)


def _take_over_pipes() -> tuple[BinaryIO, _Replies]:
    """Keep the pipes of the protocol out of the tasks' reach.

    What a task prints goes to stderr, which the parent collects; its stdin is empty.
    """
    tasks, replies = os.dup(0), os.dup(1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        for pipe in (tasks, replies):
            msvcrt.setmode(pipe, os.O_BINARY)
    else:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for stream in (sys.stdout, sys.stderr):
        # Printed lines arrive also when the process dies on the next one.
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    return os.fdopen(tasks, "rb"), _Replies(os.fdopen(replies, "wb"))


def _serve(tasks: BinaryIO, replies: _Replies) -> None:
    limits = backstops.Backstops()
    while header := tasks.read(wire.HEADER):
        order = wire.message(tasks.read(wire.length(header)))
        if "path" in order:
            sys.path[:] = order["path"]
        replies.send_frame(_run(order, limits, replies))


def _run(order: dict[str, Any], limits: backstops.Backstops, replies: _Replies) -> bytes:
    """Run one task and put its reply in a frame, all of it under the limits."""
    number = order["number"]
    progress.send_through(_reporter(order, limits, replies))
    limits.arm(order["seconds"], order["megabytes"], order["hard"])
    try:
        value = function(order["task"])(**order["arguments"])
        return wire.frame({"number": number, "status": "ok", "value": value})
    except MemoryError as error:
        error.with_traceback(None)  # lets go of what the task had allocated
        limits.free_memory()
        return wire.frame({"number": number, "status": "memory", **_named(error)})
    except BaseException as error:
        with contextlib.suppress(BaseException):
            sys.stderr.write("".join(traceback.format_tb(error.__traceback__)))
        return wire.frame({"number": number, "status": "error", **_named(error)})
    finally:
        limits.disarm()
        progress.send_through(None)
        with contextlib.suppress(BaseException):
            sys.stdout.flush()


def _reporter(
    order: dict[str, Any], limits: backstops.Backstops, replies: _Replies
) -> Callable[[Any], None]:
    def send(value: Any) -> None:
        replies.send({"number": order["number"], "progress": value})
        if order["renewed"] and threading.current_thread() is threading.main_thread():
            limits.arm_time(order["seconds"])

    return send


def _named(error: BaseException) -> dict[str, str]:
    return {"error": type(error).__name__, "reason": _one_line(error)}


def _one_line(error: BaseException) -> str:
    """Class and message, as much of it as can be shown on one line."""
    try:
        text = str(error)[:_LONGEST_MESSAGE]
    except BaseException:
        text = "(its message cannot be printed)"
    shown = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__
