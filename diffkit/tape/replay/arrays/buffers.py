"""Programs on arrays, replayed with NumPy into buffers that are allocated once.

Each array of the program has a place in memory before the first replay: an operation writes into
the place of a value that is no longer needed, into that of its own operand where it is
elementwise, and slices, transposes and the like are taken once. What is left of a replay is one
call of NumPy an operation. Runs of elementwise operations on large arrays are done block by block;
see ``runs``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from ....rules import RULES, Primitive, shape
from ...recording import CONSTANT, GUARD, INPUT, OUTPUT, plain
from ..forms import REDUCTIONS, simple
from ..numbers.native import available
from ..program import MissedBranch, Node, Program
from .code import SHORT_AXIS, SPREAD, Coder, NotInstruction
from .fusing import Pass, fused
from .moving import Moving, may_move
from .passes import BoundKernel, Differs, largest
from .runs import Run, find_runs, scheduled
from .stretches import PythonCall, Step, Stretch, stretches
from .writers import arity, may_overwrite, writer

_VIEWS: set[Primitive] = {
    shape.getitem,
    *(RULES[fn] for fn in (np.reshape, np.ravel, np.transpose, np.matrix_transpose)),
    *(RULES[fn] for fn in (np.squeeze, np.expand_dims, np.broadcast_to, np.swapaxes)),
    *(RULES[fn] for fn in (np.moveaxis, np.diagonal, np.flip)),
}


# Seconds on ordinary machines: an operation, one of its elements, a dozen passes, and to try one
# operation as it is and in a pass. They decide after how many calls passes are made.
A_CALL, AN_ELEMENT, SOME_PASSES, A_TRIAL = 1e-7, 4e-10, 0.2, 1.5e-4
FEWEST_CALLS = 50
copyto = np.copyto  # looked up once, not at each call
AGREEMENT = 1e-8  # of results whose sums are taken in another order, relative to the largest number
SPARSE = 16  # times its elements that the memory of an input may take


class ArrayProgram:
    """A program on arrays, ready to be run again.

    It may be used by several threads at once: each run takes a set of buffers of its own.

    Attributes:
        program: what it computes.
        checks: the inputs and results that are arrays of which a call itself sees whether they
            are finite.
        hot: whether many of its operations are one pass.
    """

    def __init__(self, program: Program, hot: bool = False) -> None:
        """
        Args:
            program: what to compute.
            hot: to do many operations in one pass from the beginning, in another order of sums and
                with functions that may differ by units in the last place; see ``hot``.
        """
        self.program = scheduled(program)
        self._made: tuple[Any, ...] = (self.program,)  # what buffers are made of
        self._heating = Lock()
        self.hot = False
        buffers = self._passes(exact=False) if hot else None
        if buffers is None:
            buffers = _Buffers(self.program)
        self._cold = (
            -1 if self.hot or buffers.runs else _calls_before_passes(self.program)
        )  # fmt: skip
        self._idle, self.checks = [buffers], buffers.checks

    def heat(self) -> bool:
        """Do many operations in one pass of machine code, in all calls to come, with the same bits.

        That takes tens of milliseconds to compile for each pass.

        Returns:
            Whether it does so now.
        """
        self._cold = -1
        places = _checked(self.program, self.checks)
        buffers = self._passes(exact=True, places=places)
        if buffers is None:
            return False
        self.checks, self._idle = buffers.checks, [buffers]
        return True

    def _passes(self, exact: bool, places: Set[int] = frozenset()) -> _Buffers | None:
        """Buffers for the program with its operations in passes, or None where that is nothing.

        Args:
            exact: whether results keep the bits of the recorded operations.
            places: what must be seen to be finite by the call itself.
        """
        if not available():
            return None
        from ..machine_code.kernel import EXACT, INEXACT

        program, passes = fused(self.program, EXACT if exact else EXACT | INEXACT, not exact)
        if not passes:
            return None
        try:
            with np.errstate(all="ignore"):
                buffers = _Buffers(program, passes, exact)
                buffers.require_agreement()
        except (RuntimeError, Differs, MissedBranch):  # LLVM reads another language, for one
            return None
        if not places <= _checked(program, buffers.checks):
            return None
        self.program, self._made, self.hot = program, (program, passes, exact), True
        return buffers

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """The results at a point; arrays are the caller's own.

        Args:
            inputs: floats and arrays of the recorded shapes and dtypes.

        Raises:
            MissedBranch: the recording does not hold there, or an array of ``checks`` is not
                finite.
        """
        self._cold -= 1
        if not self._cold and self._heating.acquire(blocking=False):
            self.heat()
        made, idle = self._made, self._idle
        try:
            buffers = idle.pop()
        except IndexError:  # another thread is at it
            buffers = _Buffers(*made)
        try:
            return buffers.run(inputs)
        finally:
            idle.append(buffers)


class _Buffers:
    """The arrays of a program, and its operations bound to them.

    Numbers are Python floats in ``cells``, because NumPy does not take an array of no dimensions
    for a number where it chooses the dtype of a result.
    """

    def __init__(
        self, program: Program, passes: dict[int, Pass] | None = None, exact: bool = True
    ) -> None:
        self.nodes = program.nodes
        self.passes = passes or {}
        self.exact = exact
        self.program = program
        self.cells: list[Any] = [None] * len(program.nodes)
        self.arrays: dict[int, Any] = {}  # arrays that stay where they are
        self.base: dict[int, int] = {}  # of a view: the node that owns the memory
        self.calls: list[PythonCall] = []
        self.owners: list[int] = []  # the node of each call
        self.checks: set[int] = set()
        self.pool: dict[tuple[int, Any], list[Any]] = {}
        self.runs = {} if self.passes else find_runs(program)
        self.last = _last_uses(program, {**self.runs, **self.passes})
        self.dying: dict[int, list[int]] = {}
        for k, at in self.last.items():
            self.dying.setdefault(at, []).append(k)
        self.streamed = _streamed(program, self.runs)
        for k in range(len(self.nodes)):
            self._prepare(k)
            self.owners += [k] * (len(self.calls) - len(self.owners))
        self.kernels: dict[int, BoundKernel] = {}
        self.steps = self._steps()
        self.moving = self._moving()

    # Running

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        cells, moving = self.cells, self.moving
        for k, value in enumerate(inputs):
            if k in moving:
                moving[k].take(value)
            elif k in self.arrays:
                copyto(self.arrays[k], value)
            else:
                cells[k] = value
        new = {k: moving[k].new() for k in self.program.outputs if k in moving} if moving else {}
        for step in self.steps:
            step(cells)
        results = [new[k] if k in new else self._result(k) for k in self.program.outputs]
        if self.runs:  # their results are new arrays, of which none may be given back twice
            for n, y in enumerate(results):
                if type(y) is np.ndarray and any(y is r for r in results[:n]):
                    results[n] = y.copy()
        return results

    def require_agreement(self) -> None:
        """Compare the results at the recorded point with those that were recorded.

        Raises:
            Differs: they are not the same, up to rounding.
            MissedBranch: they are not finite, or the branches are others.
        """
        found = self.run([node.value for node in self.nodes[: self.program.inputs]])
        recorded = [self.nodes[k].value for k in self.program.outputs]
        scale = largest([node.value for node in self.nodes])  # where much is lost, much may differ
        if not all(
            np.allclose(a, b, AGREEMENT, AGREEMENT * scale, equal_nan=True)
            for a, b in zip(found, recorded, strict=True)
        ):
            raise Differs

    def _result(self, k: int) -> Any:
        if k in self.arrays:
            return self.arrays[k].copy()
        value = self.cells[k]
        return self.nodes[k].value if value is None else value

    def _steps(self) -> list[Step]:
        """The calls, and between them the stretches that need no call from Python."""
        if not available():
            return [*self.calls]
        from .matrix_code import writers

        writing = Coder(self.nodes, self.arrays, writers())
        self.kernels = {
            each.nodes[-1]: BoundKernel(each, self.nodes, writing, self.exact)
            for each in dict.fromkeys(self.passes.values())
        }
        return stretches(
            self.nodes, writing, self.owners, self.calls, self.cells, self.program.outputs,
            frozenset(self.runs), self._checks(writing, range(self.program.inputs)),
            self._checks(writing, self.program.outputs), self.kernels,
        )  # fmt: skip

    def _moving(self) -> dict[int, Moving]:
        """The large inputs and results that need not be copied."""
        if self.runs or not all(type(s) in (Stretch, PythonCall) for s in self.steps):
            return {}
        called = {id(s) for s in self.steps if type(s) is PythonCall}
        python = [k for k, call in zip(self.owners, self.calls, strict=True) if id(call) in called]
        known = {n for k in python for n in (k, *self.nodes[k].operands) if n in self.arrays}
        others = [self.arrays[n] for n in known]
        words = [s.words for s in self.steps if type(s) is Stretch]
        words += [kernel.table for kernel in self.kernels.values()]
        outputs = self.program.outputs
        alone = [k for k in outputs if outputs.count(k) == 1 and k not in self.base]
        return {
            k: Moving(self.arrays[k], words)
            for k in (*range(self.program.inputs), *alone)
            if k in self.arrays and self.nodes[k].rule is not CONSTANT
            and not (k in outputs and k < self.program.inputs)
            and may_move(self.arrays[k], others)
        }  # fmt: skip

    def _checks(self, writing: Coder, places: Sequence[int]) -> list[int]:
        """The instructions that see whether arrays are finite."""
        code: list[int] = []
        for k in places:
            with suppress(NotInstruction):
                code += writing.finite(k)
                self.checks.add(k)
        return code

    # Binding

    def _prepare(self, k: int) -> None:
        node = self.nodes[k]
        run = self.runs.get(k)
        if run is not None:
            if run.nodes[-1] == k:
                self._bind_run(run)
        elif k in self.passes:
            self._bind_pass(k, self.passes[k])
        elif node.rule is INPUT:
            if type(node.value) is np.ndarray and k not in self.streamed:
                self.arrays[k] = _room_for(node.value)
        elif node.rule is CONSTANT:
            if type(node.value) is np.ndarray:
                self.arrays[k] = node.value
            else:
                self.cells[k] = node.value
        else:
            self._bind(k, node)
        for old in self.dying.get(k, ()):
            self._release(old)

    def _bind(self, k: int, node: Node) -> None:
        rule, operands = node.rule, node.operands
        if rule is GUARD:
            self._call(partial(_require_branch, node.value), operands, -1)
        elif type(node.value) is not np.ndarray:
            self._call(_number(rule, node), operands, k)
        elif rule is OUTPUT:
            self._call(partial(_part_into, self._allocate(k)), operands, -1)
        elif rule in _VIEWS and self._bind_view(k, node):
            return
        else:
            self._bind_array(k, node)

    def _bind_array(self, k: int, node: Node) -> None:
        rule = node.rule
        into = writer(rule, node, self.nodes)
        if may_overwrite(into) and rule.elementwise:
            out = self._in_place(k, node)
            out = self._allocate(k) if out is None else out
        else:
            out = self._allocate(k)
        if into is None:
            self._call(partial(_store, partial(rule.fn, **node.kwargs), out), node.operands, -1)
        else:
            self._call(into, node.operands[: arity(rule, node)], -1, out)
            self._spread_constants(node, self.calls[-1].args)

    def _spread_constants(self, node: Node, args: list[Any]) -> None:
        """Broadcast constant operands once and for all: NumPy is slow where the axes along which
        it can run on all operands alike are short."""
        if not node.rule.elementwise or node.shape[-1:] >= (SHORT_AXIS,):
            return
        for i, n in enumerate(node.operands):
            value = self.nodes[n].value
            if self.nodes[n].rule is not CONSTANT or type(value) is not np.ndarray:
                continue
            if value.ndim > 1 and value.shape != node.shape and node.value.size <= SPREAD:
                args[i] = np.array(np.broadcast_to(value, node.shape), order="C")

    def _call(self, call: Any, operands: Sequence[int], target: int, *more: Any) -> None:
        args = [self.arrays.get(n, self.cells[n]) for n in operands]
        dynamic = tuple(
            [(i, n) for i, n in enumerate(operands)
             if n not in self.arrays and self.nodes[n].rule is not CONSTANT]
        )  # fmt: skip
        self.calls.append(PythonCall(call, [*args, *more], dynamic, target))

    def _bind_view(self, k: int, node: Node) -> bool:
        """Take a view once and for all; False where it would be a copy."""
        source, *parameters = node.operands
        if source not in self.arrays or any(self.nodes[n].rule is not CONSTANT for n in parameters):
            return False
        given = [self.nodes[n].value for n in parameters]
        view = node.rule.fn(self.arrays[source], *given, **node.kwargs)
        if type(view) is not np.ndarray or not np.may_share_memory(view, self.arrays[source]):
            return False
        self.arrays[k] = view
        self.base[k] = self.base.get(source, source)
        owner = self.base[k]
        if self.last.get(owner, -1) < self.last.get(k, -1):  # the memory lives as long as the view
            self.dying[self.last[owner]].remove(owner)
            self.last[owner] = self.last[k]
            self.dying[self.last[k]].append(owner)
        return True

    def _bind_run(self, run: Run) -> None:
        outs = {k: self._allocate(k) for k in run.results if k not in run.returned}
        call = run.bind(
            self.nodes, {k: self.arrays[k] for k in run.arrays if k in self.arrays}, outs
        )
        streamed = [k for k in run.arrays if k not in self.arrays]
        fresh = [k for k in run.results if k in run.returned]
        self._call(partial(_run_into, self.cells, fresh, call), [*streamed, *run.numbers], -1)

    def _bind_pass(self, k: int, each: Pass) -> None:
        """Memory for what it writes, which is none that it reads."""
        if each.nodes[-1] == k:
            for n in each.results:
                if type(self.nodes[n].value) is np.ndarray:
                    self._allocate(n)
            self.calls.append(PythonCall(None, [], (), -1))  # its kernel stands for it

    # Memory

    def _allocate(self, k: int) -> Any:
        value = self.nodes[k].value
        free = self.pool.get((value.size, value.dtype))
        flat = free.pop() if free else np.empty(value.size, value.dtype)
        self.arrays[k] = _laid_out(flat, value)
        return self.arrays[k]

    def _release(self, k: int) -> None:
        node = self.nodes[k]
        if k in self.base or k not in self.arrays or node.rule in (INPUT, CONSTANT):
            return
        array = self.arrays[k]
        self.pool.setdefault((array.size, array.dtype), []).append(array.ravel(order="K"))

    def _in_place(self, k: int, node: Node) -> Any:
        """The memory of an operand that is not needed afterwards and fits the result.

        Not of complex numbers: NumPy rounds their products otherwise where it writes in place. Nor
        of one of which another operand is a view, whose elements would be written before they are
        read: NumPy would see to that, but not its inner loops alone.
        """
        if node.value.dtype.kind == "c":
            return None
        for n in dict.fromkeys(node.operands):
            old = self.arrays.get(n)
            if (
                old is not None
                and n in self.dying.get(k, ())
                and n not in self.base
                and all(self.base.get(other) != n for other in node.operands)
                and self.nodes[n].rule not in (INPUT, CONSTANT)
                and old.shape == node.value.shape
                and old.dtype == node.value.dtype
                and old.strides == np.empty_like(node.value).strides
            ):
                self.dying[k].remove(n)
                self.arrays[k] = old
                return old
        return None


def _room_for(like: Any) -> Any:
    """An empty array of the shape, dtype and, within reason, the strides of another: how NumPy
    adds up, and so how it rounds, depends on them."""
    steps = [(n - 1) * s for n, s in zip(like.shape, like.strides, strict=True)]
    span = sum(map(abs, steps)) + like.itemsize
    if like.flags.c_contiguous or not like.size or span > SPARSE * like.nbytes:
        return np.empty_like(like)
    start = -sum(s for s in steps if s < 0)
    return np.ndarray(like.shape, like.dtype, np.empty(span, np.uint8), start, like.strides)


def _laid_out(flat: Any, like: Any) -> Any:
    """Memory as an array of the shape of another, its axes in the same order."""
    if like.ndim < 2 or like.flags.c_contiguous:
        return flat.reshape(like.shape)
    strides = np.empty_like(like).strides
    order = sorted(range(like.ndim), key=lambda axis: -abs(strides[axis]))
    back = sorted(range(like.ndim), key=order.__getitem__)
    return flat.reshape([like.shape[axis] for axis in order]).transpose(back)


def _calls_before_passes(program: Program) -> int:
    """After how many calls operations are gathered in passes: when about as much time has gone by
    as that takes, so that all in all no program takes more than twice the time that it could."""
    operations = [n for n in program.nodes if n.rule not in (INPUT, CONSTANT, GUARD)]
    call = sum([A_CALL + AN_ELEMENT * getattr(n.value, "size", 1) for n in operations])
    making = SOME_PASSES + A_TRIAL * len(program.nodes)
    return max(FEWEST_CALLS, int(making / max(call, A_CALL)))


def _checked(program: Program, checks: set[int]) -> set[int]:
    """The places, among inputs and results, of what a call itself sees to be finite."""
    places = [*range(program.inputs), *program.outputs]
    return {at for at, k in enumerate(places) if k in checks}


def _last_uses(program: Program, runs: dict[int, Any]) -> dict[int, int]:
    """For each node the last one that reads it; a result is read at the end."""
    last = {}
    for k, node in enumerate(program.nodes):
        at = runs[k].nodes[-1] if k in runs else k
        for n in node.operands:
            last[n] = at
    return last | dict.fromkeys(program.outputs, len(program.nodes))


def _streamed(program: Program, runs: dict[int, Run]) -> set[int]:
    """Large inputs that only runs read: they are taken as they come, and not copied first."""
    streamed = {n for run in runs.values() for n in run.arrays if n < program.inputs}
    for k, node in enumerate(program.nodes):
        if k not in runs:
            streamed -= set(node.operands)
    return streamed - set(program.outputs)


def _number(rule: Primitive, node: Node) -> Callable[..., Any]:
    """How to compute a number, or several values: on Python floats, as the recording did."""
    fn = REDUCTIONS[rule.fn].reduce if rule.fn in REDUCTIONS and simple(node) else rule.fn
    kwargs = dict(node.kwargs)
    if fn is not rule.fn:
        kwargs.setdefault("axis", None)
    call = partial(fn, **kwargs) if kwargs else fn
    return lambda *args: plain(call(*args))


def _store(call: Callable[..., Any], out: Any, *args: Any) -> None:
    y = call(*args)
    if np.shape(y) != out.shape:
        raise MissedBranch
    np.copyto(out, y)


def _part_into(out: Any, values: Any, k: int) -> None:
    _store(lambda: values[k], out)


def _require_branch(taken: bool, condition: Any) -> None:
    if bool(condition) is not taken:
        raise MissedBranch


def _run_into(cells: list[Any], fresh: list[int], call: Callable[..., Any], *given: Any) -> None:
    for k, array in zip(fresh, call(*given), strict=True):
        cells[k] = array
