"""NumPy functions in JAX programs.

Each operation is applied by one primitive of JAX, with the rules that JAX asks for: its product
with tangents is the operation's ``push``, the transpose of a push is a ``pull``, and that of a pull
a push. Both are operations again, so that every nesting of JAX's transformations comes down to
these. (``jax.custom_vjp`` would have no forward mode, and ``jax.custom_jvp`` no reverse mode, as a
callback cannot be transposed.)

Compiled code calls back through ``emit_python_callback``, which hands NumPy arrays over.
``jax.pure_callback`` makes JAX arrays of them first. To read a large one is to wait for JAX, and
where there is one processor, JAX waits for the callback.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._backends import Backend
from ..errors import ShapeError, UnsupportedError
from .operation import Operation, Wrapped


@dataclass(frozen=True)
class _Result:
    """What an operation returns, but for its precision."""

    shape: tuple[int, ...]
    is_complex: bool

    def __str__(self) -> str:
        return f"{'complex' if self.is_complex else 'real'} numbers of shape {self.shape}"


@dataclass(frozen=True, eq=False)
class _Call:
    """What is called, apart from the arrays.

    Attributes:
        operation: the operation.
        constants: what it takes beside the arrays.
        found: what f returns, as soon as that is known; shared with the derivatives of this call.
    """

    operation: Operation
    constants: tuple[Any, ...]
    found: list[_Result] = field(default_factory=list)

    def result(self, arrays: Sequence[Any]) -> _Result:
        """What it returns for arrays, or for anything else with a shape and a dtype."""
        operation, parent = self.operation, self.operation.parent
        if parent is None:
            if not self.found:
                self.found.append(_explored(operation, arrays, self.constants))
            return self.found[0]
        if operation.kind == "push":
            return replace(self, operation=parent).result(arrays[len(operation.active) :])
        chosen = [arrays[1 + k] for k in operation.active]
        return _Result((sum([prod(a.shape) for a in chosen]),), any(map(_is_complex, chosen)))

    def __call__(self, arrays: Sequence[Any], levels: int) -> Any:
        """The value in double precision, for all indices of the first axes.

        Raises:
            ShapeError: it is not what was expected.
        """
        batch = arrays[0].shape[:levels] if levels else ()
        samples = [_Sample(a.shape[levels:], a.dtype) for a in arrays]
        if not prod(batch):
            expected = self.result(samples)
            return np.empty(batch + expected.shape, complex if expected.is_complex else float)
        own = [np.array(a, _double(a.dtype), order="C") for a in arrays]  # JAX's are read-only
        y = self.operation.over(levels, own, self.constants)
        result = _Result(y.shape[levels:], np.iscomplexobj(y))
        if self.operation.parent is None and not self.found:
            self.found.append(result)
        expected = self.result(samples)
        if result.shape != expected.shape or (result.is_complex and not expected.is_complex):
            raise ShapeError(
                f"f returned {result}, but {expected} were expected; give as_jax_function an "
                f"example of what f returns, result=..., and see that its shape depends on shapes "
                f"and constants alone"
            )
        return y.astype(complex) if expected.is_complex else y

    def __repr__(self) -> str:
        return repr(self.operation)


class _Sample(NamedTuple):
    """One of the arrays that are stacked along the first axes of another."""

    shape: tuple[int, ...]
    dtype: Any


class JaxFunction(Wrapped):
    """A NumPy function that takes and returns JAX arrays; see ``diffkit.as_jax_function``."""

    def __init__(self, f: Any, result: Any, backend: str | Backend) -> None:
        super().__init__(f, backend)
        if self.backend.name == "jax":
            raise UnsupportedError(
                "backend 'jax' would call JAX from within JAX, and may then wait for itself; use "
                "backend='reverse'"
            )
        self._found = [] if result is None else [_result_like(result)]

    def __call__(self, *args: Any) -> jax.Array:
        """f at arguments among which there are JAX arrays, alone or in pytrees."""
        leaves, structure = jax.tree_util.tree_flatten(args)
        places = tuple([k for k, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)])
        constants = tuple([v for v in leaves if not isinstance(v, jax.Array)])
        call = _Call(self.operation(structure, places), constants, [*self._found])
        y: jax.Array = _apply.bind(*[leaves[k] for k in places], call=call, levels=0)
        return y


def _result_like(example: Any) -> _Result:
    made = example if hasattr(example, "shape") and hasattr(example, "dtype") else np.array(example)
    return _Result(tuple(made.shape), _is_complex(made))


def _explored(operation: Operation, arrays: Sequence[Any], constants: tuple[Any, ...]) -> _Result:
    """What f returns for arrays of these shapes, found by calling it.

    Raises:
        ShapeError: f refuses all points that were tried.
    """
    errors = []
    for made_up in _points(arrays):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return _result_like(operation(made_up, constants))
            except Exception as error:  # whatever f says at a point that it was not made for
                errors.append(f"{type(error).__name__}: {error}")
    raise ShapeError(
        f"the shape of what f returns is needed before there are numbers, and could not be found, "
        f"as f raises an error at made-up points ({errors[0]}); give as_jax_function an example of "
        f"what f returns: result=..."
    )


def _points(arrays: Sequence[Any]) -> Iterator[list[Any]]:
    """Points inside of most domains: distinct numbers in (0, 1), the same as matrices with a large
    diagonal, and ones."""
    random = np.random.default_rng(0).uniform
    yield [_filled(a, lambda shape: random(0.25, 0.75, shape)) for a in arrays]
    yield [_filled(a, lambda shape: random(0.25, 0.75, shape) + _diagonal(shape)) for a in arrays]
    yield [_filled(a, np.ones) for a in arrays]


def _filled(like: Any, numbers: Callable[[Any], Any]) -> Any:
    if not jnp.issubdtype(like.dtype, jnp.inexact):
        return np.zeros(like.shape, like.dtype)
    return np.array(numbers(like.shape), _double(like.dtype))


def _diagonal(shape: tuple[int, ...]) -> Any:
    square = len(shape) >= 2 and shape[-1] == shape[-2]
    return shape[-1] * np.eye(shape[-1]) if square else 0.0


# Dtypes


def _is_complex(array: Any) -> bool:
    return bool(jnp.issubdtype(array.dtype, jnp.complexfloating))


def _double(dtype: Any) -> Any:
    """In what f is given arrays of that dtype."""
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return np.complex128
    return np.float64 if jnp.issubdtype(dtype, jnp.floating) else dtype


def _dtype(arrays: Sequence[Any], is_complex: bool) -> Any:
    """The dtype of a result, in the precision of the arrays; without any, in that of JAX."""
    inexact = [a.dtype for a in arrays if jnp.issubdtype(a.dtype, jnp.inexact)]
    dtype = jnp.finfo(jnp.result_type(*inexact or [float])).dtype
    return jnp.promote_types(dtype, jnp.complex64) if is_complex else dtype


# The primitive and its rules

_apply = Primitive("diffkit")


@_apply.def_impl
def _now(*operands: Any, call: _Call, levels: int) -> jax.Array:
    # JAX may hand over a number of Python's.
    arrays = [np.asarray(a, getattr(a, "dtype", None) or jnp.result_type(a)) for a in operands]
    y = call(arrays, levels)
    return jnp.asarray(y, _dtype(arrays, np.iscomplexobj(y)))


@_apply.def_abstract_eval
def _abstract(*avals: Any, call: _Call, levels: int) -> Any:
    result = call.result([_Sample(a.shape[levels:], a.dtype) for a in avals])
    batch = avals[0].shape[:levels] if levels else ()
    return jax.core.ShapedArray(batch + result.shape, _dtype(avals, result.is_complex))


def _lowered(ctx: Any, *operands: Any, call: _Call, levels: int) -> Any:
    dtype = ctx.avals_out[0].dtype

    def callback(*arrays: Any) -> tuple[Any]:
        return (call(arrays, levels).astype(dtype),)

    results, _, _ = mlir.emit_python_callback(
        ctx, callback, None, list(operands), ctx.avals_in, ctx.avals_out, has_side_effect=False
    )
    return results


def _push(
    arrays: Sequence[Any], tangents: Sequence[Any], *, call: _Call, levels: int
) -> tuple[Any, Any]:
    y = _apply.bind(*arrays, call=call, levels=levels)
    moving = {k: t for k, t in enumerate(tangents) if type(t) is not ad.Zero}
    push = replace(call, operation=call.operation.push(tuple(moving)))
    return y, _apply.bind(*moving.values(), *arrays, call=push, levels=levels)


def _transpose(u: Any, *arrays: Any, call: _Call, levels: int) -> list[Any]:
    """Of a push in its tangents, and of a pull in its cotangent."""
    wanted = [k for k, a in enumerate(arrays) if ad.is_undefined_primal(a)]
    found: list[Any] = [None] * len(arrays)
    if type(u) is ad.Zero:
        for k in wanted:
            found[k] = ad.Zero(arrays[k].aval)
        return found
    operation, parent = call.operation, call.operation.parent
    assert parent is not None
    if operation.kind == "pull":
        others = arrays[1:]
        push = replace(call, operation=parent.push(operation.active))
        tangents = _parts(u, [others[k] for k in operation.active], levels)
        found[0] = _apply.bind(*tangents, *others, call=push, levels=levels)
        return found
    others = arrays[len(operation.active) :]
    pull = replace(call, operation=parent.pull(tuple([operation.active[k] for k in wanted])))
    flat = _apply.bind(u, *others, call=pull, levels=levels)
    for k, part in zip(wanted, _parts(flat, [arrays[k].aval for k in wanted], levels), strict=True):
        found[k] = part
    return found


def _parts(flat: Any, like: Sequence[Any], levels: int) -> list[Any]:
    """A vector, or one for each sample, as arrays of the shapes and dtypes of others."""
    ends = accumulate([prod(a.shape[levels:]) for a in like[:-1]])
    parts = jnp.split(flat, list(ends), axis=levels)
    return [
        jnp.reshape(part if _is_complex(a) else jnp.real(part), a.shape).astype(a.dtype)
        for part, a in zip(parts, like, strict=True)
    ]


def _batched(
    arrays: Sequence[Any], axes: Sequence[int | None], *, call: _Call, levels: int
) -> tuple[Any, int]:
    pairs = list(zip(arrays, axes, strict=True))
    size = next(a.shape[axis] for a, axis in pairs if axis is not None)
    moved = [
        jnp.broadcast_to(a, (size, *a.shape)) if axis is None else jnp.moveaxis(a, axis, 0)
        for a, axis in pairs
    ]
    return _apply.bind(*moved, call=call, levels=levels + 1), 0


mlir.register_lowering(_apply, _lowered)
ad.primitive_jvps[_apply] = _push
ad.primitive_transposes[_apply] = _transpose
batching.primitive_batchers[_apply] = _batched
