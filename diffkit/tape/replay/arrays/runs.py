"""Runs: elementwise operations on large arrays of one shape, done block by block.

One after the other, each operation would stream whole arrays through memory. A block that stays
in the cache goes through all operations of a run at once, and blocks go to as many threads as
there are cores, since NumPy computes outside the interpreter's lock.
Where LLVM is at hand, arithmetic that stands together is one loop of machine code, see ``fused``,
with the bits of NumPy; and sines and cosines are computed several at a time, see ``sines``, which
may differ from NumPy's by one unit in the last place.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from ....rules import arithmetic
from ...cores import cores
from ...recording import CONSTANT
from ..inner_loops import same_bits, trial_points
from ..numbers.native import EXACT, available
from ..program import Node, Program
from .writers import may_overwrite, writer

LARGE = 1 << 16  # elements from which arrays fall out of the cache, and threads pay
BLOCK = 1 << 13  # elements of a block: a dozen of them fit into a core's second-level cache
LONG_BLOCK = 1 << 16  # the same where nothing is kept between operations
MAX_THREADS = 8
FUSIBLE = {
    *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.square, np.reciprocal),
    *(np.sqrt, np.absolute),
}
TRIED = 1003  # elements on which a fused loop is compared with NumPy, not divisible by its width


@dataclass(frozen=True)
class Run:
    """Elementwise operations on arrays of one shape.

    Attributes:
        nodes: the operations, in order.
        arrays: the nodes outside the run that they read, of the shape of the run.
        numbers: likewise, but numbers that are computed before.
        results: the nodes of the run that are read outside of it.
        returned: those of the results that the program returns, which are new arrays each time.
        shape: the shape.
    """

    nodes: tuple[int, ...]
    arrays: tuple[int, ...]
    numbers: tuple[int, ...]
    results: tuple[int, ...]
    returned: tuple[int, ...]
    shape: tuple[int, ...]

    def bind(
        self, nodes: Sequence[Node], arrays: dict[int, Any], outs: dict[int, Any]
    ) -> Callable[..., list[Any]]:
        """The run as a function of the arrays that are not given yet, and then of the numbers; it
        returns new arrays for the results that have no place to go to."""
        steps = _fused([_Step(k, nodes) for k in self.nodes], self.results, nodes)
        fixed = {k: a.reshape(-1) for k, a in (arrays | outs).items()}
        streamed = [k for k in self.arrays if k not in arrays]
        fresh = [k for k in self.results if k not in outs]
        size = int(np.prod(self.shape))
        named = {
            n for step in steps if isinstance(step, _Fused) for n in (*step.arrays, *step.outs)
        }
        named &= {*self.arrays, *self.results}
        length = LONG_BLOCK if len(steps) == 1 and isinstance(steps[0], _Fused) else BLOCK
        local = threading.local()

        def run(*given: Any) -> list[Any]:
            flat = fixed | {
                k: a.reshape(-1) for k, a in zip(streamed, given[: len(streamed)], strict=True)
            }
            new = [np.empty(self.shape, nodes[k].value.dtype) for k in fresh]
            flat |= {k: a.reshape(-1) for k, a in zip(fresh, new, strict=True)}
            numbers = dict(zip(self.numbers, given[len(streamed) :], strict=True))
            at = {k: flat[k].ctypes.data for k in named}

            def sweep(blocks: range) -> None:
                if not hasattr(local, "blocks"):
                    local.blocks = _Blocks(steps, self.results)
                # A guard that stands before an operation may be decided after it, so what there is
                # to warn of is for the backend to say.
                with np.errstate(all="ignore"):
                    for first in blocks:
                        block = slice(first, min(first + length, size))
                        local.blocks.run(flat, at, numbers, block)

            in_threads(sweep, range(0, size, length))
            return new

        return run


class _Step:
    """One operation of a run: what to call on blocks of its operands."""

    def __init__(self, k: int, nodes: Sequence[Node]) -> None:
        node = nodes[k]
        self.k = k
        self.operands = node.operands
        self.dtype = node.value.dtype
        self.constants = {n: nodes[n].value for n in node.operands if _is_constant(nodes[n])}
        self.call: Any = writer(node.rule, node, nodes)  # there is one, or it would not fit
        if node.rule is arithmetic.raised:
            self.operands = node.operands[:1]
        if self.call in (np.sin, np.cos) and self.dtype == np.float64 and available():
            from ..machine_code.sines import vectorised

            self.call = vectorised(self.call)


class _Fused:
    """Operations of a run that one loop does.

    Attributes:
        arrays: the nodes whose blocks it reads.
        numbers: those that are numbers, computed before or constant.
        outs: those of its operations that are read elsewhere.
    """

    def __init__(self, steps: list[_Step], used: set[int], nodes: Sequence[Node]) -> None:
        from ..machine_code.fused import FusedLoop, Operation

        place = {step.k: n for n, step in enumerate(steps)}
        outside = dict.fromkeys(n for step in steps for n in step.operands if n not in place)
        self.arrays = [n for n in outside if type(nodes[n].value) is np.ndarray]
        self.numbers = [n for n in outside if type(nodes[n].value) is not np.ndarray]
        self.constants = {
            n: float(nodes[n].value) for n in self.numbers if nodes[n].rule is CONSTANT
        }
        self.outs = [step.k for step in steps if step.k in used]
        self.operands = tuple(self.arrays)
        names = {n: ("v", k) for n, k in place.items()}
        names |= {n: ("a", k) for k, n in enumerate(self.arrays)}
        names |= {n: ("n", k) for k, n in enumerate(self.numbers)}
        operations = [Operation(s.call, tuple([names[n] for n in s.operands])) for s in steps]
        outs = [place[k] for k in self.outs]
        self.loop = FusedLoop(operations, len(self.arrays), len(self.numbers), outs)

    def agrees(self, steps: list[_Step], nodes: Sequence[Node]) -> bool:
        """Whether it gives the very bits of NumPy, for a part of what was recorded and for numbers
        of all kinds."""
        recorded = [nodes[n].value.reshape(-1)[:TRIED] for n in self.arrays]
        rng = np.random.default_rng(0)
        special = [rng.permutation(np.resize(trial_points(1), TRIED)) for _ in self.arrays]
        numbers = [float(nodes[n].value) for n in self.numbers]
        with np.errstate(all="ignore"):
            return all(self._agrees_on(steps, a, numbers) for a in (recorded, special))

    def _agrees_on(self, steps: list[_Step], arrays: list[Any], numbers: list[float]) -> bool:
        values = dict(zip([*self.arrays, *self.numbers], [*arrays, *numbers], strict=True))
        for step in steps:
            values[step.k] = step.call(*[values[n] for n in step.operands])
        given = [np.ascontiguousarray(a) for a in arrays]
        outs = [np.empty(len(given[0])) for _ in self.outs]
        at = np.array([a.ctypes.data for a in (*given, *outs)], np.int64)
        held = np.array(numbers, float)
        self.loop.run(at.ctypes.data, held.ctypes.data, len(given[0]))
        return all(same_bits(y, values[k]) for k, y in zip(self.outs, outs, strict=True))


def _fused(
    steps: list[_Step], results: Sequence[int], nodes: Sequence[Node]
) -> list[_Step | _Fused]:
    """The steps in an order in which those that can be fused follow each other, as one each."""
    if sum(_is_fusible(step, nodes) for step in steps) < 2 or not available():
        return [*steps]
    found: list[_Step | _Fused] = []
    for group in _alternating(steps, nodes):
        made = None
        if len(group) > 1 and _is_fusible(group[0], nodes):
            inside = {step.k for step in group}
            read = {n for step in steps if step.k not in inside for n in step.operands}
            made = _verified(group, read | {*results}, nodes)
        found += [made] if made is not None else group
    return found


def _verified(group: list[_Step], used: set[int], nodes: Sequence[Node]) -> _Fused | None:
    """One loop for these steps, if it gives what they give."""
    try:
        made = _Fused(group, used, nodes)
    except RuntimeError:  # this version of LLVM does not take the text
        return None
    return made if made.agrees(group, nodes) else None


def _alternating(steps: list[_Step], nodes: Sequence[Node]) -> Iterator[list[_Step]]:
    """Groups of steps, each as large as what was done before allows: first of those that can be
    fused, then of others, and so on."""
    left = steps
    waiting = {step.k for step in steps}
    fusible = True
    while left:
        group = []
        for step in left:
            if _is_fusible(step, nodes) is fusible and waiting.isdisjoint(step.operands):
                group.append(step)
                waiting.discard(step.k)
        left = [step for step in left if step.k in waiting]
        yield group
        fusible = not fusible


def _is_fusible(step: _Step, nodes: Sequence[Node]) -> bool:
    """Whether a step is IEEE arithmetic on doubles."""
    if type(step.call) is not np.ufunc or step.dtype != np.float64:
        return False
    return step.call in FUSIBLE and all(_is_double(nodes[n].value) for n in step.operands)


def _is_double(value: Any) -> bool:
    if type(value) is np.ndarray:
        return bool(value.dtype == np.float64)
    return type(value) is float or (type(value) is int and abs(value) <= EXACT)


class _Blocks:
    """The operations of a run bound to blocks that one thread owns."""

    def __init__(self, steps: list[_Step | _Fused], results: Sequence[int]) -> None:
        last = {n: k for k, step in enumerate(steps) for n in step.operands}
        place: dict[int, Any] = {}
        free: dict[Any, list[Any]] = {}
        self.calls: list[Any] = []
        for k, step in enumerate(steps):
            dying = [n for n in dict.fromkeys(step.operands) if n in place and last[n] == k]
            if isinstance(step, _Fused):
                given = [place.get(n) for n in step.arrays]
                _return_to(free, [place[n] for n in dying])
                for n in step.outs:
                    if n not in results:
                        place[n] = _block(free, np.dtype(float))
                self.calls.append(_FusedCall(step, [*given, *map(place.get, step.outs)]))
                continue
            operands = [place.get(n, step.constants.get(n)) for n in step.operands]
            dynamic = [
                (i, n) for i, n in enumerate(step.operands)
                if n not in place and n not in step.constants
            ]  # fmt: skip
            # Only a ufunc may write over its own operands.
            in_place = may_overwrite(step.call)
            released = [place[n] for n in dying]
            if in_place:
                _return_to(free, released)
            if step.k in results:
                operands.append(None)
                dynamic.append((len(operands) - 1, step.k))
            else:
                place[step.k] = _block(free, step.dtype)
                operands.append(place[step.k])
            if not in_place:
                _return_to(free, released)
            self.calls.append((step.call, operands, tuple(dynamic)))

    def run(
        self, flat: dict[int, Any], at: dict[int, int], numbers: dict[int, Any], block: slice
    ) -> None:
        size = block.stop - block.start
        parts: dict[int, Any] = {}
        for each in self.calls:
            if type(each) is _FusedCall:
                each(at, numbers, block.start, size)
                continue
            call, operands, dynamic = each
            for i, n in dynamic:
                if n not in parts:
                    parts[n] = flat[n][block] if n in flat else numbers[n]
                operands[i] = parts[n]
            if size < BLOCK:  # the last block
                call(*[a[:size] if type(a) is np.ndarray else a for a in operands])
            else:
                call(*operands)


class _FusedCall:
    """A loop bound to blocks that one thread owns; None stands for those of whole arrays."""

    def __init__(self, step: _Fused, blocks: list[Any]) -> None:
        self._run = step.loop.run
        self._blocks = blocks  # addresses alone keep nothing alive
        places = enumerate(zip((*step.arrays, *step.outs), blocks, strict=True))
        self._moving = [(k, n) for k, (n, block) in places if block is None]
        self._addresses = np.array([0 if b is None else b.ctypes.data for b in blocks], np.int64)
        self._given = [(k, n) for k, n in enumerate(step.numbers) if n not in step.constants]
        self._numbers = np.array([step.constants.get(n, 0.0) for n in step.numbers], float)
        self._at = self._addresses.ctypes.data, self._numbers.ctypes.data

    def __call__(self, at: dict[int, int], numbers: dict[int, Any], first: int, size: int) -> None:
        for k, n in self._moving:
            self._addresses[k] = at[n] + 8 * first
        for k, n in self._given:
            self._numbers[k] = numbers[n]
        self._run(*self._at, size)


def _block(free: dict[Any, list[Any]], dtype: Any) -> Any:
    ready = free.get(dtype)
    return ready.pop() if ready else np.empty(BLOCK, dtype)


def _return_to(free: dict[Any, list[Any]], blocks: list[Any]) -> None:
    for block in blocks:
        free.setdefault(block.dtype, []).append(block)


def _is_constant(node: Node) -> bool:
    return node.rule is CONSTANT and type(node.value) is not np.ndarray


def find_runs(program: Program) -> dict[int, Run]:
    """For each node that is in a run, the run."""
    nodes = program.nodes
    found: dict[int, Run] = {}
    if not any(_fits(node, nodes) for node in nodes):
        return found
    users: dict[int, list[int]] = {}
    for k, node in enumerate(nodes):
        for n in node.operands:
            users.setdefault(n, []).append(k)
    for group in _groups(program):
        if len(group) < 2:
            continue
        inside = set(group)
        outside = dict.fromkeys(n for k in group for n in nodes[k].operands if n not in inside)
        read = {k for k in group if any(u not in inside for u in users.get(k, ()))}
        returned = tuple([k for k in group if k in program.outputs and k not in read])
        run = Run(
            tuple(group),
            tuple([n for n in outside if type(nodes[n].value) is np.ndarray]),
            tuple([n for n in outside
                   if type(nodes[n].value) is not np.ndarray and not _is_constant(nodes[n])]),
            tuple([k for k in group if k in read or k in program.outputs]),
            returned,
            nodes[group[0]].value.shape,
        )  # fmt: skip
        found.update(dict.fromkeys(group, run))
    return found


def _fits(node: Node, nodes: Sequence[Node]) -> bool:
    """Whether an operation can be done block by block."""
    y = node.value
    return (
        type(y) is np.ndarray
        and y.size >= LARGE
        and node.rule.elementwise
        and not node.kwargs
        and writer(node.rule, node, nodes) is not None
        and all(_is_operand(nodes[n], y.shape) for n in node.operands)
    )


def _is_operand(node: Node, shape: tuple[int, ...]) -> bool:
    if type(node.value) is np.ndarray:
        return bool(node.value.shape == shape and node.value.flags.c_contiguous)
    return isinstance(node.value, (float, int, np.number))


def scheduled(program: Program) -> Program:
    """The same program in an order in which operations that can form a run follow each other."""
    nodes = program.nodes
    members = {k for k, node in enumerate(nodes) if _fits(node, nodes)}
    if not members:
        return program
    order: list[int] = []
    run: list[int] = []
    behind: dict[int, None] = {}  # what depends on the run, and waits until it is complete
    for k, node in enumerate(nodes):
        waits = any(n in behind for n in node.operands)
        if k in members:
            if waits or (run and node.shape != nodes[run[0]].shape):
                order += [*run, *behind]
                run, behind = [], {}
            run.append(k)
        elif waits or any(n in run for n in node.operands):
            behind[k] = None
        else:
            order.append(k)
    order += [*run, *behind]
    place = {k: at for at, k in enumerate(order)}
    moved = [nodes[k]._replace(operands=tuple([place[n] for n in nodes[k].operands]))
             for k in order]  # fmt: skip
    return replace(program, nodes=tuple(moved), outputs=tuple([place[k] for k in program.outputs]))


def _groups(program: Program) -> Iterator[list[int]]:
    """The operations of each run of a scheduled program."""
    nodes = program.nodes
    run: list[int] = []
    for k, node in enumerate(nodes):
        if not _fits(node, nodes) or (run and node.shape != nodes[run[0]].shape):
            yield run
            run = []
        if _fits(node, nodes):
            run.append(k)
    yield run


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="diffkit")


def in_threads(call: Callable[[range], None], blocks: range) -> None:
    """Call for shares of the blocks, in as many threads as there are cores."""
    workers = min(cores(), MAX_THREADS, len(blocks) // 2)
    if workers <= 1:
        call(blocks)
        return
    shares = [range(blocks.start + i * blocks.step, blocks.stop, blocks.step * workers)
              for i in range(workers)]  # fmt: skip
    pool = _pool(cores() - 1)
    futures = [pool.submit(contextvars.copy_context().run, call, share) for share in shares[1:]]
    call(shares[0])
    for future in futures:
        future.result()
