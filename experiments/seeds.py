"""What is a seed, and can there be several?

A sweep begins with a vector of one's choice. Forward mode takes a tangent v of the inputs and gives
J v, which for a unit vector is a column of the Jacobian; reverse mode takes a cotangent u of the
outputs and gives u^T J, for a unit vector a row. A well-known answer adds in a comment that more
than one seed is used in forward mode only, as reverse mode normally has one output, and that
several outputs had not been tried. Here they are, on a robot arm with three joints.
"""

import numpy as np

import diffkit as dk
from diffkit.measure import verdict
from diffkit.report.figures import chart, series_style
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

ARM, X = dk.problems["robot_arm"], np.array([0.3, 0.5, -0.2])
SEEDS = {
    "first": (1.0, 0.0, 0.0), "second": (0.0, 1.0, 0.0), "third": (0.0, 0.0, 1.0),
    "weights": (1.0, -2.0, 0.5), "doubled": (2.0, -4.0, 1.0), "none": (0.0, 0.0, 0.0),
}  # fmt: skip
UNITS = ("first", "second", "third")


def cells():
    return grid(mode=("forward", "reverse"), seed=tuple(SEEDS))


def jacobian_by_hand():
    """Of x = Σ l_k cos φ_k, y = Σ l_k sin φ_k and φ_3, where φ_k is the sum of k angles."""
    phi, length = np.cumsum(X), np.array([1.0, 0.8, 0.5])
    by_x = [-np.sum((length * np.sin(phi))[j:]) for j in range(3)]
    by_y = [np.sum((length * np.cos(phi))[j:]) for j in range(3)]
    return np.array([by_x, by_y, [1.0, 1.0, 1.0]])


def measure(mode, seed):
    v, j = np.array(SEEDS[seed]), jacobian_by_hand()
    if mode == "forward":
        found, expected = dk.jvp(ARM, X, v, backend="forward"), j @ v
    else:
        found, expected = dk.vjp(ARM, X, v, backend="reverse"), v @ j
    weighted = dk.gradient(lambda x: np.sum(v * ARM(x)), X)  # one output: the weighted sum
    return {
        "found": found.tolist(),
        "expected": expected.tolist(),
        "gradient_of_weighted_sum": weighted.tolist(),
    }


def figures(results):
    return [
        Figure("forward", "Forward: a seed for the inputs", COLUMNS, bars(results, "forward",
               ("x", "y", "direction")), half=True),
        Figure("reverse", "Reverse: a seed for the outputs", ROWS, bars(results, "reverse",
               ("angle 1", "angle 2", "angle 3")), half=True),
    ]  # fmt: skip


def bars(results, mode, names):
    drawing = chart("", "derivative", barmode="group")
    for k, seed in enumerate((*UNITS, "weights")):
        row = results.ok.where(mode=mode, seed=seed).rows[0]
        label = f"seed ({', '.join(f'{s:g}' for s in SEEDS[seed])})"
        colour = series_style(k)["line"]["color"]
        drawing.add_bar(x=names, y=row["found"], name=label, marker={"color": colour})
    return drawing


COLUMNS = (
    "How the hand's place (x, y) and direction answer to a turn of one joint: three columns of the "
    "Jacobian. The last seed turns all joints at once, and gives their weighted sum."
)
ROWS = (
    "How one output depends on each joint: three rows. The last seed weighs the outputs, and one "
    "sweep gives the gradient of that weighted sum."
)


def row(results, mode, seed, column="found"):
    return np.array(results.ok.where(mode=mode, seed=seed).rows[0][column])


def matches(mode):
    def check(results):
        part = results.ok.where(mode=mode)
        apart = {r["seed"]: float(np.max(np.abs(np.subtract(r["found"], r["expected"])))) for r in
                 part if r["seed"] in UNITS}  # fmt: skip
        return len(apart) == 3 and max(apart.values()) <= 1e-15, (
            f"At most {max(apart.values()):.1e} apart."
        )

    return check


def only_one(results):
    """Whether a seed of several parts in reverse mode gives nothing that one output would."""
    swept, weighted = (row(results, "reverse", "weights", c) for c in
                       ("found", "gradient_of_weighted_sum"))  # fmt: skip
    same = bool(np.max(np.abs(swept - weighted)) <= 1e-14)
    return not same, (
        f"The seed (1, −2, ½) gives {np.round(swept, 4).tolist()}; the gradient of the outputs' "
        f"weighted sum is {np.round(weighted, 4).tolist()}."
    )


def linear(results):
    pairs = {}
    for mode in ("forward", "reverse"):
        one, two = (row(results, mode, s) for s in ("weights", "doubled"))
        nothing = row(results, mode, "none")
        pairs[f"{mode}: doubled"] = (float(np.max(np.abs(two - 2 * one))), 0.0)
        pairs[f"{mode}: none"] = (float(np.max(np.abs(nothing))), 0.0)
    return verdict.near(pairs, 0.0)


def transposed(results):
    columns = np.stack([row(results, "forward", s) for s in UNITS], axis=1)
    rows = np.stack([row(results, "reverse", s) for s in UNITS])
    apart = float(np.max(np.abs(columns - rows)))
    u = np.array(SEEDS["weights"])
    both = u @ row(results, "forward", "weights"), row(results, "reverse", "weights") @ u
    held = apart <= 1e-15 and abs(both[0] - both[1]) <= 1e-14
    return bool(held), f"At most {apart:.1e} apart; u^T (J v) = {both[0]:.15g} = (u^T J) v."


EXPERIMENT = Experiment(
    name="seeds",
    chapter="reverse",
    order=50,
    title="Seeds: columns and rows of the Jacobian",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "A forward sweep with a unit tangent gives a column of the Jacobian that follows by "
            "hand.",
            matches("forward"),
        ),
        Claim("A reverse sweep with a unit cotangent gives a row of it.", matches("reverse")),
        Claim("Columns and rows are one matrix, and u^T (J v) = (u^T J) v.", transposed),
        Claim("More than one seed is of use in forward mode only (as the comment says).", only_one),
        Claim(
            "What comes out is linear in the seed: twice the seed gives exactly twice the result, "
            "and without a seed (zero) there is none. That is why a sweep needs one.",
            linear,
        ),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
arm, x = dk.problems["robot_arm"], np.array([0.3, 0.5, -0.2])
print(dk.jvp(arm, x, np.array([1.0, 0.0, 0.0])))  # the first column
print(dk.vjp(arm, x, np.array([1.0, 0.0, 0.0])))  # the first row
print(dk.jacobian(arm, x))""",
    reading=(cite("step_by_step"), cite("griewank2008", "sections 3.1 and 3.2")),
)
