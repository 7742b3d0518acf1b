"""Which elements of a result depend on which elements of the arguments, for each primitive.

A rule is a function of a ``Use``: one primitive, used once on a tape. It holds wherever the
recorded branch holds, so it never looks at the values of anything that depends on the inputs: of
``where``, ``maximum`` or a product with a zero, both sides count. It may look at constants of the
tape, which stay what they are: indices, axes, and the zeros of a constant factor.

A primitive without a rule here depends on everything: each of its results on all elements of its
arguments. So a pattern can be too large, and never too small.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..rules import Primitive
from ..tape import Tracer, untraced
from .index_sets import (
    Dependence,
    Rows,
    all_members,
    appended,
    as_rows,
    collected,
    element,
    gathered,
    joined,
    members,
    nothing,
    numbered,
    numbers_from,
    repeated,
    shaped,
    stacked,
    union,
)


class Use(NamedTuple):
    """One row of a tape.

    Attributes:
        rule: the primitive.
        y: its value, of which the shape matters alone.
        parents: for each argument its row, or -1 for a constant.
        args: the values of the arguments.
        kwargs: parameters.
        depends: for each argument what it depends on.
        width: the number of inputs.
        zeros: whether zeros in constants may be taken for granted.
    """

    rule: Primitive
    y: Any
    parents: tuple[int, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    depends: tuple[Dependence, ...]
    width: int
    zeros: bool = True

    def rows(self, k: int = 0) -> Rows | None:
        """What the elements of an argument depend on."""
        return as_rows(self.depends[k], self.width)

    def constant(self, k: int) -> bool:
        """Whether an argument has this value wherever the recording holds."""
        return self.parents[k] < 0 and not _is_traced(self.args[k])

    def parameters_fixed(self, first: int = 1) -> bool:
        """Whether the arguments from that one on are constants."""
        return all(self.constant(k) for k in range(first, len(self.args)))

    def parameter(self, name: str, place: int, default: Any = None) -> Any:
        """A parameter that is passed by name or by place."""
        given = self.kwargs.get(name, self.args[place] if place < len(self.args) else default)
        return default if given is np._NoValue else given

    def has_fixed_zeros(self, k: int) -> bool:
        """Whether an argument is a constant whose zeros may be taken for granted."""
        return self.zeros and self.constant(k)

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.y)

    @property
    def size(self) -> int:
        return size_of(self.y)


DependenceRule = Callable[[Use], Dependence]


def _is_traced(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_traced, value))
    return type(value) is Tracer


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of a value, without asking NumPy about a tracer."""
    return getattr(value, "shape", ()) if not isinstance(value, (list, tuple)) else np.shape(value)


def size_of(value: Any) -> int:
    return prod(shape_of(value))


# Without a rule


def on_everything(use: Use) -> Dependence:
    """Every element of every result depends on all elements of all arguments."""
    found = np.zeros(0, np.int64)
    for k in range(len(use.depends)):
        if (rows := use.rows(k)) is not None:
            found = np.union1d(found, all_members(rows))
    if not len(found):
        return None
    if isinstance(use.y, (tuple, list)):
        return tuple([_same_for_all(found, shape_of(v), use.width) for v in use.y])
    return _same_for_all(found, use.shape, use.width)


def _same_for_all(found: Any, shape: tuple[int, ...], width: int) -> Dependence:
    if not shape:
        return numbers_from(found)
    return repeated(found, prod(shape), width)


# Element by element


def elementwise(use: Use) -> Dependence:
    """Each element depends on the elements that stand at its place after broadcasting."""
    shape = use.shape
    found: Dependence = None
    if not shape:
        for dependence in use.depends:
            found = joined(found, dependence)
        return found
    for k, arg in enumerate(use.args):
        if use.depends[k] is not None:
            found = union(found, broadcast(use.depends[k], shape_of(arg), shape, use.width))
    return found


def broadcast(
    dependence: Dependence, old: tuple[int, ...], new: tuple[int, ...], width: int
) -> Rows:
    """What the elements depend on once the array has been broadcast."""
    if old == new:
        return as_rows(dependence, width)
    if not old:
        return repeated(members(dependence), prod(new), width)
    return gathered(dependence, np.broadcast_to(numbered(old), new))


# Elements that go to other places


def moved(use: Use) -> Dependence:
    """The primitive, applied to the places of the elements, tells where each one goes."""
    rows = use.rows()
    if rows is None:
        return None
    in_memory = any(isinstance(v, str) and v in "KA" for v in (*use.args[1:], *use.kwargs.values()))
    if not use.parameters_fixed() or (in_memory and use.rule.fn is not np.copy):
        return on_everything(use)  # an order that depends on how the array lies in memory
    index = use.rule.fn(numbered(shape_of(use.args[0])), *use.args[1:], **use.kwargs)
    return shaped(gathered(rows, index), use.shape)


def masked(use: Use) -> Dependence:
    """Of a function that leaves elements where they are, or puts 0 there."""
    rows = use.rows()
    if rows is None:
        return None
    index = use.rule.fn(numbered(shape_of(use.args[0])) + 1, *use.args[1:], **use.kwargs)
    return shaped(gathered(rows, index - 1), use.shape)


def read(use: Use) -> Dependence:
    """``x[index]``; an index that depends on the inputs may name any element along its axis."""
    rows, index = use.rows(), use.args[1:]
    if rows is None:
        return None
    if use.parameters_fixed():
        if not use.shape:
            return element(rows, int(numbered(shape_of(use.args[0]))[index]))
        return moved(use)
    if not all(isinstance(k, slice) or np.asarray(untraced(k)).dtype.kind in "iu" for k in index):
        return on_everything(use)
    free = tuple([k for k in range(len(index)) if not use.constant(k + 1)])
    together, left = reduced(rows, shape_of(use.args[0]), free)
    fixed = [np.zeros(shape_of(v), int) if k in free else v for k, v in enumerate(index)]
    return shaped(gathered(together, numbered(left)[tuple(fixed)]), use.shape)


def _placed(use: Use, targets: Callable[[Any], Any]) -> Dependence:
    """Each element goes to the place of the result that ``targets`` picks from all places."""
    rows = use.rows()
    if rows is None:
        return None
    if not use.parameters_fixed():
        return on_everything(use)
    places = targets(numbered(use.shape))
    sources = np.broadcast_to(numbered(shape_of(use.args[0])), np.shape(places))
    return collected(rows, sources, places, use.size)


def scattered(use: Use) -> Dependence:
    return _placed(use, lambda places: places[use.args[2:]])


def on_a_diagonal(use: Use) -> Dependence:
    return _placed(use, lambda places: np.diagonal(places, *use.args[2:], **use.kwargs))


def assigned(use: Use) -> Dependence:
    """``x[index] = value``; of an element named twice, every value that was meant for it counts."""
    if not use.parameters_fixed(2):
        return on_everything(use)
    places = np.asarray(numbered(use.shape)[use.args[2:]])
    kept = _without(use.rows(0), places)
    if use.depends[1] is None:
        return shaped(kept, use.shape)
    value = broadcast(use.depends[1], shape_of(use.args[1]), places.shape, use.width)
    return union(kept, collected(value, np.arange(places.size), places, use.size))


def cleared_at(use: Use) -> Dependence:
    if not use.parameters_fixed():
        return on_everything(use)
    return shaped(_without(use.rows(), numbered(use.shape)[use.args[1:]]), use.shape)


def _without(rows: Rows | None, places: Any) -> Rows | None:
    if rows is None:
        return None
    index = np.arange(rows.shape[0])
    index[np.ravel(places)] = -1
    return gathered(rows, index)


def put_together(use: Use) -> Dependence:
    """Concatenation and stacking of any number of arrays."""
    if all(not shape_of(a) for a in use.args):
        return stacked(use.depends, use.width)
    starts = np.cumsum([0, *(size_of(a) for a in use.args)])
    places = [numbered(shape_of(a)) + starts[k] for k, a in enumerate(use.args)]
    parts = [
        nothing(size_of(a), use.width) if use.depends[k] is None else use.rows(k)
        for k, a in enumerate(use.args)
    ]
    return shaped(gathered(appended(parts), use.rule.fn(*places, **use.kwargs)), use.shape)


# Along axes


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction, counted from 0."""
    if axis is None:
        return tuple(range(ndim))
    return tuple([int(k) % ndim for k in (axis if np.ndim(axis) else (axis,))]) if ndim else ()


def reduced(rows: Rows, shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[Rows, Any]:
    """The union over axes, and the shape that is left with axes of length 1."""
    left = tuple([1 if k in axes else n for k, n in enumerate(shape)])
    if left == shape:
        return rows, left
    if all(n == 1 for n in left):
        return repeated(all_members(rows), 1, rows.shape[1]), left
    targets = np.broadcast_to(numbered(left), shape)
    return collected(rows, np.arange(rows.shape[0]), targets, prod(left)), left


def reduction(place: int) -> DependenceRule:
    """Of a function that takes everything along some axes together; ``place`` is that of ``axis``
    among its arguments. Quantiles put axes in front."""

    def rule(use: Use) -> Dependence:
        rows, shape = use.rows(), shape_of(use.args[0])
        if rows is None:
            return None
        mask = use.kwargs.get("where", True)
        if mask is not True and mask is not np._NoValue:  # a constant, as all keywords are
            rows = gathered(rows, np.where(mask, numbered(shape), -1))
        axes = axes_of(use.parameter("axis", place), len(shape))
        together, left = reduced(rows, shape, axes)
        kept = left if use.kwargs.get("keepdims") is True else tuple(
            [n for k, n in enumerate(left) if k not in axes])  # fmt: skip
        if use.shape[len(use.shape) - len(kept) :] != kept:
            return on_everything(use)
        return shaped(spread(together, kept, use.shape), use.shape)

    return rule


def spread(rows: Rows, old: tuple[int, ...], new: tuple[int, ...]) -> Rows:
    """What the elements depend on once an array has been broadcast to another shape."""
    return rows if old == new else gathered(rows, np.broadcast_to(numbered(old), new))


def along(place: int, default: Any = -1) -> DependenceRule:
    """Of a function that mixes all elements along some axes, whose length may change."""

    def rule(use: Use) -> Dependence:
        rows, shape = use.rows(), shape_of(use.args[0])
        if rows is None:
            return None
        axes = axes_of(use.parameter("axis", place, default), len(shape))
        together, left = reduced(rows, shape, axes)
        return shaped(spread(together, left, use.shape), use.shape)

    return rule


def running(use: Use) -> Dependence:
    """Cumulative sums and products: each element on all before it, found by doubling."""
    rows: Any = use.rows()
    if rows is None:
        return None
    shape, axis = shape_of(use.args[0]), use.parameter("axis", 1)
    places = numbered(shape).ravel() if axis is None else np.moveaxis(numbered(shape), axis, 0)
    places = np.reshape(places, (len(places), -1))
    step = 1
    while step < len(places):
        before = np.full(rows.shape[0], -1)
        before[places[step:]] = places[:-step]
        rows = union(rows, gathered(rows, before))
        step *= 2
    return shaped(rows, use.shape)


def differences(use: Use) -> Dependence:
    """The k-th of n-th differences depends on the elements k to k + n."""
    rows = use.rows()
    if rows is None:
        return None
    n, axis = use.parameter("n", 1, 1), use.parameter("axis", 2, -1)
    places = np.moveaxis(numbered(shape_of(use.args[0])), axis, 0)
    length = max(len(places) - n, 0)
    sources = [np.moveaxis(places[k : k + length], 0, axis) for k in range(n + 1)]
    targets = numbered(use.shape)
    return collected(rows, np.stack(sources), np.stack([targets] * (n + 1)), use.size)


# Stacks of matrices


def matrix_by_matrix(use: Use) -> Dependence:
    """Each result of a stack of matrices depends on all elements of the matrices in its place."""
    if isinstance(use.y, (tuple, list)):
        return tuple([matrix_by_matrix(use._replace(y=v)) for v in use.y])
    found = None
    for k, arg in enumerate(use.args):
        rows, shape = use.rows(k), shape_of(arg)
        if rows is None:
            continue
        stack = shape[:-2]
        if len(shape) < 2 or use.shape[: len(stack)] != stack:
            return on_everything(use)
        together, _ = reduced(rows, shape, (len(shape) - 2, len(shape) - 1))
        aligned = stack + (1,) * (len(use.shape) - len(stack))
        found = union(found, spread(together, aligned, use.shape))
    return shaped(found, use.shape)


def column_by_column(use: Use) -> Dependence:
    """The solution of a system: each column depends on its right side, and on the whole matrix."""
    found = None
    for k, axes in ((0, (-2, -1)), (1, (-2,))):
        rows, shape = use.rows(k), shape_of(use.args[k])
        if rows is None:
            continue
        together, left = reduced(rows, shape, axes_of(axes, len(shape)))
        found = union(found, spread(together, left, use.shape))
    return shaped(found, use.shape)
