"""Where cells are measured: an engine takes the cells and gives back what became of each.

An engine is any object with two things::

    slots: int                          # how many cells are measured at the same time
    outcomes(job, tasks) -> Iterator[CellOutcome]

`Local` measures in warm child processes of this machine, under the limits of the job;
`InProcess` measures here, without limits, what no other process can load. `OnExecutor` measures in
the workers of any `concurrent.futures.Executor`, and `dask.cluster` in those of a Dask cluster.

What `outcomes` promises
------------------------
- It gives the outcome of each task as it becomes known, in any order, once or more often: the
  store keeps the first outcome of a key and attempt.
- Whatever a cell does is an outcome. What is raised is the engine's own failure, and ends the run.
- After Ctrl-C it gives what has been finished, and then raises KeyboardInterrupt
  (`interrupts.deferred` does the part with the signal).
- When it ends, and when it is closed early, no process of its own is left.

What travels
------------
A `CellTask` and a `CellOutcome` consist of strings, numbers and dicts of them, and a `Job` says by
its ``source`` and ``errand()`` what another process needs; nothing is pickled. An engine that has
workers elsewhere calls `remote.measure` in them: it takes an order and tasks as JSON, measures in a
warm guarded child that it keeps from call to call, and returns JSON.
`Batches` cuts the tasks so that cheap cells share the cost of a round trip.
"""

from diffkit.runner.engines.batches import Batches
from diffkit.runner.engines.engine import CellOutcome, CellTask, Engine, Job
from diffkit.runner.engines.executor import OnExecutor
from diffkit.runner.engines.in_process import InProcess
from diffkit.runner.engines.local import Local, processors
from diffkit.runner.engines.slot import Slot

__all__ = [
    "Batches",
    "CellOutcome",
    "CellTask",
    "Engine",
    "InProcess",
    "Job",
    "Local",
    "OnExecutor",
    "Slot",
    "processors",
]
