"""What shape has a derivative of vectors and matrices, and how much of it is zero?

The derivative of an array by an array has an axis for each axis of both: of a vector by a vector it
is a matrix, of a matrix by a matrix it has four axes. "In many cases very sparse", says a
well-known answer on reverse mode. For a number of operations the non-zeros are counted, at a
random point, and held against what follows from who depends on whom.
"""

import numpy as np

import diffkit as dk
from diffkit.measure import verdict
from diffkit.report.figures import chart
from diffkit.report.reading import cite
from diffkit.runner import Claim, Experiment, Figure, grid

N, M = 6, 3
BETA = np.array([1.0, -2.0, 0.5])
B = np.array([[1.0, 2.0], [-1.0, 0.5], [3.0, -2.0]])
OPERATIONS = {  # the function, the shape of its argument, and the share of non-zeros as a fraction
    "exp x": (np.exp, (N,), (1, N)),
    "x^2 + sin x": (lambda x: x**2 + np.sin(x), (N,), (1, N)),
    "x reversed": (lambda x: x[::-1], (N,), (1, N)),
    "x sorted": (np.sort, (N,), (1, N)),
    "differences": (np.diff, (N,), (2, N)),
    "running sum": (np.cumsum, (N,), (N + 1, 2 * N)),
    "softmax": (lambda x: np.exp(x) / np.sum(np.exp(x)), (N,), (1, 1)),
    "sum": (np.sum, (N,), (1, 1)),
    "A β, by A": (lambda a: a @ BETA, (M, M), (1, M)),
    "A B, by A": (lambda a: a @ B, (M, M), (1, M)),
    "B^T A, by A": (lambda a: B.T @ a, (M, M), (1, M)),
    "A^2": (lambda a: a @ a, (M, M), (2 * M - 1, M * M)),
    "transpose": (np.transpose, (M, M), (1, M * M)),
    "inverse": (np.linalg.inv, (M, M), (1, 1)),
}
SHOWN = ("differences", "running sum", "A B, by A", "A^2")
CHAIN = (10, 30, 100)


def cells():
    yield from grid(part="structure", case=tuple(OPERATIONS), n=N)
    yield from grid(part="sweeps", case="tridiagonal", n=CHAIN)


def measure(part, case, n, rng):
    if part == "sweeps":
        return tridiagonal(n, rng)
    f, shape, (some, of) = OPERATIONS[case]
    x = rng.uniform(0.5, 1.5, size=shape) + 2 * np.eye(M) if shape == (M, M) else (
        rng.uniform(0.5, 1.5, size=shape)
    )  # fmt: skip
    j, y = dk.jacobian(f, x), np.asarray(f(x))
    flat = j.reshape(y.size, x.size)
    return {
        "axes": j.ndim, "axes_of_x_and_y": x.ndim + y.ndim,
        "rows": y.size, "columns": x.size, "elements": j.size,
        "nonzeros": int(np.count_nonzero(j)), "expected": j.size * some // of,
        "diagonal": bool(y.size == x.size and np.all(flat == np.diag(np.diag(flat)))),
        "pattern": (flat != 0).astype(int).ravel(),
    }  # fmt: skip


def neighbours(x):
    """Each element depends on itself and its neighbours, as in a difference scheme."""
    padded = np.concatenate([np.zeros(1), x, np.zeros(1)])
    return np.sin(padded[1:-1]) + padded[:-2] * padded[2:]


def tridiagonal(n, rng):
    """The Jacobian from three sweeps: columns that share no row can be pushed together."""
    x = rng.normal(size=n)
    _, push = dk.backends()["forward"].pushforward(neighbours, x)
    groups = [np.arange(n) % 3 == k for k in range(3)]
    pushed = [push(g.astype(float)) for g in groups]
    j = np.zeros((n, n))
    for i in range(n):
        for k in range(max(0, i - 1), min(n, i + 2)):
            j[i, k] = pushed[k % 3][i]
    full = dk.jacobian(neighbours, x)
    return {
        "sweeps": len(pushed),
        "apart": float(np.max(np.abs(j - full))),
        "nonzeros": int(np.count_nonzero(full)),
        "elements": n * n,
    }


def figures(results):
    part = results.ok.where(part="structure")
    share = chart("", "% of the elements that are not zero")
    share.add_bar(x=[r["case"].replace("^2", "²").replace("^T", "ᵀ") for r in part],
                  y=[100 * r["nonzeros"] / r["elements"] for r in part], name="",
                  customdata=[f"{r['nonzeros']} of {r['elements']}" for r in part],
                  hovertemplate="%{customdata}")  # fmt: skip
    spies = [
        Figure(f"spy_{k}", f"The Jacobian: {case}", SPY, spy(part.where(case=case).rows[0]),
               half=True) for k, case in enumerate(SHOWN)
    ]  # fmt: skip
    return [Figure("share", "Non-zeros of the Jacobian", SHARE, share.update_xaxes(tickangle=-45)),
            *spies]  # fmt: skip


def spy(row):
    pattern = np.reshape(row["pattern"], (row["rows"], row["columns"]))
    i, k = np.nonzero(pattern)
    drawing = chart("element of the argument", "element of the result", height=380)
    drawing.add_scatter(x=k + 1, y=i + 1, mode="markers", name="not zero",
                        marker={"symbol": "square", "size": 16, "color": "#0072B2"})  # fmt: skip
    drawing.update_xaxes(range=[0.4, row["columns"] + 0.6], dtick=1)
    return drawing.update_yaxes(range=[row["rows"] + 0.6, 0.4], dtick=1)


SHARE = (
    "Vectors have 6 elements, A has 3 × 3. An elementwise operation, and one that only moves "
    "elements, has one non-zero in each row; the softmax and the inverse have no zeros at all."
)
SPY = "Rows are elements of the result, columns those of the argument, matrices row by row."


def axes(results):
    part = results.ok.where(part="structure")
    held = [r["axes"] == r["axes_of_x_and_y"] for r in part]
    square = part.where(case="A^2").rows[0]
    return all(held) and square["axes"] == 4, f"{sum(held)} of {len(held)}; that of A^2 has " + (
        f"{square['axes']} axes and {square['elements']} elements."
    )


def counted(results):
    part = results.ok.where(part="structure")
    expected = {r["case"]: r["expected"] for r in part}
    return verdict.all_equal(expected, {r["case"]: r["nonzeros"] for r in part}, key="operation")


def diagonal(results):
    part = results.ok.where(part="structure")
    found = {r["case"] for r in part if r["diagonal"]}
    return found == {"exp x", "x^2 + sin x"}, f"Diagonal: {', '.join(sorted(found))}."


def all_sparse(results):
    part = results.ok.where(part="structure")
    full = [r["case"] for r in part if r["nonzeros"] == r["elements"]]
    return not full, f"Without any zero: {', '.join(full) or 'none'}."


def three(results):
    part = results.ok.where(part="sweeps")
    held = all(r["sweeps"] == 3 and r["apart"] <= 1e-15 for r in part) and len(part) > 0
    return held, "; ".join(
        f"n = {r['n']}: {r['nonzeros']} non-zeros of {r['elements']}, {r['apart']:.0e} apart"
        for r in part
    )


EXPERIMENT = Experiment(
    name="jacobian_sparsity",
    chapter="reverse",
    order=60,
    title="Vectors, matrices and zeros",
    question=__doc__,
    cells=cells,
    measure=measure,
    figures=figures,
    claims=(
        Claim(
            "The derivative has the axes of the result and of the argument: that of a matrix by a "
            "matrix has four.",
            axes,
        ),
        Claim("Elementwise operations, and of these 14 they alone, have diagonal Jacobians.",
              diagonal),
        Claim("The non-zeros are as many as follow from who depends on whom, for all 14.", counted),
        Claim("They are sparse in every case, and not only in many, as the answer puts it.",
              all_sparse),
        Claim(
            "Sparsity saves sweeps: three tangents give a tridiagonal Jacobian whole, for any n.",
            three,
        ),
    ),
    reproduce="""import numpy as np\nimport diffkit as dk\n
a = np.array([[2.0, 1.0], [0.5, 3.0]])
j = dk.jacobian(lambda a: a @ a, a)
print(j.shape, np.count_nonzero(j))  # (2, 2, 2, 2) 12""",
    reading=(cite("step_by_step"), cite("curtis1974"), cite("griewank2008", "chapter 8")),
)  # fmt: skip
