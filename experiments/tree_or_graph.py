"""Are symbolic and automatic differentiation the same, once what is shared is shared?

Laue (2019) says that they do the same operations. Here both are put into one graph of operations,
in which equal operations are one node, and their nodes are compared. The symbolic derivatives are
SymPy's: its rule is applied once to each operation of f, from the variables to the result (beside
forward mode) and from the result back (beside reverse mode), and nothing is evaluated or
simplified. In both, a − b is written as a + (−1) b, and a / b as a b^−1, as in SymPy.
"""

import diffkit as dk
from diffkit.measure import laue
from diffkit.report import swell_curves
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, grid

# Sums, products, whole powers, sin, cos, exp and log, of which both have the same rule.
SAME = (
    *("logistic_map_4", "logistic_map_8", "logistic_map_16", "speelpenning_product"),
    *("rosenbrock", "himmelblau", "sine_chain", "log_sum_exp", "linear_model_loss"),
    *("sine_plus_product", "product_plus_sine"),
)
# Quotients, square roots and tanh, of which they write it in other ways.
OTHER = (
    *("griewank", "helmholtz_energy", "newton_sqrt", "norm", "runge", "sigmoid_neuron"),
    *("fully_connected_network", "four_layer_network", "tanh"),
)
ORDERS = ("forward", "reverse")


def cells():
    yield from grid(family="same rules", problem=SAME, order=ORDERS)
    yield from grid(family="other rules", problem=OTHER, order=ORDERS)


def measure(family, problem, order):
    f = dk.problems[problem]
    found = laue.compare(f, f.points[0], order)
    sizes = dk.swell(f, f.points[0], routes="sympy")
    return {
        "ad": found.ad.cse,
        "symbolic": found.symbolic.cse,
        "common": found.common,
        "ad_tree": found.ad.tree,
        "symbolic_tree": found.symbolic.tree,
        "only_ad": kinds(found.only_ad),
        "only_symbolic": kinds(found.only_symbolic),
        "evaluated": sizes["sympy"].cse,
        "evaluated_dag": sizes["sympy"].dag,
    }


def kinds(counter):
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))


def figures(results):
    return swell_curves.equivalence(results.ok)


def identical(results):
    part = results.ok.where(family="same rules")
    same = [row for row in part if row["ad"] == row["symbolic"] == row["common"]]
    return len(same) == len(part) > 0, (
        f"{len(same)} of {len(part)}: "
        + "; ".join(
            f"{row['problem']}, {row['order']}: {row['common']} of {row['ad']}" for row in part
        )
    )


def same_trees(results):
    part = results.ok.where(family="same rules")
    same = [row for row in part if row["ad_tree"] == row["symbolic_tree"]]
    largest = max(row["ad_tree"] for row in same)
    return len(same) == len(part), f"{len(same)} of {len(part)}; the largest has {largest:,}."


def by_how_much(results):
    part = results.ok.where(family="other rules")
    ratios = {(r["problem"], r["order"]): r["symbolic"] / r["ad"] for r in part if r["ad"] > 1}
    held = all(1 / 1.5 <= ratio <= 1.5 for ratio in ratios.values())
    return held, "Symbolic over AD: " + "; ".join(
        f"{problem}, {order}: {ratio:.2f}" for (problem, order), ratio in ratios.items()
    )


def evaluation_unshares(results):
    part = results.ok.where(order="forward")
    rows = {row["problem"]: (row["evaluated"], row["symbolic"]) for row in part}
    larger = {k: v for k, v in rows.items() if k.startswith("logistic") and v[0] > v[1]}
    return len(larger) == 3, "Evaluated, and not: " + "; ".join(
        f"{problem}: {a}, {b}" for problem, (a, b) in rows.items()
    )


EXPERIMENT = Experiment(
    name="tree_or_graph",
    chapter="symbols",
    order=50,
    title="Tree or graph: symbolic and automatic differentiation",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "Where both have the same rules, they do the same: the sets of operations are equal, "
            "node for node, in forward order and in reverse.",
            identical,
        ),
        Claim("Written out as trees they are equally large as well.", same_trees),
        Claim(
            "Where they write a rule in another way (a quotient's, a root's, that of tanh) the "
            "one does at most 1.5 times as many operations as the other. (Left out is tanh alone: "
            "AD does one operation, sech^2, and SymPy four, 1 − tanh^2.)",
            by_how_much,
        ),
        Claim(
            "What makes SymPy's derivative of the logistic map a larger program than AD's is not "
            "differentiation but automatic evaluation: it flattens products, and takes apart what "
            "was shared.",
            evaluation_unshares,
        ),
    ),
    reproduce="""import diffkit as dk
from diffkit.measure import laue\n
f = dk.problems['logistic_map_8']
print(laue.compare(f, 0.2, 'reverse'))""",
    reading=(cite("laue2019"), cite("griewank2008")),
)
