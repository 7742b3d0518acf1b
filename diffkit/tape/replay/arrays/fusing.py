"""Which operations on arrays are done together, in one pass of a kernel.

Operations of one shape are gathered as long as none of them waits for something that is computed
outside of the pass and itself waits for it. Sums and extremes over axes of what a pass computes are
taken along, but what reads them comes after. The order of the program is changed so that the
operations of a pass follow each other.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....rules import RULES, arithmetic, elementary, selection, shape
from ...recording import CONSTANT, GUARD, INPUT
from ..forms import REDUCTIONS, simple, special_power
from ..program import Node, Program

MOST = 48  # operations of a pass: the processor has registers for so many values
RECENT = 6  # passes of the same shape that an operation may join
MOST_NODES = 200_000  # of a program; each takes 0.1 ms to be tried as it is and in a pass
LARGEST = 1 << 22  # elements of an array of which it is found out where a part of it lies
WORTH = 256  # elements from which one operation alone is a kernel, where it is more than a sum
_NUMBERS = (float, np.float64)
_MEAN = RULES[np.mean]


@dataclass(frozen=True)
class Pass:
    """Operations that one kernel does.

    Attributes:
        nodes: the operations, in order; reductions among them.
        shape: of what it goes over.
        results: those of its operations that are read elsewhere.
    """

    nodes: tuple[int, ...]
    shape: tuple[int, ...]
    results: tuple[int, ...]


def form_of(node: Node, nodes: Sequence[Node]) -> tuple[Any, tuple[int, ...]]:
    """What a kernel calls an operation, and its operands; None where it is not elementwise."""
    rule = node.rule
    if node.kwargs:
        return None, ()
    if rule is shape.scatter:
        return ("pad" if window(node, nodes) is not None else None), node.operands[:1]
    if rule is selection.where:
        return "where", node.operands
    if rule is arithmetic.raised:
        return special_power(node, nodes), node.operands[:1]
    if rule is elementary.sech_squared:
        return rule, node.operands
    return rule.fn if isinstance(rule.fn, np.ufunc) else None, node.operands


def window(node: Node, nodes: Sequence[Node]) -> tuple[tuple[int, int], ...] | None:
    """For each axis of a scatter's result, where what is put among zeros begins and ends; None if
    that is no block, or not in order."""
    indices = [nodes[n] for n in node.operands[2:]]
    given, to = nodes[node.operands[0]].value, node.shape
    basic = all(
        i.rule is CONSTANT and type(i.value) in (int, slice, type(Ellipsis)) for i in indices
    )
    if not basic or type(given) is not np.ndarray or not 0 < node.value.size <= LARGEST:
        return None
    places = np.arange(node.value.size).reshape(to)
    there = places[tuple([i.value for i in indices])]
    if not np.size(there):
        return None
    first = [int(n) for n in np.unravel_index(there.min(), to)]
    end = [int(n) + 1 for n in np.unravel_index(there.max(), to)]
    block = places[tuple([slice(a, b) for a, b in zip(first, end, strict=True)])]
    if block.size != there.size or not np.array_equal(block.ravel(), there.ravel()):
        return None
    return tuple(zip(first, end, strict=True))


def fused(program: Program, forms: set[Any], sums: bool) -> tuple[Program, dict[int, Pass]]:
    """The program in another order, and for each node that is in a pass, the pass.

    Args:
        program: the program.
        forms: the operations that kernels may do.
        sums: whether they may take sums and extremes, too.
    """
    if len(program.nodes) > MOST_NODES:
        return program, {}
    if sums:
        program = _with_sums_for_means(program)
    gathered = _Gathered(program, forms, sums)
    return gathered.ordered()


def _is_number(node: Node) -> bool:
    return type(node.value) in _NUMBERS or (node.rule is CONSTANT and type(node.value) is int)


def _is_array(value: Any) -> bool:
    return type(value) is np.ndarray and value.dtype.char in "d?"


class _Gathered:
    """The passes of a program.

    Attributes:
        unit: for each node the number of the pass that it is in, or its own.
        members: for each unit its nodes.
        before: for each unit the nodes that it reads.
        readers: for each unit the nodes that read one of its own.
        latest: for each unit the last node among its own and those of all units it waits for.
    """

    def __init__(self, program: Program, forms: set[Any], sums: bool) -> None:
        self.program, self.nodes, self.forms = program, program.nodes, forms
        self.unit = list(range(len(self.nodes)))
        self.members: dict[int, list[int]] = {k: [k] for k in self.unit}
        self.before: dict[int, set[int]] = {}
        self.readers: dict[int, list[int]] = {}
        self.latest = list(self.unit)
        self.reduced: set[int] = set()
        self.shapes: dict[int, tuple[int, ...]] = {}
        recent: dict[tuple[int, ...], list[int]] = {}
        for k, node in enumerate(self.nodes):
            self.before[k] = set(node.operands)
            for n in self.before[k]:
                self.readers.setdefault(self.unit[n], []).append(k)
            shape = self._shape(node)
            if shape is None and sums:
                shape = self._reduced_shape(node)
                if shape is not None:
                    self.reduced.add(k)
            if shape is None:
                continue
            passes = recent.setdefault(shape, [])
            joined = next((u for u in reversed(passes[-RECENT:]) if self._joins(k, u)), None)
            if joined is None:
                passes.append(k)
                self.shapes[k] = shape
            else:
                self._join(k, joined)
        self._delay()

    def _shape(self, node: Node) -> tuple[int, ...] | None:
        """The shape of an operation that a kernel can do."""
        if node.rule in (INPUT, CONSTANT, GUARD) or not _is_array(node.value):
            return None
        form, operands = form_of(node, self.nodes)
        if form is None or form not in self.forms or not node.value.size:
            return None
        given = [self.nodes[n] for n in operands]
        if not all(_is_array(n.value) or _is_number(n) for n in given):
            return None
        kinds = [getattr(n.value, "dtype", np.dtype(float)).char for n in given]
        return node.shape if _takes(form, kinds, node.value.dtype.char) else None

    def _reduced_shape(self, node: Node) -> tuple[int, ...] | None:
        if node.rule.fn not in REDUCTIONS or not simple(node):
            return None
        value = self.nodes[node.operands[0]].value
        if not _is_array(value) or value.dtype.char != "d" or not value.size:
            return None
        fits = type(node.value) in _NUMBERS or (_is_array(node.value) and node.value.size)
        return value.shape if fits else None

    def _joins(self, k: int, u: int) -> bool:
        """Whether a node may be done together with a pass."""
        if len(self.members[u]) >= MOST:
            return False
        inside = set(self.members[u])
        waiting = []
        for n in self.nodes[k].operands:
            if n not in inside:
                waiting.append(n)
            elif n in self.reduced or self.nodes[k].rule is shape.scatter:
                return False
        return not self._depends(waiting, u)

    def _depends(self, waiting: Iterable[int], u: int) -> bool:
        """Whether one of some nodes waits for a pass.

        What waits for it waits for its last member, too.
        """
        last = self.members[u][-1]
        seen: set[int] = set()
        stack = [self.unit[n] for n in waiting]
        while stack:
            at = stack.pop()
            if at == u:
                return True
            if at not in seen and self.latest[at] >= last:
                seen.add(at)
                stack += [self.unit[n] for n in self.before[at]]
        return False

    def _join(self, k: int, u: int) -> None:
        self.unit[k] = u
        self.members[u].append(k)
        self.before[u] |= self.before.pop(k)
        del self.members[k]
        self.latest[u] = k
        stack = [u]
        while stack:
            for n in self.readers.get(stack.pop(), ()):
                at = self.unit[n]
                if self.latest[at] != k:
                    self.latest[at] = k
                    stack.append(at)

    def _is_worth_it(self, u: int) -> bool:
        members = self.members[u]
        if u not in self.shapes:
            return False
        if len(members) > 1:
            return True
        node = self.nodes[members[0]]
        size = int(np.prod(self.shapes[u]))
        if size < WORTH:
            return False
        form, operands = form_of(node, self.nodes)
        if form == "pad":
            return False
        if members[0] in self.reduced or form not in _QUICK:
            return True
        given = [self.nodes[n].value for n in operands]
        return any(
            type(v) is np.ndarray and (v.shape != node.shape or not v.flags.c_contiguous)
            for v in given
        )

    def _delay(self) -> None:
        """Move operations into the only pass that reads them, where that needs to read no more than
        it saves: what is in between is not written."""
        users: dict[int, set[int]] = {}
        for k, node in enumerate(self.nodes):
            for n in node.operands:
                users.setdefault(n, set()).add(k)
        for k in range(len(self.nodes) - 1, -1, -1):
            u = self.unit[k]
            readers = {self.unit[n] for n in users.get(k, ())}
            if (
                u not in self.shapes or k in self.reduced or k in self.program.outputs
                or len(readers) != 1 or len(self.members[u]) == 1
            ):  # fmt: skip
                continue
            (v,) = readers
            if v == u or self.shapes.get(v) != self.shapes[u] or len(self.members[v]) >= MOST:
                continue
            if any(self.nodes[n].rule is shape.scatter for n in users[k]):
                continue  # it reads memory
            padded = self.nodes[k].rule is shape.scatter
            arrays = [n for n in self.nodes[k].operands
                      if padded or self.nodes[n].shape == self.nodes[k].shape]  # fmt: skip
            kept = [n for n in arrays if self.unit[n] != u or n in self.program.outputs
                    or any(self.unit[r] != u for r in users[n])]  # fmt: skip
            known = {n for r in self.members[v] for n in self.nodes[r].operands}
            if len(kept) == len(arrays) and len({*kept} - known) <= 1:
                self._move(k, u, v)

    def _move(self, k: int, u: int, v: int) -> None:
        self.members[u].remove(k)
        self.members[v] = sorted([*self.members[v], k])
        self.unit[k] = v
        for w in (u, v):
            self.before[w] = {n for r in self.members[w] for n in self.nodes[r].operands}

    def ordered(self) -> tuple[Program, dict[int, Pass]]:
        """The program in the order of its units."""
        order: list[int] = []
        left = {u: len({self.unit[n] for n in self.before[u]} - {u}) for u in self.members}
        after: dict[int, set[int]] = {}
        for u in self.members:
            for n in self.before[u]:
                if self.unit[n] != u:
                    after.setdefault(self.unit[n], set()).add(u)
        ready = [(max(self.members[u]), u) for u, count in left.items() if not count]
        heapq.heapify(ready)
        while ready:
            _, u = heapq.heappop(ready)
            order += self.members[u]
            for v in after.get(u, ()):
                left[v] -= 1
                if not left[v]:
                    heapq.heappush(ready, (max(self.members[v]), v))
        return self._renamed(order)

    def _renamed(self, order: list[int]) -> tuple[Program, dict[int, Pass]]:
        inputs = self.program.inputs
        order = [*range(inputs), *[k for k in order if k >= inputs]]
        place = {k: at for at, k in enumerate(order)}
        moved = [self.nodes[k]._replace(operands=tuple([place[n] for n in self.nodes[k].operands]))
                 for k in order]  # fmt: skip
        outputs = tuple([place[k] for k in self.program.outputs])
        users: dict[int, set[int]] = {}
        for k, node in enumerate(self.nodes):
            for n in node.operands:
                users.setdefault(n, set()).add(k)
        passes: dict[int, Pass] = {}
        for u, members in self.members.items():
            if self._is_worth_it(u):
                inside = set(members)
                read = [k for k in members if k in self.program.outputs or k in self.reduced
                        or not users.get(k, set()) <= inside]  # fmt: skip
                made = Pass(
                    tuple([place[k] for k in members]), self.shapes[u],
                    tuple([place[k] for k in read]),
                )  # fmt: skip
                passes.update(dict.fromkeys(made.nodes, made))
        return replace(self.program, nodes=tuple(moved), outputs=outputs), passes


_OF_TRUTHS = ("logical", "bitwise", "invert")
_QUICK = {
    *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.square, np.sqrt, np.absolute),
    np.reciprocal,
}


def _takes(form: Any, kinds: list[str], result: str) -> bool:
    """Whether a kernel computes as NumPy does with operands of these kinds."""
    if form == "where":
        return kinds[0] == "?" and result == "d"
    if form == "pad":
        return kinds == ["d"] and result == "d"
    if not isinstance(form, np.ufunc):
        return kinds == ["d"] and result == "d"
    if result == "d":
        return "d" in kinds
    if all(kind == "?" for kind in kinds):
        return form.__name__.startswith(_OF_TRUTHS)
    return "dd->?" in form.types and not form.__name__.startswith(_OF_TRUTHS)


def _with_sums_for_means(program: Program) -> Program:
    """Means as NumPy takes them: sums, divided by the number of elements."""
    if not any(node.rule is _MEAN for node in program.nodes):
        return program
    nodes: list[Node] = []
    place: list[int] = []
    for node in program.nodes:
        moved = node._replace(operands=tuple([place[n] for n in node.operands]))
        if node.rule is _MEAN and simple(node):
            value: Any = program.nodes[node.operands[0]].value
            if _is_array(value) and value.dtype.char == "d":
                total = np.sum(value, **node.kwargs)
                count = float(value.size // max(1, np.size(total)))
                nodes.append(Node(RULES[np.sum], moved.operands, node.kwargs, total))
                nodes.append(Node(CONSTANT, (), {}, count))
                moved = Node(RULES[np.divide], (len(nodes) - 2, len(nodes) - 1), {}, node.value)
        nodes.append(moved)
        place.append(len(nodes) - 1)
    return replace(program, nodes=tuple(nodes), outputs=tuple([place[k] for k in program.outputs]))
