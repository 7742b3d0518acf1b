"""How large does the derivative of l_n become, where l_1 = x and l_(n+1) = 4 l_n (1 − l_n)?

SymPy differentiates the nested expression, as built, without simplifying. Its operations are
counted as written (tree), with each distinct part once (DAG), and after `sympy.cse`; a sum or
product of k terms is k − 1 operations. Reverse mode records f on a tape and sweeps back over it:
all operations that it executes are counted, those of f included.
"""

import sympy

import diffkit as dk
from diffkit.measure import symbolic_swell, verdict
from diffkit.report import swell_curves
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, grid

TABLE_1 = {  # the source's dl_n/dx by n, the coefficients from x^0 on
    2: (4, -8),
    3: (16, -160, 384, -256),
    4: (64, -2688, 32256, -168960, 450560, -638976, 458752, -131072),
}


def cells():
    return grid(n=range(1, 14))  # sympy.diff takes about a second at n = 13


def logistic(x, n):
    value = x
    for _ in range(n - 1):
        value = 4 * value * (1 - value)
    return value


def measure(n):
    x = sympy.Symbol("x")
    derivative, swell = symbolic_swell(logistic(x, n), x)
    tape = dk.trace(logistic, 0.3, n)
    gradient = tape.gradient()
    row = {**swell.to_dict(), "function": len(tape), "gradient": len(gradient)}
    if n in TABLE_1:  # multiplied out only where that is small: at n = 13 the degree is 4095
        row |= {"polynomial_sympy": polynomial(derivative)}
        row |= {"polynomial_tape": polynomial(gradient.to_sympy())}
    return row


def polynomial(expr):
    return [int(c) for c in reversed(sympy.Poly(expr).all_coeffs())]


def figures(results):
    return swell_curves.figures(results.ok, "l_n", caption=CAPTION, tail=9)


CAPTION = (
    "On this log axis the tree tends to a straight line: it is exponential in n, and SymPy's time "
    "with it, though its distinct parts are few. At n = 1, where l_1 = x, there is nothing to "
    "compute, and the triangle stands for zero."
)


def closed_forms(results):
    columns = ("polynomial_sympy", "polynomial_tape")
    found = [dict(zip(*results.ok.pair("n", c), strict=True)) for c in columns]
    return verdict.all_equal(TABLE_1, *found, key="n")


def cheap(results):
    f, gradient = (results.ok.pair("n", c, start=2)[1] for c in ("function", "gradient"))
    return verdict.ratio_at_most(gradient, f, factor=4)


def is_polynomial(column, degree, start):
    return lambda r: verdict.is_polynomial(r.ok.pair("n", column, start=start)[1], degree)


EXPERIMENT = Experiment(
    name="swell_logistic",
    title="Expression swell in the logistic map",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "The closed forms of Baydin et al. 2018, Table 1, for n = 2, 3, 4 are reproduced "
            "exactly, in all coefficients from x^0 on, by `sympy.diff` and by the tape of the "
            "gradient, read into SymPy.",
            closed_forms,
        ),
        Claim(
            "The tree of SymPy's derivative grows exponentially: one step more of the map at least "
            "doubles it.",
            lambda r: verdict.grows_by_at_least(*r.ok.pair("n", "tree", start=4), factor=2),
        ),
        Claim(
            "It is the writing that swells: with each distinct part counted once, the same "
            "derivative grows as a cubic polynomial (from n = 6 on).",
            is_polynomial("dag", 3, start=6),
        ),
        Claim(
            "After common subexpression elimination it grows as a quadratic one (from n = 6 on).",
            is_polynomial("cse", 2, start=6),
        ),
        Claim(
            "The tape grows linearly: each step of the map adds the same number of operations to "
            "the reverse sweep and f.",
            is_polynomial("gradient", 1, start=1),
        ),
        Claim(
            "f and its reverse sweep together are at most 4 times the operations of f (the cheap "
            "gradient principle).",
            cheap,
        ),
    ),
    reproduce="""import sympy
from diffkit.expression import count_operations\n
x = l = sympy.Symbol('x')
for _ in range(9):
    l = 4 * l * (1 - l)
print(count_operations(sympy.diff(l, x)))  # n = 10: tree=40832, dag=464, cse=231""",
    reading=(
        cite("baydin2018", "Table 1"),
        cite("griewank2008", "section 4.5, for the factor of 4"),
    ),
)
