"""Gaussian mixtures: with diagonal covariances, and the objective of ADBench."""

from __future__ import annotations

from math import lgamma
from typing import Any

import numpy

from .problem import Case, Problem


def diagonal(points: Any) -> Any:
    """Log-likelihood of axis-parallel Gaussians at given points (N, d)."""

    def make(np: Any) -> Any:
        points_, count = np.asarray(points), len(points)

        def f(p: Any) -> Any:
            weights, means, logs = p
            d = (points_[:, None, :] - means) * np.exp(-logs)
            e = weights - 0.5 * np.sum(d * d, axis=2) - np.sum(logs, axis=1)
            top = np.max(e, axis=1, keepdims=True)
            likelihood = np.sum(top[:, 0] + np.log(np.sum(np.exp(e - top), axis=1)))
            return likelihood - count * np.log(np.sum(np.exp(weights)))

        return f

    return make


def _largest(ca: Any, e: Any, rows: int) -> Any:
    """The largest of each column."""
    top = e[0, :]
    for k in range(1, rows):
        top = ca.fmax(top, e[k, :])
    return top


def _log_sum_exp(ca: Any, e: Any, rows: int) -> Any:
    """The logarithm of the sum of exponentials of each column."""
    top = _largest(ca, e, rows)
    return top + ca.log(ca.sum1(ca.exp(e - ca.repmat(top, rows, 1))))


def _diagonal_map(points: Any) -> Any:
    """CasADi's way: the function of one point, mapped over all."""

    def make(ca: Any) -> Any:
        def f(p: Any) -> Any:
            weights, means, logs = p
            count, d = means.shape
            w, m, s = ca.SX.sym("w", count), ca.SX.sym("m", count, d), ca.SX.sym("s", count, d)
            x = ca.SX.sym("x", d)
            scaled = (ca.repmat(x.T, count, 1) - m) * ca.exp(-s)
            e = w - 0.5 * ca.sum2(scaled * scaled) - ca.sum2(s)
            one = ca.Function("one", [x, w, m, s], [_log_sum_exp(ca, e, count)])
            every = one.map(len(points))(
                points.T, *(ca.repmat(v, 1, len(points)) for v in (weights, means, logs))
            )
            return ca.sum2(every) - len(points) * ca.log(ca.sum1(ca.exp(weights)))

        return f

    return make


def _diagonal(n: int) -> Case:
    rng = numpy.random.default_rng(n)
    points = rng.normal(size=(n, 8))

    def parameters() -> Any:
        return rng.normal(size=10), rng.normal(size=(10, 8)), rng.normal(size=(10, 8)) / 4

    forms = {"casadi": {"Function.map": _diagonal_map(points)}}
    return Case(diagonal(points), parameters(), parameters(), forms, {"points": points})


def log_gamma(a: float, p: int) -> float:
    """The logarithm of the multivariate gamma function, Γ_p(a)."""
    return p * (p - 1) / 4 * numpy.log(numpy.pi) + sum(lgamma(a - j / 2) for j in range(p))


def places(d: int) -> Any:
    """Where in (log-diagonal, strictly lower triangle by columns, 0) each entry of Q^T is."""
    index = numpy.full((d, d), d + d * (d - 1) // 2)
    columns, rows = numpy.triu_indices(d, 1)  # (column, row) of the lower triangle, by columns
    index[rows, columns] = d + numpy.arange(len(rows))
    index[numpy.arange(d), numpy.arange(d)] = numpy.arange(d)
    return numpy.ascontiguousarray(index.T)


def gmm(points: Any, gamma: float = 1.0, m: int = 0) -> Any:
    """Log-posterior of a Gaussian mixture with a Wishart prior on the precision matrices.

    A precision matrix is Q^T Q with a lower triangular Q; a row of ``icf`` holds the logarithms of
    its diagonal and then its strictly lower triangle, column by column.
    """
    count, d = points.shape
    index = places(d)
    n = d + m + 1
    scale = n * d * (numpy.log(gamma) - 0.5 * numpy.log(2.0)) - log_gamma(0.5 * n, d)
    constant = -0.5 * count * d * numpy.log(2.0 * numpy.pi)

    def make(np: Any) -> Any:
        points_, index_ = np.asarray(points), np.asarray(index)

        def log_sum_exp(e: Any) -> Any:
            top = np.max(e, axis=0, keepdims=True)
            return top[0] + np.log(np.sum(np.exp(e - top), axis=0))

        def f(p: Any) -> Any:
            alphas, means, icf = p
            logs, lower = icf[:, :d], icf[:, d:]
            diagonals = np.exp(logs)
            zero = np.zeros((len(means), 1))
            transposed = np.concatenate((diagonals, lower, zero), axis=1)[:, index_]
            turned = np.matmul(points_ - means[:, None, :], transposed)  # (K, N, d)
            sums = np.sum(logs, axis=1)
            e = (alphas + sums)[:, None] - 0.5 * np.sum(turned**2, axis=2)
            posterior = np.sum(log_sum_exp(e)) - count * log_sum_exp(alphas[:, None])[0]
            squares = np.sum(diagonals**2) + np.sum(lower**2)
            prior = 0.5 * gamma**2 * squares - m * np.sum(sums) - len(means) * scale
            return constant + posterior + prior

        return f

    return make


def _gmm_mx(points: Any, gamma: float = 1.0, m: int = 0) -> Any:
    """With one matrix product for each component; observations are columns."""
    count, d = points.shape
    index = places(d).T
    n = d + m + 1
    scale = n * d * (numpy.log(gamma) - 0.5 * numpy.log(2.0)) - log_gamma(0.5 * n, d)
    constant = -0.5 * count * d * numpy.log(2.0 * numpy.pi)

    def make(ca: Any) -> Any:
        def f(p: Any) -> Any:
            alphas, means, icf = p
            number = means.shape[0]
            logs, lower = icf[:, :d], icf[:, d:]
            diagonals = ca.exp(logs)
            entries = ca.horzcat(diagonals, lower, ca.MX.zeros(number, 1))
            sums = ca.sum2(logs)
            rows = []
            for k in range(number):
                # CasADi is column-major.
                q = ca.reshape(entries[k, index.ravel(order="F").tolist()], d, d)
                turned = ca.mtimes(q, points.T - ca.repmat(means[k, :].T, 1, count))
                rows.append(alphas[k] + sums[k] - 0.5 * ca.sum1(turned**2))
            posterior = ca.sum2(_log_sum_exp(ca, ca.vertcat(*rows), number))
            posterior -= count * _log_sum_exp(ca, alphas, number)
            squares = ca.sumsqr(diagonals) + ca.sumsqr(lower)
            prior = 0.5 * gamma**2 * squares - m * ca.sum1(sums) - number * scale
            return constant + posterior + prior

        return f

    return make


# parameters: (dimensions, components), with 1000 points as in ADBench's smaller set
_MIXTURES = {30: (2, 5), 660: (10, 10), 14_025: (32, 25)}


def _gmm(n: int) -> Case:
    d, components = _MIXTURES[n]
    rng = numpy.random.default_rng(n)
    points = rng.normal(size=(1000, d))

    def parameters() -> Any:
        return (
            rng.normal(size=components),
            rng.uniform(size=(components, d)),
            rng.normal(size=(components, d * (d + 1) // 2)) / numpy.sqrt(d),
        )

    forms = {"casadi": {"MX": _gmm_mx(points)}}
    return Case(gmm(points), parameters(), parameters(), forms, {"points": points})


PROBLEMS = (
    Problem(
        "mixture",
        "a mixture of 10 axis-parallel Gaussians in 8 dimensions",
        "Bishop (2006), Pattern Recognition and Machine Learning, equation 9.14",
        "points",
        (50, 500, 5000),
        _diagonal,
    ),
    Problem(
        "gmm",
        "a Gaussian mixture with a Wishart prior (ADBench)",
        "Šrajer, Kukelova & Fitzgibbon (2018), Optim. Methods Softw. 33, and ADBench",
        "parameters",
        tuple(_MIXTURES),
        _gmm,
    ),
)
