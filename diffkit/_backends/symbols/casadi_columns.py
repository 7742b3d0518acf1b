"""The primitives on CasADi's matrices, which have two axes.

An array of any shape is a column of its elements, in NumPy's order, together with its shape. To
move elements is to take them from the column in another order, which NumPy tells: it moves their
numbers. CasADi's own order of a matrix is by columns, so that a column read as a matrix is the
transpose of what NumPy has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...rules import Primitive
from ...rules.indexing import names_twice
from ...tape.replay.elsewhere import Operation
from .definitions import defined
from .forms import form

EXPANDED = 6  # the size of matrices up to which determinants are expanded, in n! operations
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """An array: ``flat`` is a column of CasADi's."""

    flat: Any
    shape: Shape


def operation(rule: Primitive) -> Operation:
    """The primitive on columns.

    Raises:
        UnsupportedError: CasADi has no such function.
    """
    if rule.name in _OF_COLUMNS:
        return _OF_COLUMNS[rule.name]
    if rule.name in _MOVES:
        return partial(_moved, rule.fn, _MOVES[rule.name])
    of_elements = form(rule, "casadi", functions())
    if of_elements is not None:
        return partial(_each, of_elements)
    composed = defined(rule, operation, lambda value: value)
    if composed is not None:
        return composed
    raise UnsupportedError(f"casadi has no {rule.name}; use backend='reverse'")


@cache
def functions() -> Any:
    """CasADi's functions as ``forms.form`` wants them."""
    import casadi as ca

    def number(value: Any) -> Any:
        return value * 1.0 if isinstance(value, bool) else value

    def piecewise(*pairs: Any) -> Any:
        y = float("nan")
        for value, condition in reversed(pairs):
            if isinstance(condition, bool):
                y = value if condition else y
            else:
                y = ca.if_else(condition, value, y)
        return y

    same = "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp sqrt floor sign"
    return SimpleNamespace(
        **{name: getattr(ca, name) for name in f"{same} erf hypot pi".split()},
        log=lambda x, base=None: ca.log(x) if base is None else ca.log(x) / ca.log(base),
        ceiling=ca.ceil, Abs=ca.fabs, Max=ca.fmax, Min=ca.fmin, Piecewise=piecewise,
        And=ca.logic_and, Or=ca.logic_or, Not=ca.logic_not, Xor=lambda a, b: ca.ne(a != 0, b != 0),
        Lt=ca.lt, Le=ca.le, Gt=ca.gt, Ge=ca.ge, Eq=ca.eq, Ne=ca.ne,
        re=lambda x: x, conjugate=lambda x: x, im=lambda x: 0 * x,
        number=number, condition=number,
        plain=lambda e: e if isinstance(e, (bool, int, float)) else None,
        own={name: getattr(ca, name) for name in ("log1p", "expm1", "log10", "fmod")},
    )  # fmt: skip


def column(value: Any) -> Column:
    """A number or an array of them as a column of constants."""
    import casadi as ca

    if isinstance(value, Column):
        return value
    array = np.asarray(value, dtype=float)
    return Column(ca.DM(array.ravel()), array.shape)


# Elements


def _each(fn: Callable[..., Any], *args: Any) -> Column:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return Column(_filled(fn(*[_spread(a, shape) for a in args]), prod(shape)), shape)


def _spread(a: Any, shape: Shape) -> Any:
    """The elements of a once it has that shape, or its only one."""
    if not isinstance(a, (Column, np.ndarray)):
        return a.item() if isinstance(a, np.generic) else a
    a = column(a)
    if prod(a.shape) in (1, prod(shape)):
        return a.flat
    return _taken(a.flat, np.broadcast_to(_numbers(a.shape), shape))


def _filled(flat: Any, size: int) -> Any:
    import casadi as ca

    if isinstance(flat, (int, float)):
        flat = ca.DM(flat)
    return flat if flat.numel() == size else ca.repmat(flat, size, 1)


# Moves: how many of the arguments are arrays that elements are taken from

_ALL = 1_000_000
_FROM_ONE = (
    *("reshape", "ravel", "expand_dims", "squeeze", "copy", "broadcast_to", "repeat", "tile"),
    *("transpose", "matrix_transpose", "swapaxes", "moveaxis", "flip", "flipud", "fliplr"),
    *("rot90", "roll", "fftshift", "ifftshift", "getitem", "diagonal", "place_diagonal"),
    *("tril", "triu", "cleared"),
)
_MOVES = {"concatenate": _ALL, "stack": _ALL, "setitem": 2} | dict.fromkeys(_FROM_ONE, 1)


def _numbers(shape: Shape, start: int = 1) -> Any:
    """The elements numbered; 0 is left for a zero."""
    return np.arange(start, start + prod(shape)).reshape(shape)


def _moved(fn: Callable[..., Any], count: int, *args: Any, **kwargs: Any) -> Column:
    import casadi as ca

    arrays = [column(a) for a in args[:count]]
    numbered, start = [], 1
    for a in arrays:
        numbered.append(_numbers(a.shape, start))
        start += prod(a.shape)
    flat = ca.vertcat(*[a.flat for a in arrays]) if len(arrays) > 1 else arrays[0].flat
    numbers = np.asarray(fn(*numbered, *args[count:], **kwargs))
    return Column(_taken(flat, numbers), numbers.shape)


def _taken(flat: Any, numbers: Any) -> Any:
    import casadi as ca

    places = numbers.ravel()
    if places.size and not places.all():
        flat = ca.vertcat(0, flat)
    else:
        places = places - 1
    if not places.size:
        return flat[0:0]
    if flat.numel() == 1:  # of one element CasADi would make a row
        return ca.repmat(flat, places.size, 1)
    first, last = int(places[0]), int(places[-1]) + 1
    if last - first == places.size and np.array_equal(places, np.arange(first, last)):
        return flat if places.size == flat.numel() else flat[first:last]
    return flat[places.tolist()]


def _scatter(g: Column, shape: Shape, *index: Any) -> Column:
    """Elements that are added up are a product with a matrix of ones."""
    import casadi as ca

    from ...rules.shape import scatter

    if not any(map(names_twice, index)):
        return _moved(scatter.fn, 1, g, shape, *index)
    places = np.broadcast_to(_numbers(shape, 0)[index], g.shape).ravel()
    ones = ca.DM.triplet(places.tolist(), list(range(places.size)), ca.DM.ones(places.size),
                         prod(shape), places.size)  # fmt: skip
    return Column(ca.mtimes(ones, g.flat), tuple(shape))


# Sums and products


def _sum(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
         initial: Any = 0, where: Any = True) -> Column:  # fmt: skip
    import casadi as ca

    x = column(x)
    if where is not True:
        mask = np.broadcast_to(where, x.shape)
        x = Column(_taken(x.flat, np.where(mask, _numbers(x.shape), 0)), x.shape)
    n = len(x.shape)
    axes = tuple([int(k) % n for k in (range(n) if axis is None else np.atleast_1d(axis))])
    rest = tuple([k for k in range(n) if k not in axes])
    size = prod([x.shape[k] for k in rest])
    flat = _taken(x.flat, _numbers(x.shape).transpose(rest + axes))
    rows = ca.reshape(flat, flat.numel() // size if size else 0, size)
    shape = tuple([1 if k in axes else m for k, m in enumerate(x.shape)])
    shape = shape if keepdims is True else tuple([x.shape[k] for k in rest])
    return Column(ca.reshape(ca.sum1(rows), size, 1) + initial, shape)


def _matmul(a: Any, b: Any) -> Column:
    a, b = column(a), column(b)
    left = a if len(a.shape) > 1 else Column(a.flat, (1, *a.shape))
    right = b if len(b.shape) > 1 else Column(b.flat, (*b.shape, 1))
    y = _on_matrices(lambda x, y: _mtimes(y, x), left, right)
    shape = y.shape if len(a.shape) > 1 else (*y.shape[:-2], y.shape[-1])
    return Column(y.flat, shape if len(b.shape) > 1 else shape[:-1])


def _mtimes(a: Any, b: Any) -> Any:
    import casadi as ca

    return ca.mtimes(a, b)


def _on_matrices(fn: Callable[..., Any], *arrays: Any) -> Column:
    """A function of the transposes of matrices, which gives a transpose, on stacks of them."""
    import casadi as ca

    columns = [column(a) for a in arrays]
    stack = np.broadcast_shapes(*[a.shape[:-2] for a in columns])
    each = [np.broadcast_to(_numbers(a.shape), stack + a.shape[-2:]) for a in columns]
    found = [
        fn(*[
            ca.reshape(_taken(a.flat, numbers[index]), *a.shape[:-3:-1])
            for a, numbers in zip(columns, each, strict=True)
        ])
        for index in np.ndindex(stack)
    ]  # fmt: skip
    flat = ca.vertcat(*[ca.vec(y) for y in found]) if len(found) > 1 else ca.vec(found[0])
    shape = found[0].shape[::-1]
    return Column(flat, stack + shape)


def _inv(a: Any) -> Column:
    import casadi as ca

    return _on_matrices(ca.inv, a)


def _transposed_inverse(a: Any) -> Column:
    import casadi as ca

    return _on_matrices(lambda a: ca.inv(a).T, a)


def _det(a: Any) -> Column:
    import casadi as ca

    if isinstance(a.flat, ca.SX) and a.shape[-1] > EXPANDED:
        raise UnsupportedError(
            f"CasADi expands the determinants of SX, which here goes up to {EXPANDED} rows; "
            f"use dk.CasADi(symbols='MX')"
        )
    y = _on_matrices(ca.det, a)
    return Column(y.flat, y.shape[:-2])


def _slogdet(a: Any) -> tuple[Column, Column]:
    import casadi as ca

    d = _det(a)
    return Column(ca.sign(d.flat), d.shape), Column(ca.log(ca.fabs(d.flat)), d.shape)


def _solve_columns(a: Any, b: Any) -> Column:
    import casadi as ca

    return _on_matrices(lambda a, b: ca.solve(a.T, b.T).T, a, b)


LINEAR_ALGEBRA: dict[str, Operation] = {
    "inv": _inv,
    "transposed_inverse": _transposed_inverse,
    "det": _det,
    "slogdet": _slogdet,
    "solve_columns": _solve_columns,
}

_OF_COLUMNS: dict[str, Operation] = {
    "constant": lambda c, *like: c,
    "astype": lambda x, dtype: x,
    "scatter": _scatter,
    "sum": _sum,
    "matmul": _matmul,
    **LINEAR_ALGEBRA,
}


# Functions that were written in CasADi


def natural(value: Column) -> Any:
    """An array as functions that were written in CasADi take it: a column or a matrix.

    Raises:
        UnsupportedError: it has more than two axes.
    """
    import casadi as ca

    if len(value.shape) > 2:
        raise UnsupportedError(
            f"a function written in CasADi takes arrays of up to two axes, not of shape "
            f"{value.shape}"
        )
    return value.flat if len(value.shape) < 2 else ca.reshape(value.flat, *value.shape[::-1]).T


def of_natural(y: Any) -> Column:
    """What such a function returned: a column has one axis, and a matrix of one element none."""
    import casadi as ca

    if isinstance(y, np.ndarray) and y.dtype == object:
        return Column(ca.vertcat(*y.ravel()), y.shape)
    if isinstance(y, (list, tuple)):
        y = ca.vertcat(*y)
    if not isinstance(y, (ca.SX, ca.MX, ca.DM)):
        return column(y)
    y = ca.densify(y)
    shape: Sequence[int] = y.shape if y.shape[1] != 1 else y.shape[: 1 if y.shape[0] != 1 else 0]
    return Column(ca.vec(y.T), tuple(shape))


def require_symbolic(f: Callable[..., Any], inputs: Sequence[Any], value: Any) -> None:
    """Refuse a function that made a number of a symbol: CasADi's ``float(symbol)`` is NaN, and a
    comparison with that takes a branch without a word.

    Raises:
        UnsupportedError: its value with numbers is not its value with symbols.
    """
    try:
        expected = of_natural(f(*[natural(column(v)) for v in inputs]))
        numbers = np.ravel(expected.flat.full())
    except Exception:  # a function of symbols alone, which differentiates for instance
        return
    if not np.allclose(np.ravel(value), numbers, rtol=1e-9, equal_nan=True):
        raise UnsupportedError(
            f"f gives {value} with CasADi's symbols and {numbers} with numbers: it makes numbers "
            f"of symbols; use casadi.sin for math.sin and so on"
        )
