"""Published functions with sparse derivatives, and these derivatives written out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np


def broyden_tridiagonal(x: Any) -> Any:
    """Moré, Garbow & Hillstrom 1981, 'Testing unconstrained optimization software', no. 30."""
    inside = np.concatenate([np.zeros(1), x, np.zeros(1)])
    return (3.0 - 2.0 * x) * x - inside[:-2] - 2.0 * inside[2:] + 1.0


def broyden_tridiagonal_jacobian(x: Any) -> Any:
    n = len(x)
    return np.diag(3.0 - 4.0 * x) - np.eye(n, k=-1) - 2.0 * np.eye(n, k=1)


def broyden_banded(x: Any) -> Any:
    """Moré, Garbow & Hillstrom 1981, no. 31: five neighbours below and one above."""
    out = []
    for i in range(len(x)):
        around = [x[j] * (1.0 + x[j]) for j in range(max(0, i - 5), min(len(x), i + 2)) if j != i]
        out.append(x[i] * (2.0 + 5.0 * x[i] ** 2) + 1.0 - sum(around))
    return np.stack(out)


def broyden_banded_jacobian(x: Any) -> Any:
    i, j = np.indices((len(x), len(x)))
    near = (j >= i - 5) & (j <= i + 1) & (i != j)
    return np.where(near, -(1.0 + 2.0 * x[j]), 0.0) + np.diag(2.0 + 15.0 * x**2)


def extended_rosenbrock(x: Any) -> Any:
    """Moré, Garbow & Hillstrom 1981, no. 21, as a sum of squares: pairs of variables."""
    return np.sum(100.0 * (x[1::2] - x[::2] ** 2) ** 2 + (1.0 - x[::2]) ** 2)


def extended_rosenbrock_hessian(x: Any) -> Any:
    h = np.zeros((len(x), len(x)))
    for k in range(0, len(x), 2):
        a, b = x[k : k + 2]
        h[k : k + 2, k : k + 2] = [
            [1200.0 * a**2 - 400.0 * b + 2.0, -400.0 * a],
            [-400.0 * a, 200.0],
        ]
    return h


def chained_rosenbrock(x: Any) -> Any:
    """The form that couples neighbours, which is scipy.optimize.rosen."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def bratu(u: Any) -> Any:
    """The solid-fuel ignition problem -Δu = λ exp u on the unit square, by the five-point stencil
    (Bratu's problem; it is in Averick, Carter, Moré & Xue 1992, 'The MINPACK-2 test problem
    collection'), for λ = 5; u has the shape of the grid."""
    h = 1.0 / (np.shape(u)[0] + 1)
    p = np.pad(u, 1)
    laplacian = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4.0 * u
    return -laplacian - h**2 * 5.0 * np.exp(u)


def bratu_jacobian(u: Any) -> Any:
    k = len(u)
    line = 2.0 * np.eye(k) - np.eye(k, k=1) - np.eye(k, k=-1)
    stiffness = np.kron(line, np.eye(k)) + np.kron(np.eye(k), line)
    return stiffness - np.diag(5.0 / (k + 1) ** 2 * np.exp(u).ravel())


def arrowhead(x: Any) -> Any:
    """Every variable is coupled with the first: our own, for the arrow that its Hessian is."""
    return np.sum(np.sin(x)) + x[0] * np.sum(x[1:] ** 2)


def arrowhead_hessian(x: Any) -> Any:
    h = np.diag(-np.sin(x))
    h[1:, 1:] += 2.0 * x[0] * np.eye(len(x) - 1)
    h[0, 1:] = h[1:, 0] = 2.0 * x[1:]
    return h
