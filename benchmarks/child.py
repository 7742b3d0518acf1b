"""What runs in the process of one tool: prepare a derivative, check it, and time samples of it.

Each tool has a process of its own, so that no library's threads, allocator or settings touch
another's, and one that hangs or dies takes no other with it. The parent asks them in turn, round by
round, for samples; what was prepared stays here from one task to the next.
"""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CPUS = "DIFFKIT_BENCHMARK_CPUS"  # which processors to stay on, before any library counts them

FOLDER = "DIFFKIT_BENCHMARK_FOLDER"  # for files that libraries leave where they are compiled

if os.environ.get(FOLDER):
    os.chdir(os.environ[FOLDER])
if os.environ.get(CPUS) and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, map(int, os.environ[CPUS].split(",")))

SAMPLE = 5e-3  # seconds of a sample, or one call
QUICK = 0.1  # seconds to find out which of several ready calls is the fastest

_current: Callable[[], Any] | None = None


def load(tool: str, way: str) -> None:
    """Import a tool, which is no part of preparing."""
    from benchmarks.tools import tool_named

    tool_named(tool).load(way)


def prepare(problem: str, n: int, tool: str, way: str, truth: str) -> dict[str, Any]:
    """`_prepare`, with the reason under "failed" where it raises: this process goes on then."""
    try:
        return _prepare(problem, n, tool, way, truth)
    except MemoryError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        return {"failed": f"{type(error).__name__}: {text}"[:300]}


def _prepare(problem: str, n: int, tool: str, way: str, truth: str) -> dict[str, Any]:
    """Prepare one way of one tool, and tell what it cost and how right it is.

    truth: the file that ``truth.py`` has written.

    Returns a dict of
        prepare, first: seconds of preparing and of the first call after it;
        seconds: of one call, roughly; note: which of several calls;
        error, ulps, other: the largest error relative to the largest component, the largest in
            units in the last place (None where nothing is certified), and the first at another
            point;
        memory: bytes that the resident memory rose by at most, in preparing and first call.
    """
    global _current
    from benchmarks.problems import PROBLEMS
    from benchmarks.tools import tool_named
    from benchmarks.tools.tool import flat
    from benchmarks.truth import compare, read

    _current = None
    chosen, case = PROBLEMS[problem], PROBLEMS[problem].case(n)
    how = next(w for w in tool_named(tool).ways(chosen, case) if w.name == way)
    before = _reset_peak()
    began = time.perf_counter()
    ready = how.prepare(chosen, case)
    made = time.perf_counter()
    tried = [_tried(one, case) for one in ready]
    memory = _peak() - before
    seconds, _, here = min(tried, key=lambda item: item[0])
    best = ready[[item[0] for item in tried].index(seconds)]
    errors: dict[str, Any] = {}
    if tool != "f":
        there = flat(best.found(best.call(best.given(case.other))))
        errors = compare(read(Path(truth)), here, there)
    given = best.given(case.x)
    _current = lambda: best.call(given)  # noqa: E731
    return {
        "prepare": made - began,
        "first": tried[0][1],
        "seconds": seconds,
        "note": best.note,
        "memory": memory,
        **errors,
    }


def _tried(ready: Any, case: Any) -> tuple[float, float, Any]:
    """Seconds of a call, seconds of the first one, and the derivative."""
    from benchmarks.tools.tool import flat

    given = ready.given(case.x)
    began = time.perf_counter()
    result = ready.call(given)
    first = time.perf_counter() - began  # with compiling, for libraries that wait for a call
    found = flat(ready.found(result))
    seconds, end = [], time.perf_counter() + QUICK
    while not seconds or time.perf_counter() < end:
        began = time.perf_counter()
        ready.call(given)
        seconds.append(time.perf_counter() - began)
    return min(seconds), first, found


def sample(loops: int) -> float:
    """Seconds of a call, the mean of so many, after an untimed one where they are short."""
    call = _current
    assert call is not None
    if loops > 1:
        call()
    began = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - began) / loops


def steady_memory() -> int:
    """Bytes that the resident memory rises by in one call."""
    call = _current
    assert call is not None
    before = _reset_peak()
    call()
    return _peak() - before


def threads() -> dict[str, int]:
    """The threads of the numerical libraries in this process, and the processors it may use."""
    from diffkit.measure.threads import counts

    found = counts()
    if hasattr(os, "sched_getaffinity"):
        found["processors"] = len(os.sched_getaffinity(0))
    return found


def _reset_peak() -> int:
    """Let the peak of the resident memory begin anew (proc_pid_clear_refs(5)); where it stands."""
    gc.collect()
    with contextlib.suppress(OSError):  # not Linux: the peak is that of the whole process
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """The peak of the resident memory in bytes."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
