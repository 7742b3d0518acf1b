"""Operations on arrays that stay where they are, as instructions for a compiled interpreter.

A call of a NumPy function from Python costs half a microsecond and more before the first element
is touched, which on small arrays is nearly all of it. Here the function's own inner loop is called
at its address, on addresses and strides that were written down beforehand: the same arithmetic in
the same order, so the same bits. Each instruction is tried on the recorded point, and what does
not give the recorded bits there stays a call.

It needs Numba, which is the extra ``fast``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ....rules import RULES, Primitive, arithmetic, elementary, joins, selection, shape
from ...recording import CONSTANT, GUARD
from ..forms import REDUCTIONS, simple, special_power
from ..inner_loops import InnerLoop, address_of, inner_loop
from ..program import Node
from .reductions import FEWEST, LONGEST

Code = list[int]
Writer = Callable[..., Code]  # of the coder, a node's number, the node, and where it goes
Place = tuple[int, tuple[int, ...], str]  # the address, the strides, the kind: "d" or "?"
SHORT_AXIS = 64  # elements of the last axis below which broadcasting is slow
SPREAD = 1 << 20  # elements of the largest constant that is kept broadcast
_MINUS_ZERO = -(2**63)  # its bits, as an integer
_COUNT = RULES[np.count_nonzero]
_RESHAPE = RULES[np.reshape]
_INTEGERS = (int, np.int64)
_TRUTHS = (bool, np.bool_)
_NUMBERS = {float, np.float64, *_INTEGERS, *_TRUTHS}


class NotInstruction(Exception):
    """An operation that stays a call from Python."""


class Coder:
    """Writes the instructions for nodes.

    Attributes:
        numbers: the numbers of the program, one place for each node.
        truths: likewise the truth values that are no arrays.
        arrays: the arrays of the program, by their nodes; they stay where they are.
        others: what writes the instructions for operations on whole matrices; see ``matrix_code``.
    """

    def __init__(
        self, nodes: Sequence[Node], arrays: dict[int, Any], others: Mapping[Primitive, Writer]
    ) -> None:
        from . import loops as array_loops

        self.L, self.others = array_loops, others
        self.factors: dict[int, Any] = {}  # of matrices, by their nodes
        self.parts: dict[int, Any] = {}  # the numbers that a node of several results has
        self.nodes, self.arrays = nodes, arrays
        self.numbers = np.zeros(len(nodes))
        self.truths = np.zeros(len(nodes), bool)
        self.kept: list[Any] = []  # addresses alone keep nothing alive
        self._addresses: dict[int, tuple[int, Any]] = {}  # by the identity of an array that is kept
        self._numbers_at, self._truths_at = address_of(self.numbers), address_of(self.truths)
        for k, node in enumerate(nodes):
            if node.rule is CONSTANT and type(node.value) in (float, int, np.float64):
                self.numbers[k] = node.value
            elif node.rule is CONSTANT and type(node.value) in _TRUTHS:
                self.truths[k] = node.value

    def code(self, k: int, out: Any) -> Code:
        """The instructions that compute a node.

        Args:
            k: the node.
            out: the array to write it into; None for a number.

        Raises:
            NotInstruction: there are none.
        """
        node = self.nodes[k]
        rule, fn = node.rule, node.rule.fn
        if rule is GUARD:
            return self._guard(node)
        if rule is _COUNT:
            return self._count(k, node)
        if fn in REDUCTIONS and simple(node):
            return self._reduction(k, node, out)
        if fn is np.matmul and not node.kwargs:
            return self._matmul(k, node, out)
        if rule is shape.scatter:
            return self._scatter(node, out)
        if rule in (joins.join, joins.pile) and type(out) is np.ndarray:
            return self._joined(node, out)
        if rule is shape.getitem:
            return self._element(k, node)
        if node.kwargs:
            raise NotInstruction
        if rule is _RESHAPE:
            return self._same_number(k, node)
        if rule in self.others:
            return self.others[rule](self, k, node, out)
        if rule is selection.where:
            return self._elementwise(self.L.SELECT, None, k, node, out)
        if rule is elementary.sech_squared:
            return self._sech_squared(node, out)
        if rule is arithmetic.raised:
            ufunc = special_power(node, self.nodes)
            if ufunc is None:
                raise NotInstruction
            return self._ufunc(ufunc, k, node._replace(operands=node.operands[:1]), out)
        if isinstance(fn, np.ufunc):
            return self._ufunc(fn, k, node, out)
        raise NotInstruction

    def value_at(self, k: int) -> Any:
        """What a number's place holds, as the type that it was recorded as."""
        kind = type(self.nodes[k].value)
        return kind(self.truths[k] if kind in _TRUTHS else self.numbers[k])

    def held(self, k: int) -> Any:
        """What a number's place holds, as it is; of several numbers all of them."""
        if k in self.parts:
            return self.parts[k]
        return (self.truths if type(self.nodes[k].value) in _TRUTHS else self.numbers)[k]

    def put(self, k: int, value: Any) -> None:
        """Put a number that Python has computed into its place."""
        (self.truths if type(self.nodes[k].value) in _TRUTHS else self.numbers)[k] = value

    def is_number(self, k: int) -> bool:
        """Whether a node has a place among the numbers."""
        return type(self.nodes[k].value) in _NUMBERS

    # Places

    def _array(self, array: Any, to: tuple[int, ...]) -> Place:
        if type(array) is not np.ndarray or array.dtype.char not in "d?":
            raise NotInstruction
        strides = array.strides if array.shape == to else _broadcast(array, to)
        known = self._addresses.get(id(array))
        if known is None:
            known = self._addresses[id(array)] = address_of(array), array
        return known[0], strides, array.dtype.char

    def _place(self, k: int, to: tuple[int, ...]) -> Place:
        """Where a node's value is, broadcast to a shape."""
        if k in self.arrays and self.nodes[k].rule is CONSTANT:
            return self._constant(k, to)
        if k in self.arrays:
            return self._array(self.arrays[k], to)
        if not self.is_number(k):
            raise NotInstruction
        return self._number(k, to)

    def _constant(self, k: int, to: tuple[int, ...]) -> Place:
        """A constant array; broadcast once and for all where rows are short."""
        array = self.arrays[k]
        spread = array.ndim > 1 and array.shape != to and array.dtype.char == "d"
        if spread and to[-1:] < (SHORT_AXIS,) and math.prod(to) <= SPREAD:
            array = np.array(np.broadcast_to(array, to), order="C")
        return self._array(array, to)

    def _number(self, k: int, to: tuple[int, ...] = ()) -> Place:
        if type(self.nodes[k].value) in _TRUTHS:
            return self._truths_at + k, (0,) * len(to), "?"
        return self._numbers_at + 8 * k, (0,) * len(to), "d"

    def _result(self, k: int, out: Any) -> tuple[Place, tuple[int, ...]]:
        if out is not None:
            return self._array(out, out.shape), out.shape
        if not self.is_number(k):
            raise NotInstruction
        return self._number(k), ()

    # Elementwise

    def _ufunc(self, fn: np.ufunc, k: int, node: Node, out: Any) -> Code:
        if type(node.value) in _INTEGERS and fn not in (np.add, np.subtract, np.multiply):
            raise NotInstruction
        return self._elementwise(self.L.LOOP, fn, k, node, out)

    def _elementwise(self, kind: int, fn: Any, k: int, node: Node, out: Any) -> Code:
        result, to = self._result(k, out)
        operands = [self._place(n, to) for n in node.operands]
        code: Code = []
        if kind == self.L.LOOP and any(c == "?" for _, _, c in operands):
            wanted = "".join(c for _, _, c in operands)
            if inner_loop(fn, f"{wanted}->{result[2]}") is None:
                for i, place in enumerate(operands):
                    if place[2] == "?":
                        operands[i] = self._converted(place, to, code)
        kinds = "".join(c for _, _, c in operands)
        if kind == self.L.SELECT:
            if kinds != "?dd" or result[2] != "d":
                raise NotInstruction
            return [*code, *self._elements(kind, 0, 0, to, [*operands, result])]
        loop = inner_loop(fn, f"{kinds}->{result[2]}")
        if loop is None:
            raise NotInstruction
        return [*code, *self._elements(kind, loop.address, loop.data, to, [*operands, result])]

    def _sech_squared(self, node: Node, out: Any) -> Code:
        """The operations of ``elementary.sech_squared_into``, one by one."""
        if out is None:
            raise NotInstruction
        x, y = self._place(node.operands[0], out.shape), self._array(out, out.shape)
        d = self._array(np.empty_like(out), out.shape)
        minus_two, one, four = [self._array(np.array(c), out.shape) for c in (-2.0, 1.0, 4.0)]
        code: Code = []
        for fn, *places in (
            (np.abs, x, y), (np.multiply, y, minus_two, y), (np.exp, y, y), (np.add, y, one, d),
            (np.multiply, d, d, d), (np.multiply, y, four, y), (np.divide, y, d, y),
        ):  # fmt: skip
            kinds = "".join([kind for _, _, kind in places])
            loop = inner_loop(fn, f"{kinds[:-1]}->{kinds[-1]}")
            if loop is None:
                raise NotInstruction
            code += self._elements(self.L.LOOP, loop.address, loop.data, out.shape, places)
        return code

    def _converted(self, place: Place, to: tuple[int, ...], code: Code) -> Place:
        """Truth values as numbers, in memory of their own."""
        own = np.empty(to)
        self.kept.append(own)
        there = (own.ctypes.data, own.strides, "d")
        code += self._elements(self.L.CONVERT, 0, 0, to, [place, there])
        return there

    def _elements(
        self, kind: int, address: int, data: int, to: tuple[int, ...], places: Sequence[Place]
    ) -> Code:
        axes = joined_axes(to, [strides for _, strides, _ in places])
        if 0 in to:
            return []
        if len(axes) > self.L.AXES or len(places) > self.L.ARRAYS:
            raise NotInstruction
        count, inner = axes.pop() if axes else (1, (0,) * len(places))
        code = [kind, 0, address, data, len(places), len(axes), count, *inner]
        code += [at for at, _, _ in places]
        for length, steps in axes:
            code += [length, *steps]
        code[1] = len(code)
        return code

    # Other operations

    def _guard(self, node: Node) -> Code:
        (n,) = node.operands
        at, _, kind = self._place(n, ())
        guard = self.L.GUARD if kind == "?" else self.L.NUMBER_GUARD
        return [guard, 4, at, int(bool(node.value))]

    def _count(self, k: int, node: Node) -> Code:
        array = self.arrays.get(node.operands[0])
        if node.kwargs or len(node.operands) > 1 or array is None or not self.is_number(k):
            raise NotInstruction
        at, _, kind = self._array(array, array.shape)
        if kind != "?" or not array.flags.c_contiguous:
            raise NotInstruction
        return [self.L.COUNT, 5, at, array.size, self._number(k)[0]]

    def _reduction(self, k: int, node: Node, out: Any) -> Code:
        """NumPy adds all slices to -0.0; of an extreme it takes the first, and then the others."""
        array, ufunc = self.arrays.get(node.operands[0]), REDUCTIONS[node.rule.fn]
        loop = inner_loop(ufunc, "dd->d")
        if array is None or not array.size or loop is None:
            raise NotInstruction
        if ufunc is np.add and array.dtype.char == "?" and out is None:
            return self._count(k, node._replace(kwargs={}))
        if array.dtype.char != "d" or self._result(k, out)[0][2] != "d":
            raise NotInstruction  # the sum of whole numbers, or the largest truth value
        if not (array.flags.c_contiguous and (out is None or out.flags.c_contiguous)):
            raise NotInstruction
        before, along, after = _parted(array.shape, node.kwargs.get("axis"))
        if after == 1 and 2 <= along <= LONGEST and before >= FEWEST:
            return self._by_columns(loop, array.reshape(before, along), self._result(k, out)[0][0])
        at, row = self._array(array, array.shape)[0], 8 * after
        (to, _, _), _ = self._result(k, out)
        if ufunc is np.add:
            code = [self.L.FILL, 5, to, before * after, _MINUS_ZERO]
        else:
            code = self._copy((before, after), at, (along * row, 8), to, (row, 8))
            along, at = along - 1, at + row
        into, of = (row, 0, 8), (array.size // before * 8, row, 8)
        axes = [(n, (i, o, i)) for n, i, o in zip((before, along, after), into, of, strict=True)]
        inner = axes.pop() if after > 1 else axes.pop(1)
        return [*code, *self._loop(loop, (to, at, to), [a for a in axes if a[0] > 1], inner)]

    def _by_columns(self, loop: InnerLoop, array: Any, to: int) -> Code:
        """The reduction of many short rows, in the order that ``reductions`` has from NumPy."""
        rows, n = array.shape
        at, step = array.ctypes.data, 8 * n
        code: Code = []

        def add(a: tuple[int, int], b: tuple[int, int], out: tuple[int, int]) -> None:
            places = [(p, (s,), "d") for p, s in (a, b, out)]
            code.extend(self._elements(self.L.LOOP, loop.address, loop.data, (rows,), places))

        columns = [(at + 8 * k, step) for k in range(n)]
        total = (to, 8)
        if n < 8 or loop != inner_loop(np.add, "dd->d"):
            add(columns[0], columns[1], total)
            rest = columns[2:]
        else:
            own = np.empty((6, rows))
            self.kept.append(own)
            sums = [(row.ctypes.data, 8) for row in own]
            for k in range(4):
                add(columns[2 * k], columns[2 * k + 1], sums[k])
            add(sums[0], sums[1], sums[4])
            add(sums[2], sums[3], sums[5])
            add(sums[4], sums[5], total)
            rest = columns[8:]
        for column in rest:
            add(total, column, total)
        return code

    def _loop(self, loop: InnerLoop, places: Any, axes: Any, inner: Any) -> Code:
        """An inner loop over one axis, for each place of others."""
        count, steps = inner
        if not count:
            return []
        code = [self.L.LOOP, 0, loop.address, loop.data, len(places), len(axes), count, *steps]
        code += places
        for length, strides in axes:
            code += [length, *strides]
        code[1] = len(code)
        return code

    def _copy(self, to: Any, source: int, by: Any, target: int, into: Any) -> Code:
        loop = inner_loop(np.positive, "d->d")
        if loop is None:
            raise NotInstruction
        places = [(source, by, "d"), (target, into, "d")]
        return self._elements(self.L.LOOP, loop.address, loop.data, to, places)

    def _copied(self, array: Any, n: int) -> Code:
        """A node's elements into an array, which may be a view."""
        (source, by, kind), (target, into, _) = (
            self._place(n, array.shape),
            self._array(array, array.shape),
        )
        if kind != "d" or array.dtype.char != "d":
            raise NotInstruction
        return self._copy(array.shape, source, by, target, into)

    def _same_number(self, k: int, node: Node) -> Code:
        """A number that is given the shape that it has."""
        n = node.operands[0]
        if not (self.is_number(k) and self.is_number(n)):
            raise NotInstruction
        (source, _, kind), (target, _, wanted) = self._number(n), self._number(k)
        if (kind, wanted) != ("d", "d"):
            raise NotInstruction
        return self._copy((), source, (), target, ())

    def _element(self, k: int, node: Node) -> Code:
        """One element of an array as a number."""
        array, index = self.arrays.get(node.operands[0]), [self.nodes[n] for n in node.operands[1:]]
        fixed = all(i.rule is CONSTANT and type(i.value) is int for i in index)
        if array is None or array.ndim != len(index) or not fixed or not self.is_number(k):
            raise NotInstruction
        at, strides, kind = self._array(array, array.shape)
        by = [(i.value % n, s) for i, n, s in zip(index, array.shape, strides, strict=True)]
        to, _, wanted = self._number(k)
        if (kind, wanted) != ("d", "d"):
            raise NotInstruction
        return self._copy((), at + sum(i * s for i, s in by), (), to, ())

    def _scatter(self, node: Node, out: Any) -> Code:
        """Zeros, and the cotangent in its place among them."""
        parameters = [self.nodes[n] for n in node.operands[2:]]
        fixed = all(p.rule is CONSTANT and not shape.names_twice(p.value) for p in parameters)
        if out is None or not fixed or not out.flags.c_contiguous:
            raise NotInstruction
        part = out[tuple([p.value for p in parameters])]
        if type(part) is not np.ndarray or not np.may_share_memory(part, out):
            flat = np.arange(out.size).reshape(out.shape)[tuple([p.value for p in parameters])]
            if np.ndim(flat):
                raise NotInstruction
            part = out.reshape(-1)[int(flat) : int(flat) + 1].reshape(())
        fill = [self.L.FILL, 5, self._array(out, out.shape)[0], out.size, 0]
        return [*fill, *self._copied(part, node.operands[0])]

    def _joined(self, node: Node, out: Any) -> Code:
        axis, at = node.kwargs["axis"], 0
        code: Code = []
        for n in node.operands:
            if node.rule is joins.pile:
                part, length = np.moveaxis(out, axis, 0)[at], 1
            else:
                if type(self.nodes[n].value) is not np.ndarray:  # NumPy joins lists, too
                    raise NotInstruction
                length = self.nodes[n].shape[axis]
                part = np.moveaxis(np.moveaxis(out, axis, 0)[at : at + length], 0, axis)
            if type(part) is not np.ndarray:
                part = out.reshape(-1)[at : at + 1].reshape(())
            code += self._copied(part, n)
            at += length
        return code

    def _matmul(self, k: int, node: Node, out: Any) -> Code:
        a, b = [self.arrays.get(n) for n in node.operands]
        if a is None or b is None or not (0 < a.ndim < 3 and 0 < b.ndim < 3):
            return self.others[node.rule](self, k, node, out)
        (to, _, kind), _ = self._result(k, out)
        loop = inner_loop(np.matmul, "dd->d")
        places = self._array(a, a.shape), self._array(b, b.shape)
        if loop is None or [p[2] for p in places] != ["d", "d"] or kind != "d":
            raise NotInstruction
        rows, inner = (1, *a.shape)[-2:]
        columns = (*b.shape, 1)[1] if b.ndim == 2 else 1
        a_steps = (0, *a.strides)[-2:]
        b_steps = b.strides if b.ndim == 2 else (*b.strides, 0)
        c_steps = (0, 0)
        if out is not None:
            c_steps = (out.strides if out.ndim == 2 else
                       (out.strides[0], 0) if a.ndim == 2 else (0, out.strides[0]))  # fmt: skip
        return [
            self.L.MATMUL, 20, loop.address, loop.data, 1, rows, inner, columns, 0, 0, 0,
            *a_steps, *b_steps, *c_steps, places[0][0], places[1][0], to,
        ]  # fmt: skip

    def finite(self, k: int) -> Code:
        """The check that all elements of an array are finite."""
        array = self.arrays.get(k)
        if array is None or array.dtype.char != "d" or not array.flags.c_contiguous:
            raise NotInstruction
        return [self.L.FINITE, 4, self._array(array, array.shape)[0], array.size]


def _broadcast(array: Any, to: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array that is broadcast to a shape, as ``np.broadcast_to`` has them."""
    more = len(to) - array.ndim
    if more < 0 or any(n not in (1, m) for n, m in zip(array.shape, to[more:], strict=True)):
        raise NotInstruction
    there = zip(array.shape, to[more:], array.strides, strict=True)
    return (0,) * more + tuple([step if n == m else 0 for n, m, step in there])


def joined_axes(to: tuple[int, ...], strides: Sequence[tuple[int, ...]]) -> list[Any]:
    """The axes with a stride for each array; those that can be run through as one are one."""
    axes: list[Any] = []
    for axis, length in enumerate(to):
        if length == 1:
            continue
        steps = tuple([s[axis] for s in strides])
        if axes and all(
            outer == step * length for outer, step in zip(axes[-1][1], steps, strict=True)
        ):
            axes[-1] = (axes[-1][0] * length, steps)
        else:
            axes.append((length, steps))
    return axes


def _parted(to: tuple[int, ...], axis: Any) -> tuple[int, int, int]:
    """How many elements there are before, along and after the axes of a reduction."""
    n = len(to)
    axes = tuple(range(n)) if axis is None else tuple(
        sorted(a % n for a in (axis if isinstance(axis, tuple) else (axis,)))
    )  # fmt: skip
    if not axes or axes != tuple(range(axes[0], axes[-1] + 1)):
        raise NotInstruction
    size: Callable[[Any], int] = lambda part: int(np.prod(part, dtype=int))  # noqa: E731
    return size(to[: axes[0]]), size(to[axes[0] : axes[-1] + 1]), size(to[axes[-1] + 1 :])
