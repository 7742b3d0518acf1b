"""Expressions on screen: short ones as SymPy prints them, others as a straight line.

Printing walks the tree, and a long line is not read. So in a long expression parts that are used
more than once get names, and so do parts that would make a line too long::

    v1 = sin(x)
    v2 = v1*cos(v1)
    v1*v2 + v2**2
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .construct import raw
from .dag import Dag, dag, is_small

_INLINE = 30  # tree nodes of a line
_WIDTH = 300  # characters of an expression that is written out
_LINES = 60  # of a text, unless it is asked for more


def text(*exprs: Any, lines: int = _LINES) -> str:
    """SymPy expressions as text, in time linear in their graph.

    Args:
        exprs: the expressions.
        lines: the largest number of lines; what is left out is counted.
    """
    import sympy

    if is_small(*exprs):
        written = [str(sympy.sstr(e)) for e in exprs]
        if len(written) <= lines and all(len(w) <= _WIDTH for w in written):
            return "\n".join(written)
    return "\n".join(_shortened(straight_line(exprs), lines))


def latex(*exprs: Any, lines: int = _LINES) -> str:
    """SymPy expressions as LaTeX, in time linear in their graph; several as aligned lines."""
    import sympy

    shown = [(None, e) for e in exprs] if is_small(*exprs) else straight_line(exprs)
    if len(shown) == 1:
        return str(sympy.latex(shown[0][1]))
    rows = [
        f"{'' if name is None else sympy.latex(name) + ' '}&= {sympy.latex(e)}"
        if name is not None
        else f"&{sympy.latex(e)}"
        for name, e in shown[:lines]
    ]
    if len(shown) > lines:
        rows.append(rf"&\text{{and {len(shown) - lines} more}}")
    return r"\begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}"


def straight_line(exprs: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Small expressions that together compute some expressions.

    Returns:
        Pairs of a symbol and what it stands for, in terms of the symbols before; and at the end,
        in place of a symbol with None, the expressions themselves.
    """
    import sympy

    graph = dag(exprs)
    uses = _uses(graph)
    prefix = _prefix(graph)
    shown: list[Any] = []
    size: list[int] = []
    lines: list[tuple[Any, Any]] = []

    def name(k: int) -> None:
        symbol = sympy.Symbol(f"{prefix}{len(lines) + 1}")
        lines.append((symbol, shown[k]))
        shown[k], size[k] = symbol, 1

    for k, (node, args) in enumerate(zip(graph.nodes, graph.args, strict=True)):
        total = 1 + sum([size[p] for p in args])
        if total > _INLINE:
            for p in sorted(set(args), key=lambda p: -size[p]):
                if total > _INLINE and size[p] > 1 and isinstance(graph.nodes[p], sympy.Expr):
                    total -= args.count(p) * (size[p] - 1)
                    name(p)
        shown.append(raw(node.func, [shown[p] for p in args]) if args else node)
        size.append(total)
        if args and uses[k] > 1 and isinstance(node, sympy.Expr):
            name(k)
    return lines + [(None, shown[r]) for r in graph.roots]


def _uses(graph: Dag) -> list[int]:
    uses = [0] * len(graph.nodes)
    for args in graph.args:
        for p in set(args):
            uses[p] += 1
    for r in graph.roots:
        uses[r] += uses[r] > 0  # an expression of which another one makes use
    return uses


def _prefix(graph: Dag) -> str:
    """A letter for names that no symbol of the expressions begins with."""
    taken = {node.name[:1] for node in graph.nodes if node.is_Symbol}
    return next((p for p in "vwuzqpst" if p not in taken), "v_")


def _shortened(shown: list[tuple[Any, Any]], lines: int) -> Iterator[str]:
    import sympy

    for symbol, expr in shown[:lines]:
        yield (f"{symbol} = " if symbol is not None else "") + str(sympy.sstr(expr))
    if len(shown) > lines:
        yield f"... and {len(shown) - lines} more lines"
