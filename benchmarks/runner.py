"""What the runner costs: around each cell, with many cells in a store, and on all cores.

    python benchmarks/runner.py

Overhead: cells that compute nothing, through store, guard and progress, beside a loop that calls
the measure itself. Many cells: how long 10^5 of them take to be listed, resumed and reported.
Cores: the processor time that 10^4 real cells get, over what the cores could give in that time.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cells

from diffkit.commands.run import _progress
from diffkit.report.publish import publish
from diffkit.runner import Experiment, Run, open_store, read_store, run
from diffkit.runner.cell import Measurer
from diffkit.runner.engines import Local, processors


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def stored(experiment: Experiment, path: Path, slots: int | None = None) -> Run:
    """A run with all that `diffkit run` has around it, but for the page."""
    with open_store(path) as store, _progress(experiment.name) as progress:
        return run(experiment, store=store, engine=Local(slots), on_cell=progress)


def overhead(folder: Path, slots: int, rounds: int = 5) -> None:
    """Microseconds a cell with everything around it, beside the cell alone."""
    experiment, number = cells.CHEAP_5000, 5_000
    measurer = Measurer(experiment, 0)
    alone, around = [], []
    for n in range(rounds):
        path = folder / f"cheap-{slots}-{n}.sqlite"
        alone.append(seconds(lambda: [measurer.measure({"n": k}) for k in range(number)]))
        around.append(seconds(partial(stored, experiment, path, slots)))
    low, mid, high = (1e6 / number * x for x in sorted(around)[:: rounds // 2])
    print(
        f"overhead, {slots} slot(s), start of children included: {mid:.0f} µs a cell "
        f"({low:.0f} to {high:.0f}); the cell alone {1e6 / number * min(alone):.1f} µs"
    )


def many(folder: Path) -> None:
    """Seconds to list, resume and report 10^5 cells, and of the processor in that time."""
    experiment, path = cells.CHEAP_100000, folder / "many.sqlite"
    filled = seconds(lambda: stored(experiment, path))
    found: list[Run] = []

    def list_() -> None:
        with read_store(path) as store:
            store.counts(), store.last()

    steps = {
        "list": list_,
        "resume": lambda: found.append(stored(experiment, path)),
        "report": lambda: publish(found[0], folder),
    }
    print(f"10^5 cells ({path.stat().st_size / 1e6:.0f} MB, filled in {filled:.1f} s)")
    wall = processor = 0.0
    for name, step in steps.items():
        before = time.process_time()
        taken = seconds(step)
        used = time.process_time() - before
        wall, processor = wall + taken, processor + used
        print(f"  {name}: {taken:.2f} s ({used:.2f} s of the processor)")
    assert found[0].measured == 0
    print(f"  together: {wall:.2f} s ({processor:.2f} s of the processor)")


def cores(folder: Path) -> None:
    """How much of the cores 10^4 real cells use.

    Where other programs run as well, what they take cannot be had: the share of what was used or
    idle says what the runner leaves lying.
    """
    before, idle, start = _used(), _idle(), time.perf_counter()
    found = stored(cells.REAL_10000, folder / "real.sqlite")
    wall = time.perf_counter() - start
    own, children = (b - a for a, b in zip(before, _used(), strict=True))
    lying = _idle() - idle
    every = wall * processors()
    assert found.results.count("ok") == len(found.results) == cells.POINTS
    print(
        f"10^4 real cells on {processors()} cores in {wall:.1f} s: {(own + children) / every:.0%} "
        f"of their time was used, {children / every:.0%} by the cells' processes; of what other "
        f"programs left, {(own + children) / (own + children + lying):.0%}"
    )


def _used() -> tuple[float, float]:
    """Seconds of processor time of this process, and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), children.ru_utime + children.ru_stime


def _idle() -> float:
    """Seconds that the machine's processors have been idle (proc_stat(5)); 0 where nobody says."""
    try:
        fields = Path("/proc/stat").read_text().split(maxsplit=6)
    except OSError:
        return 0.0
    return float(fields[4]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for slots in sorted({1, processors()}):
            overhead(Path(scratch), slots)
        many(Path(scratch))
        cores(Path(scratch))
