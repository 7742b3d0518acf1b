"""The public operators: one interface over all backends.

Every operator takes ``f(x, *args)`` and differentiates it in ``x``, which is a number, an array of
any shape, or a nest of tuples, lists and dicts of them. ``args`` are constants. ``argnums`` makes
another argument active, or several, in which case derivatives come as a tuple. ``backend`` is a
name (see ``diffkit.backends``) or a configured backend such as ``FiniteDifference(order=4)``.

Raises:
    UnknownNameError: there is no backend of that name.
    NonNumericError: x, or what f returns, is not made of real or complex numbers.
    NonFiniteError, DomainError: x, or f(x), is NaN or infinite.
    ShapeError: f(x), v or u has a shape that the operator cannot use.
    UnsupportedError: the backend cannot do this.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from ._backends import Backend, resolve
from ._backends.base import require_finite_point, require_scalar, require_shape
from .errors import ShapeError, UnknownNameError, UnsupportedError
from .nests import NESTS, flatten, leaves_like, ravel, split_columns
from .tape import numeric

if TYPE_CHECKING:
    from ._prepare import Prepared
    from .sparse.prepared import PreparedSparse

BackendLike = str | Backend
Argnums = int | tuple[int, ...]


class _Call:
    """f and its arguments with the constants bound: a function of one point, as backends take it.

    Attributes:
        f: the function of the active argument alone.
        x: the active argument, a float or an array. A nest is a vector here, or, for a backend
            that takes them, the tuple of its leaves.
        active: the active argument as the user gave it.
        join: makes a nest of what x is here; None where the active argument is not a nest.
    """

    __slots__ = ("active", "f", "join", "x")
    join: Callable[[Any], Any] | None
    x: Any

    def __init__(
        self, f: Any, x: Any, args: tuple[Any, ...], argnums: Argnums, leaves: bool = False
    ) -> None:
        if not callable(f):
            raise TypeError(f"f must be callable, got {type(f).__name__}; see diffkit.function")
        if args or type(argnums) is not int or argnums:
            f, x = _bind(f, (x, *args), argnums)
        self.active = x
        if isinstance(x, NESTS):
            self.x, join = flatten(x) if leaves else ravel(x)
            self.f = lambda point: f(join(point))
            self.join = join
        else:
            self.x = numeric(x)
            self.f = f
            self.join = None
        require_finite_point(self.x)

    def tangent(self, v: Any) -> Any:
        """v, of the structure of x, as the backend takes it."""
        if self.join is None:
            return _own(require_shape(v, self.x, "v", "x"))
        leaves = leaves_like(v, self.active, "v")
        if type(self.x) is tuple:
            pairs = zip(leaves, self.x, strict=True)
            return tuple([_own(require_shape(a, b, "v", "x")) for a, b in pairs])
        return require_shape(np.concatenate([np.ravel(a) for a in leaves]), self.x, "v", "x")

    def like_x(self, g: Any) -> Any:
        """A derivative of the shape of the backend's x in the structure of the user's x."""
        if self.join is None:
            return self.number(g)
        return self.join([self.number(a) for a in g] if type(g) is tuple else g)

    def columns(self, jacobian: Any, value_shape: tuple[int, ...]) -> Any:
        """An array whose last axes are those of x, in the structure of the user's x."""
        if self.join is None:
            return self.number(jacobian)
        return split_columns(jacobian, self.join, value_shape)

    def number(self, value: Any) -> Any:
        """Scalars as Python floats where x is one, as NumPy scalars where x is of NumPy."""
        kind = type(value)
        if kind is np.ndarray and not value.ndim:
            value = value[()]
            kind = type(value)
        if kind is float or kind is np.float64:
            active = type(self.active)
            return float(value) if active is float or active is int else np.float64(value)
        if kind is np.ndarray and not value.flags.writeable:  # a number that was broadcast
            return value.copy()
        return value


def _own(v: Any) -> Any:
    """A copy of the user's array: the product with an identity is the very array given to it."""
    return v.copy(order="K") if isinstance(v, np.ndarray) else v


def _bind(f: Any, arguments: tuple[Any, ...], argnums: Argnums) -> tuple[Any, Any]:
    """The function of the active arguments alone, and these."""
    if type(argnums) is int and argnums == 0:
        args = arguments[1:]
        return (f if not args else lambda x: f(x, *args)), arguments[0]
    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    _require_positions(positions, len(arguments))

    def of_active(values: Any) -> Any:
        replaced = list(arguments)
        for k, value in zip(positions, values if isinstance(argnums, tuple) else [values],
                            strict=True):  # fmt: skip
            replaced[k] = value
        return f(*replaced)

    active = tuple(arguments[k] for k in positions)
    return of_active, active if isinstance(argnums, tuple) else active[0]


def _require_positions(positions: tuple[Any, ...], count: int) -> None:
    for k in positions:
        if type(k) is not int or not -count <= k < count:
            raise ShapeError(f"argnums names argument {k!r}, but f was given {count}")
    if not positions:
        raise ShapeError("argnums is (), which names no argument; leave it out for the first one")
    if len({k % count for k in positions}) < len(positions):
        raise ShapeError(f"argnums {positions} names an argument more than once")


def value_and_derivative(
    f: Any, x: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> tuple[Any, Any]:
    """(f(x), df/dx); see ``derivative``."""
    call = _Call(f, x, args, argnums)
    _require_array(call, "derivative")
    y, d = resolve(backend).value_and_derivative(call.f, call.x)
    return call.number(y), call.number(d)


def derivative(
    f: Any, x: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> Any:
    """The derivative of a function of one real number.

    An array x stands for many points at once: f must be elementwise, and the result holds its
    derivative at each point.

    Returns:
        Shape of f(x).

    Raises:
        ShapeError: x is an array and f is not elementwise.
    """
    return value_and_derivative(f, x, *args, backend=backend, argnums=argnums)[1]


def value_and_second_derivative(
    f: Any, x: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> tuple[Any, Any]:
    """(f(x), d2f/dx2); see ``second_derivative``."""
    call = _Call(f, x, args, argnums)
    _require_array(call, "second_derivative")
    if np.ndim(call.x):
        raise ShapeError(
            f"second_derivative needs a number x, got shape {np.shape(call.x)}; use hessian"
        )
    y, d = resolve(backend).value_and_second_derivative(call.f, call.x)
    return call.number(y), call.number(d)


def second_derivative(
    f: Any, x: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> Any:
    """The second derivative of a function of one real number.

    Returns:
        Shape of f(x).
    """
    return value_and_second_derivative(f, x, *args, backend=backend, argnums=argnums)[1]


def value_and_gradient(
    f: Any, x: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> tuple[Any, Any]:
    """(f(x), gradient); see ``gradient``."""
    chosen = resolve(backend)
    call = _Call(f, x, args, argnums, chosen.nests)
    y, g = chosen.value_and_gradient(call.f, call.x)
    return call.number(y), call.like_x(g)


def gradient(
    f: Any, x: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> Any:
    """The gradient of a function that returns one number.

    Returns:
        Shape and structure of x.

    Raises:
        ShapeError: f returns an array.
    """
    return value_and_gradient(f, x, *args, backend=backend, argnums=argnums)[1]


def value_and_jacobian(
    f: Any,
    x: Any,
    *args: Any,
    backend: BackendLike = "reverse",
    argnums: Argnums = 0,
    sparse: Any = False,
) -> tuple[Any, Any]:
    """(f(x), Jacobian); see ``jacobian``."""
    call = _Call(f, x, args, argnums)
    if sparse is not False and sparse is not np.False_:
        return _value_and_sparse("jacobian", call, backend, sparse)
    y, jacobian = resolve(backend).value_and_jacobian(call.f, call.x)
    return call.number(y), call.columns(jacobian, np.shape(y))


def jacobian(
    f: Any,
    x: Any,
    *args: Any,
    backend: BackendLike = "reverse",
    argnums: Argnums = 0,
    sparse: Any = False,
) -> Any:
    """The Jacobian of a function of an array that returns an array.

    Args:
        f: the function.
        x: the point.
        args: constants.
        backend: a name or a configured backend.
        argnums: the arguments that are differentiated.
        sparse: True for a sparse matrix: its pattern is found by recording f, and the matrix
            computed from as few products as a colouring of its columns or rows allows. A SciPy
            sparse array (of which the stored elements count) or a Boolean array is taken for the
            pattern, for functions that cannot be recorded; that it misses nothing is checked by
            one more product.

    Returns:
        Shape f(x).shape + x.shape; for a nest x, a nest of such arrays. A sparse matrix is a
        ``scipy.sparse.csr_array`` of shape (f(x).size, x.size), for elements in C order, and for a
        nest x those of all leaves, one after the other in the order of ``optree``, which sorts the
        keys of a dict.

    Raises:
        MissingPackageError: sparse, and SciPy is not installed.
        UnsupportedError: sparse, and f cannot be recorded, or x or f(x) is complex.
        SparsityError: the pattern that was given misses elements.
    """
    return value_and_jacobian(f, x, *args, backend=backend, argnums=argnums, sparse=sparse)[1]


def value_and_hessian(
    f: Any,
    x: Any,
    *args: Any,
    backend: BackendLike = "reverse",
    argnums: Argnums = 0,
    sparse: Any = False,
) -> tuple[Any, Any]:
    """(f(x), Hessian); see ``hessian``."""
    call = _Call(f, x, args, argnums)
    if sparse is not False and sparse is not np.False_:
        return _value_and_sparse("hessian", call, backend, sparse)
    y, h = resolve(backend).value_and_hessian(call.f, call.x)
    if call.join is None:
        return call.number(y), call.number(h)
    rows = split_columns(np.transpose(h), call.join, (np.size(call.x),))
    import optree

    blocks = optree.tree_map(
        lambda leaf: split_columns(np.moveaxis(leaf, 0, -1), call.join, np.shape(leaf)[1:]), rows
    )
    return call.number(y), blocks


def hessian(
    f: Any,
    x: Any,
    *args: Any,
    backend: BackendLike = "reverse",
    argnums: Argnums = 0,
    sparse: Any = False,
) -> Any:
    """The matrix of second derivatives of a function that returns one number.

    Args:
        f: the function.
        x: the point.
        args: constants.
        backend: a name or a configured backend.
        argnums: the arguments that are differentiated.
        sparse: True, or a symmetric pattern, for a sparse matrix; see ``jacobian``. It is computed
            from products with the Hessian, as few as a star colouring allows.

    Returns:
        Shape x.shape + x.shape; for a nest x, a nest of nests of blocks. A sparse matrix is a
        ``scipy.sparse.csr_array`` of shape (x.size, x.size).

    Raises:
        ShapeError: f returns an array; or the pattern that was given is not symmetric.
        MissingPackageError, UnsupportedError, SparsityError: see ``jacobian``.
    """
    return value_and_hessian(f, x, *args, backend=backend, argnums=argnums, sparse=sparse)[1]


def _value_and_sparse(
    operator: str, call: _Call, backend: BackendLike, sparse: Any
) -> tuple[Any, Any]:
    from .sparse.compressed import value_and_matrix

    y, matrix = value_and_matrix(operator, resolve(backend), call.f, call.x, sparse)
    return call.number(y), matrix


def sparsity(f: Any, x: Any, *args: Any, operator: str = "jacobian", argnums: Argnums = 0) -> Any:
    """Which elements of a Jacobian or Hessian may be other than zero.

    The function is recorded at x, and what depends on what is read off the tape. The pattern holds
    wherever the function takes the same branch as at x: a product with something that is zero at x
    counts, and so do both sides of np.where, np.maximum and the like. It may be too large, where an
    operation is taken as a whole or terms cancel, and is never too small.

    Args:
        f: the function.
        x: the point.
        args: constants. Zeros in a constant matrix are taken for zeros.
        operator: "jacobian" or "hessian".
        argnums: the arguments that are differentiated.

    Returns:
        A Boolean ``scipy.sparse.csr_array``, of shape (f(x).size, x.size) for the Jacobian and
        (x.size, x.size) for the Hessian; see ``jacobian`` for the order of elements.

    Raises:
        UnknownNameError: operator is neither of these.
        UnsupportedError: f cannot be recorded, or x is complex.
        MissingPackageError: SciPy is not installed.
    """
    if operator not in _SPARSE:
        raise UnknownNameError("operator with a sparsity pattern", operator, _SPARSE)
    from .sparse.compressed import found_pattern

    call = _Call(f, x, args, argnums)
    return found_pattern(operator, call.f, call.x)


_SPARSE = ("jacobian", "hessian")


def value_and_jvp(
    f: Any, x: Any, v: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> tuple[Any, Any]:
    """(f(x), J v); see ``jvp``."""
    chosen = resolve(backend)
    call = _Call(f, x, args, argnums, chosen.nests)
    y, t = chosen.value_and_jvp(call.f, call.x, call.tangent(v))
    return call.number(y), call.number(t)


def jvp(
    f: Any, x: Any, v: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> Any:
    """The Jacobian times a tangent v, which has the shape and structure of x.

    Returns:
        Shape of f(x).
    """
    return value_and_jvp(f, x, v, *args, backend=backend, argnums=argnums)[1]


def value_and_vjp(
    f: Any, x: Any, u: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> tuple[Any, Any]:
    """(f(x), u J); see ``vjp``."""
    chosen = resolve(backend)
    call = _Call(f, x, args, argnums, chosen.nests)

    def cotangent(y: Any) -> Any:
        return _own(require_shape(u, y, "u", "f(x)"))

    y, g = chosen.value_and_vjp(call.f, call.x, cotangent)
    return call.number(y), call.like_x(g)


def vjp(
    f: Any, x: Any, u: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> Any:
    """A cotangent u, which has the shape of f(x), times the Jacobian.

    Returns:
        Shape and structure of x.
    """
    return value_and_vjp(f, x, u, *args, backend=backend, argnums=argnums)[1]


def value_and_hvp(
    f: Any, x: Any, v: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> tuple[Any, Any]:
    """(f(x), H v); see ``hvp``."""
    chosen = resolve(backend)
    call = _Call(f, x, args, argnums, chosen.nests)
    y, h = chosen.value_and_hvp(call.f, call.x, call.tangent(v))
    require_scalar(y, "hvp")
    return call.number(y), call.like_x(h)


def hvp(
    f: Any, x: Any, v: Any, *args: Any, backend: BackendLike = "reverse", argnums: Argnums = 0
) -> Any:
    """The Hessian times a tangent v, which has the shape and structure of x.

    Returns:
        Shape and structure of x.

    Raises:
        ShapeError: f returns an array.
    """
    return value_and_hvp(f, x, v, *args, backend=backend, argnums=argnums)[1]


_OPERATORS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (derivative, second_derivative, gradient, jacobian, hessian, jvp, vjp, hvp)
}


def operator(name: str) -> Callable[..., Any]:
    """The operator of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in _OPERATORS:
        raise UnknownNameError("operator", name, _OPERATORS)
    return _OPERATORS[name]


@overload
def prepare(
    operator: Callable[..., Any],
    f: Any,
    x: Any,
    *args: Any,
    backend: BackendLike = ...,
    argnums: Argnums = ...,
    plan: str | None = ...,
    on_change: str = ...,
    sparse: Literal[False] = ...,
) -> Prepared: ...


@overload
def prepare(
    operator: Callable[..., Any],
    f: Any,
    x: Any,
    *args: Any,
    backend: BackendLike = ...,
    argnums: Argnums = ...,
    plan: str | None = ...,
    on_change: str = ...,
    sparse: Any,
) -> PreparedSparse: ...


def prepare(
    operator: Callable[..., Any],
    f: Any,
    x: Any,
    *args: Any,
    backend: BackendLike = "reverse",
    argnums: Argnums = 0,
    plan: str | None = None,
    on_change: str = "record",
    sparse: Any = False,
) -> Prepared | PreparedSparse:
    """An operator prepared for one function and many points: recorded once, replayed at each.

    Args:
        operator: one of the operators of this module, such as ``diffkit.gradient``, or of those
            that return the value as well.
        f: the function.
        x: an example point. For jvp, vjp and hvp an example vector follows it; where there is none,
            the first call is recorded.
        args: example constants.
        backend: a name or a configured backend.
        argnums: the arguments that are differentiated.
        plan: "source", "native", "machine", "arrays" or "eager", to have it computed that way; by
            default the fastest that keeps the bits of the operator. "machine" is faster still, and
            rounds otherwise. See ``Plan``.
        on_change: "record" to record again where the recording does not hold, "raise" to raise
            StaleTapeError.
        sparse: for Jacobians and Hessians, True or a pattern: the pattern is found and coloured
            once, and found again where the recording does not hold. See ``jacobian``.

    Returns:
        ``g(x, *args)``; for jvp, vjp and hvp ``g(x, vector, *args)``. ``g.plan`` tells how it is
        computed, ``g.batch(points)`` computes it at many points at once. Of a sparse derivative
        there is no batch, but ``g.pattern`` and ``g.coloring``.

    Raises:
        UnknownNameError: operator is not one of diffkit's.
        UnsupportedError: the plan that was asked for is not possible.
        MissingPackageError: the plan that was asked for needs a package.
    """
    from ._prepare import Compiling, Prepared

    name = getattr(operator, "__name__", str(operator))
    plain = name.removeprefix("value_and_")
    value_and = globals().get(f"value_and_{plain}")
    if operator not in (value_and, _OPERATORS.get(plain)) or plain not in _OPERATORS:
        raise UnknownNameError("operator", name, _OPERATORS)
    chosen = resolve(backend)
    assert value_and is not None
    if sparse is not False and sparse is not np.False_:
        return _prepare_sparse(plain, f, (x, *args), chosen, argnums, sparse,
                               operator is value_and, plan, on_change)  # fmt: skip

    def derivative(*arguments: Any) -> Any:
        return value_and(f, *arguments, backend=chosen, argnums=argnums)

    vectors = plain in ("jvp", "vjp", "hvp")
    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    count = 1 + len(args) - vectors
    active = [0 if k % count == 0 else k % count + vectors for k in positions if count > 0]
    compiled = partial(chosen.compiled, plain)
    own = type(chosen).compiled is not Backend.compiled
    return Prepared(
        derivative,
        derivative if chosen.replayable else None,
        Compiling(compiled, f, tuple(active), vectors, chosen.name) if own else None,
        (x, *args) if args or not vectors else None,
        {*active} | ({1} if vectors else set()),
        with_value=operator is value_and,
        plan=plan,
        on_change=on_change,
        name=name,
    )


def _prepare_sparse(
    operator: str,
    f: Any,
    arguments: tuple[Any, ...],
    backend: Backend,
    argnums: Argnums,
    sparse: Any,
    with_value: bool,
    plan: str | None,
    on_change: str,
) -> PreparedSparse:
    if operator not in _SPARSE:
        raise UnsupportedError(
            f"sparse is for jacobian and hessian, and {operator} has no zeros to leave out"
        )
    from .sparse.prepared import PreparedSparse

    def bind(x: Any, *args: Any) -> _Call:
        return _Call(f, x, args, argnums)

    def multiply(product: str, arguments: tuple[Any, ...], vector: Any) -> Any:
        x, *args = arguments
        value_and = globals()[f"value_and_{product}"]
        return prepare(value_and, f, x, vector, *args, backend=backend, argnums=argnums)

    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    bind(*arguments)  # refuses positions that do not exist
    active = {k % len(arguments) for k in positions}
    return PreparedSparse(operator, backend, bind, multiply, arguments, active, sparse, with_value,
                          plan, on_change)  # fmt: skip


def _require_array(call: _Call, operator: str) -> None:
    if call.join is not None:
        raise ShapeError(f"{operator} needs a number or an array x, got a nest; use gradient")
