"""Whole-array programs: elementwise functions and a small network."""

from __future__ import annotations

from typing import Any

import numpy

from .problem import Case, Problem


def elementwise(np: Any) -> Any:
    """The sum of exp(-x²) sin(3x) + sqrt(1 + x²)."""

    def f(x: Any) -> Any:
        return np.sum(np.exp(-(x**2)) * np.sin(3.0 * x) + np.sqrt(1.0 + x**2))

    return f


def _elementwise_mx(ca: Any) -> Any:
    return lambda x: ca.sum1(ca.exp(-(x**2)) * ca.sin(3.0 * x) + ca.sqrt(1.0 + x**2))


def _elementwise(n: int) -> Case:
    x, other = numpy.random.default_rng(n).normal(size=(2, n))
    return Case(elementwise, x, other, {"casadi": {"MX": _elementwise_mx}})


def mlp(data: Any, labels: Any) -> Any:
    """Cross entropy of a network with one hidden layer of tanh units."""

    def make(np: Any) -> Any:
        data_, labels_ = np.asarray(data), np.asarray(labels)

        def f(p: Any) -> Any:
            w1, b1, w2, b2 = p
            out = np.tanh(np.dot(data_, w1) + b1)
            out = np.dot(out, w2) + b2
            out = out - np.max(out, axis=1, keepdims=True)
            logs = out - np.log(np.sum(np.exp(out), axis=1, keepdims=True))
            return -np.mean(np.sum(labels_ * logs, axis=1))

        return f

    return make


def _mlp_mx(data: Any, labels: Any) -> Any:
    """CasADi does not broadcast and is column-major: observations are columns here."""
    batch = len(data)

    def make(ca: Any) -> Any:
        def f(p: Any) -> Any:
            w1, b1, w2, b2 = p
            out = ca.tanh(ca.mtimes(w1.T, data.T) + ca.repmat(b1, 1, batch))
            out = ca.mtimes(w2.T, out) + ca.repmat(b2, 1, batch)
            top = ca.fmax(out[0, :], out[1, :])
            for k in range(2, labels.shape[1]):
                top = ca.fmax(top, out[k, :])
            out = out - ca.repmat(top, labels.shape[1], 1)
            logs = out - ca.repmat(ca.log(ca.sum1(ca.exp(out))), labels.shape[1], 1)
            return -ca.sum2(ca.sum1(labels.T * logs)) / batch

        return f

    return make


# parameters: (batch, inputs, hidden units), with 10 classes
_NETWORKS = {314: (32, 8, 16), 9610: (256, 64, 128), 203_530: (256, 784, 256)}


def _mlp(n: int) -> Case:
    batch, inputs, hidden = _NETWORKS[n]
    rng = numpy.random.default_rng(n)
    data = rng.normal(size=(batch, inputs))
    labels = numpy.eye(10)[rng.integers(0, 10, batch)]

    def parameters() -> Any:
        return (
            rng.normal(size=(inputs, hidden)) / numpy.sqrt(inputs),
            rng.normal(size=hidden) / 10,
            rng.normal(size=(hidden, 10)) / numpy.sqrt(hidden),
            rng.normal(size=10) / 10,
        )

    forms = {"casadi": {"MX": _mlp_mx(data, labels)}}
    return Case(
        mlp(data, labels), parameters(), parameters(), forms, {"data": data, "labels": labels}
    )


PROBLEMS = (
    Problem(
        "elementwise",
        "a sum of elementwise functions",
        "made for this comparison: four elementary functions and no structure",
        "variables",
        (100, 10_000, 1_000_000),
        _elementwise,
    ),
    Problem(
        "mlp",
        "cross entropy of a network with one hidden layer",
        "Bishop (2006), Pattern Recognition and Machine Learning, equation 5.24",
        "parameters",
        tuple(_NETWORKS),
        _mlp,
    ),
)
