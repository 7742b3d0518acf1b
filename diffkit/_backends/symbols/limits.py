"""What a library of symbols can take of a recorded program."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...tape.replay.program import Node, Program

_OF_BITS = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}
_PRODUCTS = {"matmul", "outer", "tensordot", "einsum", "convolve"}


def work(program: Program) -> int:
    """The operations on numbers that a program comes to, about."""
    nodes = program.nodes
    return sum(_work(node, [nodes[k] for k in node.operands]) for node in nodes if node.operands)


def _work(node: Node, operands: list[Node]) -> int:
    if node.rule.name == "getitem":
        return _size(node.value)
    sizes = [_size(node.value), *map(_size, (p.value for p in operands))]
    if node.rule.name in _PRODUCTS:
        return isqrt(sizes[0] * sizes[1] * sizes[-1])  # of a matrix product just so many
    return max(sizes)


def _size(value: Any) -> int:
    return sum(map(np.size, value)) if isinstance(value, tuple) else np.size(value)


def require_takable(program: Program, library: str, most: float) -> None:
    """Refuse what symbols cannot stand for.

    Args:
        program: the program.
        library: the library, by the name of its package.
        most: the operations on numbers that it may come to.

    Raises:
        UnsupportedError: it is too large, or computes with complex numbers.
        TypeError: numbers of the library's own are in it: the function was written for it.
    """
    for node in program.nodes:
        values = node.value if isinstance(node.value, tuple) else (node.value,)
        if any(_is_of(v, library) for v in values):
            raise TypeError(f"a function of {library}'s own numbers")
        if node.rule.name in _OF_BITS and np.asarray(node.value).dtype != bool:
            raise UnsupportedError(
                f"{library} has no {node.rule.name} of whole numbers; use backend='reverse'"
            )
        if any(map(np.iscomplexobj, values)):
            raise UnsupportedError(
                f"backend {library!r} has no complex numbers; use backend='reverse'"
            )
    needed = work(program)
    if needed > most:
        raise UnsupportedError(
            f"f comes to {needed} operations on numbers, more than the {most} that are given to "
            f"{library} as symbols; use backend='reverse'"
        )


def _is_of(value: Any, library: str) -> bool:
    package = type(value).__module__.partition(".")[0]
    return package == library or getattr(getattr(value, "dtype", None), "kind", "") == "O"
