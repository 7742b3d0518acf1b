"""What is the derivative of a program with branches and loops?

The operations that are executed are recorded, so a program has at each point the derivative of the
branch that it takes there. At a join of two branches that may be one of several answers, or none;
and a function may be smooth where the branch that is taken is not the function. A loop that runs
until its value has converged stops when the value has, whether its derivative has or not.
"""

import math

import numpy as np

import diffkit as dk
from diffkit.errors import StaleTapeError
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

# At x = 1: the function, its derivatives from the left and from the right, and whether it has one.
JOINS = {
    "smooth join": (lambda x: x * x if x < 1 else 2 * x - 1, 2.0, 2.0, True),
    "kink, x < 1": (lambda x: 1 - x if x < 1 else x - 1, -1.0, 1.0, False),
    "kink, x ≤ 1": (lambda x: 1 - x if x <= 1 else x - 1, -1.0, 1.0, False),
    "jump": (lambda x: x if x < 1 else x + 1, 1.0, math.inf, False),
    "x^2, but 1 at 1": (lambda x: 1.0 + 0 * x if x == 1 else x * x, 2.0, 2.0, True),
}
MODES = ("forward", "reverse")
START, X = 1.0, 2.0  # Newton's iteration for √2, from 1


def cells():
    yield from grid(part="join", case=tuple(JOINS), mode=MODES, k=0)
    yield from grid(part="newton", case="√2", mode="reverse", k=range(9))
    yield from grid(part="until", case=("√1 from 1", "√2 from 1", "√4 from 2"), mode=MODES, k=0)
    yield {"part": "replay", "case": "smooth join", "mode": "reverse", "k": 0}


def newton(x, k):
    r = START
    for _ in range(k):
        r = 0.5 * (r + x / r)
    return r


def until_converged(x, start):
    r = start + 0 * x
    while np.abs(r * r - x) > 1e-12 * x:
        r = 0.5 * (r + x / r)
    return r


def measure(part, case, mode, k):
    return {"join": join, "newton": iterate, "until": until, "replay": replay}[part](case, mode, k)


def join(case, mode, k):
    f, left, right, smooth = JOINS[case]
    found = dk.derivative(f, 1.0, backend=mode)
    return {"found": found, "left": left, "right": right, "smooth": smooth,
            "beside": [dk.derivative(f, 1.0 + h, backend=mode) for h in (-1e-9, 1e-9)]}  # fmt: skip


def iterate(case, mode, k):
    r, slope = dk.value_and_derivative(newton, X, k, backend=mode)
    return {"value_error": abs(r - math.sqrt(X)) / math.sqrt(X),
            "slope_error": abs(slope * 2 * math.sqrt(X) - 1)}  # fmt: skip


def until(case, mode, k):
    x, start = {"√1 from 1": (1.0, 1.0), "√2 from 1": (2.0, 1.0), "√4 from 2": (4.0, 2.0)}[case]
    r, slope = dk.value_and_derivative(until_converged, x, start, backend=mode)
    return {"value": r, "found": slope, "truth": 0.5 / math.sqrt(x)}


def replay(case, mode, k):
    f = JOINS[case][0]
    tape = dk.trace(f, 0.5)
    try:
        answer = str(tape(1.5))
    except StaleTapeError:
        answer = "refused"
    prepared = dk.prepare(dk.derivative, f, 0.5)
    return {"answer": answer, "prepared": prepared(1.5), "truth": 2.0}


def figures(results):
    part = results.ok.where(part="newton")
    errors = part.series("k", {"value_error": "√2", "slope_error": "its derivative, 1 / √8"})
    return [Figure("newton", "Newton's iteration for √2, and its derivative", SEEN,
                   plot(errors, "iterations k", "relative error", log="y"))]  # fmt: skip


SEEN = (
    "Both converge quadratically, the derivative behind the value. At k = 0 the start does not "
    "depend on x: its derivative is 0, and the error is all of it. After 5 steps both are at the "
    "last bits; an open triangle at the foot stands for no error at all."
)


def rows(results, part, **equal):
    return results.ok.where(part=part, **equal).rows


def taken(results):
    """Whether each derivative at the join is that of one side, and the one that the code takes."""
    side = {"smooth join": "right", "kink, x < 1": "right", "kink, x ≤ 1": "left"}
    found = {(r["case"], r["mode"]): r["found"] == r[side[r["case"]]] for r in rows(results, "join")
             if r["case"] in side}  # fmt: skip
    shown = [f"{r['case']}: {r['found']:g}" for r in rows(results, "join", mode="reverse")]
    return all(found.values()) and len(found) == 6, "; ".join(shown) + "."


def jump(results):
    found = [r["found"] for r in rows(results, "join", case="jump")]
    return all(not math.isfinite(v) for v in found), f"Found: {found}; the function jumps by 1."


def right_where_smooth(results):
    wrong = sorted({r["case"] for r in rows(results, "join") if r["smooth"]
                    and r["found"] != r["left"]})  # fmt: skip
    found = [f"{r['case']}: {r['found']:g} instead of {r['left']:g}" for r in
             rows(results, "join", mode="reverse") if r["case"] in wrong]  # fmt: skip
    return not wrong, "; ".join(found) or "All are right."


def beside(results):
    off = {r["case"]: max(abs(r["beside"][0] - r["left"]), abs(r["beside"][1] - r["right"]))
           for r in rows(results, "join") if math.isfinite(r["right"])}  # fmt: skip
    return max(off.values()) <= 1e-8, f"At most {max(off.values()):.1e} off, in {len(off)} cases."


def behind(results):
    """The error of the value is c^(2^k), so that of its derivative has 2^k as a factor."""
    part = results.ok.where(part="newton")
    lag = part.column("slope_error")[1:5] / part.column("value_error")[1:5]
    growing = lag[1:] / lag[:-1]
    return bool(np.all((growing > 1.7) & (growing < 2.3))), (
        f"Derivative's error over the value's, after 1 to 4 steps: "
        f"{', '.join(f'{v:.1f}' for v in lag)}."
    )


def converges(results):
    last = rows(results, "newton")[-1]
    return last["slope_error"] <= 1e-15, f"After 8 iterations: {last['slope_error']:.1e}."


def loop(*cases):
    def check(results):
        found = [r for r in rows(results, "until") if r["case"] in cases]
        held = all(abs(r["found"] - r["truth"]) <= 1e-6 for r in found) and len(found) > 0
        return held, "; ".join(
            f"{r['case']}, {r['mode']}: value {r['value']:.6g}, derivative {r['found']:.6g} "
            f"(truth {r['truth']:.6g})" for r in found
        )  # fmt: skip

    return check


def stale(results):
    row = rows(results, "replay")[0]
    held = row["answer"] == "refused" and row["prepared"] == row["truth"]
    return held, f"The tape: {row['answer']}; prepared: {row['prepared']:g}."


EXPERIMENT = Experiment(
    name="branches_and_loops",
    chapter="pitfalls",
    order=10,
    title="Branches and loops",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim("On either side of a join the derivative is that of the function there.", beside),
        Claim(
            "At the join it is that of the branch which the code takes: at a kink, < and ≤ give "
            "other answers for the same function.",
            taken,
        ),
        Claim("A jump is seen: the derivative there is infinite or NaN.", jump),
        Claim(
            "Where a function is smooth at the join, its derivative is right there, however the "
            "program is written.",
            right_where_smooth,
        ),
        Claim(
            "The derivative of Newton's iteration for √2 converges, to the last bits.", converges
        ),
        Claim(
            "It lags behind the value: its relative error is larger, by a factor that about "
            "doubles with each step.",
            behind,
        ),
        Claim(
            "A loop that runs until r^2 is within 1e-12 of x gives the derivative of √x.",
            loop("√2 from 1"),
        ),
        Claim(
            "It does so from every start, also from one that is already the root.",
            loop("√1 from 1", "√4 from 2"),
        ),
        Claim(
            "A recording of one branch never answers on another: the tape refuses, and a prepared "
            "derivative records again.",
            stale,
        ),
    ),
    reproduce="""import diffkit as dk\n
def square(x):
    return 1.0 + 0 * x if x == 1 else x * x\n
print(dk.derivative(square, 1.0))  # 0.0, silently: the branch that is taken is constant
print(dk.derivative(square, 1.0, backend=dk.FiniteDifference()))  # 2.0""",
    reading=(
        cite("step_by_step"),
        cite("beck1994"),
        cite("gilbert1992"),
        cite("griewank2008", "chapters 14 and 15"),
    ),
)
