"""How often is f evaluated for the gradient in n parameters?

Introductions say that finite differences need two passes through the network for each of its
parameters. The points at which f is evaluated are counted here, and the time is taken in turn with
that of f itself, a sum over n elements (Rosenbrock's function).
"""

import numpy as np

import diffkit as dk
from diffkit.measure import interleaved, slope, verdict
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

F = dk.problems["rosenbrock_vectorised"]
BACKENDS = {
    "forward difference": lambda: dk.FiniteDifference(order=1, kind="forward", step=1e-6),
    "central difference": lambda: dk.FiniteDifference(order=2, kind="central", step=1e-6),
    "complex step": lambda: dk.ComplexStep(check=None),
    "forward mode": lambda: "forward",
    "reverse mode": lambda: "reverse",
}
SIZES = (2, 5, 10, 20, 50, 100, 200, 500)


def cells():
    return grid(method=tuple(BACKENDS), n=SIZES)


def measure(method, n):
    backend, x = BACKENDS[method](), np.linspace(0.5, 1.5, n)
    called = []

    def counted(v):
        called.append(v.tobytes() if type(v) is np.ndarray else "traced")
        return F(v)

    gradient = dk.gradient(counted, x, backend=backend)
    ways = [lambda: F(x), lambda: dk.gradient(F, x, backend=backend)]
    f, g = (np.min(t) for t in interleaved(ways, budget=0.25, repeats=7))
    exact = dk.gradient(F, x)
    apart = np.linalg.norm(gradient - exact) / np.linalg.norm(exact)
    return {
        "points": len(set(called)),
        "calls": len(called),
        "over_f": g / f,
        "relative_error": float(apart),
    }


def figures(results):
    calls = {m: results.ok.where(method=m).pair("n", "points") for m in BACKENDS}
    times = {m: results.ok.where(method=m).pair("n", "over_f") for m in BACKENDS}
    return [
        Figure("calls", "Evaluations of f for one gradient", CALLS,
               plot(calls, "number of parameters n", "points at which f is evaluated", log="xy"),
               half=True),
        Figure("time", "Its time, in units of one evaluation of f", TIME,
               plot(times, "number of parameters n", "time of the gradient ÷ time of f", log="xy"),
               half=True),
    ]  # fmt: skip


CALLS = (
    "Straight lines of slope 1: every parameter costs evaluations anew. Both modes of AD call f "
    "once, to record it; what they do with the recording is in the other figure."
)
TIME = (
    "Reverse mode is flat: one sweep, however many parameters. Forward mode calls f once, but "
    "sweeps n times, and rises with the differences."
)


def counts(method, formula):
    def check(results):
        return verdict.follows(*_pair(results, method, formula))

    return check


def _pair(results, method, formula):
    n, points = results.ok.where(method=method).pair("n", "points")
    return n, formula, points


def stays(results):
    ratios = results.ok.where(method="reverse mode").column("over_f")
    return bool(ratios.max() <= 3 * ratios.min()), f"From {ratios.min():.1f} to {ratios.max():.1f}."


def rises(results):
    found = {m: slope(*results.ok.where(method=m).pair("n", "over_f", start=20)) for m in
             ("forward difference", "central difference", "forward mode")}  # fmt: skip
    return all(0.8 <= s <= 1.2 for s in found.values()), "Slope on log axes, from n = 20: " + (
        "; ".join(f"{m} {s:.2f}" for m, s in found.items())
    )


EXPERIMENT = Experiment(
    name="cost_of_differences",
    chapter="cost",
    order=10,
    title="The cost of finite differences",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "A finite difference takes two passes for each parameter, w_i and w_i + h: 2 n in all "
            "(as introductions count for the forward quotient).",
            counts("forward difference", lambda n: 2 * n),
        ),
        Claim(
            "The forward quotient takes n + 1, as f(w) is the same for all parameters.",
            counts("forward difference", lambda n: n + 1),
        ),
        Claim(
            "The central one takes 2 n, as both points are other ones for each parameter; and "
            "f(w) itself, which diffkit asks for to see that it is finite.",
            counts("central difference", lambda n: 2 * n + 1),
        ),
        Claim("Reverse mode runs f once, for every n.", counts("reverse mode", lambda n: 1)),
        Claim(
            "Measured by time, the gradient by reverse mode costs the same multiple of f at n = 2 "
            "and at n = 500, within a factor of 3.",
            stays,
        ),
        Claim(
            "The time of difference quotients, and that of forward mode, is proportional to n.",
            rises,
        ),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
calls = []
def f(x):
    calls.append(1)
    return np.sum(x**2)\n
dk.gradient(f, np.ones(100), backend=dk.FiniteDifference(order=1, kind="forward", step=1e-6))
print(len(calls))  # 101""",
    reading=(cite("nocedal2006", "section 8.1"), cite("griewank2008", "section 4.5")),
)
