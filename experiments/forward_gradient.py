"""Can a gradient be had from forward sweeps alone, in random directions?

(v · g) v, with g the gradient and v a random direction, takes one forward sweep: v · g is a
directional derivative. On average it is g, if the elements of v are independent, of mean 0 and
variance 1 (Baydin et al. 2022). How far a single estimate is from it depends on how v is drawn.
The mean square distance is E[(v · g)^2 ‖v‖^2] − ‖g‖^2, which is (n + 1) ‖g‖^2 for normal elements,
and (n − 1) ‖g‖^2 for signs, for a coordinate √n e_i and for a sphere of radius √n.
"""

import numpy as np

import diffkit as dk
from diffkit.measure import slope, verdict
from diffkit.report.figures import plot
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

F = dk.problems["rosenbrock_vectorised"]
SAMPLES = 1000
DRAW = {
    "normal": lambda rng, n: rng.normal(size=n),
    "signs": lambda rng, n: rng.choice([-1.0, 1.0], size=n),
    "coordinate": lambda rng, n: np.sqrt(n) * np.eye(n)[rng.integers(n)],
    "sphere": lambda rng, n: np.sqrt(n) * (v := rng.normal(size=n)) / np.linalg.norm(v),
}
PREDICTED = {name: (lambda n: n + 1) if name == "normal" else (lambda n: n - 1) for name in DRAW}
SIZES, AVERAGED = (2, 5, 10, 20, 50), (1, 2, 4, 8, 16)


def cells():
    yield from grid(part="one", draw=tuple(DRAW), n=SIZES, directions=1)
    yield from grid(part="mean", draw="normal", n=10, directions=AVERAGED)
    yield from grid(part="mean", draw="orthogonal", n=10, directions=(1, 2, 4, 8, 10))


def estimates(draw, n, directions, rng):
    """Estimates, each the mean over so many directions, as rows; and the gradient."""
    x = np.linspace(-1.0, 1.0, n)
    _, push = dk.backends()["forward"].pushforward(F, x)
    found = []
    for _ in range(SAMPLES // directions):
        if draw == "orthogonal":
            v = np.sqrt(n) * np.linalg.qr(rng.normal(size=(n, n)))[0].T[:directions]
        else:
            v = [DRAW[draw](rng, n) for _ in range(directions)]
        found.append(np.mean([push(w) * w for w in v], axis=0))
    return np.array(found), dk.gradient(F, x)


def measure(part, draw, n, directions, rng):
    found, g = estimates(draw, n, directions, rng)
    distances = np.sum((found - g) ** 2, axis=1) / np.sum(g**2)
    spread = found.std(axis=0, ddof=1) / np.sqrt(len(found)) + 1e-12 * np.linalg.norm(g)
    return {
        "variance": float(distances.mean()),
        "standard_error": float(distances.std(ddof=1) / np.sqrt(distances.size)),
        "bias_in_sigmas": float(np.max(np.abs(found.mean(axis=0) - g) / spread)),
        "largest": float(distances.max()),
    }


def figures(results):
    one = {d: results.ok.where(part="one", draw=d).pair("n", "variance") for d in DRAW}
    n = np.array(SIZES)
    lines = {"n + 1": (n, n + 1), "n − 1": (n, n - 1)}
    many = {
        label: results.ok.where(part="mean", draw=d).pair("directions", "variance")
        for d, label in (("normal", "independent"), ("orthogonal", "orthogonal"))
    }
    k = np.linspace(1.0, 16.0, 61)
    curves = {"11 / k": (k, 11 / k), "10 / k − 1": (k[k <= 10], 10 / k[k <= 10] - 1)}
    distance = "mean square distance ÷ ‖g‖<sup>2</sup>"
    first = plot(one | lines, "inputs n", distance, log="xy", mode="markers")
    second = plot(many | curves, "directions k that are averaged", distance, mode="markers")
    for drawing, names in ((first, lines), (second, curves)):
        drawing.for_each_trace(lambda t, names=names: t.name in names and t.update(mode="lines"))
    return [
        Figure("variance", "How far one estimate is from the gradient", ONE, first, half=True),
        Figure("directions", "Averaging, at n = 10", MANY, second, half=True),
    ]


ONE = (
    "Markers are measured, over 1000 estimates each; lines are the formulas. Already at n = 50 an "
    "estimate is typically √50 = 7 times as far from the gradient as the gradient is long."
)
MANY = (
    "k independent directions divide it by k: ten of them still leave an error as large as the "
    "gradient. Orthogonal ones leave n / k − 1, and ten of them give the gradient itself."
)


def unbiased(results):
    worst = results.ok.where(part="one").column("bias_in_sigmas").max()
    return bool(worst <= 5), f"No element of a mean is off by more than {worst:.1f} of its own " + (
        "standard errors."
    )


def follows(part, draws, formula):
    def check(results):
        rows = [r for r in results.ok.where(part=part) if r["draw"] in draws]
        off = [(r["variance"] - formula(r)) / max(r["standard_error"], 1e-9) for r in rows]
        shown = "; ".join(f"{r['draw']}, n = {r['n']}, k = {r['directions']}: "
                          f"{r['variance']:.3g} ({formula(r):.3g})" for r in rows)  # fmt: skip
        return bool(rows and np.max(np.abs(off)) <= 5), f"Measured (predicted): {shown}."

    return check


def exact(results):
    row = results.ok.where(part="mean", draw="orthogonal", directions=10).rows[0]
    return row["largest"] <= 1e-28, f"Largest square distance ÷ ‖g‖^2: {row['largest']:.1e}."


def grows(results):
    found = slope(*results.ok.where(part="one", draw="normal").pair("n", "variance", start=5))
    return verdict.near({"power of n": (found, 1.0)}, 0.2)


def coarse(results):
    rows = results.ok.where(part="mean", draw="normal")
    return bool(rows.column("variance").min() < 0.01), (
        f"With {AVERAGED[-1]} directions the mean square distance is still "
        f"{rows.column('variance').min():.2g} ‖g‖^2."
    )


EXPERIMENT = Experiment(
    name="forward_gradient",
    chapter="forward",
    order=20,
    title="Gradients from random forward sweeps",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim("The estimates are unbiased, however v is drawn.", unbiased),
        Claim(
            "With normal elements the mean square distance of one estimate is (n + 1) ‖g‖^2.",
            follows("one", ("normal",), lambda r: r["n"] + 1),
        ),
        Claim(
            "With signs, coordinates and the sphere it is (n − 1) ‖g‖^2.",
            follows("one", ("signs", "coordinate", "sphere"), lambda r: r["n"] - 1),
        ),
        Claim("It grows in proportion to n: one sweep does not replace n of them.", grows),
        Claim(
            "The mean over k independent directions has it divided by k.",
            follows("mean", ("normal",), lambda r: 11 / r["directions"]),
        ),
        Claim("Sixteen sweeps for ten inputs give the gradient to 10 %.", coarse),
        Claim(
            "k orthogonal directions leave n / k − 1 of it,",
            follows("mean", ("orthogonal",), lambda r: 10 / r["directions"] - 1),
        ),
        Claim("and n of them give the gradient, up to rounding.", exact),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
f, x = dk.problems["rosenbrock_vectorised"], np.linspace(-1, 1, 10)
rng, g = np.random.default_rng(0), dk.gradient(f, x)
v = rng.normal(size=(2000, 10))
e = np.array([dk.jvp(f, x, w, backend="forward") * w for w in v])
print(np.mean(np.sum((e - g) ** 2, axis=1)) / (g @ g))  # about 11""",
    reading=(cite("baydin2022", "section 3"), cite("griewank2008", "section 3.1")),
)
