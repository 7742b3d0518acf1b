"""What products of arrays depend on: sums over labels, as Einstein wrote them.

In a product with a constant factor, an element of the result depends on those elements of the
other factor that meet a number other than zero. That is an exception to the rule that values do
not count: a constant of the tape stays what it is, and the matrices of difference schemes consist
of zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from string import ascii_lowercase
from typing import Any

import numpy as np

from .dependence import Use, axes_of, on_everything, reduced, shape_of, spread
from .index_sets import Dependence, Rows, collected, gathered, numbered, shaped, union

PAIRS = 10_000_000  # pairs of elements up to which the zeros of a constant are made use of

Shape = tuple[int, ...]


def einsum(use: Use) -> Dependence:
    return _contraction(use, use.kwargs["labels"], use.kwargs["out"])


def matmul(use: Use) -> Dependence:
    left, right = (len(shape_of(a)) for a in use.args[:2])
    stack = ascii_lowercase[: max(left, right, 2) - 2]
    first = "K" if left == 1 else stack[len(stack) + 2 - left :] + "IK"
    second = "K" if right == 1 else stack[len(stack) + 2 - right :] + "KJ"
    return _contraction(use, (first, second), stack + "I" * (left > 1) + "J" * (right > 1))


def outer(use: Use) -> Dependence:
    return _contraction(use, ("i", "j"), "ij", [(prod(shape_of(a)),) for a in use.args])


def tensordot(use: Use) -> Dependence:
    left, right = (len(shape_of(a)) for a in use.args[:2])
    axes = use.parameter("axes", 2, 2)
    if np.ndim(axes) == 0:
        axes = range(left - axes, left), range(axes)
    summed = [axes_of(tuple(np.atleast_1d(k)), n) for k, n in zip(axes, (left, right), strict=True)]
    first = list(ascii_lowercase[:left])
    second = list(ascii_lowercase[left : left + right])
    for i, j in zip(*summed, strict=True):
        second[j] = first[i]
    out = [c for k, c in enumerate(first) if k not in summed[0]]
    out += [c for k, c in enumerate(second) if k not in summed[1]]
    return _contraction(use, ("".join(first), "".join(second)), "".join(out))


def cross(use: Use) -> Dependence:
    """Each component depends on all three components of both vectors."""
    found = None
    for k, arg in enumerate(use.args):
        if (rows := use.rows(k)) is not None:
            together, left = reduced(rows, shape_of(arg), axes_of(-1, len(shape_of(arg))))
            found = union(found, spread(together, left, use.shape))
    return shaped(found, use.shape)


def convolution(use: Use) -> Dependence:
    """Element k of the full convolution is the sum of a[i] v[k - i]."""
    found = None
    for k in range(2):
        rows, other = use.rows(k), use.args[1 - k]
        if rows is None:
            continue
        used = (
            np.flatnonzero(other) if use.has_fixed_zeros(1 - k) else np.arange(shape_of(other)[0])
        )
        if rows.shape[0] * len(used) > PAIRS:
            return on_everything(use)
        sources, shifts = np.meshgrid(np.arange(rows.shape[0]), used, indexing="ij")
        found = union(found, collected(rows, sources, sources + shifts, use.size))
    return shaped(found, use.shape)


def _contraction(
    use: Use, labels: Sequence[str], out: str, shapes: Sequence[Shape] | None = None
) -> Dependence:
    """Of a product of arrays, summed over the labels that ``out`` leaves out."""
    shapes = [shape_of(a) for a in use.args] if shapes is None else shapes
    found = None
    for k, term in enumerate(labels):
        rows = use.rows(k)
        if rows is None:
            continue
        part = None
        if len(labels) == 2 and use.has_fixed_zeros(1 - k):
            factor = np.reshape(use.args[1 - k], shapes[1 - k])
            part = _beside_zeros(rows, shapes[k], term, factor, labels[1 - k], out, use.shape)
        if part is None:
            part = _beside_numbers(rows, shapes[k], term, out, use.shape)
        found = union(found, part)
    return shaped(found, use.shape)


def _beside_numbers(rows: Rows, shape: Shape, term: str, out: str, out_shape: Shape) -> Rows:
    """Where no factor is known to be zero: the union over the labels that are summed over, at each
    value of those that are not."""
    rows, shape, term = _on_its_diagonal(rows, shape, term)
    summed = tuple([k for k, c in enumerate(term) if c not in out])
    together, left = reduced(rows, shape, summed)
    kept = [term.index(c) for c in out if c in term]
    places = np.transpose(numbered(left), [*kept, *summed])
    aligned = [left[term.index(c)] if c in term else 1 for c in out]
    return gathered(together, np.broadcast_to(np.reshape(places, aligned), out_shape))


def _on_its_diagonal(rows: Rows, shape: Shape, term: str) -> tuple[Rows, Shape, str]:
    """An operand with each label once: of axes with the same label, the diagonal."""
    once = "".join(dict.fromkeys(term))
    if once == term:
        return rows, shape, term
    places = np.einsum(f"{term}->{once}", numbered(shape))
    return gathered(rows, places), places.shape, once


def _beside_zeros(
    rows: Rows, shape: Shape, term: str, factor: Any, labels: str, out: str, out_shape: Shape
) -> Rows | None:
    """Beside a constant factor: the pairs of elements that one of its non-zeros brings together.
    None where it has no zeros, or there are too many pairs."""
    if np.count_nonzero(factor) == factor.size:
        return None
    values, count = _labels_of_nonzeros(factor, labels)
    lengths = dict(zip(term, shape, strict=True)) | dict(zip(out, out_shape, strict=True))
    free = {c: n for c, n in lengths.items() if c not in values}
    if count * prod(free.values()) > PAIRS:
        return None
    grid = np.ogrid[tuple([slice(n) for n in (count, *free.values())])]
    values = {c: np.reshape(v, (-1,) + (1,) * len(free)) for c, v in values.items()}
    values |= dict(zip(free, grid[1:], strict=True))
    pairs = np.zeros((count, *free.values()), np.int64)
    sources = pairs + _place(term, shape, values)
    targets = pairs + _place(out, out_shape, values)
    return collected(rows, sources, targets, prod(out_shape))


def _labels_of_nonzeros(factor: Any, labels: str) -> tuple[dict[str, Any], int]:
    """The value of each label at each non-zero, and how many of them count. A label of length 1
    is broadcast, so it has no value; of a label that stands twice both values are equal."""
    at = np.nonzero(np.atleast_1d(factor))
    kept = np.ones(len(at[0]), bool)
    values: dict[str, Any] = {}
    for c, n, v in zip(labels, factor.shape, at, strict=False):
        if c in values:
            kept &= values[c] == v
        elif n > 1:
            values[c] = v
    return {c: v[kept] for c, v in values.items()}, int(np.sum(kept))


def _place(labels: str, shape: Shape, values: dict[str, Any]) -> Any:
    """The number, in C order, of the element at given values of the labels."""
    place: Any = 0
    for c, n in zip(labels, shape, strict=True):
        place = place * n + (values[c] if n > 1 else 0)
    return place
