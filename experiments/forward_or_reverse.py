"""Which mode for which shape of function?

The Jacobian of f: R^n → R^m takes n forward sweeps, one for each column, or m reverse sweeps, one
for each row. Here f is a network of four layers, n → 16 → 16 → 16 → m. What a sweep costs is
counted, as scalar operations of the recorded sweep, and timed. Columns can also be pushed all
together, as the columns of a matrix: the same operations, in fewer and larger steps.
"""

from itertools import pairwise

import numpy as np

import diffkit as dk
from diffkit.measure import interleaved, verdict
from diffkit.measure.program import executed
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

SIZES, HIDDEN = (1, 4, 16, 64), (16, 16, 16)


def cells():
    return grid(n=SIZES, m=SIZES)


def network(n, m, rng):
    sizes = (n, *HIDDEN, m)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]

    def f(x):
        for w in weights:
            x = np.tanh(w @ x)
        return x

    return f


def by_columns(f, x):
    _, push = dk.backends()["forward"].pushforward(f, x)
    return np.stack([push(e) for e in np.eye(x.size)], axis=1)


def by_rows(f, x, m):
    _, pull = dk.backends()["reverse"].pullback(f, x)
    return np.stack([pull(e) for e in np.eye(m)])


def together(f, x):
    return dk.jvp(f, np.repeat(x[:, None], x.size, axis=1), np.eye(x.size), backend="forward")


def measure(n, m, rng):
    f, x = network(n, m, rng), rng.normal(size=n)
    tape = dk.trace(f, x)
    of_f, push, pull = executed(tape), executed(tape.tangent()), executed(tape.gradient())
    ways = [lambda: f(x), lambda: by_columns(f, x), lambda: by_rows(f, x, m),
            lambda: together(f, x)]  # fmt: skip
    seconds = [np.min(t) for t in interleaved(ways, budget=0.3, repeats=15)]
    columns, rows, matrix = (way() for way in ways[1:])
    return {
        "f": of_f, "push": push - of_f, "pull": pull - of_f,
        "forward": of_f + n * (push - of_f), "reverse": of_f + m * (pull - of_f),
        "forward_seconds": seconds[1], "reverse_seconds": seconds[2],
        "together_seconds": seconds[3],
        "apart": float(max(np.max(np.abs(columns - rows)), np.max(np.abs(columns - matrix)))),
    }  # fmt: skip


def figures(results):
    ok = results.ok
    shape = ok.column("n") / ok.column("m")
    ratios = {
        "operations": (shape, ok.column("forward") / ok.column("reverse")),
        "time": (shape, ok.column("forward_seconds") / ok.column("reverse_seconds")),
    }
    one = ok.where(m=1)
    loss = {label: one.pair("n", column) for column, label in (
        ("forward_seconds", "n forward sweeps"), ("together_seconds", "all columns together"),
        ("reverse_seconds", "one reverse sweep"))}  # fmt: skip
    return [
        Figure("shape", "Forward over reverse, by the shape of f", SHAPE,
               plot(ratios, "n / m", "cost of forward ÷ cost of reverse", log="xy", mode="markers",
                    hlines={"equal": 1.0}), half=True),
        Figure("loss", "The gradient of one output", LOSS,
               plot(loss, "inputs n", "seconds", log="xy"), half=True),
    ]  # fmt: skip


SHAPE = (
    "Below the dashed line forward mode is cheaper, above it reverse mode. Operations lie along a "
    "line of slope 1 through the middle: n against m is what counts. Time is less steep: both "
    "record f first, which here takes as long as several sweeps."
)
LOSS = (
    "With m = 1 a reverse sweep is one sweep for any n. Pushing all columns together takes the "
    "same operations as n sweeps, but its time rises far later: a way around, not out."
)


def cheaper(column, suffix=""):
    def check(results):
        ok = results.ok
        n, m = ok.column("n"), ok.column("m")
        forward, reverse = ok.column(f"forward{suffix}"), ok.column(f"reverse{suffix}")
        clear = (n >= column * m) | (m >= column * n)
        right = (forward < reverse) == (n < m)
        wrong = np.sum(clear & ~right)
        return bool(wrong == 0 and clear.any()), (
            f"{np.sum(clear & right)} of {np.sum(clear)} shapes."
        )

    return check


def linear(results):
    ok = results.ok
    held = all(np.all((r["forward"] - r["f"]) == r["n"] * r["push"]) for r in ok)
    held = held and all(r["push"] <= 3 * r["f"] and r["pull"] <= 3 * r["f"] for r in ok)
    push, pull = ok.column("push") / ok.column("f"), ok.column("pull") / ok.column("f")
    return held, (
        f"A forward sweep adds {push.min():.2f} to {push.max():.2f} times the operations of f, a "
        f"reverse sweep {pull.min():.2f} to {pull.max():.2f} times."
    )


def square(results):
    part = [r["forward"] / r["reverse"] for r in results.ok if r["n"] == r["m"]]
    return verdict.near({f"shape {k + 1}": (p, 1.0) for k, p in enumerate(part)}, 0.25)


def sooner(results):
    part = [r for r in results.ok if r["n"] >= 16]
    gains = [r["forward_seconds"] / r["together_seconds"] for r in part]
    return min(gains) > 1.5, f"From {min(gains):.1f} to {max(gains):.1f} times as fast."


def same(results):
    worst = results.ok.column("apart").max()
    return bool(worst <= 1e-14), f"At most {worst:.1e} apart."


EXPERIMENT = Experiment(
    name="forward_or_reverse",
    chapter="cost",
    order=20,
    title="Forward or reverse? The shape decides",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim("Columns, rows and columns together give the same Jacobian, to 1e-14.", same),
        Claim(
            "By columns the cost is O(n), by rows it is O(m): n or m sweeps, each of which costs "
            "at most three times the operations of f, for every shape.",
            linear,
        ),
        Claim("Where n ≠ m, the mode of fewer sweeps takes fewer operations.", cheaper(2)),
        Claim(
            "Where n and m differ by a factor of 8 or more, it takes less time.",
            cheaper(8, "_seconds"),
        ),
        Claim("Where n = m, operations differ by less than a quarter.", square),
        Claim(
            "From n = 16 on, all columns together take less time than one after the other: at "
            "least 1.5 times.",
            sooner,
        ),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
w = np.random.default_rng(0).normal(size=(2, 50))
f, x = lambda x: np.tanh(w @ x), np.ones(50)
_, pull = dk.backends()["reverse"].pullback(f, x)  # two sweeps for two rows
print(np.allclose([pull(e) for e in np.eye(2)], dk.jacobian(f, x, backend="forward")))""",
    reading=(cite("griewank2008", "sections 3.1 and 3.2"), cite("baydin2018", "section 3.2")),
)
