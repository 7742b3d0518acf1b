"""What does reverse mode have to keep, and what can be computed a second time instead?

A chain of n steps on vectors of 1000 elements. The backward sweep needs what each step was given,
in reverse order. It can be kept (plain reverse mode); or only some of it, the checkpoints, and the
steps after each are made again. Forward mode needs nothing of the kind if each tangent is computed
together with its value; where the function is recorded first, as diffkit does, it is all there.
"""

from functools import partial
from math import isqrt, log2

import numpy as np

import diffkit as dk
from diffkit.measure import interleaved, peak_memory, slope, verdict
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

X = np.linspace(0.5, 2.5, 1000)
LENGTHS = (4, 16, 64, 256)
CALLS = [0]


def step(x):
    CALLS[0] += 1
    return x - 0.01 * np.sin(x)


def chain(x, n):
    for _ in range(n):
        x = step(x)
    return x


def pieces(x, n, many):
    """The chain, cut into so many checkpointed pieces."""
    piece = dk.checkpoint(partial(chain, n=n // many))
    for _ in range(many):
        x = piece(x)
    return x


def halves(x, n):
    """The chain as two checkpointed halves, each of them halved again."""
    if n == 1:
        return step(x)
    half = dk.checkpoint(partial(halves, n=n // 2))
    return half(half(x))


def carried(x, n):
    """Forward mode with values and tangents side by side."""
    t = np.ones_like(x)
    for _ in range(n):
        x, t = dk.value_and_jvp(step, x, t, backend="forward")
    return t


WAYS = {
    "no checkpoints": lambda n: dk.gradient(lambda x: np.sum(chain(x, n)), X),
    "√n checkpoints": lambda n: dk.gradient(lambda x: np.sum(pieces(x, n, isqrt(n))), X),
    "halves of halves": lambda n: dk.gradient(lambda x: np.sum(halves(x, n)), X),
    "forward, carried": lambda n: carried(X, n),
    "forward, recorded": lambda n: dk.jvp(chain, X, np.ones_like(X), n, backend="forward"),
}


def cells():
    return grid(way=tuple(WAYS), n=LENGTHS)


def measure(way, n):
    run = WAYS[way]
    CALLS[0] = 0
    result = run(n)
    steps = CALLS[0]
    f, g = (np.min(t) for t in interleaved([lambda: chain(X, n), lambda: run(n)], budget=0.2,
                                              repeats=3))  # fmt: skip
    # d/dx of each element alone: the product of the slopes of its steps.
    x, exact = X, np.ones_like(X)
    for _ in range(n):
        x, exact = x - 0.01 * np.sin(x), exact * (1 - 0.01 * np.cos(x))
    return {
        "vectors": peak_memory(lambda: run(n)) / X.nbytes,
        "steps": steps,
        "over_f": g / f,
        "error": float(np.max(np.abs(result / exact - 1))),
    }


def series(results, column):
    return {way: results.ok.where(way=way).pair("n", column) for way in WAYS}


def figures(results):
    memory = plot(series(results, "vectors"), "steps n", "peak memory, in vectors", log="xy")
    time = plot(series(results, "over_f"), "steps n", "time ÷ time of f", log="x")
    return [
        Figure("memory", "What has to be kept", KEPT, memory, half=True),
        Figure("time", "What it takes instead", PAID, time.update_yaxes(rangemode="tozero"),
               half=True),
    ]  # fmt: skip


KEPT = (
    "Slope 1 without checkpoints, slope ½ with √n of them; with halves of halves a curve that goes "
    "with log n. Forward mode is flat where values and tangents go side by side."
)
PAID = (
    "Nothing is free: √n checkpoints make every step a second time. Halves of halves make it once "
    "more at each doubling of n."
)


def power(way, expected, tolerance):
    def check(results):
        found = slope(*results.ok.where(way=way).pair("n", "vectors", start=16))
        return verdict.near({"power of n": (found, expected)}, tolerance)

    return check


def steps(way, formula):
    def check(results):
        return verdict.follows(*[results.ok.where(way=way).column("n"), formula],
                               results.ok.where(way=way).column("steps"))  # fmt: skip

    return check


def both(*checks):
    def check(results):
        found = [c(results) for c in checks]
        return all(held for held, _ in found), " ".join(evidence for _, evidence in found)

    return check


def at_most_tenfold(results):
    kept = results.ok.where(way="halves of halves").column("vectors")
    each = np.diff(kept) / 2  # n is 4 times as large, two doublings on
    return bool(each.max() <= 10), f"Vectors more at each doubling: {np.round(each, 1).tolist()}."


def flat(way):
    def check(results):
        kept = results.ok.where(way=way).column("vectors")
        return bool(kept.max() <= 1.5 * kept.min()), (
            f"{', '.join(f'{k:.1f}' for k in kept)} vectors."
        )

    return check


def right(results):
    worst = results.ok.column("error").max()
    return bool(worst <= 1e-12), f"Relative errors up to {worst:.1e}."


def twice_at_most(results):
    one, two = (results.ok.where(way=w).pair("n", "over_f", start=256)[1] for w in
                ("no checkpoints", "√n checkpoints"))  # fmt: skip
    return verdict.ratio_at_most(two, one, 2)


EXPERIMENT = Experiment(
    name="checkpointing",
    chapter="cost",
    order=40,
    title="Keep or recompute: memory and checkpoints",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim("All ways give the derivative, to 12 digits.", right),
        Claim(
            "Without checkpoints the tape's memory is proportional to n, and each step is made "
            "once.",
            both(power("no checkpoints", 1, 0.1), steps("no checkpoints", lambda n: n)),
        ),
        Claim(
            "With √n checkpoints it grows as √n, and each step is made twice.",
            both(power("√n checkpoints", 0.5, 0.1), steps("√n checkpoints", lambda n: 2 * n)),
        ),
        Claim(
            "With halves of halves it grows as log n, by at most ten vectors at each doubling, and "
            "each step is made log₂ n + 1 times.",
            both(at_most_tenfold, steps("halves of halves", lambda n: n * (int(log2(n)) + 1))),
        ),
        Claim("√n checkpoints take at most twice the time, at n = 256.", twice_at_most),
        Claim(
            "Forward mode requires no store of values: its memory does not depend on n, where "
            "tangents are carried along.",
            flat("forward, carried"),
        ),
        Claim(
            "That is so as well for diffkit's forward mode over all n steps, which records first.",
            flat("forward, recorded"),
        ),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
@dk.checkpoint
def piece(x):
    for _ in range(32):
        x = x - 0.01 * np.sin(x)
    return x

def f(x):
    for _ in range(32):
        x = piece(x)
    return np.sum(x)

print(len(dk.trace(f, np.ones(3))), dk.gradient(f, np.ones(3)))  # 33 operations are kept""",
    reading=(cite("griewank2008", "chapter 12"), cite("chen2016")),
)
