"""One computation after another in a child process, of which the newest always wins."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..errors import GuardError
from ..guard import Guard, Limits, Outcome

TASKS = "diffkit.explore.tasks"
WARM = "diffkit.explore.warm"
LIMITS = Limits(seconds=10.0, megabytes=1000.0)

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"

_GRACE = 0.3  # seconds that a superseded task has to end by itself, which keeps its child warm
_AGAIN = 0.05  # seconds between two attempts to end a task
_PAGES = 3  # that are computed for at the same time

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """How far one task has come.

    Attributes:
        state: one of the five names above.
        version: grows with every change of any part of a desk.
        value: what the task returned, or what it last reported.
        reason: why there is no value.
        seconds: how long it took.
    """

    state: str = WAITING
    version: int = 0
    value: Any = None
    reason: str = ""
    seconds: float = 0.0

    @property
    def over(self) -> bool:
        return self.state in (DONE, FAILED, CANCELLED)


class Desk:
    """The computations of one page. Any thread may call its methods.

    Two children take turns: where one is killed, the other is warm already. Both end with `close`,
    and with this process.

    Args:
        limits: of each task.
        grace: seconds that a superseded task has to end by itself.
        tasks: the module in which the tasks are.
        preload: what a child imports first.
    """

    def __init__(
        self,
        limits: Limits = LIMITS,
        grace: float = _GRACE,
        tasks: str = TASKS,
        preload: tuple[str, ...] = (WARM,),
    ) -> None:
        self._limits, self._grace, self._tasks = limits, grace, tasks
        self._guards = [Guard(preload=preload), Guard(preload=preload)]
        self._changed = threading.Condition()
        self._serial = self._version = 0
        self._arguments: dict[str, Arguments] = {}
        self._parts: dict[str, Part] = {}
        self._queue: list[str] = []
        self._run: object | None = None
        self._current = self._closed = False
        self._worker = threading.Thread(target=self._work, name="diffkit-explore", daemon=True)
        self._worker.start()

    def ask(self, serial: int, tasks: Mapping[str, Arguments]) -> bool:
        """Compute these tasks, in their order, and stop what was asked for before.

        A task that has been done with the same arguments is not done again. Returns whether the
        request was taken: an older one that arrives late is not.
        """
        with self._changed:
            if serial <= self._serial or self._closed:
                return False
            self._serial = serial
            done = [n for n in tasks if self._is_done(n, tasks[n])]
            self._parts = {n: self._parts[n] if n in done else self._new() for n in tasks}
            self._arguments = dict(tasks)
            self._queue = [n for n in tasks if n not in done]
            self._stop_running(self._grace)
            self._changed.notify_all()
        return True

    def cancel(self) -> None:
        """Stop at once; what is done stays."""
        with self._changed:
            self._queue = []
            for name, part in self._parts.items():
                if not part.over:
                    self._set(name, Part(CANCELLED))
            self._stop_running(0.0)

    def parts(self, serial: int | None = None) -> dict[str, Part]:
        """How far the tasks have come; none where another request than that one was the last."""
        with self._changed:
            return dict(self._parts) if serial in (None, self._serial) else {}

    def wait(self, seconds: float) -> bool:
        """Wait until all is over; whether it is."""
        with self._changed:
            return self._changed.wait_for(
                lambda: all(part.over for part in self._parts.values()), seconds
            )

    def close(self) -> None:
        """End the children and wait until they have ended."""
        with self._changed:
            self._closed, self._queue = True, []
            self._stop_running(0.0)
            self._changed.notify_all()
        self._worker.join()
        for guard in self._guards:
            guard.close()

    def _is_done(self, name: str, arguments: Arguments) -> bool:
        part = self._parts.get(name)
        return part is not None and part.state == DONE and self._arguments[name] == arguments

    def _new(self) -> Part:
        self._version += 1
        return Part(version=self._version)

    def _set(self, name: str, part: Part) -> None:
        self._version += 1
        self._parts[name] = replace(part, version=self._version)
        self._changed.notify_all()

    def _stop_running(self, grace: float) -> None:
        """Stop the task that runs, in a thread of its own; its result counts no more."""
        if self._run is not None:
            self._current = False
            threading.Thread(target=self._stop, args=(self._run, grace), daemon=True).start()

    def _stop(self, run: object, grace: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._run is not run, grace)
            # A guard forgets a cancel that comes just before its task.
            while self._run is run:
                self._guards[0].cancel()
                self._changed.wait(_AGAIN)

    # The worker

    def _work(self) -> None:
        for guard in self._guards:
            self._start(guard)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._queue)
                if self._closed:
                    return
                name = self._queue.pop(0)
                run = self._run = object()
                self._current = True
                self._set(name, Part(RUNNING))
                guard, arguments = self._guards[0], self._arguments[name]
            outcome = self._outcome(guard, run, name, arguments)
            with self._changed:
                self._run = None
                if self._current:
                    self._set(name, _part(outcome))
                self._changed.notify_all()
            if outcome.status != "ok":
                self._guards.reverse()
                self._start(guard)

    def _start(self, guard: Guard) -> None:
        """Have a child started, without waiting until it is ready."""
        with suppress(GuardError):  # the next task will say so
            guard.__enter__()

    def _outcome(self, guard: Guard, run: object, name: str, arguments: Arguments) -> Outcome:
        try:
            return guard.run(
                f"{self._tasks}:{name}",
                arguments,
                self._limits,
                lambda v: self._report(run, name, v),
            )
        except GuardError as error:
            return Outcome("crashed", reason=str(error))

    def _report(self, run: object, name: str, value: Any) -> None:
        with self._changed:
            if self._run is run and self._current:
                self._set(name, Part(RUNNING, value=value))


def _part(outcome: Outcome) -> Part:
    if outcome.ok:
        return Part(DONE, value=outcome.value, seconds=outcome.seconds)
    # The class of an error of diffkit's own adds nothing to its message.
    reason = outcome.reason.removeprefix(f"{outcome.error}: ")
    return Part(FAILED, reason=reason, seconds=outcome.seconds)


class Desks:
    """A desk for each page that is open; the least recently used one makes room for another."""

    def __init__(self, pages: int = _PAGES, **options: Any) -> None:
        self._pages, self._options = pages, options
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Desk] = OrderedDict()
        self._spare: Desk | None = Desk(**options)  # its children warm up before a page is open
        self._closed = False

    def open(self, page: str) -> Desk:
        """The desk of a page. Raises GuardError where they are closed."""
        with self._lock:
            if self._closed:
                raise GuardError("the explorer is closing")
            if page not in self._open:
                self._open[page], self._spare = self._spare or Desk(**self._options), None
            self._open.move_to_end(page)
            extra = [self._open.popitem(last=False)[1]] if len(self._open) > self._pages else []
            desk = self._open[page]
        for old in extra:
            old.close()
        return desk

    def find(self, page: str) -> Desk | None:
        """The desk of a page, if it has one still."""
        with self._lock:
            return self._open.get(page)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            desks = [*self._open.values(), *filter(None, [self._spare])]
            self._open.clear()
            self._spare = None
        for desk in desks:
            desk.close()
