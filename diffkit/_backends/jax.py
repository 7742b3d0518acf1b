"""JAX: plain NumPy functions read into jax.numpy, and functions written in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.experimental
import jax.numpy as jnp
import jax.scipy.special
import numpy as np

from ..rules import Primitive
from ..tape import plain
from .base import OPERATORS, both_parts
from .numpy_like import Trusted, operation
from .peer import Leaves, Peer, Reading, Run

# As found in version 0.10.2 by comparing all rules with differences
_TRUSTED = Trusted(wrong=frozenset({"spence", "boxcox", "expn"}), of_complex=frozenset({"arccosh"}))


@dataclass(frozen=True, repr=False)
class JAX(Peer):
    """JAX's forward and reverse mode, in double precision.

    Prepared derivatives are compiled by ``jax.jit``. JAX's own setting of precision is left alone:
    doubles are switched on for each call.
    """

    name = "jax"
    description = "JAX: forward and reverse mode, compiled by XLA where prepared"
    natively = frozenset(OPERATORS)

    def operation(self, rule: Primitive) -> Callable[..., Any]:
        if rule.name == "scatter":
            return lambda g, shape, *index: jnp.zeros(shape, g.dtype).at[index].add(g)
        namespaces = (jnp, jnp.linalg, jnp.fft, jax.scipy.special)
        return operation(rule, self.name, namespaces, _TRUSTED)

    def constant(self, value: Any) -> Any:
        return value if value.dtype.kind in "iub" else jnp.asarray(value)

    def numpy(self, value: Any) -> Any:
        return plain(np.array(value))

    def together(self, y: Any) -> Any:
        return jnp.stack(y) if isinstance(y, (list, tuple)) else y

    def read(self, f: Callable[..., Any], x: Leaves, others: Leaves = ()) -> Reading:
        with _doubles():
            return super().read(f, x, others)

    def run(self, operator: str, reading: Reading, x: Leaves, compiled: bool) -> Run:
        transform = _TRANSFORMS[operator]

        def derive(x: Leaves, v: Any, others: Leaves) -> Any:
            f = lambda *leaves: jnp.asarray(reading(leaves, others))  # noqa: E731
            y, d = transform(f, x, v)
            return y, d, reading.guards(x, others)

        call = jax.jit(derive) if compiled else derive

        def run(x: Leaves, v: Any, others: Leaves) -> Any:
            with _doubles():
                if not compiled:  # compiled code takes NumPy's arrays as they are
                    x, v, others = jax.tree_util.tree_map(jnp.asarray, (x, v, others))
                y, d, guards = call(x, v, others)
            return self.numpy(y), jax.tree_util.tree_map(self.numpy, d), guards

        return run


def _doubles() -> Any:
    """Double precision for a while; older versions of JAX have the switch elsewhere."""
    place: Any = jax if hasattr(jax, "enable_x64") else jax.experimental
    return place.enable_x64(True)


# How JAX takes each derivative, of f(*x)


def _pullback(f: Any, x: Leaves, u: Any) -> Any:
    y, pull = jax.vjp(f, *x)
    return y, pull(jnp.asarray(u, y.dtype))


def _pushforward(f: Any, x: Leaves, v: Any) -> Any:
    return jax.jvp(f, x, v)


def _gradient(f: Any, x: Leaves, v: Any = None) -> Any:
    return _pullback(f, x, 1.0)


def _derivative(f: Any, x: Leaves, v: Any = None) -> Any:
    return jax.jvp(f, x, (jnp.ones_like(x[0]),))


def _jacobian(f: Any, x: Leaves, v: Any = None) -> Any:
    y = jax.eval_shape(f, *x)
    if y.size > x[0].size:
        y, push = jax.linearize(f, *x)
        return y, _by_unit_vectors(push, x[0], -1).reshape(y.shape + x[0].shape)
    y, pull = jax.vjp(f, *x)
    rows = both_parts(lambda u: pull(u)[0], x[0], y)
    return y, _by_unit_vectors(rows, y, 0).reshape(y.shape + x[0].shape)


def _by_unit_vectors(linear: Any, like: Any, axis: int) -> Any:
    units = jnp.eye(like.size, dtype=like.dtype).reshape(like.size, *like.shape)
    return jax.vmap(linear, out_axes=axis)(units)


def _second_derivative(f: Any, x: Leaves, v: Any = None) -> Any:
    y, _ = _derivative(f, x)
    return y, _derivative(lambda *t: _derivative(f, t)[1], x)[1]


def _hessian(f: Any, x: Leaves, v: Any = None) -> Any:
    y, _ = _gradient(f, x)
    return y, _jacobian(lambda t: _gradient(f, (t,))[1][0], x)[1]


def _hvp(f: Any, x: Leaves, v: Any) -> Any:
    y, _ = _gradient(f, x)
    return y, jax.jvp(lambda *t: _gradient(f, t)[1], x, v)[1]


_TRANSFORMS: dict[str, Callable[..., Any]] = {
    "derivative": _derivative,
    "second_derivative": _second_derivative,
    "gradient": _gradient,
    "jacobian": _jacobian,
    "hessian": _hessian,
    "jvp": _pushforward,
    "vjp": _pullback,
    "hvp": _hvp,
}
