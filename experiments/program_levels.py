"""How many operations is a function, and its gradient, at the levels of a compiler?

A derivative can be taken of a program at several levels. JAX has four: Python, whose NumPy calls
are recorded; the jaxpr that its tracer gives, on which JAX differentiates; StableHLO, which is
handed to the compiler XLA; and the HLO that XLA has optimised, in which neighbouring operations
are fused into loops. Operations are counted at each of them, of f and of its gradient. (MHLO, which
older texts name in the third place, has become StableHLO.) Without JAX its levels are unsupported.
"""

import re

import numpy as np

import diffkit as dk
from diffkit.errors import MissingPackageError
from diffkit.report.figures import PALETTE, chart
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

LEVELS = ("Python", "jaxpr", "StableHLO", "optimised HLO", "kernels")
W = [np.round(np.sin(1.7 * np.arange(1, 65) + k), 2).reshape(8, 8) for k in range(4)]


def griewank(xp, x):
    ratio, growth = x[0] / x[1], xp.exp(x[1])
    return (xp.sin(ratio) + ratio - growth) * (ratio - growth)


def logistic(xp, x):
    value = x[0]
    for _ in range(7):
        value = 4.0 * value * (1.0 - value)
    return value


def network(xp, x):
    for w in W:
        x = xp.tanh(w @ x)
    return 0.5 * xp.sum(x * x)


FUNCTIONS = {
    "Griewank's example": (griewank, np.array([1.5, 0.5])),
    "logistic map, n = 8": (logistic, np.array([0.3])),
    "four-layer network": (network, np.linspace(-1.0, 1.0, 8)),
}


def cells():
    return grid(function=tuple(FUNCTIONS), of=("f", "gradient"), level=LEVELS)


def measure(function, of, level):
    f, x = FUNCTIONS[function]
    if level == "Python":
        tape = dk.trace(lambda v: f(np, v), x)
        return {"operations": len(tape if of == "f" else tape.gradient())}
    return {"operations": by_jax(f, x.astype(np.float32), of, level)}


def by_jax(f, x, of, level):
    try:
        import jax
    except ImportError:
        raise MissingPackageError(f"counting operations of {level}", "jax") from None
    g = lambda v: f(jax.numpy, v)  # noqa: E731
    g = jax.grad(g) if of == "gradient" else g
    if level == "jaxpr":
        return equations(jax.make_jaxpr(g)(x).jaxpr)
    lowered = jax.jit(g).lower(x)
    if level == "StableHLO":
        return len(re.findall(r"= stablehlo\.(?!constant)\w+|= \"stablehlo\.", lowered.as_text()))
    return instructions(lowered.compile().as_text(), inside=level == "optimised HLO")


def equations(jaxpr):
    """The equations of a jaxpr, those of a function that it calls in the place of the call."""
    count = 0
    for equation in jaxpr.eqns:
        called = [p for p in equation.params.values() if hasattr(p, "jaxpr")]
        count += sum(equations(p.jaxpr) for p in called) if called else 1
    return count


# What moves and computes nothing: bitcasts give an array another shape.
NOTHING = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast"}


def instructions(text, inside):
    """The instructions of HLO: those inside fusions, or those that XLA runs one after the other."""
    count, computation = 0, ""
    for line in text.splitlines():
        if line.endswith("{"):
            computation = line
        found = re.search(r"= \S+ ([a-z][\w-]*)\(", line)
        if not found or found[1] in NOTHING or computation.startswith("%region"):
            continue  # a region says how a reduction combines two elements
        is_call = found[1] in ("fusion", "call")
        count += (not is_call) if inside else computation.startswith("ENTRY")
    return count


def figures(results):
    return [
        Figure(f"levels_{k}", function, SEEN[k], bars(results.ok.where(function=function)),
               half=True) for k, function in enumerate(FUNCTIONS)
    ]  # fmt: skip


def bars(part):
    drawing = chart("", "operations", barmode="group")
    for k, of in enumerate(("f", "gradient")):
        rows = part.where(of=of)
        drawing.add_bar(x=[r["level"] for r in rows], y=[r["operations"] for r in rows], name=of,
                        marker={"color": PALETTE[k], "pattern": {"shape": ("", "/")[k]}},
                        text=[r["operations"] for r in rows], textposition="outside",
                        cliponaxis=False)  # fmt: skip
    return drawing.update_xaxes(tickangle=-30)


SEEN = (
    "Single numbers. Indexing and changes of shape count as operations on the way down, which is "
    "why StableHLO has more of them than Python; the compiler removes them.",
    "Single numbers in a loop that is unrolled: the gradient is a straight line of operations, "
    "and the compiler makes few kernels of it.",
    "Products of matrices and vectors, which stay kernels of their own between fused loops.",
)


def get(results, level, of):
    found = {r["function"]: r["operations"] for r in results.ok.where(level=level, of=of)}
    if not found:
        raise ValueError(f"there are no counts of {level}: install JAX (pip install jax)")
    return found


def ratios(level, most):
    def check(results):
        f, gradient = get(results, level, "f"), get(results, level, "gradient")
        found = {name: gradient[name] / f[name] for name in f}
        return all(r <= most for r in found.values()), "; ".join(
            f"{name}: {r:.2f}" for name, r in found.items()
        )

    return check


def order(lower, upper):
    """Whether there are at each function no more operations at one level than at the other."""

    def check(results):
        pairs = {}
        for of in ("f", "gradient"):
            below, above = get(results, lower, of), get(results, upper, of)
            pairs |= {f"{name}, {of}": (below[name], above[name]) for name in FUNCTIONS}
        held = all(a <= b for a, b in pairs.values())
        return held, "; ".join(f"{name}: {a} and {b}" for name, (a, b) in pairs.items())

    return check


EXPERIMENT = Experiment(
    name="program_levels",
    chapter="cost",
    order=50,
    title="From Python to kernels: operations by level",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim("As recorded in Python, the gradient is at most 6 times f.", ratios("Python", 6)),
        Claim("As a jaxpr, it is at most 6 times f as well.", ratios("jaxpr", 6)),
        Claim(
            "Optimisation leaves no more operations than StableHLO has.",
            order("optimised HLO", "StableHLO"),
        ),
        Claim("Fusion leaves fewer kernels than Python has calls.", order("kernels", "Python")),
    ),
    reproduce="""import diffkit as dk\n
f = dk.problems["griewank"]
tape = dk.trace(f, [1.5, 0.5])
print(len(tape), len(tape.gradient()))
# With JAX: print(jax.make_jaxpr(f)(x)); print(jax.jit(f).lower(x).compile().as_text())""",
    reading=(cite("stablehlo"), cite("baydin2018", "section 4")),
)
