"""Who is first, from rows that are made up; and that they can be drawn."""

from __future__ import annotations

import json

import pytest

from benchmarks import figures, standings
from benchmarks.benchmark import CLAIMS, share
from diffkit.runner import Results

OURS = standings.OURS


def row(problem, n, tool, time, outcome="ok", **others):
    known = {
        "problem": problem, "n": n, "tool": tool, "outcome": outcome, "why": "", "ranked": True,
        "way": "its way", "note": "", "truth": "certified", "error": 1e-16, "ulps": 1.0,
        "prepare": 1e-3, "first": 1e-4, "prepare_over_f": 100.0, "first_over_f": 10.0,
        "prepare_memory": 10**6, "call_memory": 0, "version": "1",
    }  # fmt: skip
    if outcome == "ok":
        known |= {"time": time, "median": 2 * time, "low": 1.5 * time, "high": 3 * time,
                  "over_f": time / 1e-6, "samples": (time, 2 * time, 3 * time)}  # fmt: skip
    return known | others


def plain(problem, n):
    return row(problem, n, "f", 1e-6, ranked=False, error=None)


def results(*rows):
    sizes = dict.fromkeys((r["problem"], r["n"]) for r in rows)
    return Results.of([*(plain(*size) for size in sizes), *rows])


def only(*rows):
    (found,) = standings.standings(results(*rows))
    return found


def test_the_fastest_is_first_and_ours_is_compared_with_the_fastest_other():
    s = only(row("a", 1, OURS, 2e-6), row("a", 1, "jax", 1e-6), row("a", 1, "torch", 4e-6))
    assert s.order == ("jax", OURS, "torch")
    assert s.ratio == pytest.approx(2)
    assert not s.close
    s = only(row("a", 1, OURS, 1e-6), row("a", 1, "jax", 3e-6))
    assert s.ratio == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("time", "close"), [(0.9, True), (1.0, True), (1.099, True), (1.11, False)]
)
def test_within_ten_percent_is_close(time, close):
    assert only(row("a", 1, OURS, time), row("a", 1, "jax", 1.0)).close is close


def test_wrong_and_unranked_tools_take_no_part():
    s = only(
        row("a", 1, OURS, 5e-6),
        row("a", 1, "jax", 1e-6, "inaccurate"),
        row("a", 1, "torch", 1e-6, "timeout"),
        row("a", 1, "casadi_buffers", 1e-6, ranked=False),
        row("a", 1, "casadi", 1e-5),
    )
    assert s.order == (OURS, "casadi")
    assert s.ratio == pytest.approx(0.5)


def test_not_taking_part_is_losing():
    s = only(row("a", 1, OURS, 0, "timeout", why="too slow"), row("a", 1, "jax", 1e-6))
    assert s.ratio == float("inf")
    assert "too slow" in standings.why(s)


def test_a_problem_is_won_at_every_size_or_not_at_all():
    table = results(
        row("a", 1, OURS, 1.0), row("a", 1, "jax", 1.0), row("a", 2, OURS, 1.0),
        row("a", 2, "jax", 0.5), row("b", 1, OURS, 1.0), row("b", 1, "jax", 2.0),
        row("b", 2, OURS, 1.0), row("b", 2, "jax", 1.0),
    )  # fmt: skip
    assert standings.won(standings.standings(table)) == {"a": False, "b": True}
    assert share(table) == (["b"], {"a": 2.0})


@pytest.mark.parametrize(("lost", "held"), [(0, True), (1, True), (2, False), (4, False)])
def test_three_quarters_of_the_problems_are_claimed(lost, held):
    rows = []
    for k in range(4):
        rows += [row(f"p{k}", 1, OURS, 2.0 if k < lost else 1.0), row(f"p{k}", 1, "jax", 1.0)]
    found, evidence = CLAIMS[0].check(results(*rows))
    assert found is held
    assert f"{4 - lost} of 4 problems" in evidence


def test_buffers_are_counted_in_a_claim_of_their_own():
    table = results(
        row("a", 1, OURS, 1.0), row("a", 1, "casadi_buffers", 0.1, ranked=False),
        row("a", 1, "jax", 2.0),
    )  # fmt: skip
    assert CLAIMS[0].check(table)[0]
    assert not CLAIMS[1].check(table)[0]


def test_a_wrong_derivative_of_ours_is_told():
    table = results(row("a", 1, OURS, 0, "inaccurate", why="off by 1"), row("a", 1, "jax", 1.0))
    held, evidence = CLAIMS[-1].check(table)
    assert not held
    assert "off by 1" in evidence


@pytest.mark.parametrize(
    ("rival", "ours", "said"),
    [
        ({"tool": "jax"}, {"note": "plan arrays, 10 operations"}, "XLA compiles"),
        ({"tool": "jax"}, {"note": "plan arrays, 10 operations"}, "10 calls of NumPy of 1 µs"),
        ({"tool": "jax"}, {"note": "plan arrays, 2 operations"}, "over its arrays in 2 operations"),
        ({"tool": "jax"}, {"note": "plan native, 100 operations"}, "100 ns for each of 100"),
        ({"tool": "symengine", "way": "Lambdify, llvm"}, {}, "LLVM"),
        ({"tool": "symengine", "way": "Lambdify, lambda"}, {}, "symengine goes by Lambdify"),
        ({"tool": "torch", "way": "autograd.grad"}, {}, "torch goes by autograd.grad"),
        ({"tool": "torch", "way": "compile(func.grad)"}, {}, "TorchInductor"),
        ({"tool": "casadi", "way": "SX, jit"}, {}, "C compiler"),
    ],
)  # fmt: skip
def test_why_is_told_from_the_numbers(rival, ours, said):
    other = row("a", 1, rival.pop("tool"), 1e-6, **rival)
    assert said in standings.why(only(row("a", 1, OURS, 1e-5, **ours), other))


def test_nothing_is_explained_where_nothing_is_lost():
    assert standings.why(only(row("a", 1, OURS, 1.0), row("a", 1, "jax", 1.0))) == ""


def test_every_figure_is_drawn_with_every_outcome():
    failed = [
        row("mlp", n, name, 0, outcome, why=f"because of {outcome}", error=None, prepare=None)
        for n in (314, 9610)
        for name, outcome in (("torch", "timeout"), ("casadi", "unsupported"), ("jacobi", "error"),
                              ("scipy", "not installed"), ("autograd", "not tried"),
                              ("forward", "crashed"))
    ]  # fmt: skip
    wrong = [row("mlp", n, "symengine", 0, "inaccurate", error=0.5) for n in (314, 9610)]
    good = [
        row("mlp", n, tool, t) for n in (314, 9610) for tool, t in ((OURS, 3e-6), ("jax", 1e-6))
    ]
    drawn = {f.name: f for f in figures.figures(results(*good, *failed, *wrong))}
    texts = {name: json.dumps(f.plotly_figure.to_dict(), default=list, ensure_ascii=False)
             for name, f in drawn.items()}  # fmt: skip
    for sign in figures.SIGNS.values():
        assert sign in texts["times"] or sign == figures.SIGNS["memory"]
    assert "because of timeout" in texts["none"]
    assert "314, 9610" in texts["none"]
    assert "3 times jax" in drawn["ratio"].caption
    assert "XLA" in texts["first"]
    (errors,) = drawn["errors"].plotly_figure.data
    digits = dict(zip(errors.x, errors.z[0], strict=True))
    assert digits["symengine"] == pytest.approx(-0.301, abs=1e-3)
    assert digits["jax"] == pytest.approx(-16)
    assert digits["torch"] is None


def test_text_tells_who_is_first_and_who_is_missing():
    shown = standings.text([only(row("a", 1, OURS, 2e-6), row("a", 1, "jax", 1e-6),
                                 row("a", 1, "torch", 0, "timeout"),
                                 row("a", 1, "casadi_buffers", 1e-7, ranked=False))])  # fmt: skip
    assert "jax 1, reverse_prepared 2" in shown
    assert "torch: timeout" in shown
    assert "not ranked: casadi_buffers 0.1" in shown
    assert "over the fastest other: 2.00. XLA" in shown
