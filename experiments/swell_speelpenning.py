"""How large is the gradient of x_1 x_2 … x_n, by each route?

Speelpenning's product is a classical example of what reverse mode saves: its gradient holds n
products of n − 1 factors each, which have most of their factors in common. Multiplications are
counted as written (tree), after `sympy.cse`, after hash-consing (a product is taken apart from
left to right, and equal operations count once), and as the tapes of both modes of AD need them.
"""

import numpy as np

import diffkit as dk
from diffkit.measure import verdict
from diffkit.report import swell_curves
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid


def cells():
    return grid(n=[*range(3, 13), 16, 20, 30, 40])


def measure(n):
    x = np.linspace(0.5, 1.5, n)
    return swell_curves.columns(dk.swell(dk.problems["speelpenning_product"], x))


NEEDED = {
    "sympy_tree": "as written",
    "sympy_cse": "hash-consing",
    "sympy_cse_by_sympy": "sympy.cse",
    "forward_cse": "forward, consed",
    "reverse_dag": "reverse",
    "f_dag": "f alone",
}
EXECUTED = {"forward_executed": "forward", "reverse_executed": "reverse", "reverse_dag": "needed"}


def figures(results):
    needed = plot(results.ok.series("n", NEEDED), "n", "operations", log="xy")
    executed = plot(results.ok.series("n", EXECUTED), "n", "operations", log="xy")
    return [
        Figure("needed", "What the gradient needs", NEED, needed, half=True),
        Figure("executed", "What the recorded sweeps execute", WASTE, executed, half=True),
    ]


NEED = (
    "On log axes: what is written, and what `sympy.cse` and hash-consing leave of it, is quadratic "
    "in n. What reverse mode needs is linear: each prefix of the product once, and each suffix."
)
WASTE = (
    "Forward mode sweeps n times, and multiplies tangents that are zero. Reverse mode sweeps once, "
    "and executes three operations that are not needed: the last multiplication of the product, "
    "and two by the seed, which is 1."
)


def is_everywhere(formula, *columns):
    """Whether each of the columns has the values of a formula in n."""

    def check(results):
        found = [results.ok.column(c).tolist() for c in columns]
        return verdict.follows(results.ok.column("n"), formula, *found)

    return check


EXPERIMENT = Experiment(
    name="swell_speelpenning",
    chapter="symbols",
    order=30,
    title="Speelpenning's product",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "Written out, the gradient has n (n − 2) multiplications by every route: SymPy's, "
            "without evaluation, forward and reverse mode.",
            is_everywhere(
                lambda n: n * (n - 2), "sympy_tree", "graph_tree", "forward_tree", "reverse_tree"
            ),
        ),
        Claim(
            "After `sympy.cse` it has n (n − 1) / 2, where n is even; where it is odd, (n − 3) / 2 "
            "more.",
            is_everywhere(lambda n: n * (n - 1) // 2 + n % 2 * (n - 3) // 2, "sympy_cse_by_sympy"),
        ),
        Claim(
            "Hash-consing finds less here than `sympy.cse` does: n (n + 1) / 2 − 3 are left, of "
            "SymPy's gradient, of the one without evaluation, and of forward mode.",
            is_everywhere(lambda n: n * (n + 1) // 2 - 3, "sympy_cse", "graph_cse", "forward_cse"),
        ),
        Claim(
            "Reverse mode needs 3 n − 6, nothing eliminated: one multiplication for "
            "each prefix and two for each step back, but for those at the ends.",
            is_everywhere(lambda n: 3 * n - 6, "reverse_dag", "reverse_cse"),
        ),
        Claim(
            "The recorded tape of the reverse sweep executes three more, f included: 3 n − 3.",
            is_everywhere(lambda n: 3 * n - 3, "reverse_executed"),
        ),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
print(dk.swell(dk.problems['speelpenning_product'], np.linspace(0.5, 1.5, 8)))
# sympy: tree 48, sympy.cse 28; reverse: DAG 18""",
    reading=(cite("griewank1989"), cite("griewank2008")),
)
