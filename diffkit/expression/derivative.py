"""Symbolic differentiation that keeps what is shared shared.

``sympy.diff`` differentiates a shared subexpression once for each of its uses. Here each distinct
subexpression is differentiated once in each symbol, by SymPy's own rules: ``fdiff`` of the
function, of arguments that are stand-ins, or ``_eval_derivative`` where it has no ``fdiff``. So the
result is the expression that ``sympy.diff`` would return, up to the order in which SymPy rewrites
it, and time and memory follow the graph and not the tree.

Steps (sign, floor, ceiling, Heaviside) have the derivative 0, which is theirs wherever they have
one; SymPy gives Dirac's delta, which has no value at numbers. Functions are taken as functions of
real variables: |u| has the derivative sign(u) u', or Re(conj(u) u')/|u| for a complex u.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ..errors import UnsupportedError
from .construct import Construction, Template, evaluation_limited, raw
from .dag import Dag, dag


def differentiate(exprs: Sequence[Any], symbol: Any, *, evaluate: bool = True) -> list[Any]:
    """The derivatives of SymPy expressions in a symbol.

    Args:
        exprs: the expressions; what they share is differentiated once.
        symbol: the symbol.
        evaluate: have SymPy evaluate sums and products as they are made, as in ``sympy.diff``.
            That flattens them, and so undoes sharing: a nested expression's derivative grows
            faster than the expression. Otherwise the derivative takes a few operations for each
            of the expression, those of forward mode (Laue 2019, arXiv:1904.02990).

    Raises:
        UnsupportedError: a function in them has no derivative in SymPy.
    """
    import sympy

    return [row.get(0, sympy.S.Zero) for row in jacobian(exprs, [symbol], evaluate=evaluate)]


def jacobian(
    exprs: Sequence[Any], symbols: Sequence[Any], *, evaluate: bool = True
) -> list[dict[int, Any]]:
    """The derivatives of SymPy expressions in several symbols.

    Args:
        exprs: the expressions.
        symbols: the symbols.
        evaluate: as in ``differentiate``.

    Returns:
        For each expression its derivatives by the place of the symbol; symbols that it does not
        contain are left out.

    Raises:
        UnsupportedError: a function in them has no derivative in SymPy.
    """
    graph = dag(exprs)
    if not evaluate:
        graph = _with_long_sums(graph)
    rules = _Rules(graph, Construction(evaluate))
    place = {node: k for k, node in enumerate(graph.nodes) if node.is_Symbol}
    users = graph.users()
    rows: list[dict[int, Any]] = [{} for _ in exprs]
    with evaluation_limited():
        for column, symbol in enumerate(symbols):
            if symbol in place:
                d = rules.push(place[symbol], users)
                for row, root in zip(rows, graph.roots, strict=True):
                    if root in d:
                        row[column] = d[root]
    return rows


def _with_long_sums(graph: Dag) -> Dag:
    """The graph with a sum's terms in place of a sum that is used in it alone.

    Then a symbol in one of a thousand terms is followed through one sum and not a thousand.
    """
    uses = [0] * len(graph.nodes)
    for places in (*graph.args, graph.roots):
        for p in places:
            uses[p] += 1
    sums = [bool(node.is_Add) and uses[k] == 1 for k, node in enumerate(graph.nodes)]
    for r in graph.roots:
        sums[r] = False
    inside = [False] * len(graph.nodes)
    for node, places in zip(graph.nodes, graph.args, strict=True):
        if node.is_Add:
            for p in places:
                inside[p] = sums[p]
    args = []
    for k, places in enumerate(graph.args):
        if inside[k] or not any(inside[p] for p in places):
            args.append(() if inside[k] else places)
            continue
        terms: list[int] = []
        stack = list(places[::-1])
        while stack:
            p = stack.pop()
            if inside[p]:
                stack.extend(graph.args[p][::-1])
            else:
                terms.append(p)
        args.append(tuple(terms))
    return Dag(graph.nodes, args, graph.roots)


class _Rules:
    """The chain rule on one graph; partial derivatives of its nodes are made once."""

    def __init__(self, graph: Dag, construct: Construction) -> None:
        import sympy

        self.graph, self.construct, self.sympy = graph, construct, sympy
        self.complex = _complex(graph, sympy)
        self.parameters = {sympy.Tuple, sympy.functions.special.hyper.TupleArg}
        self._partials: dict[tuple[int, int], Any] = {}

    def push(self, start: int, users: list[list[int]]) -> dict[int, Any]:
        """The derivative, in the symbol at one place, of each node that contains it."""
        found, stack = {start}, [start]
        while stack:
            for user in users[stack.pop()]:
                if user not in found:
                    found.add(user)
                    stack.append(user)
        d: dict[int, Any] = {start: self.sympy.S.One}
        for k in sorted(found)[1:]:
            node = self.graph.nodes[k]
            if node.is_Boolean or node.is_Relational or type(node) in self.parameters:
                continue  # a condition, or a part of the function that it is an argument of
            d[k] = self.node(k, node, self.graph.args[k], d)
        return d

    def node(self, k: int, node: Any, args: tuple[int, ...], d: dict[int, Any]) -> Any:
        """The chain rule at one node, whose arguments have been differentiated."""
        sympy, construct = self.sympy, self.construct
        if node.is_Add:
            return construct.add([d[a] for a in args if a in d])
        if node.is_Mul:
            return self._product(args, d)
        if node.is_Pow:
            return self._power(k, args, d)
        if isinstance(node, sympy.functions.elementary.piecewise.ExprCondPair):
            return d.get(args[0], sympy.S.Zero)
        if isinstance(node, sympy.Piecewise):
            return self._piecewise(args, d)
        if isinstance(node, (sympy.re, sympy.im, sympy.conjugate)):
            return construct(node.func, [d[args[0]]])
        if isinstance(node, sympy.arg) or (isinstance(node, sympy.Abs) and self.complex[args[0]]):
            return self._polar(k, node, args[0], d)
        if isinstance(node, sympy.hyper):
            return self._hypergeometric(args, d)
        if not node.is_Function:  # of which Max and Min are as well
            raise UnsupportedError(_refusal(node.func, 0, 1))
        terms = [
            construct.multiply([d[a], self.partial(k, node, position)])
            for position, a in enumerate(args)
            if a in d
        ]
        return construct.add(terms)

    def partial(self, k: int, node: Any, position: int) -> Any:
        """The partial derivative of a function in one of its arguments."""
        if (k, position) not in self._partials:
            args = [self.graph.nodes[p] for p in self.graph.args[k]]
            template = partial_derivative(node.func, len(args), position)
            self._partials[k, position] = template(args, self.construct)
        return self._partials[k, position]

    def _product(self, args: tuple[int, ...], d: dict[int, Any]) -> Any:
        nodes, construct = self.graph.nodes, self.construct
        if construct.evaluate:
            factors = [nodes[a] for a in args]
            return construct.add([
                construct.multiply([*factors[:j], d[a], *factors[j + 1 :]])
                for j, a in enumerate(args)
                if a in d
            ])  # fmt: skip
        value, slope = nodes[args[0]], d.get(args[0])
        for a in args[1:]:
            terms = [] if slope is None else [construct.multiply([slope, nodes[a]])]
            if a in d:
                terms.append(construct.multiply([value, d[a]]))
            slope = construct.add(terms) if terms else None
            value = construct.multiply([value, nodes[a]])
        return slope

    def _power(self, k: int, args: tuple[int, ...], d: dict[int, Any]) -> Any:
        sympy, construct = self.sympy, self.construct
        node, (base, exponent) = self.graph.nodes[k], [self.graph.nodes[a] for a in args]
        terms = []
        if args[0] in d:
            less = construct.add([exponent, sympy.S.NegativeOne])
            slope = [exponent, construct(sympy.Pow, [base, less])]
            terms.append(construct.multiply([*slope, d[args[0]]]))
        if args[1] in d:
            log = construct(sympy.log, [base])
            terms.append(construct.multiply([node, log, d[args[1]]]))
        return construct.add(terms)

    def _piecewise(self, args: tuple[int, ...], d: dict[int, Any]) -> Any:
        sympy, pair = self.sympy, self.sympy.functions.elementary.piecewise.ExprCondPair
        pairs = [
            self.construct(pair, [d.get(a, sympy.S.Zero), self.graph.nodes[self.graph.args[a][1]]])
            for a in args
        ]
        return self.construct(sympy.Piecewise, pairs)

    def _polar(self, k: int, node: Any, a: int, d: dict[int, Any]) -> Any:
        """Modulus and angle of a complex u: of conj(u) u' the one takes the real part, over |u|,
        the other the imaginary one, over |u|**2."""
        sympy, construct = self.sympy, self.construct
        u, modulus = self.graph.nodes[a], isinstance(node, sympy.Abs)
        turned = construct.multiply([construct(sympy.conjugate, [u]), d[a]])
        part = construct(sympy.re if modulus else sympy.im, [turned])
        size = node if modulus else construct(sympy.Abs, [u])
        power = sympy.Integer(-1 if modulus else -2)
        return construct.multiply([part, construct(sympy.Pow, [size, power])])

    def _hypergeometric(self, args: tuple[int, ...], d: dict[int, Any]) -> Any:
        """Each parameter is raised by one (DLMF 16.3.1); there is no derivative in them."""
        sympy, construct, nodes = self.sympy, self.construct, self.graph.nodes
        if args[2] not in d:
            raise UnsupportedError(_refusal(sympy.hyper, 0, 3))
        above, below = ([nodes[p] for p in self.graph.args[k]] for k in args[:2])
        if any(p in d for k in args[:2] for p in self.graph.args[k]):
            raise UnsupportedError(_refusal(sympy.hyper, 0, 3))
        head = nodes[args[0]].func
        raised = [head(*[construct.add([a, sympy.S.One]) for a in part]) for part in (above, below)]
        slope = [*above, *[construct(sympy.Pow, [b, sympy.S.NegativeOne]) for b in below]]
        return construct.multiply(
            [*slope, construct(sympy.hyper, [*raised, nodes[args[2]]]), d[args[2]]]
        )


def _complex(graph: Dag, sympy: Any) -> list[bool]:
    """Whether each node may be complex; symbols are real unless they say that they are not."""
    real = (sympy.re, sympy.im, sympy.arg, sympy.Abs)
    found: list[bool] = []
    for node, places in zip(graph.nodes, graph.args, strict=True):
        if places:
            found.append(not isinstance(node, real) and any(found[p] for p in places))
        else:
            found.append(node is sympy.I or (node.is_Symbol and node.is_extended_real is False))
    return found


@cache
def partial_derivative(head: Any, count: int, position: int) -> Template:
    """The partial derivative of a SymPy function of ``count`` arguments, as a template.

    Raises:
        UnsupportedError: SymPy has none.
    """
    import sympy

    places = [sympy.Dummy(f"a{k}") for k in range(count)]
    own = _own_rules().get(head)
    if own is not None:
        return Template(own[position](*places), places)
    found = _by_sympy(raw(head, places), position, places[position])
    if found is None:
        raise UnsupportedError(_refusal(head, position, count))
    return Template(found, places)


def _by_sympy(node: Any, position: int, place: Any) -> Any:
    """What SymPy says; None where that is nothing, or holds what is not a function of numbers."""
    import sympy
    from sympy.core.function import ArgumentIndexError

    for rule in (lambda: node.fdiff(position + 1), lambda: node._eval_derivative(place)):
        try:
            found = rule()
        except (ArgumentIndexError, AttributeError, NotImplementedError, TypeError):
            continue
        if isinstance(found, sympy.Expr) and not found.has(*_unusable()):
            return found
    return None


@cache
def _unusable() -> tuple[Any, ...]:
    import sympy

    operators = (sympy.Derivative, sympy.Subs, sympy.Integral, sympy.Sum, sympy.Product)
    return (*operators, sympy.Limit, sympy.meijerg)


@cache
def _own_rules() -> dict[Any, tuple[Callable[..., Any], ...]]:
    """Partial derivatives that SymPy has not, or not as a function of a real number."""
    import sympy

    zero = lambda *args: sympy.S.Zero  # noqa: E731
    one = lambda *args: sympy.S.One  # noqa: E731
    return {
        sympy.sign: (zero,),
        sympy.floor: (zero,),
        sympy.ceiling: (zero,),
        sympy.frac: (one,),
        sympy.Heaviside: (zero, lambda x, h: sympy.Piecewise((1, sympy.Eq(x, 0)), (0, True))),
        sympy.Abs: (sympy.sign,),
        # a - b floor(a / b)
        sympy.Mod: (one, lambda a, b: -sympy.floor(a / b)),
        # gamma(z + m) / gamma(z)
        sympy.RisingFactorial: (
            lambda z, m: sympy.rf(z, m) * (sympy.digamma(z + m) - sympy.digamma(z)),
            lambda z, m: sympy.rf(z, m) * sympy.digamma(z + m),
        ),
    }


def _refusal(head: Any, position: int, count: int) -> str:
    from sympy.core.function import Application

    name = getattr(head, "__name__", str(head))
    if not issubclass(head, Application):
        return (
            f"SymPy's {name} is not differentiated here; replace it by what it stands for first, "
            f"with .doit() say"
        )
    of = "" if count == 1 else f" in argument {position + 1}"
    return f"SymPy has no derivative of {name}{of}"
