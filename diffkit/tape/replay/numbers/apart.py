"""Small array programs taken apart into numbers.

On a dozen elements an operation on an array is mostly overhead, while machine code of the same
additions and products, one number after the other, has none. Here each array becomes a table of
numbers, as in ``scalars``, and each operation on arrays becomes operations on their elements. Sums
and products of matrices add up in the order of the elements, where NumPy and its BLAS have orders
of their own, so that results may differ from theirs by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from ....rules import RULES, Primitive, arithmetic, shape
from ....rules import elementary as elementary  # declares np.sqrt
from ....rules.products import _einsum
from ....rules.selection import where
from ...recording import plain
from ..forms import special_power
from ..program import Node, Program
from .scalars import NotScalar, ScalarProgram, ScalarStep, Tables

MOST = 20_000  # operations on numbers; machine code of more is read from memory again and again
# Nanoseconds on ordinary machines, which decide what is taken apart: an operation on an array, one
# of its elements there, a number here, and a function such as exp of it, in both places.
CALL, ELEMENT, NUMBER, FUNCTION, FUNCTION_OF_MANY = 80.0, 0.25, 0.5, 12.0, 3.0

_ADD, _MULTIPLY, _DIVIDE = arithmetic.add, arithmetic.multiply, arithmetic.divide
_FOLDS: dict[Any, Primitive] = {
    np.sum: _ADD,
    np.mean: _ADD,
    np.prod: _MULTIPLY,
    np.max: RULES[np.maximum],
    np.min: RULES[np.minimum],
    np.any: RULES[np.logical_or],
    np.all: RULES[np.logical_and],
}
_SUMS = (np.sum, np.mean, np.prod)
_CHEAP = {
    *(RULES[fn] for fn in (np.add, np.subtract, np.multiply, np.divide, np.negative, np.square)),
    *(RULES[fn] for fn in (np.sqrt, np.absolute, np.reciprocal, np.maximum, np.minimum)),
    *(RULES[fn] for fn in (np.less, np.less_equal, np.greater, np.greater_equal, np.equal)),
    *(RULES[fn] for fn in (np.not_equal, np.logical_and, np.logical_or, np.logical_not)),
    *(where, arithmetic.raised),
}


def taken_apart(program: Program) -> ScalarProgram | None:
    """The program on numbers, or None where operations on arrays are faster or cannot be written
    with numbers."""
    try:
        made = Apart(program).result()
    except (NotScalar, SystemError):  # NumPy goes on after an error within a product of objects
        return None
    return made if _cost_of_numbers(made) < _cost_of_arrays(program) else None


def _cost_of_numbers(made: ScalarProgram) -> float:
    return sum([NUMBER if step.rule in _CHEAP else FUNCTION for step in made.steps])


def _cost_of_arrays(program: Program) -> float:
    """Roughly; a product of matrices takes as long as its operands have elements."""
    total = 0.0
    for node in program.nodes[program.inputs :]:
        of_arrays = [n for n in (*node.operands,) if program.nodes[n].shape]
        if of_arrays or node.shape:
            size = max([np.size(program.nodes[n].value) for n in of_arrays], default=0)
            size = max(size, np.size(node.value))
            each = (
                FUNCTION_OF_MANY if node.rule.elementwise and node.rule not in _CHEAP else ELEMENT
            )
            total += CALL + each * size
    return total


class _Number:
    """An element in an array of objects; arithmetic with it adds operations to the program."""

    __slots__ = ("slot", "tables", "value")

    def __init__(self, tables: Apart, slot: int, value: Any) -> None:
        self.tables, self.slot, self.value = tables, slot, value

    def __add__(self, other: Any) -> Any:
        return self.tables.step(_ADD, self, other)

    def __radd__(self, other: Any) -> Any:
        return self.tables.step(_ADD, other, self)

    def __sub__(self, other: Any) -> Any:
        return self.tables.step(arithmetic.subtract, self, other)

    def __mul__(self, other: Any) -> Any:
        return self.tables.step(_MULTIPLY, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.tables.step(_MULTIPLY, other, self)

    def __neg__(self) -> Any:
        return self.tables.step(arithmetic.negative, self)

    def conjugate(self) -> Any:
        """The number itself: all are real."""
        return self


class Apart(Tables):
    """Tables of whole arrays, too.

    Attributes:
        most: operations on numbers.
    """

    def __init__(self, program: Program, most: int = MOST) -> None:
        """Raises NotScalar where the program cannot be taken apart, or has more operations."""
        self.most = most
        super().__init__(program)

    def _whole(self, node: Node) -> Any:
        rule = node.rule
        if rule is RULES[np.count_nonzero]:
            return self._counted(node)
        if rule.fn in _FOLDS:
            return self._folded(node)
        if not node.kwargs and (rule.elementwise or rule is where or _is_ufunc(rule)):
            return self._each(node)
        if rule is shape.scatter:
            return self._added_up(node)
        if rule.ball == "objects":
            return self._by_numpy(rule.fn, node)
        if rule.fn is _einsum:  # which has no fast way for objects
            return self._by_numpy(partial(rule.fn, optimize=False), node)
        raise NotScalar

    # Elements

    def step(self, rule: Primitive, *operands: Any) -> _Number:
        """One operation on numbers, and its result."""
        if len(self.steps) > self.most:
            raise NotScalar
        given = [x if isinstance(x, _Number) else self._number(float(x)) for x in operands]
        value = plain(rule.fn(*[x.value for x in given]))
        slot = self._new()
        self.steps.append(ScalarStep(rule, tuple([x.slot for x in given]), slot, value))
        return _Number(self, slot, value)

    def _numbers(self, k: int) -> Any:
        """A node's elements, as an array of objects."""
        table, value = np.asarray(self._slots(k)), np.asarray(self.program.nodes[k].value)
        out = np.empty(table.shape, object)
        out.ravel()[:] = [
            _Number(self, slot, v)
            for slot, v in zip(table.ravel().tolist(), value.ravel().tolist(), strict=True)
        ]
        return out

    def _table_of(self, numbers: Any) -> Any:
        if not np.ndim(numbers):
            return self._slot_of(numbers)
        flat = [*map(self._slot_of, numbers.ravel().tolist())]
        return np.array(flat, int).reshape(numbers.shape)

    def _slot_of(self, number: Any) -> int:
        """Of an element; NumPy puts zeros of its own among them."""
        return number.slot if isinstance(number, _Number) else self._constant(float(number))

    def _each(self, node: Node) -> Any:
        rule, operands = node.rule, node.operands
        counts = node.value.dtype.kind == "i" and rule in _CHEAP  # which are exact as doubles
        if node.value.dtype.char not in "d?" and not counts:
            raise NotScalar
        if rule is arithmetic.raised:
            ufunc = special_power(node, self.program.nodes)
            if ufunc is not None:
                rule, operands = RULES[ufunc], operands[:1]
        count = node.value.size
        if len(self.steps) + count > self.most:
            raise NotScalar
        tables = [np.broadcast_to(self._slots(k), node.shape).ravel().tolist() for k in operands]
        first, self.slots = self.slots, self.slots + count
        values = (node.value.astype(float) if counts else node.value).ravel().tolist()
        for slot, value, *given in zip(range(first, self.slots), values, *tables, strict=True):
            self.steps.append(ScalarStep(rule, tuple(given), slot, value))
        return np.arange(first, self.slots).reshape(node.shape)

    # Whole arrays

    def _folded(self, node: Node) -> Any:
        """A reduction, one element after the other."""
        if not set(node.kwargs) <= {"axis", "keepdims"} or len(node.operands) > 1:
            raise NotScalar
        numbers = self._numbers(node.operands[0])
        keep = bool(node.kwargs.get("keepdims", False))
        axes = np.atleast_1d(_axes(node.kwargs.get("axis"), numbers.ndim)) % max(numbers.ndim, 1)
        rest = [k for k in range(numbers.ndim) if k not in axes]
        rows = numbers.transpose([*rest, *axes]).reshape(*[numbers.shape[k] for k in rest], -1)
        if not rows.shape[-1]:
            raise NotScalar
        out = np.empty(rows.shape[:-1], object)
        for index in np.ndindex(out.shape):
            out[index] = self._fold(node.rule.fn, rows[index])
        out = np.expand_dims(out, tuple(axes)) if keep else out
        return self._table_of(out if out.ndim else out.item())

    def _fold(self, fn: Any, terms: Iterable[_Number]) -> _Number:
        if fn in _SUMS:
            terms = [self._as_float(x) for x in terms]
        first, *others = terms
        total = first
        for term in others:
            total = self.step(_FOLDS[fn], total, term)
        if fn is not np.mean:
            return total
        return self.step(_DIVIDE, total, self._number(1.0 + len(others)))

    def _counted(self, node: Node) -> Any:
        if node.kwargs or len(node.operands) > 1:
            raise NotScalar
        terms = self._numbers(node.operands[0]).ravel().tolist()
        return self._fold(np.sum, terms).slot if terms else self._constant(0.0)

    def _as_float(self, x: _Number) -> _Number:
        """1 or 0 for a truth value."""
        if type(x.value) not in (bool, np.bool_):
            return x
        return self.step(where, x, self._number(1.0), self._number(0.0))

    def _number(self, value: float) -> _Number:
        return _Number(self, self._constant(value), value)

    def _added_up(self, node: Node) -> Any:
        """Elements that are added into places among zeros, of which some come more than once."""
        size, *index = self._plain(node.operands[1:])
        terms = self._numbers(node.operands[0])
        places = np.arange(int(np.prod(size, dtype=int))).reshape(size)[tuple(index)]
        sums: dict[int, Any] = {}
        for place, term in zip(
            places.ravel().tolist(), np.broadcast_to(terms, places.shape).ravel(), strict=True
        ):
            sums[place] = sums[place] + term if place in sums else term
        out = np.full(size, self._constant(0.0))
        for place, total in sums.items():
            out.ravel()[place] = total.slot
        return out

    def _by_numpy(self, fn: Callable[..., Any], node: Node) -> Any:
        """What moves elements, adds them up and multiplies them does so with objects too."""
        kwargs = {key: value for key, value in node.kwargs.items() if key != "optimize"}
        try:
            y = fn(*map(self._argument, node.operands), **kwargs)
        except (TypeError, AttributeError):
            raise NotScalar from None
        if np.shape(y) != node.shape:
            raise NotScalar
        return self._table_of(y if isinstance(y, _Number) or np.ndim(y) else y.item())

    def _argument(self, k: int) -> Any:
        """A table as objects; a parameter as it is."""
        value = self.program.nodes[k].value
        if self.tables[k] is None and getattr(value, "dtype", None) != np.float64:
            return value
        return self._numbers(k)


def _is_ufunc(rule: Primitive) -> bool:
    fn = rule.fn
    return isinstance(fn, np.ufunc) and fn.signature is None and fn.nout == 1


def _axes(axis: Any, ndim: int) -> Any:
    return range(ndim) if axis is None else axis
