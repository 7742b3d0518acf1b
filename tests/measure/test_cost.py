"""Timings: warmed up, long enough for the clock, with their samples, and marked where unstable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffkit.guard import Guard
from diffkit.measure import cost, instability, interleaved, threads, timed
from diffkit.measure.cost import Spread, Timing
from diffkit.tape.cores import cores


class Clock:
    """A clock of coarse steps that goes on only while the calls under test say so."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def read(self) -> float:
        self.now += 1e-9
        return self.now // self.step * self.step

    def call(self, seconds: float) -> Callable[[], None]:
        def spend() -> None:
            self.now += seconds

        return spend


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], Clock]]:
    def make(step: float) -> Clock:
        found = Clock(step)
        monkeypatch.setattr(time, "perf_counter", found.read)
        monkeypatch.setattr(cost, "resolution", lambda: step)
        return found

    yield make
    monkeypatch.undo()


def test_the_step_of_a_coarse_clock_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", Clock(1e-6).read)
    assert cost.resolution.__wrapped__() == pytest.approx(1e-6)


def test_this_clock_has_a_step() -> None:
    assert 0 < cost.resolution() < 1e-3


@pytest.mark.parametrize(
    ("step", "seconds"), [(1e-8, 1e-7), (1e-4, 1e-5), (1e-2, 3e-4), (1e-2, 0.05), (1e-8, 0.05)]
)
def test_a_sample_lasts_a_hundred_steps_and_is_right(
    step: float, seconds: float, clock: Callable[[float], Clock]
) -> None:
    ticking = clock(step)
    _, timing = timed(ticking.call(seconds), budget=1e9)
    assert timing.loops * seconds >= 0.99 * 100 * step or timing.loops * seconds >= 0.1
    assert timing.median == pytest.approx(seconds, rel=0.03 if step < 1e-2 else 0.4)
    [samples] = interleaved([ticking.call(seconds)], budget=1e9)
    assert len(samples) == 15
    assert samples[0] == pytest.approx(seconds, rel=0.03 if step < 1e-2 else 0.4)


def test_the_first_call_is_not_timed(clock: Callable[[float], Clock]) -> None:
    ticking, made = clock(1e-8), []

    def call() -> int:
        ticking.now += 1e-3 if made else 1.0
        made.append(1)
        return len(made)

    result, timing = timed(call, before=lambda: None, repeats=4, budget=9)
    assert (result, timing.repeats) == (5, 4)
    assert timing.slowest == pytest.approx(1e-3, rel=1e-3)
    made.clear()
    [samples] = interleaved([call], budget=9)
    assert max(samples) == pytest.approx(1e-3, rel=1e-3)


def test_a_long_call_is_made_once_to_warm_up_and_once_a_sample(
    clock: Callable[[float], Clock],
) -> None:
    ticking, made = clock(1e-8), []

    def call() -> None:
        ticking.now += 0.2
        made.append(1)

    interleaved([call], budget=9, repeats=3)
    assert len(made) == 4


def test_calls_that_are_compared_are_taken_in_turn(clock: Callable[[float], Clock]) -> None:
    ticking, order = clock(1e-8), []

    def call(name: str, seconds: float) -> Callable[[], None]:
        def spend() -> None:
            ticking.now += seconds * drift[0]
            order.append(name)
            drift[0] *= 1.02

        return spend

    drift = [1.0]
    one, other = interleaved([call("a", 0.01), call("b", 0.02)], budget=1e9, repeats=6)
    assert "".join(order[-12:]) == "ab" * 6
    assert instability(one)  # the machine has become slower all the time,
    ratios = Spread.of([b / a for a, b in zip(one, other, strict=True)])
    assert not ratios.unstable  # which the ratios do not show
    assert ratios.median == pytest.approx(2.04)
    assert ratios.samples == pytest.approx([2.04] * 6)


def test_what_is_unstable() -> None:
    assert instability([1.0, 1.0]) == "2 of 3 samples"
    assert instability([1.0, 1.1, 1.0, 1.1, 1.0, 1.1]) == ""
    assert "quartiles" in instability([1.0, 1.3, 1.0, 1.3, 1.0, 1.3])
    assert "drift" in instability([1.0, 1.0, 1.0, 1.15, 1.15, 1.15])
    assert "drift" in instability([1.15, 1.15, 1.15, 1.0, 1.0, 1.0])
    assert "quartiles" in instability([0.0, 0.0, 0.0, 1.0, 1.0])
    assert instability([float("nan")] * 5)


@given(st.lists(st.floats(0.96, 1.04), min_size=3), st.floats(1e-9, 1e9))
def test_samples_within_four_per_cent_are_stable_in_every_unit(
    samples: list[float], unit: float
) -> None:
    assert instability([unit * s for s in samples]) == ""


def test_a_call_too_short_for_the_clock_is_marked(clock: Callable[[float], Clock]) -> None:
    ticking = clock(1e-3)
    _, timing = timed(ticking.call(0.02), before=lambda: None)
    assert timing.unstable == "shorter than 100 steps of the clock"
    assert not timed(ticking.call(0.2), before=lambda: None, budget=9)[1].unstable


def test_the_columns_of_a_timing_keep_its_samples() -> None:
    timing = Timing((3.0, 2.0, 4.0, 2.0), loops=7, threads=2)
    assert timing.columns("t") == {
        "t": 2.0,
        "t_median": 2.5,
        "t_slowest": 4.0,
        "t_samples": (3.0, 2.0, 4.0, 2.0),
        "t_threads": 2,
        "t_unstable": "quartiles apart by 50 % of the median",
    }


def test_threads_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    import threadpoolctl

    monkeypatch.setenv("DIFFKIT_NUM_THREADS", "1")
    with threadpoolctl.threadpool_limits(1):
        assert threads.most() == 1
    monkeypatch.setenv("DIFFKIT_NUM_THREADS", "3")
    assert threads.counts()["diffkit"] == 3
    assert threads.most() >= 3


@pytest.mark.parametrize("said", ["", "0", "-1", "many"])
def test_what_is_no_number_of_threads_is_passed_over(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIFFKIT_NUM_THREADS", raising=False)
    usual = cores()
    monkeypatch.setenv("DIFFKIT_NUM_THREADS", said)
    assert cores() == usual


def test_a_guarded_child_is_pinned_to_the_threads_it_is_given() -> None:
    with Guard(preload=("numpy",), threads=1) as guard:
        outcome = guard.run("diffkit.measure.threads:counts")
    found: dict[str, Any] = outcome.value
    assert outcome.ok, outcome.reason
    assert set(found.values()) == {1}
    assert len(found) > 1  # BLAS as well
