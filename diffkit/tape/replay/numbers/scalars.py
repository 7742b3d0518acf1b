"""Programs on numbers: array programs whose arrays are only taken apart and put together.

A function that loops over the elements of its argument is a program on numbers, although it is
given an array and returns one. Here an array is a table of the numbers that it is made of, and
what moves elements about moves entries of the table, once, instead of at every replay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ....rules import RULES, Primitive, joins, shape
from ...assignment import SETITEM, cleared
from ...recording import CONSTANT, GUARD, INPUT, plain
from ..program import Node, Program

LARGEST = 20_000  # elements of all arrays together, beyond which array operations are faster
NUMBERS = (float, int, bool, np.bool_, np.float64)

# NumPy's own functions, which work on tables as they do on numbers.
_MOVES: set[Primitive] = {
    *(shape.getitem, shape.scatter, joins.join, joins.pile, SETITEM, cleared),
    *(RULES[fn] for fn in (np.reshape, np.ravel, np.transpose, np.squeeze, np.expand_dims)),
    *(RULES[fn] for fn in (np.broadcast_to, np.copy, np.swapaxes, np.moveaxis, np.flip)),
}


_NOT_ON_NUMBERS = _MOVES | {INPUT, CONSTANT, GUARD}
_new = tuple.__new__  # makes a step in half the time that its class takes


class ScalarStep(NamedTuple):
    """One operation on numbers.

    Attributes:
        rule: what it computes; GUARD decides whether the replay may go on.
        operands: the slots of its operands.
        slot: the slot of its result.
        value: the result at the recorded point; of a guard the branch that was taken.
    """

    rule: Primitive
    operands: tuple[int, ...]
    slot: int
    value: Any


@dataclass(frozen=True, repr=False)
class ScalarProgram:
    """A straight-line program on numbers.

    Attributes:
        shapes: the shape of each input; its elements, in order, fill the first slots.
        constants: the value of each slot that holds a constant.
        steps: the operations in the order of execution.
        outputs: for each result an array of slots, of the shape of that result.
        slots: the number of slots.
    """

    shapes: tuple[tuple[int, ...], ...]
    constants: dict[int, Any]
    steps: tuple[ScalarStep, ...]
    outputs: tuple[Any, ...]
    slots: int

    def __repr__(self) -> str:
        return f"<program of {len(self.steps)} operations on numbers>"


class NotScalar(Exception):
    """An operation on a whole array."""


def scalar_program(program: Program) -> ScalarProgram | None:
    """The program on numbers, or None where it operates on whole arrays."""
    try:
        return Tables(program).result()
    except NotScalar:
        return None


class Tables:
    """For each node of a program the slots of its elements."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.constants: dict[int, Any] = {}
        self.known: dict[Any, int] = {}
        self.single: dict[int, Any] = {}  # of constants that were used as numbers, their slots
        self.steps: list[ScalarStep] = []
        self.slots = 0
        self.elements = 0
        self.tables: list[Any] = []
        self.shapes = []
        tables, steps = self.tables, self.steps
        for node in program.nodes:
            rule, nodes, kwargs, value = node
            # Almost all are operations on numbers, of which long programs have hundreds of
            # thousands.
            if type(value) is float and rule not in _NOT_ON_NUMBERS and not kwargs:
                operands = tuple([tables[k] for k in nodes])
                for slot in operands:
                    if type(slot) is not int:
                        tables.append(self._operation(node))
                        break
                else:
                    steps.append(_new(ScalarStep, (rule, operands, self.slots, value)))
                    tables.append(self.slots)
                    self.slots += 1
            elif node.rule is INPUT:
                if getattr(node.value, "dtype", np.float64) != np.float64:
                    raise NotScalar  # numbers here are doubles
                self.shapes.append(node.shape)
                count = int(np.prod(node.shape, dtype=int))
                self._count(count)
                first, self.slots = self.slots, self.slots + count
                self.tables.append(np.arange(first, self.slots).reshape(node.shape))
            else:
                self.tables.append(self._table(node))

    def result(self) -> ScalarProgram:
        outputs = tuple([np.asarray(self._slots(k)) for k in self.program.outputs])
        return ScalarProgram(
            tuple(self.shapes), self.constants, tuple(self.steps), outputs, self.slots
        )

    def _count(self, elements: int) -> None:
        self.elements += elements
        if self.elements > LARGEST:
            raise NotScalar

    def _table(self, node: Node) -> Any:
        if node.rule is CONSTANT:
            return None  # a number, an index, a shape: it depends on the use
        if node.rule in _MOVES:
            return self._moved(node)
        if type(node.value) not in NUMBERS or node.kwargs:
            return self._whole(node)
        return self._operation(node)

    def _operation(self, node: Node) -> Any:
        """The slot of an operation on numbers."""
        try:
            operands = tuple([self._slot(k) for k in node.operands])
        except NotScalar:
            return self._whole(node)
        slot = self._new()
        self.steps.append(ScalarStep(node.rule, operands, slot, node.value))
        return slot if node.rule is not GUARD else None

    def _whole(self, node: Node) -> Any:
        """The table of the result of an operation on a whole array; there is none here."""
        raise NotScalar

    def _slot(self, k: int) -> int:
        table = self.tables[k]
        if table is None:  # a constant, which is a number here
            if k not in self.single:
                self.single[k] = self._slots(k)
            table = self.single[k]
        if type(table) is not int:
            if np.ndim(table):
                raise NotScalar
            table = int(table)
        return table

    def _new(self) -> int:
        self.slots += 1
        return self.slots - 1

    def _moved(self, node: Node) -> Any:
        """The table of what an operation that only moves elements makes of tables."""
        rule, parameters = node.rule, node.operands[1:]
        count = len(node.operands) if rule in (joins.join, joins.pile) else 1 + (rule is SETITEM)
        if rule is shape.scatter and any(map(shape.names_twice, self._plain(parameters[1:]))):
            return self._whole(node)  # elements are added up
        tables = [self._slots(k) for k in node.operands[:count]]
        given = self._plain(node.operands[count:])
        if rule in (shape.scatter, cleared):
            table = self._placed(rule, tables[0], given)
        else:
            table = rule.fn(*tables, *given, **node.kwargs)
        self._count(np.size(table))
        return table

    def _placed(self, rule: Primitive, table: Any, parameters: list[Any]) -> Any:
        """Elements among zeros: there is no slot 0.0 in a table, but a slot that holds it."""
        zero = self._constant(0.0)
        if rule is cleared:
            out = np.array(table)
            out[tuple(parameters)] = zero
            return out
        size, *index = parameters
        out = np.full(size, zero)
        out[tuple(index)] = table
        return out

    def _plain(self, nodes: Any) -> list[Any]:
        """Parameters, which must be the same at every replay."""
        if any(self.program.nodes[k].rule is not CONSTANT for k in nodes):
            raise NotScalar
        return [self.program.nodes[k].value for k in nodes]

    def _slots(self, k: int) -> Any:
        """The slot of a number, or the table of an array."""
        if self.tables[k] is not None:
            return self.tables[k]
        value = plain(self.program.nodes[k].value)
        if type(value) in NUMBERS:
            return self._constant(value)
        if type(value) is np.ndarray and value.dtype == np.float64:
            self._count(value.size)
            flat = [self._constant(v) for v in value.ravel().tolist()]
            return np.array(flat, dtype=int).reshape(value.shape)
        raise NotScalar

    def _constant(self, value: Any) -> int:
        key = type(value), value.hex() if type(value) is float else value
        if key not in self.known:
            self.known[key] = self._new()
            self.constants[self.known[key]] = value
        return self.known[key]
