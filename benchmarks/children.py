"""A process for each tool, under guard, with the same processors and threads for all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diffkit.guard import Guard, Limits, Outcome

from .child import CPUS, FOLDER

HERE = Path(__file__).parent
CHILD, TRUTH = HERE / "child.py", HERE / "truth.py"
MEGABYTES = 3000.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to measure.

    Attributes:
        seconds: a limit for preparing and checking one way of one tool.
        certify: a limit for proving the derivative.
        budget: seconds of samples for one size of a problem, all tools together.
        threads: of all numerical libraries, and how many processors they may use.
    """

    seconds: float = 15.0
    certify: float = 10.0
    budget: float = 3.0
    threads: int = 1


@dataclass
class Children:
    """The processes, one for each tool, replaced where they fail.

    Attributes:
        settings: how to measure.
        folder: where they are, for files that come and go.
    """

    settings: Settings
    folder: str
    _guards: dict[str, Guard] = field(default_factory=dict)

    def run(self, owner: str, task: str, limit: float, /, **arguments: Any) -> Outcome:
        """What became of a task, ``file.py:function``, in the process of that name."""
        if owner not in self._guards:
            self._guards[owner] = Guard(
                preload=(str(CHILD),),
                threads=self.settings.threads,
                environment={**environment(self.settings.threads), FOLDER: self.folder},
            )
        limits = Limits(seconds=limit, megabytes=MEGABYTES)
        return self._guards[owner].run(task, arguments, limits)

    def close(self) -> None:
        """End all processes; others take their places when they are needed.

        A process remembers: what its allocator has seen, and what a compiler has kept.
        """
        for guard in self._guards.values():
            guard.close()
        self._guards.clear()


@contextmanager
def children(settings: Settings) -> Iterator[Children]:
    """The processes, ended at the end."""
    with tempfile.TemporaryDirectory() as folder:
        held = Children(settings, folder)
        try:
            yield held
        finally:
            held.close()


def environment(threads: int) -> dict[str, str]:
    """What keeps every library to so many threads.

    The processors themselves, where that can be said: what XLA's own pool goes by. Beside them
    the variables that libraries read; the guard sets those of BLAS and OpenMP.
    """
    found = {
        "JAX_PLATFORMS": "cpu",
        "NPROC": str(threads),
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}",
    }
    if hasattr(os, "sched_getaffinity"):
        mine = sorted(os.sched_getaffinity(0))
        found[CPUS] = ",".join(map(str, mine[-threads:]))
    return found
