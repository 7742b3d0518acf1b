"""Stretches of a replay that run without Python, between operations that are called from it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from ...recording import CONSTANT, GUARD, INPUT
from ..inner_loops import same_bits
from ..program import MissedBranch, Node
from .code import Code, Coder, NotInstruction
from .passes import BoundKernel

Step = Callable[[list[Any]], None]


class PythonCall:
    """One operation, called from Python.

    Args:
        call: what to call.
        args: its arguments; those that change are put in at each replay.
        dynamic: the places of these among the arguments, and the nodes that they are.
        target: the node whose number it computes; -1 where it writes into an array.
    """

    __slots__ = ("args", "call", "dynamic", "target")

    def __init__(
        self, call: Any, args: list[Any], dynamic: tuple[tuple[int, int], ...], target: int
    ) -> None:
        self.call, self.args, self.dynamic, self.target = call, args, dynamic, target

    def __call__(self, cells: list[Any]) -> None:
        args = self.args
        for position, k in self.dynamic:
            args[position] = cells[k]
        y = self.call(*args)
        if self.target >= 0:
            cells[self.target] = y


class Stretch:
    """Operations whose instructions are run in one go.

    Attributes:
        given: the numbers that Python has, and this needs.
        made: the numbers that this computes, and Python needs.
    """

    def __init__(self, coder: Coder, code: Code, given: Sequence[int], made: Sequence[int]) -> None:
        self._coder = coder  # keeps alive what the addresses point at
        self._code = array("q", [*code, coder.L.END, 1])
        self._address = self._code.buffer_info()[0]
        self._run = coder.L.entry()
        self.given, self.made = tuple(given), tuple(made)

    @property
    def words(self) -> Any:
        """The instructions, as 64-bit integers."""
        return np.frombuffer(self._code, np.int64)

    def __call__(self, cells: list[Any]) -> None:
        coder = self._coder
        for k in self.given:
            coder.put(k, cells[k])
        if not self._run(self._address):
            raise MissedBranch
        for k in self.made:
            cells[k] = coder.value_at(k)


def stretches(
    nodes: Sequence[Node], coder: Coder, owners: Sequence[int], calls: Sequence[PythonCall],
    cells: Sequence[Any], outputs: Sequence[int], runs: Set[int], before: Code, after: Code,
    kernels: Mapping[int, BoundKernel],
) -> list[Step]:  # fmt: skip
    """The steps of a replay, as few of them from Python as can be.

    Args:
        nodes: the program.
        coder: writes its instructions.
        owners: for each call the node that it computes.
        calls: the operations as called from Python.
        cells: the numbers that are known beforehand.
        outputs: the nodes of the results.
        runs: the nodes that are computed block by block, and stay calls.
        before, after: instructions to begin and to end with.
        kernels: by the last node of each pass, what computes it.
    """
    from .matrix_code import without_repeats  # and with it Numba

    written = _written(nodes, coder, owners, calls, cells, runs, kernels)
    within = {n for kernel in kernels.values() for n in kernel.nodes}
    by_python = [n for k, call in zip(owners, calls, strict=True) if k not in written
                 for _, n in call.dynamic]  # fmt: skip
    wanted = {*by_python, *outputs}
    order = [k for k in dict.fromkeys(owners) if k in written]
    shared = without_repeats([written[k] for k in order])
    written = dict(zip(order, shared, strict=True))
    parts: list[Any] = [[]]  # nodes that are written, or a call
    for k, call in zip(owners, calls, strict=True):
        if k not in written:
            parts += [call, []]
        elif parts[-1][-1:] != [k]:
            parts[-1].append(k)

    def stretch(here: list[int], *more: Code) -> Step:
        needed = dict.fromkeys(
            n for k in here for n in (kernels[k].numbers if k in kernels else _numbers_of(nodes, k))
        )
        here_made = [n for k in here for n in (kernels[k].nodes if k in kernels else (k,))]
        given = [n for n in needed if n not in written and n not in within and coder.is_number(n)]
        numbers = [k for k in here_made if coder.is_number(k) and nodes[k].rule is not GUARD]
        first, last = more
        code = [*first, *[word for k in here for word in written[k]], *last]
        return Stretch(coder, code, given, [k for k in numbers if k in wanted])

    end = len(parts) - 1
    return [
        stretch(part, before if at == 0 else [], after if at == end else [])
        if type(part) is list else part
        for at, part in enumerate(parts)
        if type(part) is not list or part or (at == 0 and before) or (at == end and after)
    ]  # fmt: skip


def _numbers_of(nodes: Sequence[Node], k: int) -> list[int]:
    """The operands of a node that are numbers and no constants."""
    return [
        n for n in nodes[k].operands
        if nodes[n].rule is not CONSTANT and type(nodes[n].value) is not np.ndarray
    ]  # fmt: skip


def _written(
    nodes: Sequence[Node], coder: Coder, owners: Sequence[int], calls: Sequence[PythonCall],
    cells: Sequence[Any], runs: Set[int], kernels: Mapping[int, BoundKernel],
) -> dict[int, Code]:  # fmt: skip
    """The instructions for each node for which they give the recorded value, bit by bit."""
    found: dict[int, Code] = {}
    trial = [*cells]
    for k, node in enumerate(nodes):
        if node.rule is INPUT:
            if k in coder.arrays:
                np.copyto(coder.arrays[k], node.value)
            else:
                trial[k] = node.value
    with np.errstate(all="ignore"):
        for k, call in zip(owners, calls, strict=True):
            if k in kernels:
                found[k] = kernels[k].code
                _computed(nodes, coder, kernels[k], trial)
                continue
            code = None if k in runs else _tried(nodes, coder, k, trial)
            if code is None:
                found.pop(k, None)
                call(trial)
            else:
                found[k] = code
            if coder.is_number(k) and nodes[k].rule is not GUARD:
                trial[k] = nodes[k].value
    return found


def _computed(nodes: Sequence[Node], coder: Coder, kernel: BoundKernel, trial: list[Any]) -> None:
    """Compute a pass, and compare what it gives with what was recorded; or, where bits count, with
    what NumPy gives, because zeros may have been recorded with another sign.

    Raises:
        Differs: it gives something else.
    """
    expected: dict[int, Any] = {k: nodes[k].value for k in kernel.results}
    if kernel.exact:
        read = {n for k in kernel.nodes for n in nodes[k].operands} - {*kernel.nodes}
        now = {n: np.array(coder.arrays[n]) if n in coder.arrays else trial[n] for n in read}
        expected = kernel.by_numpy(nodes, now)
    given = [n for n in kernel.numbers if coder.is_number(n)]
    Stretch(coder, kernel.code, given, ())(trial)
    for k in kernel.results:
        there = coder.arrays[k] if k in coder.arrays else coder.value_at(k)
        kernel.require_agreement(there, expected[k])
        if k not in coder.arrays:
            trial[k] = expected[k]
            coder.put(k, expected[k])
        elif not kernel.exact:  # to the last bit, for what is tried next
            np.copyto(coder.arrays[k], expected[k])


def _tried(nodes: Sequence[Node], coder: Coder, k: int, cells: list[Any]) -> Code | None:
    node, out = nodes[k], coder.arrays.get(k)
    try:
        code = coder.code(k, out)
        _spoil(nodes, coder, k)
        given = [n for n in _numbers_of(nodes, k) if coder.is_number(n)]
        Stretch(coder, code, given, ())(cells)
    except (NotInstruction, MissedBranch):
        return None
    if node.rule is GUARD:
        return code
    there = out if out is not None else coder.held(k)
    if same_bits(there, node.value):
        return code
    for n in node.operands:  # one of them may have been written over
        if n in coder.arrays and coder.arrays[n].flags.writeable and nodes[n].rule is not CONSTANT:
            np.copyto(coder.arrays[n], nodes[n].value)
    return None


def _spoil(nodes: Sequence[Node], coder: Coder, k: int) -> None:
    """Put something else where a value belongs: memory may hold the right one by accident."""
    value, out = nodes[k].value, coder.arrays.get(k)
    if nodes[k].rule is GUARD:
        return
    if out is None:
        coder.put(k, not value if type(value) in (bool, np.bool_) else np.nan)
    elif all(coder.arrays.get(n) is not out for n in nodes[k].operands):
        if out.dtype.char == "?":
            np.logical_not(value, out=out)
        elif out.dtype.kind == "f":
            out.fill(np.nan)
