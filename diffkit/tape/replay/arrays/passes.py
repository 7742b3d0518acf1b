"""Passes bound to the memory of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...recording import CONSTANT
from ..forms import REDUCTIONS
from ..inner_loops import same_bits
from ..program import Node
from .code import Code, Coder, joined_axes
from .fusing import Pass, form_of
from .fusing import window as window_of

TOLERANCE = 1e-9  # of results whose bits may differ, relative to the largest number of a pass


class Differs(Exception):
    """A kernel does not give what was recorded."""


class BoundKernel:
    """A kernel, and a table of where its operands and results are.

    Attributes:
        nodes: the operations of the pass.
        results: those of them that are written to memory.
        numbers: the nodes of its operands that are numbers and no constants.
        code: the instruction that runs it.
        table: the addresses that it is given.
    """

    def __init__(self, of: Pass, nodes: Sequence[Node], coder: Coder, exact: bool) -> None:
        """
        Args:
            of: the pass.
            nodes: the program.
            coder: knows the places of arrays and numbers.
            exact: whether the results must have the bits of those that were recorded.

        Raises:
            RuntimeError: this version of LLVM does not take the text.
        """
        self.nodes, self.results, self.exact = of.nodes, of.results, exact
        made = _Lowered(of, nodes, coder)
        self._engine, address = made.kernel.compiled()
        self.numbers = tuple([n for n in made.numbers if nodes[n].rule is not CONSTANT])
        self.table = np.array(made.addresses, np.int64)
        coder.kept += [self, *made.kept]  # addresses alone keep nothing alive
        read = {n for k in of.nodes for n in nodes[k].operands}
        self._scale = largest([nodes[n].value for n in read])
        self.code: Code = [coder.L.KERNEL, 4, address, self.table.ctypes.data]

    def require_agreement(self, found: Any, expected: Any) -> None:
        """Compare a result with what it should be.

        Raises:
            Differs: they are not the same.
        """
        if self.exact or np.asarray(expected).dtype.char == "?":
            agree = same_bits(found, expected)
        else:
            agree = np.allclose(found, expected, TOLERANCE, TOLERANCE * self._scale, equal_nan=True)
        if not agree:
            raise Differs

    def by_numpy(self, program: Sequence[Node], given: dict[int, Any]) -> dict[int, Any]:
        """The values of the pass, one operation after the other.

        Args:
            program: the nodes of the program.
            given: the values of the operands.
        """
        values = dict(given)
        for k in self.nodes:
            node = program[k]
            values[k] = node.rule.fn(*[values[n] for n in node.operands], **node.kwargs)
        return values


def _is_float(value: Any) -> bool:
    return type(value) is float or getattr(value, "dtype", None) == np.float64


def largest(values: Sequence[Any]) -> float:
    """The largest of all finite doubles in some values."""
    sizes = [np.abs(np.asarray(v)) for v in values if _is_float(v)]
    return max([float(np.max(s, initial=0.0, where=np.isfinite(s))) for s in sizes], default=0.0)


class _Lowered:
    """A pass as a kernel, and the addresses that it is given."""

    def __init__(self, of: Pass, nodes: Sequence[Node], coder: Coder) -> None:
        from ..machine_code.kernel import Kernel, Operation, Strided

        operations = []
        names: dict[Any, tuple[str, int]] = {}
        arrays: list[tuple[int, Any]] = []  # nodes, and their windows
        self.numbers: list[int] = []

        def name(n: int, window: Any = None) -> tuple[str, int]:
            key = n if window is None else (n, window)
            if key not in names and type(nodes[n].value) is np.ndarray:
                arrays.append((n, window))
                names[key] = "a", len(arrays) - 1
            elif key not in names:
                self.numbers.append(n)
                names[key] = "n", len(self.numbers) - 1
            return names[key]

        sums = []
        outs = []
        for k in of.nodes:
            node = nodes[k]
            if node.rule.fn in REDUCTIONS:
                sums.append((k, REDUCTIONS[node.rule.fn], name(node.operands[0])))
                continue
            form, operands = form_of(node, nodes)
            given_window = window_of(node, nodes) if form == "pad" else None
            operations.append(Operation(form, tuple([name(n, given_window) for n in operands])))
            names[k] = "v", len(operations) - 1
            if k in of.results:
                outs.append((k, names[k]))
        self.kept = [coder.arrays[n] for n, _ in arrays]
        windows = [w for _, w in arrays]
        given = [_placed(a, w, of.shape) for a, w in zip(self.kept, windows, strict=True)]
        self.kept += [coder.arrays[k] for k, _ in outs]
        written = [coder.arrays[k] for k, _ in outs]
        totals = [_spread(coder.arrays.get(k), nodes[k], of.shape) for k, _, _ in sums]
        strides = [*[s for s, _ in given], *[a.strides for a in written], *[s for s, _ in totals]]
        seen = [*self.kept[: len(given)], *written]
        kinds = [a.dtype.char for a in seen] + ["d"] * len(totals)
        lengths, strides, windows = _axes(
            of.shape, strides, [8 if kind == "d" else 1 for kind in kinds], windows
        )
        windows += [None] * (len(kinds) - len(windows))
        places = [Strided(*one) for one in zip(strides, kinds, windows, strict=True)]
        first, last = len(given), len(given) + len(written)
        self.kernel = Kernel(
            lengths, tuple(places[:first]), len(self.numbers), tuple(operations),
            tuple(zip([v for _, v in outs], places[first:last], strict=True)),
            tuple([(u, v, place)
                   for (_, u, v), place in zip(sums, places[last:], strict=True)]),
        )  # fmt: skip
        numbers = coder.numbers.ctypes.data
        self.kept += [array for _, array in totals]
        self.addresses = [
            *[at for _, at in given], *[numbers + 8 * n for n in self.numbers],
            *[a.ctypes.data for a in written],
            *[numbers + 8 * k if array is None else array.ctypes.data
              for (k, _, _), (_, array) in zip(sums, totals, strict=True)],
        ]  # fmt: skip


def _spread(out: Any, node: Node, to: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
    """The strides of a reduction's result along the axes of its operand."""
    if out is None:
        return (0,) * len(to), None
    axis = node.kwargs.get("axis")
    axes = range(len(to)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    reduced = {a % len(to) for a in axes}
    there = out if node.kwargs.get("keepdims") else np.expand_dims(out, tuple(reduced))
    return tuple([0 if a in reduced else s for a, s in enumerate(there.strides)]), out


def _placed(array: Any, window: Any, to: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """The strides of an array along the axes of a pass, and the address of the first element; of
    one with a window, where the first element would be."""
    if window is None:
        return np.broadcast_to(array, to).strides, array.ctypes.data
    there = array.reshape([end - first for first, end in window])
    if not np.may_share_memory(there, array):
        raise Differs
    before = sum([first * s for (first, _), s in zip(window, there.strides, strict=True)])
    return there.strides, array.ctypes.data - before


def _axes(
    to: tuple[int, ...], strides: Sequence[tuple[int, ...]], sizes: Sequence[int], windows: Any
) -> tuple[tuple[int, ...], list[tuple[int, ...]], list[Any]]:
    """The lengths of the axes, and the strides and the window of each array; innermost is the axis
    along which most arrays lie element by element."""
    # An axis with a window is not joined to others.
    whole = [all(w is None or w[axis] == (0, n) for w in windows) for axis, n in enumerate(to)]
    axes: list[Any] = []
    axis = 0
    while axis < len(to):
        end = axis + 1
        while whole[axis] and end < len(to) and whole[end]:
            end += 1
        joined = joined_axes(to[axis:end], [s[axis:end] for s in strides])
        if not whole[axis]:
            joined = [(to[axis], tuple([s[axis] for s in strides]))]
        axes += [(n, steps, None if whole[axis] else axis) for n, steps in joined]
        axis = end
    axes = axes or [(1, (0,) * len(strides), None)]

    def fits(axis: Any) -> int:
        return sum([step == size for step, size in zip(axis[1], sizes, strict=True)]) - 2 * sum(
            [step not in (0, size) for step, size in zip(axis[1], sizes, strict=True)]
        )

    inner = max(range(len(axes)), key=lambda k: (fits(axes[k]), k))
    axes.append(axes.pop(inner))
    return (
        tuple([length for length, _, _ in axes]),
        [tuple([steps[k] for _, steps, _ in axes]) for k in range(len(strides))],
        [w and tuple([(0, n) if at is None else w[at] for n, _, at in axes]) for w in windows],
    )
