"""Any executor serves as an engine: each cell has its outcome, and no process is left."""

from __future__ import annotations

import concurrent.futures as cf
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from diffkit.errors import ClusterError, ExperimentError
from diffkit.guard import wire
from diffkit.runner import Experiment, discovery, grid, measure_cells
from diffkit.runner.engines import CellOutcome, InProcess, OnExecutor, remote
from diffkit.runner.store import Store
from tests.guard.processes import eventually, guarded
from tests.runner import toys
from tests.runner.engines.sweeps import THREE_HUNDRED as MANY
from tests.runner.test_engines import job_and_tasks


@pytest.fixture
def threads() -> Iterator[cf.Executor]:
    with cf.ThreadPoolExecutor(2) as executor:
        yield executor


class Forgetful(cf.Executor):
    """Runs every call twice and gives the second answer, as a cluster that has lost a worker."""

    def __init__(self) -> None:
        self._threads = cf.ThreadPoolExecutor(2)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> cf.Future[Any]:
        return self._threads.submit(lambda: [fn(*args, **kwargs) for _ in range(2)][1])


def spawned() -> cf.Executor:
    # A fork of a process with threads is not safe.
    return cf.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


@pytest.mark.parametrize("make", [lambda: cf.ThreadPoolExecutor(3), spawned, Forgetful])
def test_every_executor_gives_the_table_of_this_process(make: Callable[[], cf.Executor]) -> None:
    with make() as executor:
        for experiment in (toys.SEVERAL, toys.RANDOM):
            tables = [
                measure_cells(experiment, engine=engine, seed=4)
                for engine in (InProcess(), OnExecutor(executor))
            ]
            here, there = ([repr({**row, "seconds": 0}) for row in table] for table in tables)
            assert here == there


def test_cheap_cells_travel_in_batches(threads: cf.Executor) -> None:
    calls: list[int] = []
    submit = threads.submit

    def counted(fn: Any, order: str, tasks: str) -> Any:
        calls.append(len(json.loads(tasks)))
        return submit(fn, order, tasks)

    threads.submit = counted  # type: ignore[method-assign,assignment]
    table = measure_cells(MANY, engine=OnExecutor(threads))
    assert len(table) == sum(calls) == 300
    assert len(calls) < 60
    assert not guarded(os.getpid())


def test_a_stream_that_is_closed_early_leaves_no_process(threads: cf.Executor) -> None:
    outcomes = OnExecutor(threads).outcomes(*job_and_tasks(MANY))
    next(outcomes)
    assert guarded(os.getpid())
    outcomes.close()  # type: ignore[attr-defined]
    assert eventually(lambda: not guarded(os.getpid()))


def test_an_interrupt_keeps_what_was_finished_and_leaves_no_process(
    threads: cf.Executor, store: Store
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 30:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        measure_cells(MANY, engine=OnExecutor(threads), store=store, on_cell=interrupt)
    assert 30 <= len(store.latest()) < 300
    assert eventually(lambda: not guarded(os.getpid()))
    measure_cells(MANY, engine=OnExecutor(threads), store=store)
    assert len(store.latest()) == 300


def test_a_broken_executor_is_an_error_that_says_so() -> None:
    executor = cf.ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(ClusterError, match="cannot schedule new futures after shutdown"):
        measure_cells(MANY, engine=OnExecutor(executor))


def test_a_worker_process_that_dies_is_an_error_and_what_was_finished_is_kept(
    store: Store,
) -> None:
    def kill(done: int, total: int) -> None:
        if done == 20:
            for process in executor._processes.values():
                process.kill()

    with spawned() as executor:
        assert isinstance(executor, cf.ProcessPoolExecutor)
        with pytest.raises(ClusterError, match="what was finished is kept"):
            measure_cells(MANY, engine=OnExecutor(executor), store=store, on_cell=kill)
    assert 20 <= len(store.latest()) < 300
    assert eventually(lambda: not guarded(os.getpid()))


def test_what_no_other_process_can_load_is_refused(threads: cf.Executor) -> None:
    here = Experiment(
        name="here", title="", question="", cells=lambda: grid(n=1), measure=lambda n: {"m": n}
    )
    with pytest.raises(ExperimentError, match="put it into a module or a file"):
        measure_cells(here, engine=OnExecutor(threads))


def test_what_a_worker_elsewhere_gets_and_gives_is_plain_json() -> None:
    job, tasks = job_and_tasks(toys.SEVERAL, seed=3)
    sent = wire.encode([list(vars(task).values()) for task in tasks])
    back = json.loads(remote.measure(json.dumps(json.loads(remote.order(job, "one"))), sent))
    given = [CellOutcome(*fields) for fields in back["outcomes"]]
    assert [(outcome.key, outcome.status) for outcome in given] == [(t.key, "ok") for t in tasks]
    here = {outcome.key: outcome.rows for outcome in InProcess().outcomes(job, tasks)}
    assert {outcome.key: outcome.rows for outcome in given} == here
    remote.close("one")
    assert eventually(lambda: not guarded(os.getpid()))


@pytest.mark.parametrize("name", ["python", "diffkit", "numpy", "sympy", "code"])
def test_a_worker_with_other_code_refuses(name: str) -> None:
    job, _ = job_and_tasks(toys.SEVERAL)
    order = json.loads(remote.order(job, "one"))
    order["fingerprint"][name] = "0.0"
    refused = json.loads(remote.measure(json.dumps(order), "[]"))["refused"]
    assert str(os.getpid()) in refused
    assert ("other code of diffkit" if name == "code" else f"{name} ") in refused


def test_a_refusal_ends_the_run(threads: cf.Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    order = remote.order

    def another(*args: Any) -> str:
        told = json.loads(order(*args))
        told["fingerprint"]["numpy"] = "0.0"
        return json.dumps(told)

    monkeypatch.setattr(remote, "order", another)
    with pytest.raises(ClusterError, match=r"where the run has 0\.0; install the same there"):
        measure_cells(toys.SEVERAL, engine=OnExecutor(threads))


TEXT = """
from diffkit.runner import Experiment
{imports}
def measure(n):
    return {{"where": __file__, "sign": "−"}}
EXPERIMENT = Experiment(name="travelling", title="", question="", measure=measure,
                        cells=lambda: [{{"n": 1}}])
"""


def travelled(folder: Path, imports: str = "", after: str | None = None) -> dict[str, Any]:
    """What a worker gives that has another file, or none, where the experiment is here."""
    file = folder / "travelling.py"
    file.write_text(TEXT.format(imports=imports), encoding="utf-8", newline="\r\n")
    (folder / "neighbour.py").write_text("")
    with pytest.MonkeyPatch.context() as here:
        here.syspath_prepend(folder)
        job, tasks = job_and_tasks(discovery.load("travelling", folder))
    order = remote.order(job, str(folder))
    if after is None:
        file.unlink()
    else:
        file.write_text(after)
    answer = remote.measure(order, wire.encode([list(vars(task).values()) for task in tasks]))
    remote.close(str(folder))
    found: dict[str, Any] = wire.decode(answer)
    return found


@pytest.mark.parametrize("after", [None, "raise RuntimeError"])
def test_an_experiment_in_a_file_travels_as_its_text(tmp_path: Path, after: str | None) -> None:
    [outcome] = travelled(tmp_path, after=after)["outcomes"]
    [row] = wire.decode(CellOutcome(*outcome).rows)
    assert row["sign"] == "−"
    assert Path(row["where"]).name == "travelling.py"
    assert Path(row["where"]).parent != tmp_path
    assert Path(row["where"]).parent.stat().st_mode & 0o077 == 0


def test_the_neighbours_of_a_file_do_not_travel(tmp_path: Path) -> None:
    assert "No module named 'neighbour'" in travelled(tmp_path, "import neighbour")["failed"]


def test_timings_are_taken_one_cell_at_a_time_whatever_the_workers(tmp_path: Path) -> None:
    (tmp_path / "timed.py").write_text("""
import time
from diffkit.runner import Experiment
def measure(n):
    began = time.time()
    time.sleep(0.05)
    return {"began": began, "ended": time.time()}
EXPERIMENT = Experiment(name="timed", title="", question="", measure=measure,
                        cells=lambda: [{"n": n} for n in range(8)], timed=True)
""")
    with cf.ThreadPoolExecutor(2) as one, cf.ThreadPoolExecutor(2) as other:
        found: list[Any] = []
        experiment = discovery.load("timed", tmp_path)
        runs = [
            threading.Thread(
                target=lambda e=e: found.extend(measure_cells(experiment, engine=OnExecutor(e)))
            )
            for e in (one, other)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    spans = sorted((row["began"], row["ended"]) for row in found)
    assert len(spans) == 16
    assert all(later[0] >= earlier[1] for earlier, later in pairwise(spans))


def test_children_without_work_end_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_IDLE", 0.3)
    monkeypatch.setattr(remote, "_crew", remote._Crew())
    job, tasks = job_and_tasks(toys.SEVERAL)
    remote.measure(remote.order(job, "idle"), wire.encode([list(vars(tasks[0]).values())]))
    assert guarded(os.getpid())
    assert eventually(lambda: not guarded(os.getpid()))


def test_a_job_that_was_stopped_measures_no_more() -> None:
    job, tasks = job_and_tasks(toys.SEVERAL)
    remote.stop("stopped")
    began = time.perf_counter()
    sent = wire.encode([list(vars(task).values()) for task in tasks])
    assert wire.decode(remote.measure(remote.order(job, "stopped"), sent)) == {"outcomes": []}
    assert time.perf_counter() - began < 20
    assert not guarded(os.getpid())
