"""SymEngine's derivatives of SymPy expressions, there and back without walking the tree.

SymEngine has no derivative of steps and what is made of them. A step (sign, floor, ceiling,
Heaviside) is constant wherever it has a derivative, so it goes there as a symbol of its own; |u|
goes as u sign(u), and the larger of a and b as a H + b (1 - H) with the step H at a = b.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from ..errors import MissingPackageError, UnsupportedError
from .construct import Construction, raw
from .dag import Dag, dag

_DEEPEST = 10_000  # SymEngine recurses on the C stack


def differentiate(
    exprs: Sequence[Any], symbols: Sequence[Any], wanted: Sequence[Sequence[int]]
) -> list[Any]:
    """Derivatives of SymPy expressions as SymPy expressions.

    Args:
        exprs: the expressions.
        symbols: the symbols.
        wanted: for each derivative the place of the expression, and then those of the symbols in
            which it is differentiated, one after another.

    Raises:
        MissingPackageError: SymEngine is not installed.
        UnsupportedError: SymEngine does not have a function or its derivative, or the expression is
            too deep for it.
    """
    try:
        import symengine
    except ImportError:
        raise MissingPackageError(
            "Symbolic(engine='symengine')", "symengine", "symengine"
        ) from None
    graph = dag(exprs)
    _require_shallow(graph)
    there = _There(graph, symbols, symengine)
    back = _Back(there.originals)
    found = []
    for place, *by in wanted:
        expr = there.values[graph.roots[place]]
        for k in by:
            expr = symengine.diff(expr, there.symbols[k])
        found.append(back(expr))
    return found


def _require_shallow(graph: Dag) -> None:
    depth: list[int] = []
    for args in graph.args:
        depth.append(1 + max([depth[p] for p in args], default=0))
    if max(depth, default=0) > _DEEPEST:
        raise UnsupportedError(
            f"the expression is {max(depth)} levels deep, more than the {_DEEPEST} that are given "
            f"to SymEngine, which recurses; use engine='sympy'"
        )


class _There:
    """SymPy's nodes as SymEngine's.

    Attributes:
        values: for each node of the graph its counterpart.
        symbols: the counterparts of the symbols.
        originals: by the names of SymEngine's symbols the SymPy expressions that they stand for.
    """

    def __init__(self, graph: Dag, symbols: Sequence[Any], symengine: Any) -> None:
        self.engine = symengine
        self.originals: dict[str, Any] = {}
        self.symbols = [self._symbol(s) for s in symbols]
        given = dict(zip(symbols, self.symbols, strict=True))
        self.values: list[Any] = []
        for node, places in zip(graph.nodes, graph.args, strict=True):
            if node.is_Symbol:
                if node not in given:
                    raise UnsupportedError(f"the expression contains {node}, which is no variable")
                self.values.append(given[node])
            else:
                self.values.append(self._node(node, [self.values[p] for p in places]))

    def _symbol(self, original: Any) -> Any:
        name = f"v{len(self.originals)}"
        self.originals[name] = original
        return self.engine.Symbol(name)

    def _node(self, node: Any, args: list[Any]) -> Any:
        import sympy

        head = node.func
        if not args:
            return self.engine.sympify(node)
        if head in (sympy.sign, sympy.floor, sympy.ceiling, sympy.Heaviside):
            return self._symbol(node)
        if head is sympy.Abs:
            return args[0] * self._symbol(raw(sympy.sign, node.args))
        if head in (sympy.Max, sympy.Min):
            return self._extreme(node, args)
        if isinstance(node, sympy.Tuple):  # of an expression and its condition
            return args
        if head is sympy.Piecewise:
            return self.engine.Piecewise(*map(tuple, args))
        name = _there().get(head)
        if name is None:
            raise UnsupportedError(f"SymEngine has no {head.__name__}; use engine='sympy'")
        return getattr(self.engine, name)(*args)

    def _extreme(self, node: Any, args: list[Any]) -> Any:
        """Max and Min of two at a time."""
        import sympy

        construct, half = Construction(False), sympy.Rational(1, 2)
        winner, expr = args[0], node.args[0]
        for other, its in zip(args[1:], node.args[1:], strict=True):
            minus = construct.multiply([sympy.S.NegativeOne, its])
            lead = construct.add([expr, minus])
            if node.func is sympy.Min:
                lead = construct.multiply([sympy.S.NegativeOne, lead])
            step = self._symbol(raw(sympy.Heaviside, [lead, half]))
            winner, expr = winner * step + other * (1 - step), raw(node.func, [expr, its])
        return winner


class _Back:
    """SymEngine's nodes as SymPy's, unevaluated; each is made once."""

    def __init__(self, originals: dict[str, Any]) -> None:
        self._originals = originals
        self._made: dict[Any, Any] = {}

    def __call__(self, root: Any) -> Any:
        stack = [root]
        while stack:
            node = stack[-1]
            if node in self._made:
                stack.pop()
                continue
            args = node.args
            waiting = [a for a in args if a not in self._made]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            self._made[node] = self._node(node, [self._made[a] for a in args])
        return self._made[root]

    def _node(self, node: Any, args: list[Any]) -> Any:
        import sympy

        name = type(node).__name__
        if name == "Symbol":
            return self._originals[node.name]
        if not args:
            return sympy.sympify(node._sympy_())
        if name == "Pow" and args[0] is sympy.E:
            return raw(sympy.exp, args[1:])
        if name == "Piecewise":
            pair = sympy.functions.elementary.piecewise.ExprCondPair
            pairs = zip(args[::2], args[1::2], strict=True)
            return raw(sympy.Piecewise, [raw(pair, both) for both in pairs])
        head = _back().get(name)
        if head is None:
            raise UnsupportedError(
                f"SymEngine gives {name}, which has no numeric value; use engine='sympy'"
            )
        return raw(head, args)


@cache
def _there() -> dict[Any, str]:
    """SymEngine's names of SymPy's functions."""
    import sympy

    arithmetic = "Add Mul Pow Eq Ne Lt Le Gt Ge And Or Not"
    elementary = (
        "exp log sin cos tan sec csc cot asin acos atan atan2 sinh cosh tanh asinh acosh atanh"
    )
    special = "gamma loggamma erf erfc LambertW beta polygamma zeta"
    same = f"{arithmetic} {elementary} {special}".split()
    return {getattr(sympy, name): name for name in same}


@cache
def _back() -> dict[str, Any]:
    """SymPy's functions by the names of SymEngine's classes."""
    import sympy

    renamed = {
        "Equality": sympy.Eq,
        "Unequality": sympy.Ne,
        "StrictLessThan": sympy.Lt,
        "LessThan": sympy.Le,
    }
    return {name: head for head, name in _there().items()} | renamed
