"""Where does gradient descent on sin x + x y lead, and does it matter how the gradient is found?

A worked example of reverse mode starts at (1, 2) with a rate of 0.01 and prints where 1000 steps
lead. Here the same descent is made with the update written out by hand, and with the gradient by
each method. It does not converge: what is wrong with one step grows with the steps after it.
"""

import math

import numpy as np

import diffkit as dk
from diffkit.measure import growth, verdict
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

RATE, STEPS = 1e-2, 1000
PRINTED = {  # by the source
    "first loss": 2.8414709848078967,
    "last loss": -193992792.6350034,
    "x": -13928.111031430128,
    "y": 13928.148130601208,
}
LOSS, START = dk.problems["sine_plus_product"], np.array([1.0, 2.0])
PREPARED = ("forward", "reverse", "symbolic")
DIFFERENCES = {"central difference": 2, "forward difference": 1}
BY = ("by hand", *PREPARED, *DIFFERENCES)


def cells():
    return grid(by=BY)


def by_hand(v):
    return np.array([math.cos(v[0]) + v[1], v[0]])


def gradient_by(method):
    if method in PREPARED:
        return dk.prepare(dk.gradient, LOSS, START, backend=method)
    if method == "by hand":
        return by_hand
    backend = dk.FiniteDifference(order=DIFFERENCES[method], kind=method.split()[0], step=1e-6)
    return lambda v: dk.gradient(LOSS, v, backend=backend)


def measure(by):
    gradient, v, rows = gradient_by(by), START, []
    for step in range(STEPS + 1):
        if step % 10 == 0:
            rows.append({"step": step, "x": v[0], "y": v[1], "loss": float(LOSS(v))})
        v = v - RATE * gradient(v)
    return rows


def figures(results):
    path = {by: results.ok.where(by=by).pair("step", "loss") for by in ("by hand", "reverse")}
    away = {by: (results.ok.where(by=by).column("step"), distance(results, by)) for by in BY[1:]}
    return [
        Figure("loss", "The loss, by size", SIZE,
               plot(path, "step", "|loss|", log="y", mode="lines"), half=True),
        Figure("distance", "Away from the descent by hand", AWAY,
               plot(away, "step", "relative distance", log="y", mode="lines"), half=True),
    ]  # fmt: skip


SIZE = (
    "The loss falls through zero near step 40, the notch in its size, and then without end: a "
    "straight line on a log axis is exponential growth. There is no minimum to arrive at."
)
AWAY = (
    "How far each descent is from the one by hand, over the distance to the origin. The row of "
    "triangles at the foot stands for no difference at all: AD and SymPy. A difference quotient "
    "errs at each step, and what it erred before is magnified with everything else."
)


def distance(results, by):
    one, other = (np.stack([results.ok.where(by=b).column(c) for c in "xy"]) for b in (by, BY[0]))
    return np.hypot(*(one - other)) / np.hypot(*other)


def printed(*ways):
    def check(results):
        routes = []
        for by in ways:
            rows = results.ok.where(by=by).rows
            found = {k: rows[-1][k] for k in "xy"}
            routes.append(found | {"first loss": rows[0]["loss"], "last loss": rows[-1]["loss"]})
        return verdict.all_equal(PRINTED, *routes, key="number")

    return check


def converges(results):
    losses = results.ok.where(by="by hand").column("loss")
    last, before = abs(losses[-1] - losses[-2]), abs(losses[-2] - losses[-3])
    return last < before, f"The last 10 steps change the loss by {last:.3g}, those before by " + (
        f"{before:.3g}."
    )


def grows(results):
    step, loss = results.ok.where(by="by hand").pair("step", "loss", start=600)
    return verdict.near({"factor a step": (growth(step, -loss), (1 + RATE) ** 2)}, 1e-4)


def drifts(results):
    most = {by: float(np.max(distance(results, by))) for by in BY[1:]}
    held = all((most[by] > 1e-10) == (by in DIFFERENCES) for by in most)
    held = held and all(most[by] == 0 for by in PREPARED)
    return held, "Farthest away: " + "; ".join(f"{by} {away:.1e}" for by, away in most.items())


EXPERIMENT = Experiment(
    name="gradient_descent",
    chapter="reverse",
    order=20,
    title="Gradient descent on sin x + x y",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "The printed numbers are found to the last bit: by hand, by reverse and by forward "
            "mode, 2.8414709848078967 at first; after 1000 steps −193992792.6350034, at "
            "x = −13928.111031430128, y = 13928.148130601208.",
            printed("by hand", "reverse", "forward"),
        ),
        Claim(
            "The descent nears a minimum: its last steps change the loss less than those before "
            "(as one may read from a final loss that is much lower).",
            converges,
        ),
        Claim(
            "It runs away along x = −y instead, where the loss is −x^2 + sin x and has no lower "
            "bound: in the end each step multiplies the loss by (1 + 0.01)^2 = 1.0201.",
            grows,
        ),
        Claim(
            "Forward mode, reverse mode and SymPy take the very path of the update by hand, to the "
            "last bit; difference quotients with a step of 1e-6 leave it by more than 1e-10.",
            drifts,
        ),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
loss, v = dk.problems["sine_plus_product"], np.array([1.0, 2.0])
for _ in range(1000):
    v = v - 1e-2 * dk.gradient(loss, v)
print(loss(v), v)  # -193992792.6350034 [-13928.11103143  13928.1481306 ]""",
    reading=(cite("sine_plus_product"), cite("nocedal2006", "section 2.2")),
)
