"""Passes bound to the memory of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..recording import CONSTANT
from .array_code import Code, Coder, joined_axes
from .fusing import Pass, form_of
from .inner_loops import same_bits
from .program import Node
from .writers import REDUCTIONS

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
        self._table = np.array(made.addresses, np.int64)
        coder.kept += [self, *made.kept]  # addresses alone keep nothing alive
        read = {n for k in of.nodes for n in nodes[k].operands}
        self._scale = _largest([nodes[n].value for n in read if _is_float(nodes[n].value)])
        self.code: Code = [coder.L.KERNEL, 4, address, self._table.ctypes.data]

    def require_agreement(self, found: Any, recorded: Any) -> None:
        """Compare a result with the recorded one.

        Raises:
            Differs: they are not the same.
        """
        if self.exact or np.asarray(recorded).dtype.char == "?":
            agree = same_bits(found, recorded)
        else:
            agree = np.allclose(found, recorded, TOLERANCE, TOLERANCE * self._scale, equal_nan=True)
        if not agree:
            raise Differs


def _is_float(value: Any) -> bool:
    return type(value) is float or getattr(value, "dtype", None) == np.float64


def _largest(values: Sequence[Any]) -> float:
    """The largest of all finite numbers in some values."""
    sizes = [np.abs(np.asarray(v, float)) for v in values]
    return max([float(np.max(s, initial=0.0, where=np.isfinite(s))) for s in sizes], default=0.0)


class _Lowered:
    """A pass as a kernel, and the addresses that it is given."""

    def __init__(self, of: Pass, nodes: Sequence[Node], coder: Coder) -> None:
        from .kernels import Kernel, Operation, Strided

        operations = []
        names: dict[int, tuple[str, int]] = {}
        arrays: list[int] = []
        self.numbers: list[int] = []

        def name(n: int) -> tuple[str, int]:
            if n in names:
                return names[n]
            table, kind = (
                (arrays, "a") if type(nodes[n].value) is np.ndarray else (self.numbers, "n")
            )
            table.append(n)
            names[n] = kind, len(table) - 1
            return names[n]

        sums = []
        outs = []
        for k in of.nodes:
            node = nodes[k]
            if node.rule.fn in REDUCTIONS:
                sums.append((k, REDUCTIONS[node.rule.fn], name(node.operands[0])))
                continue
            form, operands = form_of(node, nodes)
            operations.append(Operation(form, tuple([name(n) for n in operands])))
            names[k] = "v", len(operations) - 1
            if k in of.results:
                outs.append((k, names[k]))
        self.kept = [coder.arrays[n] for n in arrays]
        given = [np.broadcast_to(a, of.shape) for a in self.kept]
        self.kept += [coder.arrays[k] for k, _ in outs]
        written = [coder.arrays[k] for k, _ in outs]
        totals = [_spread(coder.arrays.get(k), nodes[k], of.shape) for k, _, _ in sums]
        strides = [*[a.strides for a in (*given, *written)], *[s for s, _ in totals]]
        lengths, strides = _axes(of.shape, strides, [a.itemsize for a in (*given, *written)]
                                 + [8] * len(totals))  # fmt: skip
        kinds = [a.dtype.char for a in (*given, *written)] + ["d"] * len(totals)
        places = [Strided(s, c) for s, c in zip(strides, kinds, strict=True)]
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
            *[a.ctypes.data for a in given], *[numbers + 8 * n for n in self.numbers],
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


def _axes(
    to: tuple[int, ...], strides: Sequence[tuple[int, ...]], sizes: Sequence[int]
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The lengths of the axes, and the strides of each array; innermost is the axis along which
    most arrays lie element by element."""
    axes = joined_axes(to, strides) or [(1, (0,) * len(strides))]

    def fits(axis: Any) -> int:
        return sum([step == size for step, size in zip(axis[1], sizes, strict=True)]) - 2 * sum(
            [step not in (0, size) for step, size in zip(axis[1], sizes, strict=True)]
        )

    inner = max(range(len(axes)), key=lambda k: (fits(axes[k]), k))
    axes.append(axes.pop(inner))
    lengths = tuple([length for length, _ in axes])
    return lengths, [tuple([steps[k] for _, steps in axes]) for k in range(len(strides))]
