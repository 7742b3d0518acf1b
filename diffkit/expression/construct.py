"""Making SymPy expressions without the walks over the tree that SymPy's constructors take.

An *evaluated* node is what SymPy makes of it: sums and products are flattened and sorted, numbers
collected and distributed. That is what ``sympy.diff`` gives, and it undoes sharing. An
*unevaluated* one keeps its arguments as they are; only what does nothing is left out (adding 0,
multiplying by 1, powers 0 and 1) and numbers are combined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import UnsupportedError
from .dag import SmallExpressions, dag

_LARGEST_POWER = 64  # of numbers that are multiplied out


def raw(head: Any, args: Sequence[Any]) -> Any:
    """A SymPy node of these arguments as they are.

    SymPy's constructors would look for it in caches, which compares trees. Hash and
    commutativity are asked for at once, while those of the arguments are known: later, SymPy
    would recurse to the leaves.
    """
    import sympy
    from sympy.core.function import Application
    from sympy.core.operations import LatticeOp

    if head is sympy.Add or head is sympy.Mul:
        node = head._from_args(tuple(args), is_commutative=True)
    else:
        node = sympy.Basic.__new__(head, *args)
        if head is sympy.Pow:
            node.is_commutative = True
        if issubclass(head, (LatticeOp, sympy.Xor)):
            node._argset = frozenset(args)
        if issubclass(head, Application):
            node.nargs = head.nargs
        if isinstance(node, sympy.Expr):
            assert node.is_commutative is not False
    hash(node)
    return node


@contextmanager
def evaluation_limited() -> Iterator[None]:
    """Refuse what SymPy cannot evaluate because it recurses to the leaves.

    Raises:
        UnsupportedError: it did.
    """
    try:
        yield
    except RecursionError:
        raise UnsupportedError(
            "the expression is nested too deeply for SymPy to evaluate; use evaluate=False"
        ) from None


class Construction:
    """One way of making nodes, with what it knows of those that it made.

    Attributes:
        evaluate: whether sums and products are evaluated by SymPy, and functions whose arguments
            are small; functions of large arguments are not, as SymPy walks these.
    """

    def __init__(self, evaluate: bool) -> None:
        self.evaluate = evaluate
        self._small = SmallExpressions()
        self._holding: dict[int, tuple[Any, bool]] = {}

    def __call__(self, head: Any, args: Sequence[Any]) -> Any:
        """The node of these arguments."""
        import sympy

        if head is sympy.Piecewise:  # of nested ones SymPy's evaluation takes long, or recurses
            return _pieces(args, sympy)
        if self.evaluate and (
            self._small(args)
            or ((head is sympy.Add or head is sympy.Mul) and self._are_collected(head, args))
        ):
            return head(*args)
        return _folded(head, args, sympy)

    def add(self, terms: Sequence[Any]) -> Any:
        """A sum; of two terms at a time where nothing is evaluated."""
        return self._joined("Add", terms)

    def multiply(self, factors: Sequence[Any]) -> Any:
        """A product; of two factors at a time where nothing is evaluated."""
        return self._joined("Mul", factors)

    def _joined(self, name: str, args: Sequence[Any]) -> Any:
        import sympy

        head = getattr(sympy, name)
        if self.evaluate or not args:
            return self(head, args)
        total = args[0]
        for arg in args[1:]:
            total = _folded(head, (total, arg), sympy)
        return total

    def _are_collected(self, head: Any, args: Sequence[Any]) -> bool:
        """Whether SymPy makes a sum or product of these without making powers of large bases,
        about which it asks questions that walk the tree."""
        if any(self._holds_power(a) for a in args):
            return False
        if head.identity == 0:
            return True
        factors = [f for a in args for f in (a.args if a.is_Mul else (a,))]
        large = [id(f) for f in factors if not self._small([f])]
        return len(set(large)) == len(large)

    def _holds_power(self, expr: Any) -> bool:
        """Whether a power of something large is a term or a factor."""
        known = self._holding
        stack = [expr]
        while stack:
            node = stack[-1]
            inner = node.args if node.is_Add or node.is_Mul else ()
            waiting = [a for a in inner if id(a) not in known]
            if waiting and id(node) not in known:
                stack.extend(waiting)
                continue
            stack.pop()
            is_power = (node.is_Pow or _is_exponential(node)) and not self._small([node])
            known[id(node)] = (node, is_power or any(known[id(a)][1] for a in inner))
        return known[id(expr)][1]


def _is_exponential(node: Any) -> bool:
    import sympy

    return isinstance(node, sympy.exp)


def _folded(head: Any, args: Sequence[Any], sympy: Any) -> Any:
    if head is sympy.Add or head is sympy.Mul:
        return _without_neutral(head, args, sympy)
    if head is sympy.Pow:
        base, exponent = args
        if exponent is sympy.S.One or base is sympy.S.One:
            return base
        if exponent is sympy.S.Zero:
            return sympy.S.One
        if base.is_Number and exponent.is_Integer and abs(exponent) <= _LARGEST_POWER and base:
            return base**exponent
    return raw(head, args)


def _pieces(pairs: Sequence[Any], sympy: Any) -> Any:
    """A piecewise expression without what is never reached; its one piece where there is one."""
    kept = []
    for pair in pairs:
        if pair.args[1] is not sympy.false:
            kept.append(pair)
        if pair.args[1] is sympy.true:
            break
    if kept and kept[-1].args[1] is sympy.true and len({id(p.args[0]) for p in kept}) == 1:
        return kept[0].args[0]
    return raw(sympy.Piecewise, kept)


def _without_neutral(head: Any, args: Sequence[Any], sympy: Any) -> Any:
    """A sum without zeros, or a product without ones; numbers are combined where all are."""
    if all(a.is_Number for a in args):
        return head(*args)
    neutral = head.identity
    if head is sympy.Mul and sympy.S.Zero in [a for a in args if a.is_Number]:
        return sympy.S.Zero
    kept = [a for a in args if a is not neutral]
    return kept[0] if len(kept) == 1 else raw(head, kept)


class Template:
    """A small expression with places for arguments.

    Attributes:
        expr: the expression.
    """

    def __init__(self, expr: Any, places: Sequence[Any]) -> None:
        """Args: the expression, and the symbols in it that stand for the arguments."""
        graph = dag([expr])
        constant = graph.constant()
        needed = [False] * len(graph.nodes)
        needed[graph.roots[0]] = True
        for k in range(len(graph.nodes) - 1, -1, -1):
            if needed[k] and not constant[k]:
                for p in graph.args[k]:
                    needed[p] = True
        self.expr = expr
        self._steps: list[tuple[Any, Any]] = []
        at = {k: places.index(node) for k, node in enumerate(graph.nodes) if node in places}
        for k, node in enumerate(graph.nodes):
            if needed[k] and k not in at:
                at[k] = len(places) + len(self._steps)
                is_leaf = constant[k] or not graph.args[k]
                operands = node if is_leaf else [at[p] for p in graph.args[k]]
                self._steps.append((None if is_leaf else node.func, operands))
        self._result = at[graph.roots[0]]

    def __call__(self, args: Sequence[Any], construct: Callable[[Any, Sequence[Any]], Any]) -> Any:
        """The expression of these arguments."""
        values = list(args)
        for head, operands in self._steps:
            values.append(
                operands if head is None else construct(head, [values[k] for k in operands])
            )
        return values[self._result]
