"""A desk: the newest request wins, limits hold, and no process is left over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diffkit.errors import GuardError
from diffkit.explore.jobs import CANCELLED, DONE, FAILED, RUNNING, Desk, Desks
from diffkit.guard import Limits

from .processes import PATIENCE, alive, children, eventually

TASKS = str(Path(__file__).with_name("stand_ins.py"))
OPTIONS: dict[str, Any] = {"tasks": TASKS, "preload": ()}


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk(Limits(seconds=10 * PATIENCE, megabytes=400), grace=0.1, **OPTIONS)
    yield made
    made.close()


def running_pid(desk: Desk, name: str) -> int:
    """The process of a task that has reported it."""
    assert eventually(lambda: isinstance(desk.parts()[name].value, int))
    return int(desk.parts()[name].value)


def test_tasks_are_done_in_their_order(desk: Desk) -> None:
    assert desk.ask(1, {"echo": {"n": 7}, "brief": {"seconds": 0.0}})
    assert desk.wait(PATIENCE)
    parts = desk.parts()
    assert [part.state for part in parts.values()] == [DONE, DONE]
    assert parts["echo"].value["n"] == 7
    assert parts["echo"].version < parts["brief"].version


def test_a_newer_request_ends_the_older_one_and_its_process(desk: Desk) -> None:
    desk.ask(1, {"stubborn": {}})
    old = running_pid(desk, "stubborn")
    desk.ask(2, {"echo": {"n": 2}})
    assert desk.wait(PATIENCE)
    assert desk.parts()["echo"].value["n"] == 2
    assert eventually(lambda: not alive(old))


def test_a_superseded_task_that_ends_soon_keeps_its_warm_process() -> None:
    desk = Desk(Limits(seconds=PATIENCE), grace=PATIENCE, **OPTIONS)
    try:
        desk.ask(1, {"echo": {"n": 1}})
        assert desk.wait(PATIENCE)
        warm = desk.parts()["echo"].value["pid"]
        desk.ask(2, {"brief": {"seconds": 0.3}})
        assert eventually(lambda: desk.parts()["brief"].state == RUNNING)
        desk.ask(3, {"echo": {"n": 3}})
        assert desk.wait(PATIENCE)
        assert desk.parts()["echo"].value["pid"] == warm
    finally:
        desk.close()


def test_a_request_that_arrives_late_is_not_taken(desk: Desk) -> None:
    desk.ask(5, {"echo": {"n": 5}})
    assert not desk.ask(4, {"echo": {"n": 4}})
    assert desk.wait(PATIENCE)
    assert desk.parts()["echo"].value["n"] == 5


def test_after_ten_quick_requests_the_last_one_is_answered_and_two_children_are_left(
    desk: Desk,
) -> None:
    for n in range(1, 11):
        desk.ask(n, {"echo": {"n": n}, "endless": {}} if n < 10 else {"echo": {"n": n}})
    assert desk.wait(PATIENCE)
    assert desk.parts()["echo"].value["n"] == 10
    assert eventually(lambda: len(children(os.getpid())) == 2)


def test_what_was_done_with_the_same_arguments_is_not_done_again(desk: Desk) -> None:
    desk.ask(1, {"echo": {"n": 1}, "brief": {"seconds": 0.0}})
    assert desk.wait(PATIENCE)
    before = desk.parts()["echo"]
    desk.ask(2, {"echo": {"n": 1}, "brief": {"seconds": 0.01}})
    assert desk.wait(PATIENCE)
    assert desk.parts()["echo"] == before
    assert desk.parts()["brief"].state == DONE


def test_cancelling_ends_the_process_and_keeps_what_is_done(desk: Desk) -> None:
    desk.ask(1, {"echo": {"n": 1}, "stubborn": {}, "brief": {"seconds": 0.0}})
    pid = running_pid(desk, "stubborn")
    desk.cancel()
    assert [part.state for part in desk.parts().values()] == [DONE, CANCELLED, CANCELLED]
    assert eventually(lambda: not alive(pid))
    desk.ask(2, {"echo": {"n": 2}})
    assert desk.wait(PATIENCE)
    assert desk.parts()["echo"].state == DONE


@pytest.mark.parametrize(
    ("task", "limits", "told"),
    [
        ("endless", Limits(seconds=0.3), "took longer than 0.3 s"),
        ("greedy", Limits(seconds=PATIENCE, megabytes=200), "memory"),
        ("wrong", Limits(seconds=PATIENCE), "no such thing"),
    ],
)
def test_a_task_that_goes_wrong_says_why_and_the_next_one_is_done(
    task: str, limits: Limits, told: str
) -> None:
    desk = Desk(limits, **OPTIONS)
    try:
        desk.ask(1, {task: {}, "echo": {"n": 1}})
        assert desk.wait(PATIENCE)
        assert desk.parts()[task].state == FAILED
        assert told in desk.parts()[task].reason
        assert desk.parts()["echo"].state == DONE
    finally:
        desk.close()


def test_children_that_cannot_start_are_a_reason_and_no_hang() -> None:
    desk = Desk(Limits(seconds=PATIENCE), tasks=TASKS, preload=("no_such_module_at_all",))
    try:
        desk.ask(1, {"echo": {"n": 1}})
        assert desk.wait(PATIENCE)
        assert desk.parts()["echo"].state == FAILED
        assert "no_such_module_at_all" in desk.parts()["echo"].reason
    finally:
        desk.close()


def test_closing_in_the_middle_leaves_no_process() -> None:
    desk = Desk(Limits(seconds=PATIENCE), **OPTIONS)
    desk.ask(1, {"stubborn": {}})
    pid = running_pid(desk, "stubborn")
    desk.close()
    assert not alive(pid)
    assert not children(os.getpid())
    assert not desk.ask(2, {"echo": {"n": 1}})


def test_a_page_too_many_closes_the_desk_that_was_used_least_recently() -> None:
    desks = Desks(pages=2, **OPTIONS)
    try:
        first, second = desks.open("first"), desks.open("second")
        assert desks.open("first") is first
        desks.open("third")
        assert desks.find("second") is None
        assert not second.ask(1, {"echo": {"n": 1}})
        assert desks.find("first") is first
    finally:
        desks.close()
    assert not children(os.getpid())
    with pytest.raises(GuardError, match="closing"):
        desks.open("fourth")
