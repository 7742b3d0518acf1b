"""Ways to a symbolic derivative: by the graph, by ``sympy.diff``, by SymEngine.

Each takes SymPy expressions and gives SymPy expressions.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ..errors import UnsupportedError
from .derivative import jacobian
from .wire import decode, encode

Partials = Sequence[Mapping[tuple[int, ...], Any]]
_MEGABYTES = 2000.0  # for SymPy, the module and its results


def by_graph(exprs: Sequence[Any], symbols: Sequence[Any], order: int, evaluate: bool) -> Partials:
    """Partial derivatives with each distinct subexpression differentiated once.

    Args:
        exprs: the expressions.
        symbols: the symbols.
        order: of the derivatives, 1 or 2.
        evaluate: as in ``differentiate``.

    Returns:
        For each expression its derivatives by the places of the symbols; those that are left out
        are zero.
    """
    out: list[dict[tuple[int, ...], Any]] = [{} for _ in exprs]
    first = jacobian(exprs, symbols, evaluate=evaluate)
    slopes = [(r, k, e) for r, row in enumerate(first) for k, e in row.items()]
    if order == 1:
        for r, k, e in slopes:
            out[r][(k,)] = e
        return out
    second = jacobian([e for _, _, e in slopes], symbols, evaluate=evaluate)
    for (r, j, _), row in zip(slopes, second, strict=True):
        out[r] |= {(j, k): e for k, e in row.items()}
    return out


def by_sympy(
    exprs: Sequence[Any], symbols: Sequence[Any], order: int, seconds: float, nodes: int
) -> Partials:
    """Partial derivatives by ``sympy.diff``, in a child process that is ended at the limit.

    Args:
        exprs, symbols, order: as in ``by_graph``.
        seconds: the time that all derivatives may take.
        nodes: the distinct nodes that they may have.

    Raises:
        UnsupportedError: they take more, or SymPy gave up.
    """
    from ..guard import Limits

    wanted = _wanted(exprs, symbols, order)
    arguments = {"graph": encode(exprs, symbols), "wanted": wanted, "nodes": nodes}
    outcome = _guard(os.getpid()).run(
        "diffkit.expression.child:diff", arguments, Limits(seconds=seconds, megabytes=_MEGABYTES)
    )
    if outcome.status == "error":
        reason = outcome.reason.removeprefix("UnsupportedError: ")
        raise UnsupportedError(f"sympy.diff failed: {reason}; use method='graph', the default")
    if outcome.status != "ok":
        why = {
            "timeout": f"did not return within {seconds:g} s",
            "memory": f"took more than {_MEGABYTES:g} MB",
        }.get(outcome.status, f"ended its process ({outcome.reason})")
        raise UnsupportedError(
            f"sympy.diff {why}: it differentiates a shared subexpression once for each of its "
            f"uses; method='graph', the default, does so once"
        )
    if "nodes" in outcome.value:
        raise UnsupportedError(
            f"sympy.diff gave {outcome.value['nodes']} distinct nodes, and nodes={nodes} was the "
            f"limit; raise it, or use method='graph', the default"
        )
    found, _ = decode(outcome.value["derivatives"], symbols)
    return _by_place(found, wanted, len(exprs))


def by_symengine(exprs: Sequence[Any], symbols: Sequence[Any], order: int) -> Partials:
    """Partial derivatives by SymEngine; arguments as in ``by_graph``.

    Raises:
        MissingPackageError: SymEngine is not installed.
        UnsupportedError: it does not have a function, or its derivative.
    """
    from .symengine import differentiate

    wanted = _wanted(exprs, symbols, order)
    return _by_place(differentiate(exprs, symbols, wanted), wanted, len(exprs))


def _wanted(exprs: Sequence[Any], symbols: Sequence[Any], order: int) -> list[list[int]]:
    """The expression and the symbols of each derivative, those left out that are plainly zero."""
    from .dag import dag

    wanted = []
    for r, expr in enumerate(exprs):
        inside = {node for node in dag([expr]).nodes if node.is_Symbol}
        present = [k for k, s in enumerate(symbols) if s in inside]
        if order == 1:
            wanted += [[r, k] for k in present]
        else:
            wanted += [[r, j, k] for j in present for k in present if j <= k]
    return wanted


def _by_place(found: Sequence[Any], wanted: list[list[int]], count: int) -> Partials:
    out: list[dict[tuple[int, ...], Any]] = [{} for _ in range(count)]
    for expr, (r, *by) in zip(found, wanted, strict=True):
        out[r][tuple(by)] = out[r][tuple(by[::-1])] = expr
    return out


@cache
def _guard(process: int) -> Any:
    """The child of this process: it is kept warm, and replaced after it was ended."""
    from ..guard import Guard

    return Guard(preload=("sympy", "diffkit.expression.child"))
