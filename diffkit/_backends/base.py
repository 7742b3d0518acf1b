"""What a backend is: one or two hooks, from which every operator follows.

A backend overrides ``pushforward`` (it can multiply the Jacobian with a tangent), ``pullback`` (it
can multiply a cotangent with the Jacobian), or both. The operators below are derived from these;
a backend overrides an operator as well where it is natively better.

Everywhere below ``f`` takes one argument and ``x`` is a float or an array; constants and several
active arguments have been bound into them by ``diffkit.operators``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from ..errors import DomainError, NonFiniteError, NonNumericError, ShapeError, UnsupportedError
from ..tape import gather, numeric, untraced

Point = Any
Value = Any
Function = Callable[[Point], Value]
Linear = Callable[[Any], Any]

OPERATORS = (
    "derivative",
    "second_derivative",
    "gradient",
    "jacobian",
    "hessian",
    "jvp",
    "vjp",
    "hvp",
)


@dataclass(frozen=True, eq=False)
class Compiled:
    """A derivative that was made ready for many points.

    Attributes:
        call: ``call(x, vector, others)`` gives a list of f(x) and the leaves of the derivative, or
            None where f takes another branch than at the example point. All three are tuples of
            leaves; the vector is empty but for jvp, vjp and hvp.
        operations: the operations that were recorded; 0 where f was not recorded.
        how: how it is computed, for people.
        unchanged: whether the arrays that f takes from elsewhere are what they were.
    """

    call: Callable[[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]], list[Any] | None]
    operations: int
    how: str
    unchanged: Callable[[], bool] | None = None


class Backend:
    """One way of differentiating.

    Attributes:
        name: how users call it.
        description: one line for tables.
        nests: whether the point of a gradient, jvp, vjp or hvp may also be a tuple of arrays, and
            the derivative then one as well. Other backends are given such a point as one vector.
        composable: whether functions that use this backend can be differentiated by it again;
            second-order operators are derived only then.
        replayable: whether a derivative that is computed on tracers, and thereby recorded, can be
            replayed at other points; ``diffkit.prepare`` then does so. Backends that decide by the
            values of f how to go on, or call f in secret, must say no.
        version: counts up where the numbers that it gives change, so that results which were
            kept from before are measured again.
        exact: whether derivatives are right up to rounding; false where there is a truncation
            error as well. ``diffkit.testing`` expects accuracy accordingly.
    """

    name: str = ""
    description: str = ""
    version: str = "1"
    nests: bool = False
    composable: bool = False
    replayable: bool = False
    exact: bool = True

    def value(self, f: Function, x: Point) -> Value:
        """f(x) as a float or an array; most backends begin with this.

        Raises:
            NonNumericError: f returned something else.
            NonFiniteError, DomainError: f(x) is not finite.
        """
        return evaluate(f, x)

    # The two hooks

    def pushforward(self, f: Function, x: Point) -> tuple[Value, Linear]:
        """The value at x and the map v -> J v, for v of the shape of x."""
        raise UnsupportedError(f"backend {self.name!r} has no pushforward")

    def pullback(self, f: Function, x: Point) -> tuple[Value, Linear]:
        """The value at x and the map u -> u J, for u of the shape of the value."""
        raise UnsupportedError(f"backend {self.name!r} has no pullback")

    # First order

    def value_and_jvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        """(f(x), J v)."""
        if self._has("pushforward"):
            y, push = self.pushforward(f, x)
            return y, push(v)
        y, jacobian = self.value_and_jacobian(f, x)
        return y, times_tangent(jacobian, v)

    def value_and_vjp(self, f: Function, x: Point, u: Any) -> tuple[Value, Any]:
        """(f(x), u J); u may be a function of the value that returns the cotangent."""
        if self._has("pullback"):
            y, pull = self.pullback(f, x)
            return y, pull(u(y) if callable(u) else u)
        y, jacobian = self.value_and_jacobian(f, x)
        return y, to_real(x, times_cotangent(u(y) if callable(u) else u, jacobian))

    def value_and_gradient(self, f: Function, x: Point) -> tuple[Value, Any]:
        """(f(x), gradient) of a scalar function; the gradient has the shape of x."""
        if self._has("pullback"):
            y, pull = self.pullback(f, x)
            require_scalar(y, "gradient")
            return y, pull(one(y))
        y, push = self.pushforward(f, x)
        require_scalar(y, "gradient")
        return y, columns(push, x, y)

    def value_and_jacobian(self, f: Function, x: Point) -> tuple[Value, Any]:
        """(f(x), J) with J of shape f(x).shape + x.shape, by rows or by columns."""
        if not self._has("pullback"):
            y, push = self.pushforward(f, x)
            return y, columns(push, x, y)
        y, pull = self.pullback(f, x)
        if self._has("pushforward") and np.size(y) > np.size(x):
            y, push = self.pushforward(f, x)
            return y, columns(push, x, y)
        return y, rows_of(pull, x, y)

    def value_and_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        """(f(x), df/dx): of a function of one real number, or of an elementwise one pointwise."""
        if type(x) is not float and np.ndim(x):
            y, push = self._any_push(f, x)
            return y, pointwise(push, x, y, self.exact)
        if self._has("pushforward"):
            return self.value_and_jvp(f, x, one(x))
        y, pull = self.pullback(f, x)
        return y, both_parts(pull, x, y)(one(y)) if not np.ndim(y) else rows_of(pull, x, y)

    # Second order

    def value_and_second_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        """(f(x), d2f/dx2) of a function of one real number."""
        self._require_composable("second_derivative")
        y, _ = self.value_and_derivative(f, x)
        return y, self.value_and_derivative(lambda t: self.value_and_derivative(f, t)[1], x)[1]

    def value_and_hessian(self, f: Function, x: Point) -> tuple[Value, Any]:
        """(f(x), Hessian) of a scalar function; the Hessian has shape x.shape + x.shape."""
        self._require_composable("hessian")
        y, _ = self.value_and_gradient(f, x)
        return y, self.value_and_jacobian(lambda t: self.value_and_gradient(f, t)[1], x)[1]

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        """(f(x), H v) without forming the Hessian H."""
        self._require_composable("hvp")
        y, _ = self.value_and_gradient(f, x)
        # The Hessian is symmetric, so v H is H v and either hook will do.
        step = self.value_and_jvp if self._has("pushforward") else self.value_and_vjp
        return y, step(lambda t: self.value_and_gradient(f, t)[1], x, v)[1]

    # Many points

    def compiled(
        self, operator: str, f: Callable[..., Any], x: tuple[Any, ...], others: tuple[Any, ...]
    ) -> Compiled | None:
        """The derivative made ready for many points, where the backend has a way of its own.

        Args:
            operator: the operator.
            f: ``f(*x, *others)``.
            x: example values of what is differentiated: floats and arrays.
            others: example values of what is not, but may change from call to call.

        Returns:
            None where each point is a new beginning.

        Raises:
            UnsupportedError: this derivative of this function cannot be made ready.
        """
        return None

    # Several products with one Jacobian, which sparse derivatives are put together from

    def value_and_products(
        self, operator: str, f: Function, x: Point, vectors: Callable[[Value], Sequence[Any]]
    ) -> tuple[Value, list[Any]]:
        """(f(x), what jvp, vjp or hvp gives for each of several vectors).

        Args:
            operator: one of these three.
            f: the function.
            x: the point.
            vectors: gives the vectors for the value f(x).
        """
        if operator != "hvp" and self._has("pushforward" if operator == "jvp" else "pullback"):
            y, multiply = self.pushforward(f, x) if operator == "jvp" else self.pullback(f, x)
            return y, [multiply(v) for v in vectors(y)]
        y = evaluate(f, x)
        product = getattr(self, f"value_and_{operator}")
        return y, [product(f, x, v)[1] for v in vectors(y)]

    # What it can do

    def support(self, operator: str) -> str:
        """``"native"``, ``"derived"`` or ``"unsupported"``."""
        first_order = self._has("pushforward") or self._has("pullback")
        if self._has(f"value_and_{operator}"):
            return "native"
        if operator in ("second_derivative", "hessian", "hvp"):
            return "derived" if self.composable and first_order else "unsupported"
        if (operator in ("jvp", "derivative") and self._has("pushforward")) or (
            operator in ("vjp", "gradient") and self._has("pullback")
        ):
            return "native"
        return "derived" if first_order else "unsupported"

    def _has(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Backend, method)

    def _any_push(self, f: Function, x: Point) -> tuple[Value, Linear]:
        """Multiplication with the Jacobian of an elementwise function, from either side."""
        if self._has("pushforward"):
            return self.pushforward(f, x)
        y, pull = self.pullback(f, x)
        return y, both_parts(pull, x, y)

    def _require_composable(self, operator: str) -> None:
        if not self.composable:
            raise UnsupportedError(
                f"backend {self.name!r} does not support {operator}; "
                f"use backend='reverse' or backend='finite_difference'"
            )

    def __repr__(self) -> str:
        return f"<backend {self.name}>"


# Checks of what the user's function returned


def evaluate(f: Function, x: Point) -> Value:
    """f(x) as a number or an array of floats.

    Raises:
        NonNumericError: f returned something else.
        DomainError, NonFiniteError: f(x) is not finite.
    """
    try:
        y = f(x)
    except (ZeroDivisionError, OverflowError) as error:  # what Python's floats do, and NumPy's not
        raise DomainError(
            f"f(x) is not finite at x = {_short(x)} ({error}); "
            f"choose a point inside the domain of f"
        ) from None
    return require_finite(gather(y), x)


def require_finite_point(x: Point) -> None:
    """Refuse a point that is NaN or infinite, even where f does not look at that element.

    Raises:
        NonFiniteError: it is.
    """
    if type(x) is float:
        finite = isfinite(x)
    elif type(x) is np.ndarray and x.size <= 32 and x.ndim == 1 and x.dtype.kind == "f":
        finite = all(map(isfinite, x.tolist()))  # spares NumPy's call
    elif type(x) is tuple:
        for leaf in x:
            require_finite_point(leaf)
        return
    else:
        x = untraced(x)
        finite = bool(np.isfinite(x).all())
    if not finite:
        raise NonFiniteError(f"the point is not finite: x = {_short(x)}")


def require_finite(y: Value, x: Point) -> Value:
    """y, if it is finite.

    Raises:
        NonFiniteError: the point itself is NaN or infinite.
        DomainError: the point is finite and the value is not.
    """
    if type(y) is float and isfinite(y):  # the usual case
        return y
    plain_y = untraced(y)
    plain_x = untraced(np.concatenate([np.ravel(v) for v in x]) if type(x) is tuple else x)
    if np.all(np.isfinite(plain_y)):
        return y
    if not np.all(np.isfinite(plain_x)):
        raise NonFiniteError(f"the point is not finite: x = {_short(plain_x)}")
    raise DomainError(
        f"f(x) = {_short(plain_y)} is not finite at x = {_short(plain_x)}; "
        f"choose a point inside the domain of f"
    )


def require_scalar(y: Value, operator: str) -> None:
    """Refuse a vector where one number is due.

    Raises:
        ShapeError: y is not a single number.
    """
    if type(y) is not float and np.ndim(y):
        raise ShapeError(
            f"{operator} needs a function that returns one number, but f(x) has shape "
            f"{np.shape(y)}; use jacobian, or reduce the result, with np.sum for example"
        )
    if type(y) is not float and np.asarray(untraced(y)).dtype.kind == "c":
        raise NonNumericError(
            f"{operator} needs a function that returns a real number, but f(x) is complex; take "
            f"np.real or np.abs of it, or use jacobian"
        )


def require_shape(v: Any, like: Any, name: str, of: str) -> Any:
    """v as a float or array of the shape of ``like``.

    Raises:
        ShapeError: v has another shape.
        NonFiniteError: v is NaN or infinite.
    """
    v = numeric(v, name)
    if np.shape(v) != np.shape(like):
        raise ShapeError(
            f"{name} must have the shape of {of}, {np.shape(like)}, but has {np.shape(v)}"
        )
    if not np.all(np.isfinite(untraced(v))):
        raise NonFiniteError(f"{name} is not finite: {_short(untraced(v))}")
    return v


def pointwise(push: Linear, x: Point, y: Value, exact: bool = True) -> Any:
    """The diagonal of the Jacobian of an elementwise function.

    One product gives the diagonal if everything else is zero. That is not taken on trust: a
    second product, with other tangents, agrees only if it is.

    Raises:
        ShapeError: f is not elementwise.
    """
    require_same_shape(y, x)
    ones = np.ones_like(untraced(x))
    diagonal = push(ones)
    plain = untraced(diagonal)
    weights = _distinct_weights(np.shape(x))
    difference = np.abs(untraced(push(weights * ones)) / weights - plain)
    # The weights add no rounding; a backend that makes errors makes others in this product.
    share = 1e-10 if exact else 1e-4
    if np.any(difference > share * np.max(np.abs(np.nan_to_num(plain)), initial=0.0)):
        raise not_elementwise()
    return diagonal


def _distinct_weights(shape: tuple[int, ...]) -> Any:
    """Sixteen different weights in no order; powers of two, so that they add no rounding."""
    size = int(np.prod(shape))
    k = np.reshape(np.random.default_rng(0).permutation(size) % 16, shape)
    return np.where(k % 2, -1.0, 1.0) * 2.0 ** (k // 2)


def require_same_shape(y: Value, x: Point) -> None:
    """Refuse a function that cannot be elementwise.

    Raises:
        ShapeError: f(x) has another shape than x.
    """
    if np.shape(y) != np.shape(x):
        raise ShapeError(
            f"derivative of an array takes an elementwise function, but x has shape {np.shape(x)} "
            f"and f(x) has shape {np.shape(y)}; use gradient or jacobian"
        )


def not_elementwise() -> ShapeError:
    """The error for a function whose elements depend on each other."""
    return ShapeError(
        "derivative of an array takes an elementwise function, but here elements of f(x) depend "
        "on other elements of x; use gradient or jacobian"
    )


def times_tangent(jacobian: Any, v: Any) -> Any:
    """J v, for J of shape f(x).shape + x.shape."""
    kept = np.shape(jacobian)[: np.ndim(jacobian) - np.ndim(v)]
    rows = np.reshape(jacobian, (int(np.prod(kept)), np.size(v)))
    flat = np.matmul(rows, np.reshape(v, (-1,)))
    return np.reshape(flat, kept)[()]


def times_cotangent(u: Any, jacobian: Any) -> Any:
    """u J, for J of shape f(x).shape + x.shape."""
    kept = np.shape(jacobian)[np.ndim(u) :]
    rows = np.reshape(jacobian, (np.size(u), int(np.prod(kept))))
    flat = np.matmul(np.reshape(u, (-1,)), rows)
    return np.reshape(flat, kept)[()]


def to_real(x: Point, product: Any) -> Any:
    """u J as a cotangent of x: the real part of it where x is real."""
    return product.real if np.iscomplexobj(product) and not np.iscomplexobj(x) else product


def one(value: Any) -> Any:
    """The number 1 in the dtype of a scalar."""
    dtype = getattr(value, "dtype", None)
    return 1.0 if dtype is None or dtype == np.float64 else dtype.type(1)


def basis(x: Any) -> Any:
    """The unit tangents of the shape of x, one after another."""
    for k in range(np.size(x)):
        e = np.zeros(np.size(x), dtype=getattr(x, "dtype", float))
        e[k] = 1.0
        yield e.reshape(np.shape(x)) if np.ndim(x) else one(x)


def columns(push: Linear, x: Point, y: Value) -> Any:
    columns = [push(e) for e in basis(x)]
    if not columns:
        return np.zeros(np.shape(y) + np.shape(x))
    return np.reshape(np.stack(columns, axis=-1), np.shape(y) + np.shape(x))


def rows_of(pull: Linear, x: Point, y: Value) -> Any:
    pull = both_parts(pull, x, y)
    rows = [pull(e) for e in basis(y)]
    if not rows:
        return np.zeros(np.shape(y) + np.shape(x))
    return np.reshape(np.stack(rows), np.shape(y) + np.shape(x))


def both_parts(pull: Linear, x: Point, y: Value) -> Linear:
    """u -> u J for real u, where J is complex though x is real.

    A pullback to real x gives the real part of u J alone; the imaginary part takes another one.
    """
    if np.iscomplexobj(x) or not np.iscomplexobj(y):
        return pull
    return lambda u: pull(u) - 1j * pull(1j * u)


def _short(value: Any) -> str:
    text = np.array2string(np.asarray(value), threshold=6, precision=6)
    return text if len(text) <= 80 else text[:77] + "..."
