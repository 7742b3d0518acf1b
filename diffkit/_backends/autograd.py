"""HIPS/autograd: plain NumPy functions read into autograd.numpy, and functions written in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import autograd.scipy.special
import numpy as np
from autograd import make_vjp
from autograd.tracer import isbox

from ..rules import Primitive
from ..tape import plain
from .autograd_functions import product, variable_power
from .base import OPERATORS, both_parts
from .numpy_like import Trusted, operation
from .peer import Leaves, Peer, Reading, Run

# As found in version 1.9.1 by comparing all rules with differences
_TRUSTED = Trusted(
    wrong=frozenset({"tile", "rgamma", "rfft", "irfft", "hfft", "ihfft"}),
    of_complex=frozenset({"arccosh", "pinv", "slogdet", "cholesky_lower"}),
    ignored=frozenset({"where", "initial", "correction", "mean"}),
)


@dataclass(frozen=True, repr=False)
class Autograd(Peer):
    """HIPS/autograd's reverse mode; second order is reverse over reverse."""

    name = "autograd"
    description = "HIPS/autograd: a tape over wrapped NumPy functions, reverse mode"
    natively = frozenset(OPERATORS)

    def operation(self, rule: Primitive) -> Callable[..., Any]:
        if rule.name == "prod":  # its derivative divides by the factors, which may be 0
            return product
        if rule.name == "broadcast_to":  # its derivative does not know of axes that are added
            return lambda x, shape, subok=False: x * np.ones(shape)
        if rule.name in ("power", "float_power"):
            power = operation(rule, self.name, (anp,), _TRUSTED)
            return lambda a, b: variable_power(a, b) if isbox(b) else power(a, b)
        namespaces = (anp, anp.linalg, anp.fft, autograd.scipy.special)
        return operation(rule, self.name, namespaces, _TRUSTED)

    def constant(self, value: Any) -> Any:
        return value

    def numpy(self, value: Any) -> Any:
        return plain(np.array(value))

    def together(self, y: Any) -> Any:
        return anp.stack(y) if isinstance(y, (list, tuple)) else y

    def run(self, operator: str, reading: Reading, x: Leaves, compiled: bool) -> Run:
        transform = _TRANSFORMS[operator]

        def run(x: Leaves, v: Any, others: Leaves) -> Any:
            with warnings.catch_warnings():  # of results that do not depend on the input
                warnings.filterwarnings("ignore", "Output seems independent", UserWarning)
                y, d = transform(lambda leaves: reading(tuple(leaves), others), x, v)
            d = tuple(map(self.numpy, d)) if isinstance(d, tuple) else self.numpy(d)
            return self.numpy(y), d, reading.guards(x, others)

        return run


# How autograd takes each derivative, of f(leaves). Leaves on which f does not depend are 0.


def _pullback(f: Any, x: Leaves, u: Any) -> Any:
    pull, y = make_vjp(f)(x)
    return y, tuple(pull(u))


def _gradient(f: Any, x: Leaves, v: Any = None) -> Any:
    return _pullback(f, x, 1.0)


def _pushforward(f: Any, x: Leaves, v: Leaves) -> Any:
    """The pullback is linear in u, and its own pullback takes v to J v: forward mode would need
    rules that autograd does not have for all functions."""
    pull, y = make_vjp(f)(x)
    push, _ = make_vjp(lambda u: pull(u))(np.zeros_like(y)[()])
    return y, push(tuple(map(np.asarray, v)))


def _jacobian(f: Any, x: Leaves, v: Any = None) -> Any:
    pull, y = make_vjp(f)(x)
    units = np.eye(np.size(y)).reshape(np.size(y), *np.shape(y))
    row = both_parts(lambda u: pull(u)[0], x[0], y)
    rows = [row(u[()]) for u in units]
    shape = np.shape(y) + np.shape(x[0])
    return y, anp.reshape(anp.stack(rows), shape) if rows else np.zeros(shape)


def _second_derivative(f: Any, x: Leaves, v: Any = None) -> Any:
    return f(x), _jacobian(lambda t: _jacobian(f, tuple(t))[1], x)[1]


def _hessian(f: Any, x: Leaves, v: Any = None) -> Any:
    return f(x), _jacobian(lambda t: _gradient(f, tuple(t))[1][0], x)[1]


def _hvp(f: Any, x: Leaves, v: Any) -> Any:
    def along(t: Any) -> Any:
        return sum(anp.sum(g * w) for g, w in zip(_gradient(f, tuple(t))[1], v, strict=True))

    return f(x), _gradient(along, x)[1]


_TRANSFORMS: dict[str, Callable[..., Any]] = {
    "second_derivative": _second_derivative,
    "gradient": _gradient,
    "jacobian": _jacobian,
    "derivative": _jacobian,
    "jvp": _pushforward,
    "hessian": _hessian,
    "vjp": _pullback,
    "hvp": _hvp,
}
