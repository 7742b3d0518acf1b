"""SymPy expressions as plain NumPy functions.

The distinct subexpressions become one straight line of operations, so that evaluating costs what
the graph costs, and the result can be traced like any other NumPy function. The line is made into
Python source, whose text holds names of its own making (v0, v1, ... for values, c0, f0, ... for
constants and functions) and operators, and nothing of the expression: no symbol's name, and no
number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..rules import RULES, load_families
from .dag import Dag, dag

_DIGITS = 30  # of constants, before they are rounded to doubles
_SHALLOW = 5  # levels of a constant that is evaluated at once


def evaluator(exprs: Sequence[Any], symbols: Sequence[Any]) -> Callable[..., list[Any]]:
    """A function of one value for each symbol that returns the values of the expressions.

    Values are numbers or arrays that broadcast against each other. Sums and products are taken in
    the order of SymPy's arguments; a product with reciprocals is one quotient, and constants are
    rounded once. Of a piecewise expression every piece is computed.

    Raises:
        UnsupportedError: an expression contains another symbol, or a function without a NumPy form.
    """
    graph = dag(exprs)
    lowering = _Lowering(graph, symbols)
    run = lowering.line.function([lowering.at[r] for r in graph.roots])

    def evaluate(*values: Any) -> list[Any]:
        try:
            return run(*values)
        except ArithmeticError:  # Python's floats raise where NumPy's give inf and nan
            return run(*[np.float64(v) if type(v) is float else v for v in values])

    return evaluate


class Line:
    """A straight-line program under construction: equal operations on equal operands are one."""

    def __init__(self, inputs: int) -> None:
        self._steps: list[tuple[Any, tuple[int, ...]]] = [(None, ())] * inputs
        self._inputs = inputs
        self._known: dict[Any, int] = {}

    def constant(self, value: Any) -> int:
        """The place of a number."""
        return self._place((type(value), repr(value)), value, ())

    def apply(self, fn: Any, *operands: int) -> int:
        """The place of a function of earlier places: one of +, -, *, /, or a callable."""
        return self._place((fn, operands), fn, operands)

    def _place(self, key: Any, what: Any, operands: tuple[int, ...]) -> int:
        if key not in self._known:
            self._known[key] = len(self._steps)
            self._steps.append((what, operands))
        return self._known[key]

    def function(self, results: Sequence[int]) -> Any:
        """The program that returns the values at these places."""
        names: dict[str, Any] = {}
        source = "\n".join(self._source(results, names))
        exec(compile(source, "<expression>", "exec"), names)
        return names["run"]

    def _source(self, results: Sequence[int], names: dict[str, Any]) -> Iterator[str]:
        last = self._last_uses(results)
        free: list[str] = []  # names of values that are not needed any more
        count = self._inputs
        name = {k: f"v{k}" for k in range(self._inputs)}
        yield f"def run({', '.join(name.values())}):"
        functions: dict[int, str] = {}
        for k, (what, operands) in enumerate(self._steps):
            if k < self._inputs or k not in last:
                continue
            if not operands:
                name[k] = f"c{k}"
                names[name[k]] = what
                continue
            used = [name[p] for p in operands]
            for p in set(operands):
                if last[p] == k and name[p].startswith("v"):
                    free.append(name[p])
            if not free:
                free.append(f"v{count}")
                count += 1
            name[k] = free.pop()
            if not isinstance(what, str):
                fn = functions.setdefault(id(what), f"f{k}")
                names[fn] = what
                yield f" {name[k]} = {fn}({', '.join(used)})"
            elif len(used) == 1:
                yield f" {name[k]} = {what}{used[0]}"
            else:
                yield f" {name[k]} = {used[0]} {what} {used[1]}"
        yield f" return [{', '.join([name[r] for r in results])}]"

    def _last_uses(self, results: Sequence[int]) -> dict[int, int]:
        """For each place that the results depend on, the step that uses it last."""
        last = dict.fromkeys(results, len(self._steps))
        for k in range(len(self._steps) - 1, self._inputs - 1, -1):
            if k in last:
                for p in self._steps[k][1]:
                    last.setdefault(p, k)
        return last


class _Lowering:
    """What each node of a graph comes to, as places of a line."""

    def __init__(self, graph: Dag, symbols: Sequence[Any]) -> None:
        import sympy

        self.graph, self.line, self.sympy = graph, Line(len(symbols)), sympy
        self.constant = graph.constant()
        self.at: list[int] = []
        self.constants, place = _Constants(graph), {symbol: k for k, symbol in enumerate(symbols)}
        for k, node in enumerate(graph.nodes):
            if node.is_Symbol:
                if node not in place:
                    raise UnsupportedError(
                        f"the expression contains {node}, which is not among its variables"
                    )
                self.at.append(place[node])
            elif isinstance(node, sympy.Tuple):  # a part of what it is an argument of
                self.at.append(-1)
            elif self.constant[k] and (number := self.constants(k)) is not None:
                self.at.append(self.line.constant(number))
            else:
                self.at.append(self._lowered(k, node))

    def _lowered(self, k: int, node: Any) -> int:
        """The place of one node, whose arguments have theirs."""
        sympy, args = self.sympy, self.graph.args[k]
        if node.is_Add:
            return self._sum(args)
        if node.is_Mul:
            return self._product(args)
        if node.is_Pow:
            return self._power(args)
        if isinstance(node, sympy.Piecewise):
            return self._piecewise(args)
        head, operands = node.func, [self.at[p] for p in args]
        together = _together().get(head)
        if together is not None:
            return reduce(lambda a, b: self.line.apply(together, a, b), operands)
        if head is sympy.hyper:
            orders = [self.graph.args[p] for p in args[:2]]
            head = (head, *map(len, orders))
            operands = [self.at[p] for order in orders for p in order] + operands[2:]
        fn = _functions().get((head, len(args))) or _functions().get(head)
        if fn is None:
            raise UnsupportedError(f"there is no NumPy form of SymPy's {node.func.__name__}")
        return self.line.apply(fn, *operands)

    def _sum(self, args: tuple[int, ...]) -> int:
        """A sum from the left; a term times -1 is taken away."""
        total = self.at[args[0]]
        for p in args[1:]:
            factors = self.graph.args[p]
            is_product = self.graph.nodes[p].is_Mul and not self.constant[p]
            if is_product and self._is_minus_one(factors[0]):
                total = self.line.apply("-", total, self._product(factors[1:]))
            else:
                total = self.line.apply("+", total, self.at[p])
        return total

    def _product(self, args: tuple[int, ...]) -> int:
        """A product from the left, over the product of what stands in it as a reciprocal.

        Its constants are multiplied before they are rounded; a fraction is multiplied with and
        divided by.
        """
        line, fixed = self.line, [p for p in args if self.constant[p]]
        coefficient = self.constants.product(fixed)
        above: list[int] = []
        below: list[int] = []
        negative = False
        if coefficient is None:
            above += [self.at[p] for p in fixed]
        elif not coefficient.is_Rational or not _is_fraction(coefficient):
            above.append(line.constant(_rounded(coefficient)))
        else:
            negative = bool(coefficient.is_negative)
            if abs(coefficient.p) != 1:
                above.append(line.constant(float(abs(coefficient.p))))
            if coefficient.q != 1:
                below.append(line.constant(float(coefficient.q)))
        for p in args:
            if self.constant[p]:
                continue
            if self._is_reciprocal(p, self.graph.nodes[p]):
                base, exponent = self.graph.args[p]
                below.append(self._rational_power(base, -self.graph.nodes[exponent]))
            else:
                above.append(self.at[p])
        over = self._chain(above) if above else line.constant(1.0)
        if below:
            over = line.apply("/", over, self._chain(below))
        return line.apply("-", over) if negative else over

    def _chain(self, factors: list[int]) -> int:
        return reduce(lambda a, b: self.line.apply("*", a, b), factors)

    def _is_minus_one(self, place: int) -> bool:
        return self.graph.nodes[place] is self.sympy.S.NegativeOne

    def _is_reciprocal(self, place: int, node: Any) -> bool:
        if not node.is_Pow:
            return False
        exponent = self.graph.nodes[self.graph.args[place][1]]
        return bool(exponent.is_Rational and exponent.is_negative and _fits(exponent.p))

    def _power(self, args: tuple[int, ...]) -> int:
        base, exponent = args[0], self.graph.nodes[args[1]]
        if not exponent.is_Rational or not _fits(exponent.p):
            return self.line.apply(np.power, self.at[base], self.at[args[1]])
        if exponent.is_negative:
            below = self._rational_power(base, -exponent)
            return self.line.apply("/", self.line.constant(1.0), below)
        return self._rational_power(base, exponent)

    def _rational_power(self, base: int, exponent: Any) -> int:
        """A positive power. Squares and roots are rounded once; a general power is less accurate.

        A third root is real for negative numbers too, as in ``np.cbrt``.
        """
        line, root, p, q = self.line, self.at[base], int(exponent.p), int(exponent.q)
        if q == 3:
            root = line.apply(np.cbrt, root)
        elif q == 2 and p == 1:
            root = line.apply(np.sqrt, root)
        elif q != 1:
            return line.apply(np.power, root, line.constant(p / q))
        if p == 1:
            return root
        return (
            line.apply("*", root, root) if p == 2 else line.apply(np.power, root, line.constant(p))
        )

    def _piecewise(self, pairs: tuple[int, ...]) -> int:
        chosen = self.line.constant(np.nan)
        for pair in reversed(pairs):
            value, condition = self.graph.args[pair]
            if self.graph.nodes[condition] is self.sympy.true:
                chosen = self.at[value]
            else:
                chosen = self.line.apply(np.where, self.at[condition], self.at[value], chosen)
        return chosen


def _is_fraction(number: Any) -> bool:
    """Whether numerator and denominator are doubles."""
    return _fits(number.p) and _fits(number.q)


def _fits(number: Any) -> bool:
    """Whether an integer is a double."""
    return abs(int(number)) <= 2**53


@cache
def _together() -> dict[Any, Callable[..., Any]]:
    """Functions of any number of arguments, taken two at a time."""
    import sympy

    return {
        sympy.Max: np.maximum,
        sympy.Min: np.minimum,
        sympy.And: np.logical_and,
        sympy.Or: np.logical_or,
        sympy.Xor: np.logical_xor,
    }


@cache
def _functions() -> dict[Any, Callable[..., Any]]:
    """The NumPy function of each SymPy function, or of it with a number of arguments.

    Most are read off the derivative table.
    """
    import sympy

    load_families()
    named = {
        getattr(sympy, rule.sympy): fn
        for fn, rule in list(RULES.items())
        if isinstance(rule.sympy, str) and isinstance(getattr(sympy, rule.sympy), type)
    }
    own: dict[Any, Callable[..., Any]] = {
        sympy.StrictGreaterThan: np.greater,
        sympy.GreaterThan: np.greater_equal,
        sympy.StrictLessThan: np.less,
        sympy.LessThan: np.less_equal,
        sympy.Equality: np.equal,
        sympy.Unequality: np.not_equal,
        sympy.Not: np.logical_not,
        sympy.ITE: np.where,
        # Infinite at 0, and 0 elsewhere: what SymPy has for the derivative of a step.
        sympy.DiracDelta: lambda x, *order: np.where(np.equal(x, 0), np.inf, 0.0),
        sympy.Abs: np.absolute,
        sympy.sign: np.sign,
        sympy.Mod: np.remainder,
        (sympy.log, 2): lambda x, b: np.log(x) / np.log(b),
        sympy.frac: lambda x: x - np.floor(x),
        sympy.arg: np.angle,
        sympy.sinc: lambda x: np.sinc(x / np.pi),
        (sympy.Heaviside, 1): lambda x: np.heaviside(x, 0.5),
        (sympy.Heaviside, 2): np.heaviside,
        sympy.sec: lambda x: 1.0 / np.cos(x),
        sympy.csc: lambda x: 1.0 / np.sin(x),
        sympy.cot: lambda x: 1.0 / np.tan(x),
        sympy.sech: lambda x: 1.0 / np.cosh(x),
        sympy.csch: lambda x: 1.0 / np.sinh(x),
        sympy.coth: lambda x: 1.0 / np.tanh(x),
        # Odd, but at 0, where it is pi / 2.
        sympy.acot: lambda x: np.arctan2(np.where(np.less(x, 0), -1.0, 1.0), np.absolute(x)),
        sympy.asec: lambda x: np.arccos(1.0 / x),
        sympy.acsc: lambda x: np.arcsin(1.0 / x),
        sympy.acoth: lambda x: np.arctanh(1.0 / x),
        sympy.asech: lambda x: np.arccosh(1.0 / x),
        sympy.acsch: lambda x: np.arcsinh(1.0 / x),
    }
    return named | own | _special_functions()


def known_functions() -> set[Any]:
    """The SymPy functions that have a NumPy form."""
    heads = {key[0] if isinstance(key, tuple) else key for key in _functions()}
    return heads | set(_together())


def _special_functions() -> dict[Any, Callable[..., Any]]:
    """The functions of scipy.special; none where SciPy is not installed."""
    try:
        from scipy import special
    except ImportError:
        return {}
    import sympy

    return {
        sympy.gamma: special.gamma,
        sympy.loggamma: special.loggamma,
        (sympy.polygamma, 2): _polygamma,
        sympy.beta: special.beta,
        sympy.binomial: special.binom,
        sympy.RisingFactorial: special.poch,
        (sympy.zeta, 1): lambda s: special.zeta(s, 1.0),
        (sympy.zeta, 2): special.zeta,
        sympy.lowergamma: lambda a, x: special.gammainc(a, x) * special.gamma(a),
        sympy.uppergamma: lambda a, x: special.gammaincc(a, x) * special.gamma(a),
        sympy.betainc_regularized: _regularized_beta,
        sympy.erf: special.erf,
        sympy.erfc: special.erfc,
        sympy.erfi: special.erfi,
        sympy.erfinv: special.erfinv,
        sympy.erfcinv: special.erfcinv,
        sympy.Ei: special.expi,
        sympy.expint: _exponential_integral,
        sympy.Si: lambda x: special.sici(x)[0],
        sympy.Ci: lambda x: special.sici(x)[1],
        sympy.Shi: lambda x: special.shichi(x)[0],
        sympy.Chi: lambda x: special.shichi(x)[1],
        (sympy.LambertW, 1): lambda x: np.real(special.lambertw(x)),
        (sympy.LambertW, 2): lambda x, k: np.real(special.lambertw(x, k)),
        sympy.besselj: special.jv,
        sympy.bessely: special.yv,
        sympy.besseli: special.iv,
        sympy.besselk: special.kv,
        sympy.hankel1: special.hankel1,
        sympy.hankel2: special.hankel2,
        sympy.airyai: lambda x: special.airy(x)[0],
        sympy.airyaiprime: lambda x: special.airy(x)[1],
        sympy.airybi: lambda x: special.airy(x)[2],
        sympy.airybiprime: lambda x: special.airy(x)[3],
        (sympy.elliptic_k, 1): special.ellipk,
        (sympy.elliptic_e, 1): special.ellipe,
        (sympy.elliptic_e, 2): special.ellipeinc,
        sympy.elliptic_f: special.ellipkinc,
        sympy.chebyshevt: special.eval_chebyt,
        sympy.chebyshevu: special.eval_chebyu,
        sympy.legendre: special.eval_legendre,
        sympy.hermite: lambda n, x: special.eval_hermite(_whole(n), x),
        sympy.hermite_prob: lambda n, x: special.eval_hermitenorm(_whole(n), x),
        sympy.laguerre: special.eval_laguerre,
        sympy.assoc_laguerre: lambda n, a, x: special.eval_genlaguerre(n, a, x),
        sympy.gegenbauer: special.eval_gegenbauer,
        sympy.jacobi: special.eval_jacobi,
        (sympy.hyper, 0, 1): special.hyp0f1,
        (sympy.hyper, 1, 1): special.hyp1f1,
        (sympy.hyper, 2, 1): special.hyp2f1,
    }


def _polygamma(n: Any, x: Any) -> Any:
    """Derivatives of the digamma function, by the Hurwitz zeta function (DLMF 25.11.12)."""
    from scipy import special

    order = _whole(n)
    if order == 0:
        return special.psi(x)
    sign = 1.0 if order % 2 else -1.0
    return sign * special.gamma(order + 1.0) * special.zeta(order + 1.0, x)


def _exponential_integral(n: Any, x: Any) -> Any:
    """Of order below 1 by the incomplete gamma function (DLMF 8.19.1)."""
    from scipy import special

    if np.all(np.less(n, 1)):
        return x ** (n - 1.0) * special.gamma(1.0 - n) * special.gammaincc(1.0 - n, x)
    return special.expn(_whole(n), x)


def _whole(n: Any) -> int:
    """The order of a function that NumPy and SciPy have for whole orders only."""
    if np.ndim(n) or int(n) != n:
        raise UnsupportedError(f"a function of fractional order {n} has no NumPy form")
    return int(n)


def _regularized_beta(a: Any, b: Any, low: Any, high: Any) -> Any:
    from scipy import special

    return special.betainc(a, b, high) - special.betainc(a, b, low)


# Constants


class _Constants:
    """The subexpressions without symbols as numbers, to thirty digits before they are rounded."""

    def __init__(self, graph: Dag) -> None:
        self._graph = graph
        self._depths = graph.depths()
        self._exact: dict[int, Any] = {}

    def __call__(self, k: int) -> Any:
        """A number or a truth value; None for what SymPy does not evaluate.

        Raises:
            UnsupportedError: it is nothing that has a value.
        """
        import sympy

        node = self._graph.nodes[k]
        if node in (sympy.true, sympy.false):
            return bool(node)
        try:
            value = _rounded(self._digits(k)) if isinstance(node, sympy.Expr) else None
        except (TypeError, ValueError, NotImplementedError):
            value = None
        if value is None and not node.args:
            raise UnsupportedError(f"SymPy's {type(node).__name__} {node} has no numeric value")
        return value

    def product(self, places: Sequence[int]) -> Any:
        """The product of some of them as a SymPy number, exact where all are rational; None where
        SymPy does not evaluate one."""
        import sympy

        nodes = [self._graph.nodes[k] for k in places]
        if all(node.is_Rational for node in nodes):
            return sympy.Mul(*nodes)
        if any(self(k) is None for k in places):
            return None
        return sympy.Mul(*[self._digits(k) for k in places])

    def _digits(self, k: int) -> Any:
        """A SymPy number of thirty digits."""
        if k not in self._exact:
            node, args = self._graph.nodes[k], self._graph.args[k]
            if self._depths[k] > _SHALLOW:  # evalf walks the tree, and again for more digits
                node = node.func(*[self._digits(p) for p in args])
            self._exact[k] = node.evalf(_DIGITS) if hasattr(node, "evalf") else node
        return self._exact[k]


def _rounded(number: Any) -> Any:
    import sympy

    if number is sympy.zoo:
        return np.inf
    real, imaginary = number.as_real_imag()
    if not all(part.is_Number for part in (real, imaginary)):
        return None
    value = complex(float(real), float(imaginary))
    # What is left of an imaginary part that cancels, in the last of the thirty digits.
    return value if abs(value.imag) > 1e-25 * abs(value.real) else value.real
