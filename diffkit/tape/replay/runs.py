"""Runs: elementwise operations on large arrays of one shape, done block by block.

One after the other, each operation would stream whole arrays through memory. A block that stays
in the cache goes through all operations of a run at once, and blocks go to as many threads as
there are cores, since NumPy computes outside the interpreter's lock.
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

from ...rules import arithmetic
from ..cores import cores
from ..recording import CONSTANT
from .program import Node, Program
from .writers import may_overwrite, writer

LARGE = 1 << 16  # elements from which arrays fall out of the cache, and threads pay
BLOCK = 1 << 13  # elements of a block: a dozen of them fit into a core's second-level cache
MAX_THREADS = 8


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
        steps = [_Step(k, nodes) for k in self.nodes]
        fixed = {k: a.reshape(-1) for k, a in (arrays | outs).items()}
        streamed = [k for k in self.arrays if k not in arrays]
        fresh = [k for k in self.results if k not in outs]
        size = int(np.prod(self.shape))
        local = threading.local()

        def run(*given: Any) -> list[Any]:
            flat = fixed | {
                k: a.reshape(-1) for k, a in zip(streamed, given[: len(streamed)], strict=True)
            }
            new = [np.empty(self.shape, nodes[k].value.dtype) for k in fresh]
            flat |= {k: a.reshape(-1) for k, a in zip(fresh, new, strict=True)}
            numbers = dict(zip(self.numbers, given[len(streamed) :], strict=True))

            def sweep(blocks: range) -> None:
                if not hasattr(local, "blocks"):
                    local.blocks = _Blocks(steps, self.results)
                # A guard that stands before an operation may be decided after it, so what there is
                # to warn of is for the backend to say.
                with np.errstate(all="ignore"):
                    for at in blocks:
                        local.blocks.run(flat, numbers, slice(at, min(at + BLOCK, size)))

            in_threads(sweep, range(0, size, BLOCK))
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


class _Blocks:
    """The operations of a run bound to blocks that one thread owns."""

    def __init__(self, steps: list[_Step], results: Sequence[int]) -> None:
        last = {n: step.k for step in steps for n in step.operands}
        place: dict[int, Any] = {}
        free: dict[Any, list[Any]] = {}
        self.calls = []
        for step in steps:
            dying = [n for n in dict.fromkeys(step.operands) if n in place and last[n] == step.k]
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
                ready = free.get(step.dtype)
                place[step.k] = ready.pop() if ready else np.empty(BLOCK, step.dtype)
                operands.append(place[step.k])
            if not in_place:
                _return_to(free, released)
            self.calls.append((step.call, operands, tuple(dynamic)))

    def run(self, flat: dict[int, Any], numbers: dict[int, Any], block: slice) -> None:
        size = block.stop - block.start
        parts: dict[int, Any] = {}
        for call, operands, dynamic in self.calls:
            for i, n in dynamic:
                if n not in parts:
                    parts[n] = flat[n][block] if n in flat else numbers[n]
                operands[i] = parts[n]
            if size < BLOCK:  # the last block
                call(*[a[:size] if type(a) is np.ndarray else a for a in operands])
            else:
                call(*operands)


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
