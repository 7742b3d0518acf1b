"""Sparse Jacobians and Hessians, beside dense ones and SciPy's grouped finite differences.

    python benchmarks/sparse.py [SECONDS]

needs scipy. For each function and size, in multiples of one evaluation of f: a sparse derivative
from nothing, what of it is the pattern and what the colouring, and the prepared one; the dense one,
where it fits into memory; and SciPy's differences for the same pattern, grouped beforehand, with
two points (one evaluation a group) and three. SciPy has no Hessians so: there it differences
diffkit's prepared gradient. Colours are those of diffkit and of SciPy's grouping. The last columns
are the largest errors, relative to the largest element, against the derivative written by hand; the
numbers are compared before anything is timed.

All are called in turn within one process, so that a drift of the machine's speed hits all alike; a
ratio is the median of the ratios of neighbouring samples.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ad_core import samples_of
from scipy import sparse
from scipy.optimize._numdiff import approx_derivative, group_columns

import diffkit as dk
from diffkit.sparse.pattern import hessian_pattern, jacobian_pattern

DENSE_UP_TO = 1_000  # variables


@dataclass(frozen=True)
class Problem:
    """A function, its derivative written by hand, and which derivative that is."""

    name: str
    f: Callable[[Any], Any]
    exact: Callable[[Any], Any]
    operator: str
    sizes: tuple[int, ...]


def broyden(x: Any) -> Any:
    """Moré, Garbow & Hillstrom 1981, no. 30."""
    inside = np.concatenate([np.zeros(1), x, np.zeros(1)])
    return (3 - 2 * x) * x - inside[:-2] - 2 * inside[2:] + 1


def broyden_exact(x: Any) -> Any:
    n = len(x)
    return sparse.diags_array(
        [-np.ones(n - 1), 3 - 4 * x, np.full(n - 1, -2.0)], offsets=[-1, 0, 1], format="csr"
    )


def broyden_loop(x: Any) -> Any:
    """The same, element by element."""
    n = len(x)
    out = []
    for k in range(n):
        y = (3 - 2 * x[k]) * x[k] + 1
        if k:
            y = y - x[k - 1]
        if k < n - 1:
            y = y - 2 * x[k + 1]
        out.append(y)
    return np.stack(out)


def bratu(u: Any) -> Any:
    """-Δu = 5 exp u on a square, by the five-point stencil."""
    k = round(np.sqrt(u.size))
    grid = np.reshape(u, (k, k))
    p = np.pad(grid, 1)
    around = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]
    return np.ravel(4 * grid - around - 5 / (k + 1) ** 2 * np.exp(grid))


def bratu_exact(u: Any) -> Any:
    k = round(np.sqrt(u.size))
    line = sparse.diags_array(
        [np.full(k - 1, -1.0), np.full(k, 2.0), np.full(k - 1, -1.0)], offsets=[-1, 0, 1]
    )
    eye = sparse.eye_array(k)
    stiffness = sparse.kron(line, eye) + sparse.kron(eye, line)
    return (stiffness - sparse.diags_array([5 / (k + 1) ** 2 * np.exp(u)], offsets=[0])).tocsr()


def rosenbrock(x: Any) -> Any:
    """The chained form."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_exact(x: Any) -> Any:
    diagonal = np.zeros_like(x)
    diagonal[:-1] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    beside = -400 * x[:-1]
    return sparse.diags_array([beside, diagonal, beside], offsets=[-1, 0, 1], format="csr")


SIZES = (100, 1_000, 10_000, 100_000)
PROBLEMS = (
    Problem("Broyden tridiagonal", broyden, broyden_exact, "jacobian", SIZES),
    Problem("Broyden as a loop", broyden_loop, broyden_exact, "jacobian", (100, 1_000)),
    Problem("Bratu 2-D", bratu, bratu_exact, "jacobian", (100, 900, 10_000, 99_856)),
    Problem("Rosenbrock", rosenbrock, rosenbrock_exact, "hessian", SIZES),
)


def calls_of(problem: Problem, x: Any) -> tuple[dict[str, Callable[[], Any]], str]:
    """What is compared, by name, and the colours."""
    f, operator = problem.f, getattr(dk, problem.operator)
    hessian = problem.operator == "hessian"
    pattern = dk.sparsity(f, x, operator=problem.operator)
    prepared = dk.prepare(operator, f, x, sparse=True)
    groups = group_columns(pattern)
    differenced = dk.prepare(dk.gradient, f, x) if hessian else f
    find = hessian_pattern if hessian else jacobian_pattern
    partition = "symmetric" if hessian else None

    def differences(method: str) -> Any:
        return approx_derivative(differenced, x, method=method, sparsity=(pattern, groups))

    calls: dict[str, Callable[[], Any]] = {
        "f": lambda: f(x),
        "sparse": lambda: operator(f, x, sparse=True),
        "pattern": lambda: find(f, x),
        "colours": lambda: dk.coloring(pattern, partition),
        "prepared": lambda: prepared(x),
        "2-point": lambda: differences("2-point"),
        "3-point": lambda: differences("3-point"),
    }
    if x.size <= DENSE_UP_TO:
        calls["dense"] = lambda: operator(f, x)
    return calls, f"{prepared.coloring.count}/{int(groups.max()) + 1}"


def error(found: Any, exact: Any) -> float:
    """The largest error, relative to the largest element."""
    return float(np.max(np.abs((found - exact).data), initial=0.0) / np.max(np.abs(exact.data)))


def main(seconds: float) -> None:
    columns = ["sparse", "pattern", "colours", "prepared", "dense", "2-point", "3-point"]
    print(f"{'':20}{'n':>8}{'col.':>7}{'f, µs':>9}", *[f"{c:>10}" for c in columns],
          f"{'error':>9}{'3-point':>9}", sep="")  # fmt: skip
    for problem in PROBLEMS:
        for n in problem.sizes:
            x = np.random.default_rng(0).uniform(-1.0, 1.0, n)
            calls, colors = calls_of(problem, x)
            exact = problem.exact(x)
            errors = [error(calls[c](), exact) for c in ("prepared", "3-point")]
            assert errors[0] < 1e-13, (problem.name, n, errors)
            assert error(calls["sparse"](), exact) < 1e-13
            samples = samples_of(list(calls.values()), seconds)
            ratios = dict(zip(calls, np.median(samples / samples[:, :1], axis=0), strict=True))
            shown = [f"{ratios[c]:>10.3g}" if c in ratios else f"{'–':>10}" for c in columns]
            print(f"{problem.name:20}{n:>8}{colors:>7}{np.median(samples[:, 0]) * 1e6:>9.1f}",
                  *shown, *[f"{e:>9.0e}" for e in errors], sep="", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
