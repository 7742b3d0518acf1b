"""What NumPy computes as something else: reductions by a ufunc, powers by a shorter one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..recording import CONSTANT
from .program import Node

REDUCTIONS: dict[Any, np.ufunc] = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}
_SPECIAL_POWERS: dict[float, np.ufunc] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}


def simple(node: Node) -> bool:
    return len(node.operands) == 1 and set(node.kwargs) <= {"axis", "keepdims"}


def power_into(node: Node, nodes: Sequence[Node]) -> Callable[..., Any] | None:
    """``array ** number`` as NumPy evaluates it: squares, roots and reciprocals are special."""
    base, exponent = [nodes[n] for n in node.operands]
    if exponent.rule is not CONSTANT or type(exponent.value) not in (int, float):
        return None
    if type(base.value) is not np.ndarray or base.value.dtype.kind != "f":
        return None
    b = exponent.value
    if b in _SPECIAL_POWERS:
        return _SPECIAL_POWERS[b]
    return None if b in (0, 1) else lambda a, out: np.power(a, b, out)


def special_power(node: Node, nodes: Sequence[Node]) -> np.ufunc | None:
    """The ufunc that an array's power with a certain exponent is; None if it is no such power."""
    into = power_into(node, nodes)
    return into if isinstance(into, np.ufunc) else None
