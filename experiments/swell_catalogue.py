"""How much larger than a function is its derivative, by each route?

Chains of sines, the logistic map, two networks, the Helmholtz energy of a mixed fluid, Rosenbrock's
function, and two robot arms: a planar one with three links (its hand's place and direction) and the
Puma 560 with six joints, by its Denavit–Hartenberg parameters (the place of a tool). `dk.swell`
counts the operations of f and of its first derivative, exactly.
"""

import numpy as np

import diffkit as dk
from diffkit.measure import verdict
from diffkit.report import swell_curves
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment


def sines(x, n):
    for _ in range(n):
        x = np.sin(x)
    return x


def logistic(x, n):
    for _ in range(n - 1):
        x = 4 * x * (1 - x)
    return x


WEIGHTS = dk.problems["fully_connected_network"].points[0]
DEEP = dk.problems["four_layer_network"].points[0]
CASES = {
    "16 sines": (sines, 0.5, 16),
    "64 sines": (sines, 0.5, 64),
    "logistic map, n = 4": (logistic, 0.3, 4),
    "logistic map, n = 12": (logistic, 0.3, 12),
    "network of 2 layers": (dk.problems["fully_connected_network"], WEIGHTS),
    "network of 4 layers": (dk.problems["four_layer_network"], DEEP),
    "Helmholtz energy, 2 fluids": (dk.problems["helmholtz_energy"], np.array([0.5, 0.25])),
    "Helmholtz energy, 8 fluids": (dk.problems["helmholtz_energy"], np.full(8, 0.1)),
    "Rosenbrock, 8 variables": (dk.problems["rosenbrock"], np.linspace(0.5, 1.5, 8)),
    "planar arm, 3 links": (dk.problems["robot_arm"], np.array([0.3, 0.5, -0.2])),
    "Puma 560, 6 joints": (dk.problems["puma_arm"], dk.problems["puma_arm"].points[0]),
}


def cells():
    return [{"case": case} for case in CASES]


def measure(case):
    sizes = dk.swell(*CASES[case])
    return {
        "inputs": sizes.inputs,
        "outputs": sizes.outputs,
        **swell_curves.columns(sizes),
        "reasons": "; ".join(row.reason for row in sizes.rows if row.status != "ok"),
    }


def figures(results):
    return swell_curves.ratios(results.ok)


def ratio(row, column):
    return row[column] / row["f_executed"]


def cheap_gradient(results):
    part = results.ok.where(outputs=1)
    return verdict.ratio_at_most(part.column("reverse_executed"), part.column("f_executed"), 4)


def forward_by_inputs(results):
    expected = [row["inputs"] * row["f_executed"] for row in results.ok]
    return verdict.ratio_at_most([row["forward_executed"] for row in results.ok], expected, 4)


def programs_stay_small(results):
    """The largest ratio of the CSE of a route to f's, for each route."""
    worst = {
        route: max((ratio(row, f"{route}_cse"), row["case"]) for row in results.ok)
        for route in ("sympy", "graph", "forward", "reverse")
    }
    return max(size for size, _ in worst.values()) <= 16, "Largest ratios: " + "; ".join(
        f"{route} {size:.3g} ({case})" for route, (size, case) in worst.items()
    )


def trees_swell(results):
    found = [(row["case"], row["reverse_tree"] / row["reverse_cse"]) for row in results.ok]
    return max(r for _, r in found) > 1000, "Tree over CSE of reverse mode: " + "; ".join(
        f"{case}: {r:.3g}" for case, r in found
    )


def wins(results):
    """Where the smallest program is not that of reverse mode."""
    routes = ("sympy", "graph", "forward", "reverse")
    lost = {}
    for row in results.ok:
        sizes = {route: row[f"{route}_cse"] for route in routes}
        best = min(sizes, key=lambda route: sizes[route])
        if sizes[best] < sizes["reverse"]:
            lost[row["case"]] = f"{row['case']}: {best} {sizes[best]}, reverse {sizes['reverse']}"
    return not lost, "; ".join(lost.values()) or "It is, in every case."


EXPERIMENT = Experiment(
    name="swell_catalogue",
    chapter="symbols",
    order=40,
    title="Swell in a catalogue of functions",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "The gradient of a function with one value executes at most 4 times the operations of "
            "f in reverse mode, f included (the cheap gradient principle).",
            cheap_gradient,
        ),
        Claim(
            "Forward mode executes at most 4 times the operations of f for each input.",
            forward_by_inputs,
        ),
        Claim(
            "As a program, with equal operations done once, no derivative is more than 16 times as "
            "large as its function, by any route.",
            programs_stay_small,
        ),
        Claim(
            "Written out, AD swells like the rest: for one of the functions the tree of its result "
            "is more than 1000 times as large as the program.",
            trees_swell,
        ),
        Claim("Reverse mode gives the smallest program of all routes.", wins),
    ),
    reproduce="""import diffkit as dk\n
arm = dk.problems['puma_arm']
print(dk.swell(arm, arm.points[0]))""",
    reading=(
        cite("griewank1989", "for the Helmholtz energy"),
        cite("griewank2008", "section 4.5, for the factor of 4"),
    ),
)
