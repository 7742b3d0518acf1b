"""The child is warm, is a process of its own, and serves threads in turn."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from diffkit.errors import GuardError
from diffkit.guard import Guard, Limits, backstops, report
from tests.guard.processes import alive, eventually, task


@pytest.fixture
def guard() -> Iterator[Guard]:
    with Guard() as guard:
        yield guard


def test_the_child_stays_after_success(guard: Guard) -> None:
    pids = {guard.run(task("process")).value for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_the_child_ends_with_its_guard() -> None:
    with Guard() as guard:
        pid = guard.run(task("process")).value
        assert alive(pid)
    assert not alive(pid)
    with pytest.raises(GuardError, match="closed"):
        guard.run(task("process"))


def test_the_child_ends_when_its_guard_is_forgotten() -> None:
    guard = Guard()
    pid = guard.run(task("process")).value
    del guard
    assert eventually(lambda: not alive(pid))


def test_the_child_outlives_the_thread_that_started_it(guard: Guard) -> None:
    pids: list[int] = []
    thread = threading.Thread(target=lambda: pids.append(guard.run(task("process")).value))
    thread.start()
    thread.join()
    time.sleep(0.1)
    assert guard.run(task("process")).value == pids[0]


def test_a_child_that_dies_between_tasks_is_replaced(guard: Guard) -> None:
    pid = guard.run(task("process")).value
    assert guard.run(task("die_later")).ok
    assert eventually(lambda: not alive(pid))
    outcome = guard.run(task("process"))
    assert outcome.ok, outcome
    assert outcome.value != pid


def test_a_child_that_has_kept_most_of_the_memory_is_replaced(guard: Guard) -> None:
    limits = Limits(seconds=60, megabytes=200)
    pid = guard.run(task("keep_memory"), {"megabytes": 20}, limits).value
    assert guard.run(task("keep_memory"), {"megabytes": 120}, limits).value == pid
    assert guard.run(task("process"), {}, limits).value != pid


def test_processes_that_a_task_started_end_with_the_child() -> None:
    with Guard() as guard:
        pid = guard.run(task("start_grandchild")).value
        assert alive(pid)
    assert eventually(lambda: not alive(pid))


def test_modules_are_preloaded() -> None:
    with Guard(preload=("colorsys",)) as guard:
        assert guard.run(task("loaded"), {"module": "colorsys"}).value is True
        assert guard.run(task("loaded"), {"module": "tomllib"}).value is False


def test_a_file_is_preloaded_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "with, comma.py"
    file.write_text("import colorsys\ndef answer():\n    return 42\n")
    with Guard(preload=(str(file),)) as guard:
        assert guard.run(task("loaded"), {"module": "colorsys"}).value is True
        assert guard.run(f"{file}:answer").value == 42


def test_a_module_that_cannot_be_preloaded_is_named() -> None:
    with (
        Guard(preload=("no_such_module_at_all",)) as guard,
        pytest.raises(GuardError, match="no_such_module_at_all"),
    ):
        guard.run(task("process"))


def test_thread_counts_and_other_variables_reach_the_child() -> None:
    with Guard(threads=1, environment={"COLOUR": "blue"}) as guard:
        found = [
            guard.run(task("variable"), {"name": name}).value
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "COLOUR")
        ]
    assert found == ["1", "1", "blue"]


def test_the_child_has_the_path_of_this_process_also_after_it_changed(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert guard.run(task("path")).value[: len(sys.path)] == sys.path
    (tmp_path / "a_module_of_the_user.py").write_text("def f(): return 'found'\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert guard.run("a_module_of_the_user:f").value == "found"


def test_a_file_is_read_again_when_it_has_changed(guard: Guard, tmp_path: Path) -> None:
    file = tmp_path / "json.py"
    for answer in ("first", "the second"):
        file.write_text(f"def f(): return {answer!r}\n")
        assert guard.run(f"{file}:f").value == answer
    assert guard.run("json:loads", {"s": "[1]"}).value == [1]  # its name hides no module


def test_a_relative_file_is_relative_to_the_current_folder(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.py").write_text("import neighbour\ndef f(): return neighbour.VALUE\n")
    (tmp_path / "neighbour.py").write_text("VALUE = 7\n")
    monkeypatch.chdir(tmp_path)
    assert guard.run("own.py:f").value == 7


def test_the_main_file_of_the_parent_is_not_executed_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            from diffkit.guard import Guard
            print("executed")
            with Guard() as guard:
                print(guard.run({task("main_file")!r}).value)
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.stdout, done.stderr) == ("executed\nNone\n", "")


def test_a_program_that_closes_nothing_ends_quietly_and_at_once(tmp_path: Path) -> None:
    script = f"""
        from diffkit.guard import Guard
        guard = Guard()
        print(guard.run({task("process")!r}).value)
        """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stderr == ""
    assert not alive(int(done.stdout))


def test_what_a_task_prints_does_not_disturb_its_result(guard: Guard) -> None:
    outcome = guard.run(task("print_much"), {"lines": 5000})
    assert outcome.value == 5000
    assert outcome.output.endswith("from a grandchild\n")
    assert len(outcome.output) < 10_000  # of some 170,000: the end is kept, and the rest let go
    assert guard.run(task("echo")).output == ""


def test_the_input_of_a_task_is_empty(guard: Guard) -> None:
    assert guard.run(task("read_input")).value == ""


def test_a_task_reports_its_progress(guard: Guard) -> None:
    reports: list[Any] = []
    outcome = guard.run(task("report_three_times"), on_report=reports.append)
    assert outcome.value == "done"
    assert reports == [{"step": 0}, {"step": 1}, {"step": 2}]
    assert guard.run(task("report_three_times")).ok


def test_the_time_begins_anew_with_each_report_where_that_is_asked_for(guard: Guard) -> None:
    slow = {"times": 6, "seconds": 0.4}
    whole, each = Limits(seconds=1.2), Limits(seconds=1.2, renewed=True)
    assert guard.run(task("report_and_sleep"), slow, whole).status == "timeout"
    assert guard.run(task("report_and_sleep"), slow, each).value == 6
    outcome = guard.run(task("report_and_sleep"), {"times": 2, "seconds": 60}, each)
    assert (outcome.status, outcome.reason) == ("timeout", "took longer than 1.2 s")


def test_reports_outside_a_guard_go_nowhere() -> None:
    report("nothing listens")


def test_a_thread_that_a_task_left_behind_disturbs_no_later_result(guard: Guard) -> None:
    pid = guard.run(task("report_late")).value
    for number in range(200):
        assert guard.run(task("echo"), {"value": number}).value == number
    assert guard.run(task("process")).value == pid


def test_an_exception_in_on_report_ends_the_task(guard: Guard) -> None:
    def refuse(_: Any) -> None:
        raise KeyboardInterrupt

    pid = guard.run(task("process")).value
    with pytest.raises(KeyboardInterrupt):
        guard.run(task("report_three_times"), on_report=refuse)
    assert not alive(pid)
    assert guard.run(task("echo"), {"value": 1}).value == 1


def test_cancel_ends_the_task_that_runs(guard: Guard) -> None:
    pid = guard.run(task("process")).value
    timer = threading.Timer(0.2, guard.cancel)
    timer.start()
    outcome = guard.run(task("sleep"), {"seconds": 600})
    timer.join()
    assert (outcome.status, outcome.error) == ("crashed", "Cancelled")
    assert not alive(pid)
    assert guard.run(task("echo"), {"value": 1}).value == 1


def test_cancel_without_a_task_does_nothing(guard: Guard) -> None:
    pid = guard.run(task("process")).value
    guard.cancel()
    assert guard.run(task("process")).value == pid


def test_close_ends_the_task_that_runs() -> None:
    guard = Guard()
    timer = threading.Timer(0.2, guard.close)
    timer.start()
    assert guard.run(task("sleep"), {"seconds": 600}).error == "Cancelled"
    timer.join()


def test_threads_take_turns(guard: Guard) -> None:
    def ask(number: int) -> Any:
        return guard.run(task("echo"), {"value": number}).value

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(200))) == list(range(200))


def test_several_guards_work_at_the_same_time() -> None:
    with Guard() as first, Guard() as second, ThreadPoolExecutor(2) as pool:
        # Each would wait for the other for ever if one task could hold up all threads.
        hanging = pool.submit(first.run, task("sleep"), {"seconds": 600})
        assert second.run(task("echo"), {"value": 1}).value == 1
        first.cancel()
        while not hanging.done():
            first.cancel()
            time.sleep(0.01)
        assert hanging.result().error == "Cancelled"


@pytest.mark.parametrize("name", ["", "function", ":function", "module:", "file.py"])
def test_a_task_without_a_name_is_refused(guard: Guard, name: str) -> None:
    with pytest.raises(GuardError, match="module:function"):
        guard.run(name)


def test_a_task_of_main_is_refused(guard: Guard) -> None:
    with pytest.raises(GuardError, match="by its file"):
        guard.run("__main__:function")


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["seconds", "megabytes"])
def test_a_limit_is_positive_or_none(name: str, value: float) -> None:
    with pytest.raises(GuardError, match=name):
        Limits(**{name: value})


def test_a_task_may_go_without_limits(guard: Guard) -> None:
    assert guard.run(task("echo"), {"value": 1}, Limits(seconds=None, megabytes=None)).value == 1


def test_the_processor_time_is_limited_anew_for_each_task(guard: Guard) -> None:
    def limit(seconds: float | None) -> float:
        return guard.run(task("processor_limit"), {}, Limits(seconds=seconds)).value

    most = (os.cpu_count() or 1) * (50 + backstops.GRACE)
    assert 50 <= limit(50) <= most + 60  # what the child has used before is far below a minute
    assert limit(5) < limit(50)
    assert limit(None) == resource.RLIM_INFINITY


def test_the_time_between_two_tasks_is_nobodys(guard: Guard) -> None:
    pid = guard.run(task("process"), {}, Limits(seconds=0.2)).value
    time.sleep(0.2 + backstops.GRACE + 0.2)
    assert guard.run(task("process")).value == pid


def test_a_guard_inside_a_task_ends_with_it() -> None:
    with Guard() as guard:
        reports: list[int] = []
        outcome = guard.run(
            task("guard_inside"),
            {"task": task("process"), "hang": task("backtracking")},
            Limits(seconds=1.5),
            reports.append,
        )
        assert outcome.status == "timeout"
        assert len(reports) == 1
        assert eventually(lambda: not alive(reports[0]))


# Later versions of Python warn that a fork keeps one thread only, which is what is tested here; so
# does JAX, where a test before has used it.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork.. was called:RuntimeWarning")
def test_a_guard_does_not_cross_a_fork(guard: Guard) -> None:
    pid = guard.run(task("process")).value
    forked = os.fork()
    if forked == 0:
        code = 1
        try:
            guard.run(task("process"))
        except GuardError:
            with Guard() as other:
                code = 0 if other.run(task("echo")).ok else 2
        finally:
            guard.close()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 0
    assert guard.run(task("process")).value == pid
