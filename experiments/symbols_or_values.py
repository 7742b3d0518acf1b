"""Does a sweep work on symbols or on values?

So asks a student of reverse mode: are w_i and its adjoint symbols, or numbers? Both can be had from
the same rules. The recorded sweep is run here on numbers, and on SymPy's symbols instead; then the
formula that comes out is compared with the one that is printed or follows by hand, evaluated at
other points, and measured. Where f takes a branch, the formula is that of the branch taken.
"""

import numpy as np
import sympy

import diffkit as dk
from diffkit.errors import StaleTapeError
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

FORMULAS = {  # the gradient, as printed or by hand; x is a vector of x1, x2, ...
    "product_plus_sine": "[x2 + cos(x1), x1]",
    "sine_plus_product": "[cos(x1) + x2, x1]",
    "linear_model_loss": "[2*(x1 + x2 - 7), 2*(x1 + x2 - 7)]",
    "sigmoid_neuron": "[x2*s*(1 - s), x1*s*(1 - s), s*(1 - s)]",
    "griewank": "[(cos(x1/x2)/x2 + 1/x2)*(x1/x2 - exp(x2)) + (sin(x1/x2) + x1/x2 - exp(x2))/x2, "
    "(-x1*cos(x1/x2)/x2**2 - x1/x2**2 - exp(x2))*(x1/x2 - exp(x2))"
    " + (sin(x1/x2) + x1/x2 - exp(x2))*(-x1/x2**2 - exp(x2))]",
}
STEPS = (1, 2, 4, 8, 16, 32)


def cells():
    yield from grid(part="formula", example=tuple(FORMULAS), steps=0)
    yield from grid(part="length", example="x ← x sin x", steps=STEPS)
    yield {"part": "branch", "example": "x^2 below 1, 2 x − 1 from there on", "steps": 0}


def measure(part, example, steps, rng):
    return {"formula": formula, "length": length, "branch": branch}[part](example, steps, rng)


def formula(example, steps, rng):
    f = dk.problems[example]
    x = np.asarray(f.points[0], dtype=float)
    gradient = dk.trace(f, x).gradient().to_sympy()
    symbols = sympy.symbols(f"x1:{x.size + 1}", real=True)
    names = {str(s): s for s in symbols}
    if example == "sigmoid_neuron":
        w, a, b = symbols
        names["s"] = 1 / (1 + sympy.exp(-(w * a + b)))
    printed = [sympy.sympify(t, names) for t in FORMULAS[example].strip("[]").split(", ")]
    zero = [sympy.simplify(g - p) for g, p in zip(gradient, printed, strict=True)]
    apart = 0.0
    for point in x * rng.uniform(0.8, 1.2, size=(5, x.size)):
        values = dict(zip(symbols, map(float, point), strict=True))
        by_formula = np.array([float(g.subs(values)) for g in gradient])
        swept = dk.gradient(f, point)
        apart = max(apart, float(np.max(np.abs(by_formula - swept) / np.max(np.abs(swept)))))
    return {"formula": str(list(gradient)), "same": all(z == 0 for z in zero), "apart": apart}


def length(example, steps, rng):
    def f(x):
        for _ in range(steps):
            x = x * np.sin(x)
        return x

    sizes = dk.swell(f, 1.3, routes=("reverse",))
    return {"written": sizes["reverse"].tree, "executed": sizes["reverse"].executed}


def branch(example, steps, rng):
    def f(x):
        return x * x if x < 1.0 else 2.0 * x - 1.0

    tape = dk.trace(f, 0.5)
    try:
        tape(2.0)
        answer = "a number"
    except StaleTapeError:
        answer = "StaleTapeError"
    return {"formula": str(tape.gradient().to_sympy()), "answer": answer,
            "elsewhere": str(dk.trace(f, 2.0).gradient().to_sympy())}  # fmt: skip


def figures(results):
    part = results.ok.where(part="length")
    names = {"written": "the formula, written out", "executed": "the sweep on numbers"}
    return [Figure("length", "x ← x sin x, again and again: the derivative's length", LENGTH,
                   plot(part.series("steps", names), "steps", "operations", log="xy"))]  # fmt: skip


LENGTH = (
    "On symbols each step is written into the next, again and again: the formula becomes about "
    "four times as long with every step. On values a step is a number, computed once: the sweep "
    "is a straight line of slope 1."
)


def same(results):
    part = results.ok.where(part="formula")
    held = [r["example"] for r in part if r["same"]]
    shown = next(r["formula"] for r in part if r["example"] == "product_plus_sine")
    return len(held) == len(part) > 0, f"{len(held)} of {len(part)}; the first is `{shown}`."


def anywhere(results):
    worst = results.ok.where(part="formula").column("apart").max()
    return bool(worst <= 1e-13), f"At most {worst:.1e} apart, relative to the largest element."


def swells(results):
    steps, written = results.ok.where(part="length").pair("steps", "written")
    sizes = dict(zip(steps.tolist(), written.tolist(), strict=True))
    ratio = sizes[32] / sizes[16]
    return ratio >= 1e9, f"At 16 steps {sizes[16]:,}, at 32 {sizes[32]:,} operations."


def linear(results):
    steps, executed = results.ok.where(part="length").pair("steps", "executed")
    per_step = np.diff(executed) / np.diff(steps)
    return bool(np.all(per_step == per_step[0])), f"Operations a step: {per_step.tolist()}."


def of_one_branch(results):
    row = results.ok.where(part="branch").rows[0]
    found = (row["formula"], float(row["elsewhere"]), row["answer"])
    return found == ("2*x", 2.0, "StaleTapeError"), (
        f"Recorded at ½: {row['formula']}; at 2: {row['elsewhere']}. The first tape, asked at 2, "
        f"gives {row['answer']}."
    )


EXPERIMENT = Experiment(
    name="symbols_or_values",
    chapter="symbols",
    order=10,
    title="Symbols or values?",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "The sweep on symbols gives the formulas that are printed or follow by hand: for "
            "x_1 x_2 + sin x_1 they are x_2 + cos x_1 and x_1.",
            same,
        ),
        Claim("At other points the formula has the values of the sweep on numbers.", anywhere),
        Claim(
            "Written out, the formula of a program can be exponentially long: at 32 steps of "
            "x ← x sin x it is more than a billion times as long as at 16.",
            swells,
        ),
        Claim("The sweep on numbers does the same number of operations more at each step.", linear),
        Claim(
            "A formula holds for the branch that was recorded, and the tape refuses to answer on "
            "another.",
            of_one_branch,
        ),
    ),
    reproduce="""import diffkit as dk\n
z = dk.problems["product_plus_sine"]
print(dk.trace(z, [2.0, 3.0]).gradient().to_sympy())  # [x2 + cos(x1) x1]
print(dk.gradient(z, [2.0, 3.0]))""",
    reading=(cite("step_by_step"), cite("laue2019"), cite("baydin2018", "section 2.2")),
)
