"""How large does the derivative of l_n become, where l_1 = x and l_(n+1) = 4 l_n (1 − l_n)?

`dk.swell` counts it exactly by four routes: SymPy's expression as its automatic rules build it; one
derivative for each distinct subexpression, and nothing evaluated (graph); forward and reverse mode.
A sum or product of k terms is k − 1 operations in SymPy's terms; on a tape, each operation is one.
"""

import sympy
from sympy.core.cache import clear_cache

import diffkit as dk
from diffkit.measure import timed, verdict
from diffkit.report import swell_curves
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Results, grid

TABLE_1 = {  # the source's dl_n/dx by n, the coefficients from x^0 on
    2: (4, -8),
    3: (16, -160, 384, -256),
    4: (64, -2688, 32256, -168960, 450560, -638976, 458752, -131072),
}
THIRTY = {"sympy_nodes": 611, "sympy_tree_nodes": 621_696_516_098}
TIMED = 12  # sympy.diff takes half a second there, and twice as long at each n more
SYMPY = 50  # its distinct operations grow as n^3


def cells():
    return grid(n=[*range(1, 21), 30, 40, SYMPY, 100, 200, 500, 1000])


def logistic(x, n):
    value = x
    for _ in range(n - 1):
        value = 4 * value * (1 - value)
    return value


def measure(n):
    symbolic = ("sympy",) if n <= SYMPY else ()
    sizes = dk.swell(logistic, 0.3, n, routes=(*symbolic, "graph", "forward", "reverse"))
    row = swell_curves.columns(sizes)
    if n <= TIMED:
        x = sympy.Symbol("x")
        expr = logistic(x, n)
        # Without this, the derivative of a smaller expression in this one would not be counted.
        derivative, timing = timed(lambda: sympy.diff(expr, x), before=clear_cache)
        row |= timing.columns("diff_seconds")
    if n in TABLE_1:  # multiplied out only where that is small: at n = 13 the degree is 4095
        gradient = dk.trace(logistic, 0.3, n).gradient().to_sympy()
        row |= {"polynomial_sympy": polynomial(derivative), "polynomial_tape": polynomial(gradient)}
    return row


def polynomial(expr):
    return [int(c) for c in reversed(sympy.Poly(expr).all_coeffs())]


def figures(results):
    return swell_curves.figures(results.ok, "l_n", caption=CAPTION, tail=9, until=30)


CAPTION = (
    "The tree tends to a straight line on this log axis: it is exponential in n, though its "
    "distinct parts are few. At n = 1, where l_1 = x, there is nothing to compute, and the "
    "triangle stands for zero."
)


def closed_forms(results):
    columns = ("polynomial_sympy", "polynomial_tape")
    found = [dict(zip(*results.ok.pair("n", c), strict=True)) for c in columns]
    return verdict.all_equal(TABLE_1, *found, key="n")


def follows(column, formula, start=2):
    def check(results):
        n, counts = results.ok.pair("n", column, start=start)
        return verdict.follows(n, formula, counts)

    return check


def is_polynomial(column, degree):
    """From n = 6 on, as far as n goes up by one."""
    return lambda r: verdict.is_polynomial(r.ok.pair("n", column, start=6, until=21)[1], degree)


def at_most(factor, column, reference, start=2):
    def check(results):
        part = Results(tuple(r for r in results.ok if r["n"] >= start and column in r))
        part = Results(tuple(r for r in part if reference in r))
        return verdict.ratio_at_most(part.column(column), part.column(reference), factor)

    return check


def swells(results):
    trees = results.ok.pair("n", "sympy_tree", start=4, until=21)
    return verdict.grows_by_at_least(*trees, factor=2)


def digits(results):
    row = results.ok.where(n=1000).rows[0]
    length = len(str(row["reverse_tree"]))
    return length > 600, f"{length} digits; {row['reverse_executed']} operations executed."


EXPERIMENT = Experiment(
    name="swell_logistic",
    chapter="symbols",
    order=20,
    title="Expression swell in the logistic map",
    question=__doc__,
    cells=cells,
    measure=measure,
    timed=True,
    figures=figures,
    claims=(
        Claim(
            "The closed forms of Baydin et al. 2018, Table 1, for n = 2, 3, 4 are reproduced "
            "exactly, in all coefficients from x^0 on, by `sympy.diff` and by the tape of the "
            "gradient, read into SymPy.",
            closed_forms,
        ),
        Claim(
            "The tree of SymPy's derivative grows exponentially: up to n = 20 one step more of the "
            "map at least doubles it.",
            swells,
        ),
        Claim(
            "At n = 30 it has 621,696,516,098 nodes, made of 611 distinct ones.",
            lambda r: verdict.all_equal(THIRTY, r.ok.where(n=30).rows[0], key="count"),
        ),
        Claim(
            "It is the writing that swells: with each distinct part counted once, the same "
            "derivative grows as a cubic polynomial (from n = 6 on).",
            is_polynomial("sympy_dag", 3),
        ),
        Claim(
            "After `sympy.cse` it grows as a quadratic one (from n = 6 on).",
            is_polynomial("sympy_cse_by_sympy", 2),
        ),
        Claim(
            "Hash-consing, which is linear, leaves (3 n^2 + 7 n) / 2 − 9 operations of SymPy's "
            f"derivative, at each n from 3 to {SYMPY}.",
            follows("sympy_cse", lambda n: (3 * n * n + 7 * n) // 2 - 9, start=3),
        ),
        Claim(
            "From n = 4 on these are fewer than `sympy.cse` leaves.",
            at_most(0.99, "sympy_cse", "sympy_cse_by_sympy", start=4),
        ),
        Claim(
            "The derivative of which nothing was evaluated grows linearly: it has 9 n − 12 "
            "distinct operations, at each n to 1000.",
            follows("graph_cse", lambda n: 9 * n - 12),
        ),
        Claim(
            "So do the tapes: f and its reverse sweep execute 8 n − 8 operations.",
            follows("reverse_executed", lambda n: 8 * n - 8),
        ),
        Claim(
            "f and its reverse sweep together are at most 4 times the operations of f (the cheap "
            "gradient principle).",
            at_most(4, "reverse_executed", "f_executed"),
        ),
        Claim(
            "Not even AD is small when it is written out: at n = 1000 the result of the reverse "
            "sweep, as one expression, has more than 10^600 operations.",
            digits,
        ),
    ),
    reproduce="""import diffkit as dk\n
def logistic(x, n):
    for _ in range(n - 1):
        x = 4 * x * (1 - x)
    return x\n
print(dk.swell(logistic, 0.3, 10))  # sympy: tree 40,832, DAG 464, CSE 176""",
    reading=(
        cite("baydin2018", "Table 1"),
        cite("griewank2008", "section 4.5, for the factor of 4"),
    ),
)
