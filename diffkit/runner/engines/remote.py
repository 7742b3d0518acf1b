"""What runs in a worker process: cells in a guarded child of its own, for each call one.

`measure` takes an order and tasks as JSON text and gives JSON text back, so that nothing of
diffkit's is pickled but the names of these functions. A worker may have several threads; each call
has a child for itself. A child stays warm for the next call of its job, until the job ends or a
minute has passed without a call.

An experiment that is a file travels as its text where the worker does not have the same file at the
same place: the file that the user has named is executed there, in the guarded child, and nowhere
else. What the file imports must be installed on the worker.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from diffkit.errors import DiffkitError
from diffkit.guard import wire
from diffkit.runner.engines.engine import CellOutcome, CellTask, Job
from diffkit.runner.engines.slot import Slot
from diffkit.runner.provenance import code, version, versions
from diffkit.runner.source import digest

# Beside those of the provenance: where a worker has other versions, its numbers may differ.
PACKAGES = ("scipy", "python-flint", "numba")

_DRAWING = ("plotly",)
_IDLE = 60.0  # seconds that a child without work stays
_REMEMBERED = 1000  # jobs that have been stopped


def order(job: Job, name: str) -> str:
    """What workers need to know of a job, as text. Raises ValueError without a source."""
    errand = job.errand()
    text = _text(Path(errand["home"])) if errand["home"].endswith(".py") else None
    return json.dumps(
        {
            "job": name,
            "errand": errand,
            "text": text,
            "timed": job.experiment.timed,
            "fingerprint": fingerprint() | {name: version(name) for name in job.packages},
        }
    )


@cache
def fingerprint() -> dict[str, str]:
    """The code that makes the numbers in this process: versions, and a digest of diffkit's."""
    found = versions() | {name: version(name) for name in PACKAGES} | {"code": code()}
    return {name: value for name, value in found.items() if name not in _DRAWING}


def differences(expected: dict[str, str], found: dict[str, str]) -> str:
    """How the code of a worker differs; empty where it does not."""
    lines = [
        f"{name} {found.get(name)} where the run has {value}"
        for name, value in expected.items()
        if found.get(name) != value and name != "code"
    ]
    if not lines and found.get("code") != expected["code"]:
        lines = ["other code of diffkit under the same version"]
    return "; ".join(lines)


def measure(order: str, tasks: str) -> str:
    """Measure cells, given by the fields of a `CellTask` each, in a guarded child.

    Gives {"outcomes": the fields of a `CellOutcome` each}: of all, unless the job is stopped. Or
    {"refused": why this worker is not fit}, or {"failed": what is wrong with the experiment}.
    """
    told = json.loads(order)
    expected = told["fingerprint"]
    found = fingerprint() | {n: version(n) for n in expected.keys() - fingerprint().keys()}
    if unlike := differences(expected, found):
        return json.dumps({"refused": f"{platform.node()}, process {os.getpid()}: {unlike}"})
    outcomes: list[CellOutcome] = []
    cells = [CellTask(*fields) for fields in wire.decode(tasks)]
    try:
        with _alone() if told["timed"] else nullcontext(), _crew.slot(told) as slot:
            slot.measure(cells, outcomes.append)
    except DiffkitError as error:
        return json.dumps({"failed": str(error)})
    return wire.encode({"outcomes": [list(vars(outcome).values()) for outcome in outcomes]})


def stop(job: str) -> None:
    """End what is being measured of a job in this process, and begin no more of it."""
    _crew.stop(job)


def close(job: str) -> None:
    """End the children that wait for more of a job in this process."""
    _crew.close(job)


class _Crew:
    """The slots of this process, busy and idle, by job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: dict[str, set[Slot]] = {}
        self._idle: dict[str, list[Slot]] = {}
        self._stopped: dict[str, None] = {}
        self._last = 0.0
        self._timer: threading.Timer | None = None

    @contextmanager
    def slot(self, told: dict[str, Any]) -> Iterator[Slot]:
        """A slot for one call; that of a job which has been stopped measures nothing."""
        job = told["job"]
        with self._lock:
            waiting = self._idle.get(job)
            slot = waiting.pop() if waiting else Slot(_errand_here(told))
            self._busy.setdefault(job, set()).add(slot)
            if job in self._stopped:
                slot.stop()
        kept = False
        try:
            yield slot
            kept = True
        finally:
            with self._lock:
                self._busy[job].discard(slot)
                kept = kept and job not in self._stopped
                if kept:
                    self._idle.setdefault(job, []).append(slot)
                    self._last = time.monotonic()
                    self._await_idleness()
            if not kept:
                slot.close()

    def stop(self, job: str) -> None:
        with self._lock:
            self._stopped[job] = None
            while len(self._stopped) > _REMEMBERED:
                del self._stopped[next(iter(self._stopped))]
            for slot in self._busy.get(job, ()):
                slot.stop()
        self.close(job)

    def close(self, job: str) -> None:
        with self._lock:
            slots = self._idle.pop(job, [])
        for slot in slots:
            slot.close()

    def _await_idleness(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(_IDLE, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        with self._lock:
            self._timer = None
            if time.monotonic() - self._last < _IDLE:
                self._await_idleness()
                return
            slots = [slot for waiting in self._idle.values() for slot in waiting]
            self._idle.clear()
        for slot in slots:
            slot.close()


@contextmanager
def _alone() -> Iterator[None]:
    """While timings are taken no other worker of this machine and user takes any."""
    from diffkit.runner.store.lock import Lock  # late, as stores know of engines

    user = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "")
    with Lock(Path(tempfile.gettempdir()) / f"diffkit-timings-{user}", wait=math.inf):
        yield


def _text(file: Path) -> str:
    """The bytes of a file as text that JSON can carry, whatever its encoding."""
    return file.read_bytes().decode("utf-8", "surrogateescape")


def _errand_here(told: dict[str, Any]) -> dict[str, Any]:
    """The errand, with the experiment's file at a place where this worker has it."""
    errand, text = dict(told["errand"]), told["text"]
    if text is not None and not _has(errand["home"], errand["digest"]):
        errand["home"] = _put_down(Path(errand["home"]).name, text, errand["digest"])
    return errand


def _has(path: str, wanted: str) -> bool:
    try:
        return digest(Path(path)) == wanted
    except OSError:
        return False


@cache
def _put_down(name: str, text: str, wanted: str) -> str:
    """Write the text into a folder of this process that nobody else can write to."""
    folder = Path(tempfile.mkdtemp(prefix="diffkit-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    if not _has(str(path), wanted):
        raise DiffkitError(f"{name} has been changed since the run began; run it again")
    return str(path)


_crew = _Crew()
