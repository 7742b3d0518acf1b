"""How is an adjoint put together, in the examples that people learn reverse mode from?

Five functions are run forward, value by value, and then backward: the adjoint of a value, the
derivative of the result by it, is a sum over the operations that used the value, each with its own
adjoint times a local partial derivative. What the sources print is held against what comes out.

They differ in one point. An introduction to the loss sin x + x y states the adjoint of w_2 = y as
w_2, and that of w_1 = x as cos w_1; its update rule, further down, has them right.
"""

import math

import numpy as np

import diffkit as dk
from diffkit.measure import verdict
from diffkit.measure.evaluation_trace import adjoints, consumers, evaluation_trace
from diffkit.report.reading import cite
from diffkit.report.trace_graphs import graph
from diffkit.runner import Claim, Experiment, Figure, grid


def sine_plus_product(w1, w2):
    w3 = np.sin(w1)
    w4 = w1 * w2
    return w3 + w4


def product_plus_sine(w1, w2):
    w3 = w1 * w2
    w4 = np.sin(w1)
    return w3 + w4


def linear_model(w, b):
    alpha = 1.0 * w
    beta = alpha + b
    gamma = beta - 7.0
    return gamma**2


def neuron(w, a, b):
    t5 = w * a
    t4 = t5 + b
    t3 = -t4
    t2 = np.exp(t3)
    t1 = 1.0 + t2
    return 1.0 / t1


def griewank(x1, x2):
    v1 = x1 / x2
    v2 = np.sin(v1)
    v3 = np.exp(x2)
    v4 = v1 - v3
    v5 = v2 + v4
    return v5 * v4


W = ("w_1", "w_2", "w_3", "w_4", "w_5")
EXAMPLES = {  # the function, the point, and the source's names of the rows
    "sin x + x y": (sine_plus_product, (1.0, 2.0), W),
    "x_1 x_2 + sin x_1": (product_plus_sine, (2.0, 3.0), W),
    "(w x + b − y)^2": (linear_model, (2.0, 3.0), ("w", "b", "α", "β", "γ", "L")),
    "σ(w a + b)": (neuron, (0.5, 2.0, -1.5), ("w", "a", "b", "t_5", "t_4", "t_3", "t_2", "t_1",
                                              "a'")),
    "Griewank's": (griewank, (1.5, 0.5), ("x_1", "x_2", "v_1", "v_2", "v_3", "v_4", "v_5", "v_6")),
}  # fmt: skip
PRINTED = {  # values and adjoints, as printed
    "x_1 x_2 + sin x_1": (
        {"w_1": "2", "w_2": "3", "w_3": "6", "w_4": "0.9", "w_5": "6.9"},
        {"w_1": "2.58", "w_2": "2", "w_3": "1", "w_4": "1", "w_5": "1"},
    ),
    "(w x + b − y)^2": (
        {"α": "2", "β": "5", "γ": "-2", "L": "4"},
        {"w": "-4", "b": "-4", "α": "-4", "β": "-4", "γ": "-4"},
    ),
}
S = 1 / (1 + math.exp(0.5))  # σ(−1/2)
SIGMOID = {"w": 2 * S * (1 - S), "a": S * (1 - S) / 2, "b": S * (1 - S), "t_1": -S * S, "a'": 1}
GRIEWANK = {"x_1": 3.0118433276739066, "x_2": -13.723961509314075}


def cells():
    return grid(example=tuple(EXAMPLES))


def measure(example):
    f, x, names = EXAMPLES[example]
    rows = evaluation_trace(f, *x)
    tape = [float(g) for g in dk.gradient(lambda v: f(*v), x)]
    found = adjoints(rows)
    sums = [
        " + ".join(f"{found[i]:.4g}·({rows[i].partials[rows[i].parents.index(k)]:.4g})"
                   for i in consumers(rows, k)) for k in range(len(rows))
    ]  # fmt: skip
    return [
        {"name": names[k], "operation": row.operation, "value": row.value, "adjoint": found[k],
         "parents": row.parents, "partials": row.partials, "sum": sums[k] or "seed",
         "tape": tape[k] if k < len(tape) else None}
        for k, row in enumerate(rows)
    ]  # fmt: skip


def figures(results):
    parts = {example: results.ok.where(example=example).rows for example in EXAMPLES}
    return [
        Figure(f"trace_{k}", example, SEEN[example], half=True,
               plotly_figure=graph(rows, {"adjoint": "adjoint"}, backward=True))
        for k, (example, rows) in enumerate(parts.items())
    ]  # fmt: skip


SEEN = {
    "sin x + x y": "At (1, 2), read upwards: the seed at the bottom is 1, and a sum passes it "
    "on. Two arrows lead to w_1: its adjoint is cos 1 by way of the sine plus 2 by the product.",
    "x_1 x_2 + sin x_1": "At (2, 3): the same graph with the arguments of the sum exchanged.",
    "(w x + b − y)^2": "At w = 2, b = 3 with the measurement (1, 7). The square turns the residual "
    "−2 into the adjoint −4; every node above passes that on.",
    "σ(w a + b)": "The six elementary steps of a neuron, at w = 0.5, a = 2, b = −1.5. Each adjoint "
    "has one term, as each value is used once.",
    "Griewank's": "At (1.5, 0.5). v_1, v_4 and x_2 are used twice: two arrows lead to each.",
}


def get(results, example, column):
    return {row["name"]: row[column] for row in results.ok.where(example=example)}


def printed(example):
    """Whether the numbers, rounded to as many digits as are printed, are those."""

    def check(results):
        expected, found = {}, {}
        for column, texts in zip(("value", "adjoint"), PRINTED[example], strict=True):
            values = get(results, example, column)
            for name, text in texts.items():
                decimals = len(text.partition(".")[2])
                expected[f"{column} of {name}"] = text
                found[f"{column} of {name}"] = f"{values[name]:.{decimals}f}"
        return verdict.all_equal(expected, found, key="row")

    return check


def closed(example, expected):
    def check(results):
        found = get(results, example, "adjoint")
        shown = "; ".join(f"{name}: {found[name]:.12g}" for name in expected)
        return all(abs(found[k] - e) <= 1e-14 * abs(e) for k, e in expected.items()), shown

    return check


def as_stated(results):
    values, found = (get(results, "sin x + x y", c) for c in ("value", "adjoint"))
    stated = {"w_2": values["w_2"], "w_1": math.cos(values["w_1"])}
    return all(abs(found[k] - s) < 1e-12 for k, s in stated.items()), "; ".join(
        f"the adjoint of {k} is {found[k]:.4f}, and {s:.4f} as stated" for k, s in stated.items()
    )


def step(results):
    point, slope = (get(results, "(w x + b − y)^2", c) for c in ("value", "adjoint"))
    after = {k: f"{point[k] - 0.1 * slope[k]:.12g}" for k in ("w", "b")}
    return verdict.all_equal({"w": "2.4", "b": "3.4"}, after, key="parameter")


def same_as_tape(results):
    pairs = [(r["adjoint"], r["tape"]) for r in results.ok if r["tape"] is not None]
    apart = max(abs(a - b) / math.ulp(b) for a, b in pairs)
    return bool(apart <= 4), f"{len(pairs)} derivatives, at most {apart:.0f} ulps apart."


EXPERIMENT = Experiment(
    name="reverse_trace",
    chapter="reverse",
    order=10,
    title="Evaluation traces with adjoints",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "z = x_1 x_2 + sin x_1 at (2, 3): all values and adjoints are as printed, z = 6.9, "
            "∂z/∂x_1 = 2.58 and ∂z/∂x_2 = 2.",
            printed("x_1 x_2 + sin x_1"),
        ),
        Claim(
            "The linear model with w = 2, b = 3: α = 2, β = 5, γ = −2, L = 4, and the derivative "
            "by each of w, b, α, β and γ is −4, as printed.",
            printed("(w x + b − y)^2"),
        ),
        Claim("A gradient step of 0.1 leads it to w = 2.4, b = 3.4, as printed.", step),
        Claim(
            "In sin x + x y the adjoint of w_2 is w_2, and that of w_1 is cos w_1 (as stated on "
            "the way to the update rule).",
            as_stated,
        ),
        Claim(
            "There the adjoint of w_2 is w_1 = x, and that of w_1 is cos w_1 + w_2, a term for "
            "each of its two consumers: the source's update rule, x − α (cos x + y), is right.",
            closed("sin x + x y", {"w_1": math.cos(1) + 2, "w_2": 1.0}),
        ),
        Claim(
            "The six steps of the sigmoid end in a σ (1 − σ), w σ (1 − σ) and σ (1 − σ), and the "
            "adjoint of t_1 is −1/t_1^2.",
            closed("σ(w a + b)", SIGMOID),
        ),
        Claim(
            "Griewank's example has the gradient (3.0118433276739, −13.7239615093141).",
            closed("Griewank's", GRIEWANK),
        ),
        Claim("This textbook sweep and that of the tape agree to four ulps.", same_as_tape),
    ),
    reproduce="""import diffkit as dk\n
z = dk.problems["product_plus_sine"]
print(dk.value_and_gradient(z, [2.0, 3.0]))  # 6.909..., [2.5838..., 2.0]""",
    reading=(
        cite("step_by_step"),
        cite("sine_plus_product"),
        cite("griewank2008", "section 3.2"),
        "Yuchen's Blog, Automatic differentiation (2018-06-03)",
    ),
)
