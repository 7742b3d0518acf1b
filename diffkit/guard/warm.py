"""One child process: hand it a task, watch it, and tell why it ended."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from diffkit.errors import GuardError
from diffkit.guard.memory import Resident
from diffkit.guard.outcome import MEGABYTE, Limits, Outcome, Status
from diffkit.guard.pipes import Pipes
from diffkit.guard.wire import ProtocolError

_START = 120.0  # seconds until a child must be ready
_END = 10.0  # seconds that a killed process may take to end
_LOOK = 0.05  # seconds between two looks at a child at most
# Bytes a second by which a memory bomb may grow and still be seen in time. Two threads that fill
# huge pages were measured to reach 18e9 on two cores.
_GROWTH = 20e9


class Child:
    """A child process from its start to its end; at most one thread runs tasks in it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.owner = os.getpid()
        self.path = list(sys.path)
        self._process = process
        self._pipes = Pipes(process)
        self._memory = Resident(process.pid)
        self._baseline: int | None = None
        self._ready = self._killed = False
        self._ending = threading.Lock()

    def wait_until_ready(self) -> None:
        """Wait for the child's imports. Raises GuardError where they fail."""
        if self._ready:
            return
        deadline = time.monotonic() + _START
        try:
            while (message := self._pipes.receive()) is None:
                if self._pipes.ended or time.monotonic() > deadline:
                    raise GuardError(f"the child process does not start{self._last_line()}")
                self._pipes.wait(_LOOK)
        except ProtocolError as error:
            raise GuardError(f"the child process does not start: {error}") from error
        if "failed" in message:
            raise GuardError(f"the child process cannot import its modules: {message['failed']}")
        self._baseline = self._memory.bytes()
        self._ready = True

    def fit(self, limits: Limits) -> bool:
        """Whether the child is alive and still has most of the room that a new one would have.

        Without the second a task's outcome would depend on what ran before it.
        """
        resident = self._memory.bytes()
        if resident is None or self._killed:
            return not self._killed
        if limits.megabytes is None or self._baseline is None:
            return resident > 0
        room = limits.megabytes * MEGABYTE - self._baseline
        return 0 < resident <= self._baseline + max(room / 2, 0)

    def run(
        self,
        frame: bytes,
        number: int,
        limits: Limits,
        on_report: Callable[[Any], None] | None,
    ) -> Outcome:
        """Run the task in ``frame``, the task of that number, under the limits."""
        watch = _Watch(self._memory, limits)
        self._pipes.forget_output()
        self._pipes.send(frame)
        try:
            while not (self._pipes.ended or watch.child_is_gone):
                reply = self._reply(number, on_report, watch)
                if reply is not None:
                    return self._outcome(reply, watch.elapsed())
                excess = watch.excess()
                if excess is not None:
                    return self._stopped(*excess, watch)
                self._pipes.wait(watch.patience())
            reply = self._reply(number, on_report, watch)  # it came with the end
        except ProtocolError as error:
            return self._stopped("crashed", f"the task disturbed the guard's pipe: {error}", watch)
        if reply is not None:
            return self._outcome(reply, watch.elapsed())
        return self._stopped(*self._death(watch), watch)

    def kill(self) -> None:
        """Kill the child and the processes that its tasks have started; any thread may."""
        self._killed = True
        with self._ending:
            # Until it has been waited for, its number can belong to no other process.
            if self.owner == os.getpid() and self._process.returncode is None:
                _kill_session(self._process)

    def end(self) -> None:
        """Kill the child, wait for its end, and close the pipes."""
        self._wait_for_end()
        with self._ending:
            self._pipes.close()
            self._memory.close()

    def _reply(
        self, number: int, on_report: Callable[[Any], None] | None, watch: _Watch
    ) -> dict[str, Any] | None:
        """The reply to the task of that number if it has come, after passing on what it reports."""
        while (message := self._pipes.receive()) is not None:
            if message.get("number") != number:
                continue  # a thread that an earlier task left behind
            if "progress" not in message:
                return message
            if on_report is not None:
                on_report(message["progress"])
            watch.renew()
        return None

    def _outcome(self, reply: dict[str, Any], seconds: float) -> Outcome:
        status: Status = reply["status"]
        return Outcome(
            status=status,
            value=reply.get("value"),
            reason=reply.get("reason", ""),
            error=reply.get("error"),
            seconds=seconds,
            output=self._pipes.output(),
        )

    def _stopped(self, status: Status, reason: str, watch: _Watch) -> Outcome:
        self._wait_for_end()
        seconds, output = watch.elapsed(), self._pipes.output()
        return Outcome(status, reason=reason, seconds=seconds, output=output)

    def _death(self, watch: _Watch) -> tuple[Status, str]:
        """Why the child has ended by itself."""
        late = watch.lateness()
        code = self._wait_for_end()
        if code is None:
            return "crashed", "its process does not end"
        if code >= 0:
            return "crashed", f"its process ended with exit code {code}{self._last_line()}"
        name = _signal_name(-code)
        if late is not None and name in ("SIGALRM", "SIGXCPU"):
            return "timeout", f"{late} ({name})"
        hint = "; perhaps the system ran out of memory" if name == "SIGKILL" else ""
        return "crashed", f"its process was ended by {name}{hint}"

    def _wait_for_end(self) -> int | None:
        """The exit code, negative for a signal; None where even a kill does not help."""
        self.kill()
        with self._ending:
            try:
                return self._process.wait(_END) if self.owner == os.getpid() else None
            except subprocess.TimeoutExpired:
                return None

    def _last_line(self) -> str:
        lines = self._pipes.output().split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"; the last line it printed: {last[:200]}" if last else ""


class _Watch:
    """The time and the memory of one task, as seen from the parent."""

    def __init__(self, memory: Resident, limits: Limits) -> None:
        self._memory, self._limits = memory, limits
        self._start = self._since = time.perf_counter()
        self._next_look = self._start + memory.shortest
        # Its end may not show on the pipes, where a process that it has started holds them.
        self.child_is_gone = False

    def elapsed(self) -> float:
        return time.perf_counter() - self._start

    def renew(self) -> None:
        """The task has reported, with which its time may begin anew."""
        if self._limits.renewed:
            self._since = time.perf_counter()

    def patience(self) -> float:
        """Seconds until there is something to look at."""
        now = time.perf_counter()
        next_event = self._next_look
        if self._limits.seconds is not None:
            next_event = min(next_event, self._since + self._limits.seconds)
        return max(next_event - now, 0.0)

    def excess(self) -> tuple[Status, str] | None:
        """Which limit has been crossed, and how, if any has."""
        late = self.lateness()
        if late is not None:
            return "timeout", late
        return self._look() if time.perf_counter() >= self._next_look else None

    def lateness(self) -> str | None:
        """What to say where the time is up."""
        seconds = self._limits.seconds
        late = seconds is not None and time.perf_counter() - self._since >= seconds
        return f"took longer than {seconds:g} s" if late else None

    def _look(self) -> tuple[Status, str] | None:
        resident = self._memory.bytes()
        self.child_is_gone = resident == 0
        room = math.inf
        if self._limits.megabytes is not None and resident is not None:
            room = self._limits.megabytes * MEGABYTE - resident
            if room < 0:
                seen = f"{resident / MEGABYTE:.0f} MB when seen"
                return "memory", f"took more than {self._limits.megabytes:g} MB of memory ({seen})"
        # The nearer the limit, the closer the watch.
        pause = max(min(room / _GROWTH, _LOOK), self._memory.shortest)
        self._next_look = time.perf_counter() + pause
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
