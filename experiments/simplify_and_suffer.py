"""Does it pay to simplify a derivative before it is evaluated?

The derivative of l_8, where l_1 = x and l_(n+1) = 4 l_n (1 − l_n), is a polynomial of degree 127.
It is evaluated in double precision as SymPy built it, multiplied out, in Horner's form, after
`sympy.factor` and after `sympy.simplify`, and beside that by automatic differentiation, and its
error is certified. The point is x = 0.55; then all points from 0.05 to 0.95.
"""

import numpy as np
import sympy

import diffkit as dk
from diffkit.expression import differentiate, evaluator
from diffkit.measure import verdict
from diffkit.report.figures import lines
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, Results, grid

POINT, N = 0.55, 8
X = sympy.Symbol("x")
# To which n a form is made, as SymPy takes seconds beyond.
LAST = {"as built": 14, "expanded": 12, "Horner": 11, "factored": 9, "simplified": 6}
AD = {"forward": 14, "reverse": 14}


def cells():
    for form, last in (LAST | AD).items():
        yield from grid(along="n", form=form, n=range(2, last + 1), x=POINT)
    for form in ("as built", "expanded", "Horner", "factored", *AD):
        yield from grid(along="x", form=form, n=N, x=np.linspace(0.05, 0.95, 36))


def logistic(x, n):
    value = x
    for _ in range(n - 1):
        value = 4 * value * (1 - value)
    return value


def polynomial(n):
    """The derivative multiplied out, by polynomial arithmetic; sympy.expand takes seconds."""
    value = sympy.Poly(X, X)
    for _ in range(n - 1):
        value = 4 * value * (1 - value)
    return value.diff(X).as_expr()


FORMS = {
    "as built": lambda n: differentiate([logistic(X, n)], X)[0],
    "expanded": polynomial,
    "Horner": lambda n: sympy.horner(polynomial(n)),
    "factored": lambda n: sympy.factor(polynomial(n)),
    "simplified": lambda n: sympy.simplify(FORMS["as built"](n)),
}


def measure(along, form, n, x):
    truth = dk.reference(logistic, x, n, operator="derivative")
    with np.errstate(all="ignore"):
        if form in AD:
            value = dk.derivative(logistic, x, n, backend=form)
        else:
            value = float(evaluator([made(form, n)], [X])(x)[0])
    ulps = truth.ulps(value)
    return {"truth": truth.value, "value": value, "ulps": ulps if np.isfinite(ulps) else None}


MADE = {}


def made(form, n):
    """The expression; it is the same at all points."""
    if (form, n) not in MADE:
        MADE[form, n] = FORMS[form](n)
    return MADE[form, n]


def figures(results):
    drawn = Results(tuple(row for row in results.ok if row["form"] != "forward"))  # as reverse
    by_n, by_x = (drawn.where(along=along) for along in ("n", "x"))
    labels = {"ulps": "error in ulps", "form": ""}
    over_n = lines(by_n, "n", "ulps", by="form", log="y", labels=labels)
    over_x = lines(by_x, "x", "ulps", by="form", log="y", labels=labels)
    return [
        Figure("over_n", f"At x = {POINT}, by n", OVER_N, over_n, half=True),
        Figure("over_x", f"At n = {N}, by x", OVER_X, over_x, half=True),
    ]


OVER_N = (
    "Units in the last place of the true derivative. From n = 10 on the polynomial gives no "
    "number: its coefficients are too large for a double, and the sum is NaN. The factored and "
    "simplified forms end where SymPy takes seconds to make them."
)
OVER_X = (
    "The further from 0, the more the terms of the polynomial cancel. What SymPy built, and AD, "
    "never form them: both lie at the foot."
)


def ulps(results, form, **where):
    part = results.ok.where(form=form, **where)
    return dict(zip(*part.pair("n" if where.get("along") == "n" else "x", "ulps"), strict=True))


def loses_75_digits(results):
    found = ulps(results, "expanded", along="n")[N]
    return found >= 1e75, f"{found:.2g} ulps; from 2^53 = 9e15 ulps on no digit is right."


def as_accurate_as_ad(results):
    """The largest ratio of errors, either way, where an error below 16 ulps counts as 16."""
    worst = 0.0
    for along in ("n", "x"):
        built = ulps(results, "as built", along=along)
        for mode in AD:
            other = ulps(results, mode, along=along)
            ratios = [max(built[k], 16) / max(other[k], 16) for k in built]
            worst = max(worst, *ratios, *(1 / r for r in ratios))
    points, sizes = len(built), LAST["as built"] - 1
    return worst <= 2, f"The largest ratio is {worst:.3g}, in {points} points and {sizes} sizes."


def no_better(form, factor):
    def check(results):
        expanded, other = (ulps(results, f, along="n") for f in ("expanded", form))
        both = [n for n in other if n in expanded and n >= 4]
        return verdict.within({f"n = {n}": (other[n], expanded[n]) for n in both}, factor)

    return check


def factored(results):
    expanded, other = (ulps(results, form, along="x") for form in ("expanded", "factored"))
    lost = min(other.values())
    return all(other[x] < expanded[x] for x in other) and lost > 1e3, (
        f"At n = {N} from {lost:.2g} to {max(other.values()):.2g} ulps; expanded from "
        f"{min(expanded.values()):.2g} to {max(expanded.values()):.2g}."
    )


def overflows(results):
    part = results.ok.where(form="expanded", along="n")
    missing = [row["n"] for row in part if row["ulps"] is None]
    return missing == [n for n in part.column("n") if n >= 10], f"No number at n = {missing}."


EXPERIMENT = Experiment(
    name="simplify_and_suffer",
    chapter="symbols",
    order=60,
    title="Simplify and suffer",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            f"Multiplying out loses 75 digits: at n = {N} and x = {POINT} the expanded derivative "
            "is wrong by more than 10^75 ulps.",
            loses_75_digits,
        ),
        Claim(
            "Left as SymPy built it, the derivative is as accurate as AD, within a factor of 2, "
            "at all points and for all n (errors below 16 ulps count as 16).",
            as_accurate_as_ad,
        ),
        Claim(
            "`sympy.simplify` multiplies out: its result is as wrong as the expanded one (n = 4 "
            "to 6).",
            no_better("simplified", 1.5),
        ),
        Claim(
            "Horner's form does not help: it is wrong by the same, within a factor of 1000.",
            no_better("Horner", 1000),
        ),
        Claim(
            f"Factoring helps, and not enough: at n = {N} the factored form is better than the "
            "expanded one at every point, and still loses three digits or more at every point.",
            factored,
        ),
        Claim("From n = 10 on the expanded form gives no number at all.", overflows),
    ),
    reproduce="""import sympy\nimport diffkit as dk\n
x = l = sympy.Symbol('x')
for _ in range(7):
    l = sympy.Poly(4 * l * (1 - l), x)
f = dk.function(l.diff(x).as_expr())
print(f(0.55), dk.derivative(dk.problems['logistic_map_8'], 0.55))""",
    reading=(cite("baydin2018"), cite("higham2002", "section 5.1, on Horner's method")),
)
