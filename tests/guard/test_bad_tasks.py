"""Each bad task becomes an outcome, and the tasks around it notice nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from diffkit.guard import Guard, Limits
from tests.guard.processes import alive, eventually, task

SHORT = Limits(seconds=0.4, megabytes=1000)
LONG = Limits(seconds=60, megabytes=1000)
TIGHT = Limits(seconds=60, megabytes=200)

BAD = [
    # task, limits, status, class of the error, part of the reason
    ("sympy_expansion", SHORT, "timeout", None, "0.4 s"),
    ("power_tower", SHORT, "timeout", None, "0.4 s"),
    ("backtracking", SHORT, "timeout", None, "0.4 s"),
    ("huge_allocation", LONG, "memory", "MemoryError", "MemoryError"),
    ("memory_error", LONG, "memory", "MemoryError", "MemoryError"),
    ("slow_growth", TIGHT, "memory", None, "more than 200 MB"),
    ("exit_at_once", LONG, "crashed", None, "exit code 3; the last line it printed: leaving"),
    ("segmentation_fault", LONG, "crashed", None, "SIGSEGV"),
    ("kill_itself", LONG, "crashed", None, "SIGTERM"),
    ("fork_and_die", LONG, "crashed", None, "exit code 4"),
    ("disturb_every_pipe", LONG, "crashed", None, "disturbed"),
    ("exception", LONG, "error", "ValueError", "ValueError: first line second [31m line"),
    ("domain_error", LONG, "error", "DomainError", "DomainError: log(-1) has no real value"),
    ("unprintable_exception", LONG, "error", "Unprintable", "cannot be printed"),
    ("system_exit", LONG, "error", "SystemExit", "SystemExit: 0"),
    ("endless_recursion", LONG, "error", "RecursionError", "maximum recursion depth"),
    ("unsendable", LONG, "error", "TypeError", "type object cannot travel"),
    ("no_such_task", LONG, "error", "AttributeError", "no_such_task"),
]


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard() as guard:
        yield guard


@pytest.mark.parametrize(
    ("name", "limits", "status", "error", "reason"), BAD, ids=[row[0] for row in BAD]
)
def test_a_bad_task_has_its_status_and_the_tasks_around_it_are_ok(
    guard: Guard, name: str, limits: Limits, status: str, error: str | None, reason: str
) -> None:
    before = guard.run(task("process"), {}, LONG)
    bad = guard.run(task(name), {}, limits)
    after = guard.run(task("process"), {}, LONG)
    assert before.ok, before
    assert (bad.status, bad.error) == (status, error)
    assert reason in bad.reason
    assert "\n" not in bad.reason
    assert bad.reason.isprintable()
    assert bad.value is None
    assert after.ok, after
    assert after.value != before.value
    assert eventually(lambda: not alive(before.value))


@pytest.mark.parametrize("name", ["no_such_module_at_all:f", "json:no_such_function", "math:pi"])
def test_a_task_that_is_not_there_is_an_error_of_the_task(guard: Guard, name: str) -> None:
    assert guard.run(name).status == "error"


def test_what_is_reserved_far_beyond_the_limit_is_refused_before_it_is_touched(
    guard: Guard,
) -> None:
    limits = Limits(seconds=60, megabytes=100)
    assert guard.run(task("reserve"), {"megabytes": 8000}, limits).error == "MemoryError"
    # The same child, with and without the limit.
    assert guard.run(task("reserve"), {"megabytes": 1000}, limits).ok
    assert guard.run(task("reserve"), {"megabytes": 8000}, Limits(megabytes=None)).ok


def test_a_hard_limit_fails_the_allocation_itself(guard: Guard) -> None:
    hard = Limits(seconds=60, megabytes=200, hard=True)
    assert guard.run(task("reserve"), {"megabytes": 150}, hard).ok
    assert guard.run(task("reserve"), {"megabytes": 250}, hard).error == "MemoryError"
    assert guard.run(task("echo"), {"value": 1}, hard).ok


def test_the_traceback_of_an_exception_is_in_the_output(guard: Guard) -> None:
    outcome = guard.run(task("exception"))
    assert 'raise ValueError("first line' in outcome.output


def test_a_task_is_stopped_close_to_its_time(guard: Guard) -> None:
    outcome = guard.run(task("sleep"), {"seconds": 600}, Limits(seconds=0.2))
    assert outcome.status == "timeout"
    assert 0.2 <= outcome.seconds < 10
