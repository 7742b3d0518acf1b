"""Programs on the rows of tables, as one pass of machine code over all rows.

A function of many observations computes with arrays whose first axis counts them and whose others
are short: three coordinates, eleven parameters. What it does with each row alone is taken apart
into numbers, as ``apart`` does for small arrays, and the program on the numbers of one row is a
kernel over all rows, eight at a time. What mixes rows (gathering, adding up in places) stays an
operation on arrays before or after it; sums over all rows are taken along the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...rules import RULES, Primitive, arithmetic, joins, shape
from ...rules.elementary import sech_squared
from ...rules.selection import where
from ..recording import CONSTANT, GUARD, INPUT, OUTPUT
from .forms import REDUCTIONS
from .numbers.apart import Apart
from .numbers.rearranged import simplified
from .numbers.scalars import NotScalar, ScalarProgram
from .program import Node, Program

FEWEST_ROWS, PASSES = 64, 4
FEWEST_OPERATIONS = 40  # fewer are as fast in passes of their own, which call no Python
MOST = 4000  # operations on the numbers of a row, beyond which registers and memory are too few

_SLICE = slice(None)
_SHAPES = {RULES[np.reshape], RULES[np.expand_dims], RULES[np.squeeze], RULES[np.broadcast_to]}


def by_rows(program: Program) -> Program:
    """The same program, in which what each row does alone is one operation, or a few: what depends
    on a sum over all rows comes after it. The program itself, where there is nothing to gain."""
    counts = Counter(
        node.shape[0] for node in program.nodes
        if node.shape and node.shape[0] >= FEWEST_ROWS and node.rule is not CONSTANT
    )  # fmt: skip
    for rows, _ in counts.most_common(2):
        for _ in range(PASSES):
            region = _Region(program, rows)
            if len(region.inside) < FEWEST_OPERATIONS:
                break
            try:
                program = _Rewritten(region).program
            except (NotScalar, RuntimeError):  # or this version of LLVM reads another language
                break
    return program


# Which operations do something with each row alone


class _Region:
    """The operations of a program that keep rows apart.

    Attributes:
        inside: these operations, in their order, as the keys.
        sums: those among them that combine all rows.
        late: what depends on their results, and is not among them.
    """

    def __init__(self, program: Program, rows: int) -> None:
        self.program, self.rows = program, rows
        self.inside: dict[int, None] = {}
        self.sums: set[int] = set()
        self.late: set[int] = set()
        for k, node in enumerate(program.nodes):
            if node.rule in (INPUT, CONSTANT):
                continue
            after = any(n in self.late or n in self.sums for n in node.operands)
            if not after and self._keeps_rows_apart(node):
                self.inside[k] = None
            elif not after and self._combines_rows(node):
                self.inside[k] = None
                self.sums.add(k)
            elif after or any(n in self.inside for n in node.operands):
                self.late.add(k)

    def has_rows(self, k: int) -> bool:
        """Whether a node's first axis is that of the rows."""
        return self.program.nodes[k].shape[:1] == (self.rows,)

    def _keeps_rows_apart(self, node: Node) -> bool:
        if node.shape[:1] != (self.rows,) or node.value.dtype.char not in "d?":
            return False
        rule, nodes = node.rule, self.program.nodes
        if rule in (where, *_FORMS) or rule is arithmetic.raised:
            return not node.kwargs and all(self._is_aligned(n, node) for n in node.operands)
        if not node.operands or not self.has_rows(node.operands[0]):
            return rule is RULES[np.broadcast_to] and self._is_aligned(node.operands[0], node)
        if rule is shape.getitem:
            index = [nodes[n] for n in node.operands[1:]]
            return _takes_all_rows(index) and all(map(_is_simple, index))
        if rule is shape.scatter:
            index = [nodes[n] for n in node.operands[2:]]
            return _takes_all_rows(index) and all(map(_is_simple, index))
        if rule in (joins.join, joins.pile):
            return set(node.kwargs) <= {"axis"} and self._joins_columns(node)
        if rule in _SHAPES:
            return len(node.operands) < 3 and not node.kwargs
        return rule.fn in REDUCTIONS and self._reduces(node, rows=False)

    def _is_aligned(self, n: int, node: Node) -> bool:
        """Whether an operand has a row for each row, or is the same for all of them."""
        operand = self.program.nodes[n]
        if type(operand.value) is np.ndarray and operand.value.dtype.char not in "d?":
            return False
        if len(operand.shape) == len(node.shape):
            return operand.shape[0] in (1, self.rows)
        return not self.has_rows(n)

    def _joins_columns(self, node: Node) -> bool:
        axis = node.kwargs.get("axis", 0)
        return axis % max(len(node.shape), 1) > 0 and all(map(self.has_rows, node.operands))

    def _combines_rows(self, node: Node) -> bool:
        return (
            node.rule.fn in REDUCTIONS and len(node.operands) == 1
            and node.operands[0] in self.inside and self._reduces(node, rows=True)
        )  # fmt: skip

    def _reduces(self, node: Node, rows: bool) -> bool:
        """Whether a reduction is over rows, or over other axes alone."""
        if not set(node.kwargs) <= {"axis", "keepdims"} or len(node.operands) > 1:
            return False
        operand = self.program.nodes[node.operands[0]]
        if getattr(operand.value, "dtype", None) != np.float64 or not operand.shape:
            return False
        axis = node.kwargs.get("axis")
        axes = range(len(operand.shape)) if axis is None else np.atleast_1d(axis)
        return (0 in [int(a) % len(operand.shape) for a in axes]) is rows


def _takes_all_rows(index: Sequence[Node]) -> bool:
    return bool(index) and type(index[0].value) is slice and index[0].value == _SLICE


def _is_simple(index: Node) -> bool:
    return index.rule is CONSTANT and (index.value is None or type(index.value) in (int, slice))


# One row


@dataclass(frozen=True)
class _OneRow:
    """The program of one row.

    Attributes:
        scalars: the program on its numbers.
        sources: the nodes whose elements are its inputs.
        results: the nodes that it computes and others use.
    """

    scalars: ScalarProgram
    sources: tuple[int, ...]
    results: tuple[int, ...]


def _one_row(region: _Region) -> _OneRow:
    program, inside = region.program, set(region.inside)
    used = {n for k, node in enumerate(program.nodes) if k not in inside for n in node.operands}
    results = tuple([k for k in region.inside if k in used or k in program.outputs])
    sources, constants = _given(region, inside)
    place = {k: n for n, k in enumerate((*sources, *constants))}
    nodes = [Node(INPUT, (), {}, _row_of(region, k)) for k in sources]
    nodes += [program.nodes[k] for k in constants]
    for k in region.inside:
        node = program.nodes[k]
        operands = []
        for position, n in enumerate(node.operands):
            if _is_shape(node, position):
                operands.append(len(nodes))
                nodes.append(program.nodes[n]._replace(value=(1, *node.shape[1:])))
            else:
                operands.append(place[n])
        value = node.value if k in region.sums else node.value[:1]
        place[k] = len(nodes)
        nodes.append(Node(node.rule, tuple(operands), node.kwargs, value))
    reduced = Program(tuple(nodes), len(sources), tuple([place[k] for k in results]))
    scalars = simplified(Apart(reduced, MOST).result())
    return _OneRow(scalars, sources, results)


def _given(region: _Region, inside: set[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the region takes from outside: numbers and arrays, and what is the same everywhere."""
    sources: dict[int, None] = {}
    constants: dict[int, None] = {}
    for k in region.inside:
        for n in region.program.nodes[k].operands:
            node = region.program.nodes[n]
            if n in inside:
                continue
            fixed = node.rule is CONSTANT and not region.has_rows(n)
            (constants if fixed else sources)[n] = None
    return tuple(sources), tuple(constants)


def _row_of(region: _Region, k: int) -> Any:
    value = region.program.nodes[k].value
    if type(value) is np.ndarray and value.dtype.char not in "d":
        raise NotScalar
    return value[:1] if region.has_rows(k) else value


def _is_shape(node: Node, position: int) -> bool:
    """Whether an operand is a shape, of which the first length counts rows."""
    if node.rule is shape.scatter:
        return position == 1
    return node.rule in (RULES[np.reshape], RULES[np.broadcast_to]) and position == 1


# All rows


class _Rewritten:
    """The program with the region as one operation.

    Attributes:
        program: the new program.
    """

    def __init__(self, region: _Region) -> None:
        self.region, self.old = region, region.program
        row = _one_row(region)
        values = tuple([self.old.nodes[k].value for k in row.results])
        run = _Rows(region, row)
        run.require_agreement(values)
        rule = Primitive("rows", run)
        self.place: dict[int, int] = {}
        self.nodes: list[Node] = []
        outside = set(range(len(self.old.nodes))).difference(region.inside)
        for k in sorted(outside - region.late):
            self._keep(k)
        self._insert(rule, row, values)
        for k in sorted(region.late):
            self._keep(k)
        outputs = tuple([self.place[k] for k in self.old.outputs])
        self.program = replace(self.old, nodes=tuple(self.nodes), outputs=outputs)

    def _keep(self, k: int) -> None:
        node = self.old.nodes[k]
        self.place[k] = len(self.nodes)
        self.nodes.append(node._replace(operands=tuple([self.place[n] for n in node.operands])))

    def _insert(self, rule: Primitive, row: _OneRow, values: tuple[Any, ...]) -> None:
        operands = tuple([self.place[k] for k in row.sources])
        whole = len(self.nodes)
        self.nodes.append(Node(rule, operands, {}, values))
        for n, k in enumerate(row.results):
            self.nodes.append(Node(CONSTANT, (), {}, n))
            self.place[k] = len(self.nodes)
            self.nodes.append(Node(OUTPUT, (whole, len(self.nodes) - 1), {}, values[n]))


class _Rows:
    """The function of the operands that computes all rows."""

    def __init__(self, region: _Region, row: _OneRow) -> None:
        from .machine_code.kernel import Kernel, Strided

        self.rows = region.rows
        nodes = region.program.nodes
        self.recorded = [nodes[k].value for k in row.sources]
        self.with_rows = [region.has_rows(k) for k in row.sources]
        self.like = [nodes[k].value for k in row.results]
        self.sums = [k in region.sums for k in row.results]
        writing = _Writing(row.scalars)
        columns: list[tuple[int, int]] = []  # of each array: whose it is, and where in it
        arrays: list[Any] = []
        slot = 0
        for n, value in enumerate(self.recorded):
            width = np.size(value) // (self.rows if self.with_rows[n] else 1)
            for at in range(width):
                if slot in writing.used:
                    writing.place[slot] = "a", len(arrays)
                    columns.append((n, 8 * at))
                    arrays.append(Strided((8 * width if self.with_rows[n] else 0,), "d"))
                slot += 1
        operations = writing.operations()
        owners = len(self.recorded)
        columns += [(owners, 8 * n) for n in range(len(writing.numbers))]
        outs, sums = [], []
        into: tuple[list[Any], list[Any]] = [], []
        for n, table in enumerate(row.scalars.outputs):
            slots, fn = table.ravel().tolist(), nodes[row.results[n]].rule.fn
            for at, k in enumerate(slots):
                if self.sums[n]:
                    into[1].append((owners + 1 + n, 8 * at))
                    sums.append((REDUCTIONS[fn], writing.place[k], Strided((0,), "d")))
                else:
                    truth = getattr(self.like[n], "dtype", None) is np.dtype(bool)
                    size = 1 if truth else 8
                    into[0].append((owners + 1 + n, size * at))
                    lying = Strided((size * len(slots),), "?" if truth else "d")
                    outs.append((writing.place[k], lying))
        self.numbers = np.array(writing.numbers)
        self.owners, self.offsets = np.array([*columns, *into[0], *into[1]], np.int64).T.copy()
        kernel = Kernel((self.rows,), tuple(arrays), len(writing.numbers), operations,
                        tuple(outs), tuple(sums))  # fmt: skip
        self.kept, address = kernel.compiled()
        self.run = _function(address)

    def __call__(self, *given: Any) -> tuple[Any, ...]:
        sources = [np.ascontiguousarray(v, float) for v in given]
        made = [np.empty(np.shape(v), getattr(v, "dtype", float)) for v in self.like]
        at = np.array([v.ctypes.data for v in (*sources, self.numbers, *made)])
        table = at[self.owners] + self.offsets
        self.run(table.ctypes.data)
        return tuple([y if y.ndim else float(y) for y in made])

    def require_agreement(self, recorded: Sequence[Any]) -> None:
        """Refuse a kernel that does not give what was recorded, but for rounding."""
        with np.errstate(all="ignore"):
            for found, value in zip(self(*self.recorded), recorded, strict=True):
                scale = np.max(np.abs(value), initial=0.0)
                if not np.allclose(found, value, rtol=1e-9, atol=1e-9 * scale, equal_nan=True):
                    raise NotScalar


def _function(address: int) -> Callable[[int], None]:
    import ctypes

    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)


class _Writing:
    """The operations of a kernel for a program on numbers.

    Attributes:
        place: of each slot, where the kernel has it.
        used: the slots that are read or returned.
        numbers: the constants that it reads.
    """

    def __init__(self, scalars: ScalarProgram) -> None:
        self.scalars = scalars
        self.used = {k for step in scalars.steps for k in step.operands}
        self.used |= {k for table in scalars.outputs for k in table.ravel().tolist()}
        self.place: dict[int, tuple[str, int]] = {}
        self.numbers: list[float] = []
        for k, value in scalars.constants.items():
            if k in self.used:
                self.place[k] = "n", len(self.numbers)
                self.numbers.append(float(value))

    def operations(self) -> tuple[Any, ...]:
        """Raises NotScalar where the kernel has no such operation."""
        from .machine_code.kernel import Operation

        found = []
        for n, step in enumerate(self.scalars.steps):
            if step.rule is GUARD or step.rule not in _FORMS:
                raise NotScalar
            form = _FORMS[step.rule]
            found.append(Operation(form, tuple([self.place[k] for k in step.operands])))
            self.place[step.slot] = "v", n
        return tuple(found)


# What a kernel can do with numbers, and how it calls that
_FORMS: dict[Primitive, Any] = {
    where: "where",
    sech_squared: sech_squared,
    **{RULES[fn]: fn for fn in (
        np.add, np.subtract, np.multiply, np.divide, np.negative, np.square, np.reciprocal,
        np.sqrt, np.absolute, np.less, np.less_equal, np.greater, np.greater_equal, np.equal,
        np.not_equal, np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.maximum,
        np.minimum, np.exp, np.log, np.tanh, np.sin, np.cos,
    )},
}  # fmt: skip
