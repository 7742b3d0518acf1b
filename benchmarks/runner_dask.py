"""What a sweep of cheap cells costs through local Dask workers, beside the engine of this machine.

    python benchmarks/runner_dask.py

Derivatives of exp at 10^4 points, each a cell, with as many slots in both, in turn, into a store in
a file. A cell takes about a tenth of a millisecond or more, so that it is the way there and back
that shows.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import diffkit as dk
from diffkit.measure import error
from diffkit.runner import Experiment, discovery, grid, measure_cells, open_store
from diffkit.runner.engines import Engine, Local
from diffkit.runner.engines.dask import cluster

CELLS = 10_000
SLOTS = 2
ROUNDS = 5


def cells() -> Any:
    return grid(x=np.linspace(-20.0, 20.0, CELLS))


def measure(x: float) -> Any:
    value = dk.derivative(lambda t: np.exp(np.sin(t) * t), x, backend="finite_difference")
    return error(value, dk.derivative(lambda t: np.exp(np.sin(t) * t), x)).to_dict()


EXPERIMENT = Experiment(name="runner_dask", title="", question="", cells=cells, measure=measure)


@contextmanager
def workers(folder: Path) -> Iterator[str]:
    """The address of a scheduler with two workers of one thread each, on loopback."""
    command = [sys.executable, "-m"]
    file = folder / "scheduler.json"
    scheduler = [*command, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    worker = [*command, "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny"]
    quiet: dict[str, Any] = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    processes = [
        subprocess.Popen([*scheduler, "--no-dashboard", "--scheduler-file", str(file)], **quiet)
    ]
    try:
        while not file.exists():
            time.sleep(0.05)
        processes += [
            subprocess.Popen(
                [*worker, "--no-dashboard", "--scheduler-file", str(file),
                 "--host", "127.0.0.1", "--local-directory", str(folder)],
                **quiet,
            )
            for _ in range(SLOTS)
        ]  # fmt: skip
        yield address(file)
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def address(file: Path) -> str:
    import json

    found: str = json.loads(file.read_text())["address"]
    return found


def seconds(engine: Engine, folder: Path, experiment: Experiment) -> float:
    """One sweep into a new store."""
    began = time.perf_counter()
    with open_store(folder / f"{time.monotonic_ns()}.sqlite") as store:
        table = measure_cells(experiment, engine=engine, store=store)
    assert len(table.ok) == CELLS, table
    return time.perf_counter() - began


def main() -> None:
    """Print both times and their ratio, round by round, with the spread."""
    # From the file, as other processes cannot load what the program itself defines.
    experiment = discovery.load("runner_dask", Path(__file__).parent)
    with tempfile.TemporaryDirectory() as name, workers(Path(name)) as scheduler:
        folder = Path(name)
        with cluster(scheduler, workers=SLOTS, timeout=30) as remote:
            pairs = []
            for _ in range(ROUNDS + 1):
                engines = (Local(SLOTS), remote)
                pairs.append([seconds(engine, folder, experiment) for engine in engines])
    here, there = np.array(pairs[1:]).T  # the first round warms up
    print(f"{CELLS} cells, {SLOTS} slots")
    for label, taken in (("this machine's engine", here), ("Dask workers", there)):
        print(f"{label:>22}: {np.median(taken):6.2f} s ({taken.min():.2f} to {taken.max():.2f})")
    ratio = there / here
    print(f"{'ratio':>22}: {np.median(ratio):6.2f}   ({ratio.min():.2f} to {ratio.max():.2f})")


if __name__ == "__main__":
    main()
