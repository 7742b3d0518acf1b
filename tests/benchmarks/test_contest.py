"""Who is ranked, and what is said of who is not: with tools that fail in every way."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import truth
from benchmarks.children import Settings, children
from benchmarks.contest import contest
from benchmarks.problems import PROBLEMS
from benchmarks.tools import TOOLS, tool_named
from diffkit.errors import UnknownNameError

FILE = Path(__file__).with_name("tools_that_fail.py")
NAMES = ("RIGHT", "ZERO", "NAN", "SHORT", "STALE", "RAISES", "HANGS", "DIES", "COUNTS", "NOTHING",
         "ABSENT", "SEVERAL", "FALLS_BACK", "GIVES_UP", "FOLLOWS")  # fmt: skip

# Many processes start; a machine that is busy with others needs its time.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def rows():
    said: list[str] = []
    with children(Settings(seconds=1.5, certify=30.0, budget=0.2)) as held:
        found = contest(
            PROBLEMS["griewank"], (2,), [f"{FILE}:{name}" for name in NAMES], held, said.append
        )
    assert [r["tool"] for r in found] == ["f", *(f"{FILE}:{name}" for name in NAMES)]
    assert len(said) > len(NAMES)
    return {r["tool"].rpartition(":")[2]: r for r in found}


def test_right_tool_is_timed_and_certified(rows):
    row = rows["RIGHT"]
    assert (row["outcome"], row["way"], row["truth"]) == ("ok", "right", "certified")
    assert row["error"] < 1e-15
    assert row["ulps"] <= 4
    assert 0 < row["time"] <= row["low"] <= row["median"] <= row["high"]
    assert row["time"] == min(row["samples"])
    assert len(row["samples"]) >= 5
    assert row["over_f"] == pytest.approx(row["time"] / rows["f"]["time"])
    assert row["prepare"] > 0
    assert row["first"] > 0
    assert rows["f"]["over_f"] == 1
    assert not rows["f"]["ranked"]


@pytest.mark.parametrize(
    ("name", "outcome", "why"),
    [
        ("ZERO", "inaccurate", "zero: off by 1 of the largest"),
        ("NAN", "inaccurate", "nan: off by nan"),
        ("SHORT", "inaccurate", "short: off by inf"),
        ("STALE", "inaccurate", "at a second point"),
        ("RAISES", "error", "raises: ValueError: this tool has no such operation"),
        ("HANGS", "timeout", "hangs: took longer than 1.5 s"),
        ("DIES", "crashed", "dies: "),
        ("COUNTS", "not tried", "counts: 1000000000000 evaluations of f at least"),
        ("NOTHING", "unsupported", "it knows no gradients"),
        ("ABSENT", "not installed", "pip install no-such-package"),
        ("GIVES_UP", "timeout", "hangs: took longer"),
        ("FOLLOWS", "unsupported", "f goes no such way"),
    ],
)
def test_what_fails_has_a_row_with_the_reason_and_no_time(rows, name, outcome, why):
    row = rows[name]
    assert row["outcome"] == outcome
    assert why in row["why"]
    assert "time" not in row


def test_stale_derivative_is_right_where_it_was_prepared(rows):
    assert rows["STALE"]["error"] < 1e-15


def test_fastest_way_counts(rows):
    row = rows["SEVERAL"]
    assert (row["outcome"], row["way"]) == ("ok", "fast")
    assert row["time"] < 0.01
    assert all(f"{way}" in row["ways"] for way in ("slow", "inaccurate, wrong", "crashed, dies"))


def test_ways_of_last_resort_are_tried_in_turn(rows):
    assert rows["FALLS_BACK"]["way"] == "slow"
    assert "right" not in rows["FALLS_BACK"]["ways"]


def test_what_takes_too_long_is_not_tried_at_larger_sizes():
    sizes = PROBLEMS["logistic"].sizes[:2]
    with children(Settings(seconds=0.5, certify=30.0, budget=0.2)) as held:
        found = contest(PROBLEMS["logistic"], sizes, [f"{FILE}:HANGS"], held)
    assert [r["outcome"] for r in found] == ["ok", "timeout", "ok", "not tried"]
    assert "took longer than 0.5 s at n = 10" in found[3]["why"]


@pytest.mark.parametrize("name", ["griewank", "rosenbrock", "helmholtz", "laplace", "determinant",
                                  "bundle", "bundle_jacobian", "lotka_volterra"])  # fmt: skip
def test_both_ways_to_the_truth_agree(name, tmp_path):
    n = PROBLEMS[name].sizes[0]
    proved, agreed = tmp_path / "proved.npz", tmp_path / "agreed.npz"
    assert truth.certify(name, n, str(proved))["solvable"]
    assert truth.agree(name, n, str(agreed), extended=True)["disagreement"] < 1e-10
    a, b = truth.read(proved), truth.read(agreed)
    assert (str(a["how"]), str(b["how"])) == ("certified", "agreed")
    errors = truth.compare(a, b["value"], b["other"])
    assert errors["error"] < 1e-12
    assert errors["other"] == 0


def test_a_wrong_derivative_does_not_pass_the_directions(tmp_path, monkeypatch):
    right = truth._reverse

    def wrong(problem, x, f):
        g = right(problem, x, f)
        g[3] += 1e-6
        return g

    monkeypatch.setattr(truth, "_reverse", wrong)
    found = truth.agree("rosenbrock", 100, str(tmp_path / "wrong.npz"), extended=True)
    assert found["disagreement"] > 1e-12


def test_chaos_is_not_certified_and_agrees_along_the_computed_orbit(tmp_path):
    path = str(tmp_path / "chaos.npz")
    assert not truth.certify("logistic", 60, path)["solvable"]
    assert truth.agree("logistic", 60, path, extended=False)["disagreement"] < 1e-12


def test_a_tool_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UnknownNameError, match="reverse_prepared"):
        tool_named("reverse_prepare")
    with pytest.raises(UnknownNameError):
        tool_named(f"{FILE}:no_tool")


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_every_tool_says_what_it_does_or_why_not(problem):
    case = problem.case(problem.sizes[0])
    for tool in TOOLS.values():
        if tool.installed():
            ways = list(tool.ways(problem, case))
            assert len({way.name for way in ways}) == len(ways)
            assert ways or tool.why_none
