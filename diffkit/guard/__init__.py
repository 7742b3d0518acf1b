"""One task at a time in a warm child process, under a limit of time and of memory.

    with Guard(preload=("sympy",)) as guard:
        outcome = guard.run("package.module:function", {"n": 3}, Limits(seconds=10))

Whatever a task does, ``run`` returns an `Outcome`: a hang, a kill, a segmentation fault, a memory
bomb, an exception. The child is killed and replaced after any failure; after a success it stays,
with the modules it has loaded. A guard protects from accidents, not from malice: a task has all
the rights of its user.

What ends a child, and on what it relies
----------------------------------------
=============================  =======================================  ====================
when                           by                                       holds
=============================  =======================================  ====================
time is up                     SIGKILL from the parent                  everywhere
memory is up                   SIGKILL from the parent, which watches   Linux; elsewhere by
                               the resident memory                      the command ``ps``
far beyond the memory, with    RLIMIT_DATA: the allocation fails        Linux
a parent too busy to look
the parent is gone             PR_SET_PDEATHSIG: the kernel kills,      Linux
                               also where C code never lets go of the
                               interpreter lock
the parent is gone             a thread of the child that looks at      POSIX; while the
                               its parent's number                      lock is let go
the parent is gone or stopped  ITIMER_REAL and RLIMIT_CPU, armed for    POSIX; a second
and the child is deep in C     each task: the kernel kills              after the time limit
the parent is gone, no task    end of file on the pipe of tasks         everywhere
is running
=============================  =======================================  ====================

Processes that a task starts itself end with the child where the guard ends it, unless they have
a session of their own; they count for no limit of memory. Where the parent was killed they are
left to RLIMIT_CPU, which they inherit.
On Windows only the first and the last row hold: there is no watch of memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffkit.guard.guard import Guard
    from diffkit.guard.outcome import Limits, Outcome
    from diffkit.guard.progress import report

# Loaded when used: a child, which is started anew after each failure, needs none but `report`.
_HOME = {"Guard": "guard", "Limits": "outcome", "Outcome": "outcome", "report": "progress"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module 'diffkit.guard' has no attribute {name!r}")
    return getattr(import_module(f"diffkit.guard.{_HOME[name]}"), name)


__all__ = ["Guard", "Limits", "Outcome", "report"]
