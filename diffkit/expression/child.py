"""What runs in a child process: ``sympy.diff`` as a user would call it."""

from __future__ import annotations

from typing import Any

from ..errors import UnsupportedError
from .dag import dag
from .wire import Wire, decode, encode


def diff(graph: Wire, wanted: list[list[int]], nodes: int) -> dict[str, Any]:
    """Differentiate expressions.

    Args:
        graph: the expressions.
        wanted: for each derivative the place of the expression, and then those of the symbols in
            which it is differentiated, one after another.
        nodes: the largest number of distinct nodes of all derivatives together.

    Returns:
        ``derivatives``, or their number of ``nodes`` where that is too large.
    """
    import sympy

    exprs, symbols = decode(graph)
    found = [
        sympy.diff(exprs[place], *[symbols[k] for k in by]) if by else exprs[place]
        for place, *by in wanted
    ]
    for node in (all_nodes := dag(found).nodes):
        if isinstance(node, (sympy.Derivative, sympy.Subs)):
            name = node.expr.func.__name__
            raise UnsupportedError(f"it leaves the derivative of {name} as it stands")
    size = len(all_nodes)
    return {"nodes": size} if size > nodes else {"derivatives": encode(found, symbols)}
