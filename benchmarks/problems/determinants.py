"""The determinant of a matrix: by Laplace's expansion, and by the library's factorisation."""

from __future__ import annotations

from typing import Any

import numpy

from .problem import Case, Problem


def laplace(n: int) -> Any:
    """Expansion along the first row, recursively: n! products."""

    def make(np: Any) -> Any:
        def minor(x: Any, row: int, columns: tuple[int, ...]) -> Any:
            if len(columns) == 1:
                return x[row, columns[0]]
            total, sign = 0.0, 1.0
            for k, column in enumerate(columns):
                rest = minor(x, row + 1, columns[:k] + columns[k + 1 :])
                total = total + sign * x[row, column] * rest
                sign = -sign
            return total

        return lambda x: minor(x, 0, tuple(range(n)))

    return make


def factorised(np: Any) -> Any:
    """The library's determinant."""
    return lambda x: np.linalg.det(x)


def _matrices(n: int) -> Any:
    """Two well-conditioned matrices of order n, with determinants of moderate size."""
    rng = numpy.random.default_rng(n)
    return [numpy.eye(n) + 0.5 * rng.normal(size=(n, n)) / numpy.sqrt(n) for _ in range(2)]


def _laplace(n: int) -> Case:
    return Case(laplace(n), *_matrices(n))


def _factorised(n: int) -> Case:
    return Case(factorised, *_matrices(n), {"casadi": {"MX": lambda ca: ca.det}})


PROBLEMS = (
    Problem(
        "laplace",
        "determinant by Laplace's expansion",
        "Griewank, Juedes & Utke (1996), ACM TOMS 22(2), the determinant example of ADOL-C",
        "order",
        (3, 5, 7),
        _laplace,
        loops=True,
    ),
    Problem(
        "determinant",
        "determinant by factorisation",
        "Giles (2008), Collected matrix derivative results: d det A = det A tr(A⁻¹ dA)",
        "order",
        (10, 50, 200),
        _factorised,
    ),
)
