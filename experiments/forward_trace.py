"""What does forward mode carry along, value by value?

Two functions are taken apart into elementary operations: the density of the normal distribution
at x = 2, and the example by which Griewank & Walther (2008, chapter 1) introduce evaluation
traces, at (1.5, 0.5). Beside each value v_i stands its tangent: the derivative along the input
whose own tangent, the seed, is 1. It needs nothing but the row's operands and their tangents.
"""

import math

import numpy as np

import diffkit as dk
from diffkit.measure import verdict
from diffkit.measure.evaluation_trace import consumers, evaluation_trace, tangents
from diffkit.report.reading import cite
from diffkit.report.trace_graphs import graph
from diffkit.runner import Claim, Experiment, Figure, grid

NORMAL, GRIEWANK = "normal density", "Griewank's example"


def normal_density(x):
    v1 = x * x
    v2 = -0.5 * v1
    v3 = np.exp(v2)
    return v3 / math.sqrt(2.0 * math.pi)


def griewank(x1, x2):
    v1 = x1 / x2
    v2 = np.sin(v1)
    v3 = np.exp(x2)
    v4 = v1 - v3
    v5 = v2 + v4
    return v5 * v4


EXAMPLES = {NORMAL: (normal_density, (2.0,)), GRIEWANK: (griewank, (1.5, 0.5))}
FIRST = {NORMAL: 0, GRIEWANK: -1}  # the index of the first input, in the source's way of counting
# Printed by introductions after Griewank & Walther (2008, chapter 1), and tangents along x_1 that
# follow by hand: v_1 = x_1 / x_2 has 1 / x_2 = 2, v_2 = sin v_1 has 2 cos 3, and so on.
PRINTED = {1: "3.00000", 2: "0.14112", 3: "1.64872", 4: "1.35128", 5: "1.49240", 6: "2.01665"}
SIN, COS = math.sin(3.0), math.cos(3.0)
TANGENTS = {-1: 1, 0: 0, 1: 2, 2: 2 * COS, 3: 0, 4: 2, 5: 2 + 2 * COS,
            6: (2 + 2 * COS) * (3 - math.exp(0.5)) + (SIN + 3 - math.exp(0.5)) * 2}  # fmt: skip
GAUSS = math.exp(-2) / math.sqrt(2 * math.pi)  # e^(−x²/2) / √(2π) at 2, and −x times it
BY_HAND = {0: (2, 1), 1: (4, 4), 2: (-2, -2), 3: (math.exp(-2), -2 * math.exp(-2)),
           4: (GAUSS, -2 * GAUSS)}  # fmt: skip


def cells():
    yield from grid(example=NORMAL, along=0)
    yield from grid(example=GRIEWANK, along=(0, 1))


def measure(example, along):
    f, x = EXAMPLES[example]
    rows = evaluation_trace(f, *x)
    seeds = np.eye(len(x))[along].tolist()
    swept = dk.jvp(lambda v: f(*v), x, tuple(seeds), backend="forward")
    first = FIRST[example]
    return [
        {"v": k + first, "name": f"v_{k + first}", "operation": row.operation, "value": row.value,
         "tangent": t, "parents": row.parents, "partials": row.partials,
         "consumers": [i + first for i in consumers(rows, k)], "tape": float(swept)}
        for k, (row, t) in enumerate(zip(rows, tangents(rows, seeds), strict=True))
    ]  # fmt: skip


def figures(results):
    normal, griewank = results.ok.where(example=NORMAL), results.ok.where(example=GRIEWANK)
    along = [griewank.where(along=k) for k in (0, 1)]
    both = [{**one, "second": two["tangent"]} for one, two in zip(*along, strict=True)]
    by = {"tangent": "x<sub>1</sub>:", "second": "x<sub>2</sub>:"}
    return [
        Figure("normal", "The normal density at x = 2", SEEN_N,
               graph(normal.rows, {"tangent": "tangent"}), half=True),
        Figure("griewank", "Griewank's example at (1.5, 0.5)", SEEN_G, graph(both, by), half=True),
    ]  # fmt: skip


SEEN_N = (
    "Read downwards, as the program runs: in each node its value and its tangent, on each edge the "
    "local derivative. A node's tangent is its parent's times that; the seed is 1, and the last "
    "tangent is the derivative, −x times the density."
)
SEEN_G = (
    "In each node its value and two tangents, from one sweep for each input. Along x_1 that of "
    "v_3 = exp x_2 is zero, as x_1 does not enter it. Where two edges meet, their products are "
    "added; the last node holds both partial derivatives."
)


def printed(results):
    rows = results.ok.where(example=GRIEWANK, along=0)
    return verdict.all_equal(PRINTED, {r["v"]: f"{r['value']:.5f}" for r in rows}, key="v")


def tangents_by_hand(results):
    rows = results.ok.where(example=GRIEWANK, along=0)
    pairs = {f"v_({r['v']})": (r["tangent"], TANGENTS[r["v"]]) for r in rows}
    return verdict.near(pairs, 1e-15)


def by_hand(results):
    rows = results.ok.where(example=NORMAL)
    found = [(r["value"], r["tangent"]) for r in rows]
    expected = [BY_HAND[r["v"]] for r in rows]
    held = np.allclose(found, expected, rtol=1e-15) and len(found) == len(BY_HAND)
    return bool(held), "Value, tangent: " + "; ".join(
        f"v_{r['v']} {r['value']:.6g}, {r['tangent']:.6g}" for r in rows
    )


def same_as_tape(results):
    ends = {}
    for row in results.ok:
        ends[row["example"], row["along"]] = (row["tangent"], row["tape"])
    held = all(abs(a - b) <= 4e-16 * abs(b) for a, b in ends.values())
    return held, "; ".join(f"{name}, x_{k + 1}: {b!r}" for (name, k), (_, b) in ends.items())


def uses(results):
    rows = results.ok.where(example=GRIEWANK, along=0)
    found = {r["v"]: r["consumers"] for r in rows}
    return verdict.all_equal({1: (2, 4), 4: (5, 6), 5: (6,)}, found, key="v")


EXPERIMENT = Experiment(
    name="forward_trace",
    chapter="forward",
    order=10,
    title="Evaluation traces with tangents",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "The values of Griewank's example are those that are printed, to five decimals: 3, "
            "0.14112, 1.64872, 1.35128, 1.49240 and y = 2.01665.",
            printed,
        ),
        Claim(
            "The tangents along x_1 are those that follow by hand: 2, 2 cos 3, 0, 2, 2 + 2 cos 3 "
            "and ∂y/∂x_1 = 3.0118.",
            tangents_by_hand,
        ),
        Claim(
            "The density of the normal distribution at 2 has the values and tangents that follow "
            "by hand: 4, −2, exp(−2) and 0.0540; 4, −2, −2 exp(−2) and −0.1080.",
            by_hand,
        ),
        Claim(
            "This textbook sweep and that of the tape agree to two units in the last place.",
            same_as_tape,
        ),
        Claim(
            "In the graph v_2 and v_4 are the children of v_1, and v_5 has one child only; v_4 "
            "has two (as introductions after Griewank's example say).",
            uses,
        ),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
f = dk.problems["griewank"]
print(dk.trace(f, np.array([1.5, 0.5])).to_source())
print(dk.jvp(f, np.array([1.5, 0.5]), np.array([1.0, 0.0]), backend="forward"))  # 3.0118""",
    reading=(cite("griewank2008", "sections 1.2 and 3.1"), cite("baydin2018", "section 3.1")),
)
