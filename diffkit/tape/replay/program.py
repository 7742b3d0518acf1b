"""A recording as a program to be run again: what does not matter to its results is taken out.

Nodes are operations in the order of their execution; operands are indices of nodes. Three things
are done on the way, all of which leave the value of every result as it was, to the last bit (but
for the sign of a zero): an operation on constants becomes a constant, the same operation on the
same operands is done once, and what no result and no recorded branch depends on is left out.
Identities are used only where IEEE arithmetic obeys them: a + (-b) is a - b, a * 1 is a.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ...errors import ChangedConstantError
from ...rules import RULES, Primitive, arithmetic
from ...rules import reductions as reductions  # declares np.sum
from ..careful import general_form
from ..constants import Watched, require_unchanged
from ..recording import CONSTANT, GUARD, INPUT, NO_KEYWORDS, Recording, untraced

ADD, SUBTRACT, NEGATIVE = arithmetic.add, arithmetic.subtract, arithmetic.negative
MULTIPLY, DIVIDE = arithmetic.multiply, arithmetic.divide
POWER, POSITIVE, TOTAL = arithmetic.raised, arithmetic.positive, RULES[np.sum]
_FLOAT = np.dtype(float)
_new = tuple.__new__  # makes a node in half the time that its class takes
# NumPy computes a power with one exponent otherwise than powers with many.
_POWERS = {np.power, np.float_power, arithmetic.raised.fn}
_OF_SIGNS = {np.copysign, np.signbit, np.arctan2}


class MissedBranch(Exception):
    """The recorded branch, or a recorded shape, is not the one at this point."""


def _shares_memory_of_others(array: Any) -> bool:
    """Whether an array is a view of something that is referred to from elsewhere as well.

    A number that a rule has broadcast, say, is a view of a copy that nobody else can reach.
    """
    base = array.base
    return base is not None and getrefcount(base) > _OF_A_VIEW_ALONE


def _without_parts_of_others(noted: list[Any]) -> list[Any]:
    """Without arrays whose memory is that of another one: a matrix and its transpose, say, are
    watched once."""
    kept: list[Any] = []
    bounds: list[tuple[int, int]] = []  # of arrays without holes
    for pair in sorted(noted, key=lambda pair: -pair[0].nbytes):
        first, end = byte_bounds(pair[0])
        if any(low <= first and end <= high for low, high in bounds):
            continue
        kept.append(pair)
        if end - first == pair[0].nbytes:
            bounds.append((first, end))
    return kept


def _references_of_a_view_alone() -> int:
    view = np.broadcast_to(1.0, (2,))
    base = view.base
    return getrefcount(base)


_OF_A_VIEW_ALONE = _references_of_a_view_alone()


class Node(NamedTuple):
    """One operation, input or constant of a program.

    Attributes:
        rule: what it computes; INPUT and CONSTANT for what is given, GUARD for a branch.
        operands: the nodes that it computes from.
        kwargs: parameters.
        value: the value at the recorded point; of a constant its value everywhere, of a guard the
            branch that was taken.
    """

    rule: Primitive
    operands: tuple[int, ...]
    kwargs: dict[str, Any]
    value: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return getattr(self.value, "shape", ())


@dataclass(frozen=True, repr=False)
class Program:
    """A straight-line program of several results.

    Attributes:
        nodes: inputs first, then constants and operations in the order of execution.
        inputs: the number of inputs.
        outputs: the node of each result.
        noted: the arrays of the user that stand in constants, with notes of their content.
    """

    nodes: tuple[Node, ...]
    inputs: int
    outputs: tuple[int, ...]
    noted: tuple[Any, ...] = ()

    @property
    def guards(self) -> list[int]:
        """The nodes at which a branch was decided."""
        return [k for k, node in enumerate(self.nodes) if node.rule is GUARD]

    def __len__(self) -> int:
        """The number of operations; inputs, constants and branches do not count."""
        return sum(node.rule not in (INPUT, CONSTANT, GUARD) for node in self.nodes)

    def __repr__(self) -> str:
        return f"<program of {len(self)} operations>"

    def watching(self) -> Program:
        """The same program, which watches only arrays that somebody else holds as well.

        What rules and functions made for themselves while they were recorded cannot change; but
        a view may have been made of what others hold.
        """
        if not self.noted:
            return self
        own: dict[int, int] = {}
        for node in self.nodes:
            own[id(node.value)] = own.get(id(node.value), 0) + 1
        alone = (np.empty(0), b"")
        pairs = [alone, *self.noted]
        counts = [getrefcount(pair[0]) for pair in pairs]
        kept = [
            pair for pair, count in zip(pairs[1:], counts[1:], strict=True)
            if count - own.get(id(pair[0]), 0) > counts[0] or _shares_memory_of_others(pair[0])
        ]  # fmt: skip
        return replace(self, noted=tuple(_without_parts_of_others(kept)))

    def unchanged(self) -> bool:
        """Whether the user's arrays that stand in it are what they were when it was recorded."""
        try:
            require_unchanged(self.noted)
        except ChangedConstantError:
            return False
        return True


def program(rows: Recording, values: Iterable[Any], places: Iterable[int]) -> Program:
    """The program of a complete recording.

    Args:
        rows: the recording.
        values: the results at the recorded point.
        places: their rows, or -1 for a result that is constant.
    """
    inputs = sum(row[0] is INPUT for row in rows)
    assert isinstance(rows.constants, Watched)
    notes = rows.constants.notes()
    line = _Line(set(notes), _tells_zeros_apart(rows))
    of_row: list[int] = []
    constant, notable = line.constant, line.notable
    for row in rows:
        rule, y, i, a, j, b = row
        if b is not None and j is not None:  # the scalar form, and by far the commonest
            p = constant(a) if i < 0 else of_row[i]
            q = constant(b) if j < 0 else of_row[j]
            if notable[p] or notable[q]:
                of_row.append(line.operation(rule, (p, q), NO_KEYWORDS, y))
            elif p > q and (rule is ADD or rule is MULTIPLY):
                of_row.append(line.once(rule, (q, p), y))
            else:
                of_row.append(line.once(rule, (p, q), y))
            continue
        rule, y, parents, args, kwargs = general_form(row)
        if rule is INPUT:
            of_row.append(line.append(INPUT, (), {}, y))
        elif rule is CONSTANT:
            of_row.append(line.constant(y))
        else:
            operands = [
                line.constant(a) if p < 0 else of_row[p] for p, a in zip(parents, args, strict=True)
            ]
            of_row.append(line.operation(rule, tuple(operands), kwargs, y))
    outputs = [
        of_row[k] if k >= 0 else line.constant(v) for v, k in zip(values, places, strict=True)
    ]
    kept, live = _without_dead_code(line.nodes, inputs, outputs)
    from_arrays = line.relied_on.union(*[line.sources.get(k, ()) for k in live])
    noted = [pair for key, pair in notes.items() if key in from_arrays]
    return replace(kept, noted=tuple(noted))


def _tells_zeros_apart(rows: Recording) -> bool:
    """Whether the sign of a zero may decide about a result: some functions ask for it, and those
    of complex numbers have branch cuts."""
    return any(rule.fn in _OF_SIGNS for rule in {row[0] for row in rows}) or any(
        is_complex(row[1]) for row in rows if type(row[1]) is not float
    )


def is_complex(value: Any) -> bool:
    """Whether a value is of complex numbers, whose products are not commutative where the processor
    rounds one of two products later."""
    if type(value) is float:
        return False
    if isinstance(value, (tuple, list)):
        return any(map(is_complex, value))
    return type(value) is complex or getattr(untraced(value), "dtype", _FLOAT).kind == "c"


def _is_inexact(value: Any) -> bool:
    return type(value) is float or getattr(value, "dtype", _FLOAT).kind in "fc"


class _Line:
    """Nodes under construction, none of them twice.

    Attributes:
        nodes: the nodes.
        notable: for each node whether an operation on it may come to something simpler.
        known: the node of each operation and constant.
        numbers: the node of each constant float.
        watched: the identities of the user's arrays.
        sources: for a constant, those of them that it was computed from.
        relied_on: those of them on whose content a simplification rests.
        signed_zeros: whether the sign of a zero may matter.
    """

    def __init__(self, watched: set[int], signed_zeros: bool = False) -> None:
        self.signed_zeros = signed_zeros
        self.nodes: list[Node] = []
        self.notable: list[bool] = []
        self.known: dict[Any, int] = {}
        self.numbers: dict[float, int] = {}
        self.watched = watched
        self.sources: dict[int, set[int]] = {}
        self.relied_on: set[int] = set()

    def append(self, rule: Primitive, operands: Any, kwargs: Any, value: Any) -> int:
        self.notable.append(rule is CONSTANT or rule is NEGATIVE)
        self.nodes.append(_new(Node, (rule, operands, kwargs, value)))
        return len(self.nodes) - 1

    def constant(self, value: Any) -> int:
        # Zeros have two signs, and a NaN is not itself.
        if type(value) is float and value and value == value:
            k = self.numbers.get(value)
            if k is None:
                k = self.numbers[value] = self.append(CONSTANT, (), {}, value)
            return k
        key = constant_key(value)
        if key not in self.known:
            self.known[key] = self.append(CONSTANT, (), {}, value)
            if id(value) in self.watched:
                self.sources[self.known[key]] = {id(value)}
        return self.known[key]

    def folded(self, operands: tuple[int, ...], kwargs: Any, y: Any) -> int:
        """The constant that an operation on constants gives."""
        k = self.constant(y)
        used = [self.sources[n] for n in operands if n in self.sources]
        used += [{id(v)} for v in kwargs.values() if id(v) in self.watched]
        if used:
            self.sources[k] = self.sources.get(k, set()).union(*used)
        return k

    def operation(self, rule: Primitive, operands: tuple[int, ...], kwargs: Any, y: Any) -> int:
        notable = self.notable
        for k in operands:
            if notable[k]:
                simple = True
                break
        else:
            simple = rule is POSITIVE or not operands
        if simple:
            nodes = self.nodes
            for k in operands:
                if nodes[k].rule is not CONSTANT:
                    break
            else:
                return -1 if rule is GUARD else self.folded(operands, kwargs, y)
            if rule.elementwise and type(y) is np.ndarray and not kwargs and rule.fn not in _POWERS:
                operands = tuple([self.number_of(k, operands, y) for k in operands])
            if rule in _IDENTITIES:
                simpler = _IDENTITIES[rule](self, operands, y, kwargs)
                if simpler is not None:
                    return simpler
        if (rule is ADD or rule is MULTIPLY) and operands[0] > operands[1] and not is_complex(y):
            operands = operands[::-1]
        key: Any = (rule, operands)
        if kwargs:
            key = (*key, *[(name, constant_key(v)) for name, v in kwargs.items()])
        found = self.known.get(key)
        if found is not None and type(y) is np.ndarray:
            # A number in place of an array of equals leaves open in which order the elements of
            # the result lie, and so in which order a sum takes them.
            strides = self.nodes[found].value.strides
            if strides != y.strides:
                key = (*key, y.strides)
                found = self.known.get(key)
        if found is None:
            found = self.known[key] = self.append(rule, operands, kwargs, y)
        return found

    def once(self, rule: Primitive, operands: tuple[int, ...], y: Any) -> int:
        """The node of an operation on numbers that does not come to anything simpler."""
        key = rule, operands
        k = self.known.get(key)
        if k is None:
            k = self.known[key] = len(self.nodes)
            self.notable.append(rule is NEGATIVE)
            self.nodes.append(_new(Node, (rule, operands, NO_KEYWORDS, y)))
        return k

    def number_of(self, k: int, operands: tuple[int, ...], y: Any) -> int:
        """A number for a constant array of equal elements, where the result stays what it is."""
        value = self.nodes[k].value
        if self.nodes[k].rule is not CONSTANT or type(value) is not np.ndarray or not value.size:
            return k
        others = [self.nodes[n].value for n in operands if self.nodes[n].rule is not CONSTANT]
        if not any(type(v) is np.ndarray and v.shape == y.shape for v in others):
            return k
        if any(getattr(v, "dtype", _FLOAT) != _FLOAT for v in (y, value, *others)):
            return k
        first = value.flat[0]
        # Bits are compared, because zeros of different signs are equal.
        if not (value == first).all() or not (np.signbit(value) == np.signbit(first)).all():
            return k
        return self.folded((k,), {}, float(first))

    def is_number(self, k: int, value: float) -> bool:
        node = self.nodes[k]
        if node.rule is not CONSTANT or type(node.value) not in (float, int) or node.value != value:
            return False
        self.relied_on |= self.sources.get(k, set())  # it is about to be left out
        return True

    def same_kind(self, k: int, y: Any) -> bool:
        """Whether a node could stand for a result y: the same type, shape, dtype and layout."""
        value = self.nodes[k].value
        if type(value) is float:
            return type(y) is float
        return (
            type(value) is type(y) is np.ndarray and value.shape == y.shape
            and value.dtype == y.dtype and value.strides == y.strides
        )  # fmt: skip

    def negated(self, k: int) -> int | None:
        """The node of which k is the negative; whole numbers wrap around and have none."""
        node = self.nodes[k]
        return node.operands[0] if node.rule is NEGATIVE and _is_inexact(node.value) else None


def _sum(line: _Line, operands: tuple[int, ...], y: Any, kwargs: Any) -> int | None:
    for a, b in (operands, operands[::-1]):
        if (c := line.negated(b)) is not None:
            return line.operation(SUBTRACT, (a, c), {}, y)
        # -0 + 0 is 0, which matters where the sign of a zero tells sides apart.
        if line.is_number(b, 0.0) and line.same_kind(a, y) and not line.signed_zeros:
            return a
    return None


def _difference(line: _Line, operands: tuple[int, ...], y: Any, kwargs: Any) -> int | None:
    a, b = operands
    if (c := line.negated(b)) is not None:
        return line.operation(ADD, (a, c), {}, y)
    return a if line.is_number(b, 0.0) and line.same_kind(a, y) else None


def _product(line: _Line, operands: tuple[int, ...], y: Any, kwargs: Any) -> int | None:
    for a, b in (operands, operands[::-1]):
        if (c := line.negated(b)) is not None:
            pair = (a, c) if b == operands[1] else (c, a)  # see is_complex
            return line.operation(NEGATIVE, (line.operation(MULTIPLY, pair, {}, -y),), {}, y)
        if line.is_number(b, 1.0) and line.same_kind(a, y):
            return a
        if line.is_number(b, -1.0) and line.same_kind(a, y):
            return line.operation(NEGATIVE, (a,), {}, y)
    return None


def _quotient(line: _Line, operands: tuple[int, ...], y: Any, kwargs: Any) -> int | None:
    a, b = operands
    if (c := line.negated(a)) is not None:
        return line.operation(NEGATIVE, (line.operation(DIVIDE, (c, b), {}, -y),), {}, y)
    return a if line.is_number(b, 1.0) and line.same_kind(a, y) else None


def _power(line: _Line, operands: tuple[int, ...], y: Any, kwargs: Any) -> int | None:
    a, b = operands
    return a if line.is_number(b, 1.0) and line.same_kind(a, y) else None


def _negative(line: _Line, operands: tuple[int, ...], y: Any, kwargs: Any) -> int | None:
    return line.negated(operands[0])


def _positive(line: _Line, operands: tuple[int, ...], y: Any, kwargs: Any) -> int | None:
    return operands[0] if line.same_kind(operands[0], y) else None


def _total(line: _Line, operands: tuple[int, ...], y: Any, kwargs: Any) -> int | None:
    """The sum of negatives is the negative of the sum, which is smaller."""
    c = line.negated(operands[0])
    if c is None or line.signed_zeros or not set(kwargs) <= {"axis", "keepdims"}:
        return None
    return line.operation(NEGATIVE, (line.operation(TOTAL, (c,), kwargs, -y),), {}, y)


_IDENTITIES: dict[Primitive, Callable[..., int | None]] = {
    ADD: _sum,
    SUBTRACT: _difference,
    MULTIPLY: _product,
    DIVIDE: _quotient,
    POWER: _power,
    NEGATIVE: _negative,
    POSITIVE: _positive,
    TOTAL: _total,
}


def constant_key(value: Any) -> Any:
    """What tells constants apart: numbers by their bits, arrays by identity."""
    kind = type(value)
    if kind is float:
        return kind, value.hex()
    if kind in (int, bool, str, type(None), np.bool_):
        return kind, value
    if kind in (slice, range) or kind is type(Ellipsis):
        return kind, repr(value)
    if kind in (tuple, list):
        return kind, tuple(map(constant_key, value))
    return kind, id(value)


def _without_dead_code(
    nodes: list[Node], inputs: int, outputs: list[int]
) -> tuple[Program, list[int]]:
    """The program of the nodes that matter, and which these are."""
    needed = [False] * len(nodes)
    needed[:inputs] = [True] * inputs
    for k in outputs:
        needed[k] = True
    for k in range(len(nodes) - 1, -1, -1):
        if needed[k] or nodes[k].rule is GUARD:
            needed[k] = True
            for operand in nodes[k].operands:
                needed[operand] = True
    live = [k for k, used in enumerate(needed) if used]
    place = [-1] * len(nodes)
    kept: list[Node] = []
    for k in live:
        place[k] = len(kept)
        rule, operands, kwargs, value = node = nodes[k]
        if operands:
            operands = tuple([place[n] for n in operands])
            node = _new(Node, (rule, operands, kwargs, value))
        kept.append(node)
    return Program(tuple(kept), inputs, tuple([place[k] for k in outputs])), live
