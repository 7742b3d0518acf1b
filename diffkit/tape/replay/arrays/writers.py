"""How an operation writes its result into an array that is there already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ....rules import Primitive, arithmetic, elementary, selection, shape
from ...recording import CONSTANT
from ..forms import REDUCTIONS, power_into, simple
from ..program import Node
from .gathering import adder, gatherer
from .reductions import reduction_into

# NumPy wants the array to write into by its name here.
_EXTREMES: dict[Any, Callable[..., Any]] = {
    np.maximum: lambda a, b, out: np.maximum(a, b, out=out),
    np.minimum: lambda a, b, out: np.minimum(a, b, out=out),
}


def writer(rule: Primitive, node: Node, nodes: Sequence[Node]) -> Callable[..., Any] | None:
    """A function of the operands and of the array to write the result into; None if there is
    none, and the result must be copied."""
    fn = rule.fn
    if rule is arithmetic.raised:
        return power_into(node, nodes)
    if fn in REDUCTIONS and simple(node):
        axis, keep = node.kwargs.get("axis"), bool(node.kwargs.get("keepdims", False))
        return reduction_into(REDUCTIONS[fn], nodes[node.operands[0]].shape, axis, keep)
    if node.kwargs:
        return None
    if isinstance(fn, np.ufunc) and fn.nout == 1:
        return _EXTREMES.get(fn, fn)
    if rule is elementary.sech_squared and nodes[node.operands[0]].value.dtype.kind == "f":
        return elementary.sech_squared_into
    if rule is selection.where:
        return _where_into
    if rule is shape.scatter:
        return _scatterer(node, nodes)
    if rule is shape.getitem and len(node.operands) == 2:
        table, index = [nodes[n] for n in node.operands]
        fixed = index.rule is CONSTANT
        return gatherer(index.value, table.value, node.value) if fixed else None
    return None


def _scatterer(node: Node, nodes: Sequence[Node]) -> Callable[..., Any] | None:
    index = [nodes[n] for n in node.operands[2:]]
    if any(part.rule is not CONSTANT for part in index):
        return None
    values = tuple([part.value for part in index])
    if not any(map(shape.names_twice, values)):
        return partial(_scatter_into, values)
    rows = nodes[node.operands[0]].value
    aligned = len(values) == 1 and np.shape(rows) == (*np.shape(values[0]), *node.shape[1:])
    return adder(values[0], node.value) if aligned else None


def may_overwrite(call: Any) -> bool:
    """Whether what writes into an array may be given one of its own operands for it."""
    return isinstance(call, np.ufunc) or call in _EXTREMES.values()


def arity(rule: Primitive, node: Node) -> int:
    """The operands that the writer takes."""
    return 1 if rule in (shape.scatter, shape.getitem, arithmetic.raised) else len(node.operands)


def _where_into(condition: Any, a: Any, b: Any, out: Any) -> None:
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


def _scatter_into(index: tuple[Any, ...], g: Any, out: Any) -> None:
    out.fill(0.0)
    out[index] = g
