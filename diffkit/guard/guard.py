"""The parent's side: hand tasks to a child, watch over it, and replace it after a failure."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from diffkit.errors import GuardError
from diffkit.guard import wire
from diffkit.guard.launch import launch
from diffkit.guard.outcome import Limits, Outcome
from diffkit.guard.warm import Child

_DEFAULT = Limits()
_CANCELLED = Outcome("crashed", reason="cancelled", error="Cancelled")


class Guard:
    """A place for one task at a time, in a child process of its own.

    preload: modules, or files by their absolute path, that the child loads before it takes
        tasks; this time is no task's.
    threads: the number of threads that numerical libraries may start in the child; None leaves
        it to them.
    environment: variables for the child, beside those of this process.

    The child is started by ``with`` or by the first task, with this process's path and current
    folder. Any thread may call `run`; tasks of several threads wait for one another, and no
    thread is held up that does something else.
    """

    def __init__(
        self,
        preload: Sequence[str] = (),
        threads: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(preload, str):
            raise GuardError(f"preload={preload!r}: give a tuple of modules, ({preload!r},)")
        self._preload, self._threads = tuple(preload), threads
        self._environment = dict(environment or {})
        self._turn = threading.Lock()
        self._child: Child | None = None
        self._running = self._cancelled = self._closed = False
        self._number = 0
        self._owner = os.getpid()

    def run(
        self,
        task: str,
        arguments: Mapping[str, Any] | None = None,
        limits: Limits = _DEFAULT,
        on_report: Callable[[Any], None] | None = None,
    ) -> Outcome:
        """Run the function named ``task`` with keyword ``arguments``, and tell what became of it.

        task: ``module:function`` or ``path/file.py:function``.
        on_report: called in this thread with whatever the task reports (`diffkit.guard.report`).

        Raises GuardError where the guard is at fault: the arguments cannot travel, no child can
        be started, the guard is closed. Whatever the task does becomes an `Outcome`.
        """
        order = _order(task, arguments, limits)
        if os.getpid() != self._owner:
            raise GuardError("this guard was made before a fork; make a new one in this process")
        with self._turn:
            self._cancelled, self._running = False, True
            try:
                return self._attempt(order, limits, on_report)
            except BaseException:  # Ctrl-C, or a failing on_report, with the task still running
                self._discard()
                raise
            finally:
                self._running = False

    def cancel(self) -> None:
        """End the task that is running, if one is: "crashed", with "Cancelled" as its error.

        For other threads than the one in `run`. Without a running task nothing happens.
        """
        if self._running:
            self._cancelled = True
            child = self._child
            if child is not None:
                child.kill()

    def close(self) -> None:
        """End the child, and with it the task that is running, if one is."""
        self._closed = True
        self.cancel()
        with self._turn:
            self._discard()

    def __enter__(self) -> Self:
        with self._turn:
            self._current()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _attempt(
        self,
        order: dict[str, Any],
        limits: Limits,
        on_report: Callable[[Any], None] | None,
    ) -> Outcome:
        if self._closed:
            raise GuardError("this guard is closed; make a new one")
        try:
            child = self._fit_child(limits)
        except GuardError:
            if not self._cancelled:
                raise
            self._discard()
            return _CANCELLED
        outcome = child.run(self._frame(order, child), self._number, limits, on_report)
        if outcome.ok:
            return outcome
        self._discard()
        return replace(_CANCELLED, seconds=outcome.seconds) if self._cancelled else outcome

    def _frame(self, order: dict[str, Any], child: Child) -> bytes:
        self._number += 1
        order["number"] = self._number
        if sys.path != child.path:
            child.path = list(sys.path)
            order["path"] = [entry for entry in sys.path if isinstance(entry, str)]
        try:
            return wire.frame(order)
        except (TypeError, RecursionError) as error:
            raise GuardError(f"the task's arguments cannot travel: {error}") from error

    def _fit_child(self, limits: Limits) -> Child:
        """A child that is alive, ready, and has room for a task."""
        child = self._current()
        child.wait_until_ready()
        if not child.fit(limits):
            self._discard()
            child = self._current()
            child.wait_until_ready()
        return child

    def _current(self) -> Child:
        if self._child is None:
            self._child = Child(launch(self._preload, self._threads, self._environment))
            self._end = weakref.finalize(self, self._child.end)
        return self._child

    def _discard(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            self._end()


def _order(task: str, arguments: Mapping[str, Any] | None, limits: Limits) -> dict[str, Any]:
    home, colon, name = task.rpartition(":")
    if not (home and colon and name):
        raise GuardError(f"{task!r} names no task; use 'module:function' or 'file.py:function'")
    if home == "__main__":
        raise GuardError("a child does not execute __main__ again; name the task by its file")
    if home.endswith(".py") and not os.path.isabs(home):
        task = f"{os.path.abspath(home)}:{name}"
    return {
        "task": task,
        "arguments": dict(arguments or {}),
        "seconds": limits.seconds,
        "megabytes": limits.megabytes,
        "hard": limits.hard,
        "renewed": limits.renewed,
    }
