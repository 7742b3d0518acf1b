"""Primitives in terms of others, for libraries that have fewer.

Each definition is written in NumPy's terms with the arguments of the primitive; it is recorded for
the shapes at hand, and the recording is read with the library's operations in its turn. Where the
primitive has a convention (of elements that tie, each gets an equal share; the root of 0 has slope
0) its definition has the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...rules import Primitive
from ...tape import record_many
from ...tape.replay.elsewhere import Elsewhere, Operation
from ...tape.replay.program import program

_PARAMETERS = (int, float, str, tuple, list, slice, type(None), np.dtype, np.generic, type)


def defined(
    rule: Primitive,
    operation: Callable[[Primitive], Operation],
    constant: Callable[[Any], Any],
) -> Operation | None:
    """A primitive by its definition; None where there is none.

    Args:
        rule: the primitive.
        operation: the library's functions, which take arrays that have a ``shape``.
        constant: the library's form of an array.
    """
    definition = DEFINITIONS.get(rule.name)
    if definition is None:
        return None

    def call(*args: Any, **kwargs: Any) -> Any:
        places = [k for k, a in enumerate(args) if not isinstance(a, _PARAMETERS)]
        examples = [_example(np.shape(args[k])) for k in places]

        def f(*arrays: Any) -> list[Any]:
            given = list(args)
            for k, array in zip(places, arrays, strict=True):
                given[k] = array
            return [definition(*given, **kwargs)]

        with np.errstate(all="ignore"):  # of the example
            made = program(*record_many(f, examples))
        return Elsewhere(made, operation, constant)([args[k] for k in places])[0]

    return call


def _example(shape: tuple[int, ...]) -> Any:
    return np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape) if shape else 0.75


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    axes = range(np.ndim(x)) if axis is None else np.atleast_1d(axis)
    return tuple([int(k) % np.ndim(x) for k in axes])


# Sums


def _mean(x, axis=None, dtype=None, out=None, keepdims=False, where=True):
    total = np.sum(x, axis=axis, keepdims=keepdims is True, where=where)
    number = np.sum(np.broadcast_to(where, np.shape(x)), axis=axis, keepdims=keepdims is True)
    return total / (1.0 * number)


def _var(x, axis=None, dtype=None, out=None, ddof=0, keepdims=False, where=True, correction=None):
    d = x - _mean(x, axis, keepdims=True, where=where)
    total = np.sum(d * d, axis=axis, keepdims=keepdims is True, where=where)
    number = np.sum(np.broadcast_to(where, np.shape(x)), axis=axis, keepdims=keepdims is True)
    return total / (1.0 * number - (ddof if correction is None else correction))


def _root(x):
    zero = x == 0
    return np.where(zero, 0.0, np.sqrt(np.where(zero, 1.0, x)))


def _std(x, *args, **kwargs):
    return _root(_var(x, *args, **kwargs))


def _p_norm(x, p, axis=None, keepdims=False):
    def total(powers):
        return np.sum(powers, axis=axis, keepdims=keepdims)

    if p == 1:
        return total(np.abs(x))
    if p == 2:
        return _root(total(x * x))
    size = total(np.abs(x) ** p)
    zero = size == 0
    return np.where(zero, 0.0, np.where(zero, 1.0, size) ** (1 / p))


# By pairs


def _by_pairs(fn, x, axis, keepdims, initial=None, where=True, neutral=0.0):
    """fn over axes, in a tree of pairs."""
    axes = _axes(x, axis)
    if where is not True:
        x = np.where(where, x, neutral)
    rest = tuple(k for k in range(np.ndim(x)) if k not in axes)
    kept = tuple(np.shape(x)[k] for k in rest)
    y = np.reshape(np.transpose(x, axes + rest), (-1, *kept))
    while len(y) > 1:
        half = len(y) // 2
        pairs = fn(y[:half], y[half : 2 * half])
        y = np.concatenate([pairs, y[2 * half :]]) if len(y) % 2 else pairs
    y = y[0] if len(y) else np.full(kept, neutral)
    y = y if initial is None else fn(y, initial)
    return np.expand_dims(y, axes) if keepdims is True else y


def _prod(x, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True):
    return _by_pairs(np.multiply, x, axis, keepdims, initial, where, 1.0)


def _extreme(fn, neutral):
    def extreme(x, axis=None, out=None, keepdims=False, initial=None, where=True):
        """The mean of the winners, which is what they all are."""
        y = _by_pairs(fn, x, axis, True, initial, where, neutral)
        wins = np.logical_and(x == y, where)
        its = 0.0 if initial is None else np.where(y == initial, initial, 0.0)
        own = 0.0 if initial is None else np.where(y == initial, 1.0, 0.0)
        total = np.sum(np.where(wins, x, 0.0), axis=_axes(x, axis), keepdims=True)
        number = np.sum(np.where(wins, 1.0, 0.0), axis=_axes(x, axis), keepdims=True)
        y = (total + its) / (number + own)
        return y if keepdims is True else np.squeeze(y, _axes(x, axis))

    return extreme


def _passing_over(extreme, neutral):
    return lambda x, *args, **kwargs: extreme(np.where(np.isnan(x), neutral, x), *args, **kwargs)


_largest, _smallest = _extreme(np.maximum, -np.inf), _extreme(np.minimum, np.inf)


def _cumulative(fn):
    """By doubling (Kogge & Stone 1973)."""

    def cumulative(x, axis=None, dtype=None, out=None):
        y = np.ravel(x) if axis is None else np.moveaxis(x, axis, 0)
        step = 1
        while step < len(y):
            y = np.concatenate([y[:step], fn(y[step:], y[:-step])])
            step *= 2
        return y if axis is None else np.moveaxis(y, 0, axis)

    return cumulative


def _diff(x, n=1, axis=-1):
    y = np.moveaxis(x, axis, 0)
    for _ in range(n):
        y = y[1:] - y[:-1]
    return np.moveaxis(y, 0, axis)


# Exponential averages


def _logsumexp(a, axis=None, keepdims=False):
    shift = _largest(a, axis, keepdims=True)
    y = np.log(np.sum(np.exp(a - shift), axis=axis, keepdims=True)) + shift
    return y if keepdims else np.squeeze(y, _axes(a, axis))


def _log_softmax(x, axis=None):
    return x - _logsumexp(x, axis, keepdims=True)


# Truth


def _decided(fn, neutral):
    def decided(x, axis=None, out=None, keepdims=False, where=True):
        return _by_pairs(fn, x, axis, keepdims, None, where, neutral)

    return decided


# Products


def _outer(a, b):
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


def _tensordot(a, b, axes=2):
    if np.ndim(axes) == 0:
        axes = range(np.ndim(a) - axes, np.ndim(a)), range(axes)
    left, right = (_axes(x, k) for x, k in zip((a, b), axes, strict=True))
    rest_a = tuple(k for k in range(np.ndim(a)) if k not in left)
    rest_b = tuple(k for k in range(np.ndim(b)) if k not in right)
    summed = int(np.prod([np.shape(a)[k] for k in left]))
    rows = np.reshape(np.transpose(a, rest_a + left), (-1, summed))
    columns = np.reshape(np.transpose(b, right + rest_b), (summed, -1))
    shape = [np.shape(a)[k] for k in rest_a] + [np.shape(b)[k] for k in rest_b]
    return np.reshape(np.matmul(rows, columns), shape)


def _einsum(*operands, labels, out, optimize=False):
    """Every operand laid out along all labels, multiplied, and summed over those not in out."""
    every = out + "".join(sorted(set("".join(labels)) - set(out)))
    product: Any = 1.0
    for x, mine in zip(operands, labels, strict=True):
        distinct = [c for c in every if c in mine]
        for c in set(mine):  # a label used twice: the diagonal
            while mine.count(c) > 1:
                j, k = mine.index(c), mine.rindex(c)
                x = np.diagonal(x, 0, j, k)
                mine = mine[:j] + mine[j + 1 : k] + mine[k + 1 :] + c
        x = np.transpose(x, [mine.index(c) for c in distinct])
        sizes = dict(zip(distinct, np.shape(x), strict=True))
        product = product * np.reshape(x, [sizes.get(c, 1) for c in every])
    axes = tuple(range(len(out), len(every)))
    return np.sum(product, axis=axes) if axes else product


def _cross(a, b):
    turned = np.array([1, 2, 0]), np.array([2, 0, 1])
    (i, j) = turned
    return a[..., i] * b[..., j] - a[..., j] * b[..., i]


def _convolve(a, v):
    if np.size(v) > np.size(a):
        a, v = v, a
    n = np.size(v)
    y: Any = 0.0
    for k in range(n):
        y = y + np.concatenate([np.zeros(k), a * v[k], np.zeros(n - 1 - k)])
    return y


# Matrices


def _cholesky_lower(a):
    """Row by row, from the lower triangle."""
    rows: list[list[Any]] = []
    for i in range(np.shape(a)[-1]):
        row: list[Any] = []
        for j in range(i + 1):
            rest = a[..., i, j]
            for k in range(j):
                rest = rest - row[k] * (rows[j] if j < i else row)[k]
            row.append(np.sqrt(rest) if i == j else rest / rows[j][j])
        rows.append(row)
    zero = 0.0 * a[..., 0, 0]
    n = len(rows)
    return np.stack([np.stack(r + [zero] * (n - len(r)), axis=-1) for r in rows], axis=-2)


def _substitution(lower):
    """Forwards or backwards, one row after the other."""

    def solution(a, b):
        n = np.shape(a)[-1]
        rows: dict[int, Any] = {}
        for i in range(n) if lower else range(n - 1, -1, -1):
            rest = b[i]
            for j, x in rows.items():
                rest = rest - a[i, j] * x
            rows[i] = rest / a[i, i]
        return np.stack([rows[i] for i in range(n)])

    return solution


DEFINITIONS: dict[str, Callable[..., Any]] = {
    "amax": _largest,
    "amin": _smallest,
    "max": _largest,
    "min": _smallest,
    "nanmax": _passing_over(_largest, -np.inf),
    "nanmin": _passing_over(_smallest, np.inf),
    "shift": lambda a, axis: _largest(a, axis, keepdims=True),
    "mean": _mean,
    "var": _var,
    "std": _std,
    "p_norm": _p_norm,
    "prod": _prod,
    "cumsum": _cumulative(np.add),
    "cumprod": _cumulative(np.multiply),
    "diff": _diff,
    "any": _decided(np.logical_or, False),
    "all": _decided(np.logical_and, True),
    "cholesky_lower": _cholesky_lower,
    "solve_lower": _substitution(True),
    "solve_upper": _substitution(False),
    "logsumexp": _logsumexp,
    "log_softmax": _log_softmax,
    "softmax": lambda x, axis=None: np.exp(_log_softmax(x, axis)),
    "sech_squared": lambda x: 1 / np.cosh(x) ** 2,
    "outer": _outer,
    "tensordot": _tensordot,
    "einsum": _einsum,
    "cross": _cross,
    "convolve": _convolve,
}
