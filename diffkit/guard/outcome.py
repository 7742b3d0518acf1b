"""What a task may use, and what became of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from diffkit.errors import GuardError

Status = Literal["ok", "error", "timeout", "memory", "crashed"]
MEGABYTE = 10**6


@dataclass(frozen=True)
class Limits:
    """What one task may use; None stands for no limit.

    seconds: wall-clock time, from sending the task to receiving its result.
    megabytes: resident memory of the child (10^6 bytes), with all that it has loaded.
    hard: also let allocations beyond the limit fail inside the task (RLIMIT_DATA, Linux). That
        counts what is reserved, used or not, so that libraries which reserve much need more.
    renewed: the time begins anew with each report of the task (`diffkit.guard.report`), for a
        task that is a series of small ones.

    Raises GuardError where a limit is not a positive finite number.
    """

    seconds: float | None = 60.0
    megabytes: float | None = 2000.0
    hard: bool = False
    renewed: bool = False

    def __post_init__(self) -> None:
        for name in ("seconds", "megabytes"):
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < math.inf:
                raise GuardError(f"{name}={limit!r}: give a positive number, or None for no limit")


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    status: "ok"; "error", the task raised; "timeout" and "memory", it went over a limit (or
        raised MemoryError); "crashed", its process died, or was ended by `Guard.cancel`.
    value: what the task returned, where it is ok: None, bool, int, float, complex, str, and
        lists and dicts of them.
    reason: one line for people, empty where the task is ok.
    error: the name of the exception's class where the task raised; "Cancelled" after a cancel.
    seconds: wall-clock time from sending the task to its end.
    output: the end of what was written to stdout and stderr, traceback included.
    """

    status: Status
    value: Any = None
    reason: str = ""
    error: str | None = None
    seconds: float = 0.0
    output: str = ""

    @property
    def ok(self) -> bool:
        return self.status == "ok"
