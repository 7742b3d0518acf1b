"""What does an elementary operation have to know to pull a cotangent back?

A note on reverse mode writes each rule as j: (x → y) → (y, ȳ, x) → x̄: from the value, its cotangent
and the operands to the cotangents of the operands. Its rules for exp, +, /, log and A β stand here
as there, with their proved errors in units in the last place, beside those of the tape's rules.

The note says that the engine stores the Jacobians of its operations. Its memory is measured.
"""

import numpy as np

import diffkit as dk
from diffkit.measure import peak_memory, slope, verdict
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

RULES = {  # the operation on its operands in one vector, and j of it
    "exp": (lambda v: np.exp(v[0]), lambda y, g, x: (y * g,)),
    "+": (lambda v: v[0] + v[1], lambda y, g, x1, x2: (g, g)),
    "/": (lambda v: v[0] / v[1], lambda y, g, x1, x2: (g / x2, -g * x1 / x2**2)),
    "log": (lambda v: np.log(v[0]), lambda y, g, x: (g / x,)),
}
# Far out, the quotient and its derivatives are ordinary numbers; x_2^2 overflows.
PLACES = {"ordinary": 1.0, "far": 1e200}
SIZES = (300, 1000, 3000, 10_000, 30_000, 100_000)
FULL = 3000  # whose Jacobian takes 72 MB


def cells():
    yield from grid(part="rule", rule=tuple(RULES), place="ordinary", sample=range(25))
    yield from grid(part="rule", rule="/", place="far", sample=range(25))
    yield from grid(part="product", rule="A β", place="ordinary", sample=range(25))
    yield from grid(part="memory", rule="exp", place="ordinary", sample=SIZES)


def measure(part, rule, place, sample, rng):
    if part == "memory":
        return memory(sample)
    if part == "product":
        return product(rng)
    f, j = RULES[rule]
    g, *x = (float(v) * PLACES[place] for v in rng.uniform(0.5, 2.0, 3))
    x, g = np.array(x[: 1 if rule in ("exp", "log") else 2]), g / PLACES[place]
    truth = dk.reference(f, x, g, operator="vjp")
    with np.errstate(over="ignore"):
        by_rule = np.array(j(f(x), g, *x))
    return {
        "rule_ulps": float(np.max(truth.ulps(by_rule))),
        "tape_ulps": float(np.max(truth.ulps(dk.vjp(f, x, g)))),
        "by_rule": by_rule.tolist(),
        "truth": np.ravel(truth.value).tolist(),
    }


def product(rng):
    """j(A β)(y, ȳ, A, β) = (ȳ ⊗ β, Aᵀ ȳ); as ȳ ⊗ β is single products, it is exact to rounding."""
    a, b, g = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)
    of_a, of_b = dk.vjp(lambda v: v[0] @ v[1], (a, b), g)
    apart = max(np.max(np.abs(of_a - np.outer(g, b))), np.max(np.abs(of_b - a.T @ g)))
    return {"apart": float(apart)}


def memory(n):
    x, ones = np.linspace(0.0, 1.0, n), np.ones(n)
    row = {"n": n, "sweep_bytes": peak_memory(lambda: dk.vjp(np.exp, x, ones))}
    if n <= FULL:
        row["jacobian_bytes"] = peak_memory(lambda: np.diag(np.exp(x)))
    return row


def figures(results):
    bytes_ = results.ok.where(part="memory").series(
        "n", {"jacobian_bytes": "the Jacobian of exp", "sweep_bytes": "recording and sweep"}
    )
    part = results.ok.where(part="rule", place="ordinary")
    errors = {
        name: ([r["rule"] for r in part], [abs(r[column]) for r in part])
        for column, name in (("rule_ulps", "as written in the note"), ("tape_ulps", "the tape's"))
    }
    return [
        Figure("errors", "The rules at ordinary points", ULPS,
               plot(errors, "rule", "largest error, in ulps", mode="markers"), half=True),
        Figure("memory", "Storing a Jacobian, and not", MEMORY,
               plot(bytes_, "elements n of y = exp x", "peak memory, bytes", log="xy"), half=True),
    ]  # fmt: skip


ULPS = (
    "25 points and cotangents for each rule. Within a half, the result is the double nearest to "
    "the truth; each further operation can add a half. The sum's rule computes nothing."
)
MEMORY = (
    "The Jacobian of an elementwise operation has n^2 elements, of which n are not zero. The sweep "
    "keeps the value y, and multiplies ȳ by it: a straight line of half the slope."
)


def errors(results, column, place="ordinary"):
    rows = results.ok.where(part="rule", place=place)
    return {k: max(abs(r[column]) for r in rows if r["rule"] == k) for k in
            dict.fromkeys(r["rule"] for r in rows)}  # fmt: skip


def small(column, place, most):
    def check(results):
        found = errors(results, column, place)
        return all(v <= most for v in found.values()), "Largest: " + "; ".join(
            f"{rule} {value:.3g} ulps" for rule, value in found.items()
        )

    return check


def outer(results):
    apart = results.ok.where(part="product").column("apart")
    return bool(np.all(apart <= 1e-15)), f"At most {apart.max():.1e} apart, {apart.size} times."


def grows(column, power):
    def check(results):
        part = results.ok.where(part="memory")
        found = slope(*part.pair("n", column, start=1000))
        return verdict.near({"power of n, from n = 1000": (found, power)}, 0.25)

    return check


EXPERIMENT = Experiment(
    name="vjp_rules",
    chapter="reverse",
    order=30,
    title="Rules that pull cotangents back",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "At ordinary points the note's rules for exp, +, / and log are right, to 3 ulps.",
            small("rule_ulps", "ordinary", 3),
        ),
        Claim("So are the tape's.", small("tape_ulps", "ordinary", 3)),
        Claim(
            "The rule for A β is right: ȳ β^T and A^T ȳ are the tape's cotangents, to 1e-15.",
            outer,
        ),
        Claim(
            "The note's rule for /, −ȳ x_1 / x_2^2, holds for large numbers as well.",
            small("rule_ulps", "far", 3),
        ),
        Claim(
            "The same rule as −ȳ y / x_2, with the value y at hand, does: beyond 1e154 x_2^2 "
            "overflows, and y / x_2 does not. That is what a rule is given y for.",
            small("tape_ulps", "far", 3),
        ),
        Claim(
            "The engine stores the Jacobians of elementary operations (the note, at its word): for "
            "n elements, memory grows as n^2.",
            grows("sweep_bytes", 2),
        ),
        Claim("It stores the values; memory grows as n.", grows("sweep_bytes", 1)),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
x = np.array([1e200, 2e200])
with np.errstate(over="ignore"):
    print(-1.0 * x[0] / x[1] ** 2)  # -0.0, as x_2^2 is infinite
print(dk.vjp(lambda v: v[0] / v[1], x, 1.0))  # [5e-201, -2.5e-201]""",
    reading=(
        "Yuchen's Blog, Automatic differentiation (2018-06-03)",
        cite("griewank2008", "section 3.2"),
        cite("higham2002", "section 2.2"),
    ),
)
