"""SymPy expressions in ball arithmetic: a second way to the truth that shares no rule with ours."""

from __future__ import annotations

from functools import reduce
from typing import Any

from flint import arb

from diffkit.expression import postorder


class NoBallForm(Exception):
    """The expression holds something that has no ball form here."""


def _power(a: arb, b: arb) -> arb:
    if b.is_integer():
        return a ** int(b.unique_fmpz())
    return a.root(3) if b.overlaps(arb(1) / 3) and not b.is_exact() and a > 0 else a**b


def _polygamma(n: arb, x: arb) -> arb:
    order = int(n.unique_fmpz())
    if not order:
        return x.digamma()
    return (-1) ** (order + 1) * arb(order + 1).gamma() * arb(order + 1).zeta(x)


def _log_gamma(x: arb) -> arb:
    return x.lgamma()


FORMS: dict[str, Any] = {
    **{name: getattr(arb, name) for name in (
        "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
        "acosh", "atanh", "gamma", "digamma", "erf", "erfc", "erfi", "erfinv", "sign", "sinc",
    ) if hasattr(arb, name)},
    "Abs": abs, "sign": arb.sgn, "loggamma": _log_gamma, "polygamma": _polygamma,
    "atan2": lambda a, b: arb.atan2(a, b), "Ei": arb.ei, "expint": lambda n, x: x.expint(n),
    "besselj": lambda v, x: x.bessel_j(v), "bessely": lambda v, x: x.bessel_y(v),
    "besseli": lambda v, x: x.bessel_i(v), "besselk": lambda v, x: x.bessel_k(v),
    "zeta": lambda s, q=None: s.zeta(q),
    "beta": lambda a, b: a.gamma() * b.gamma() / (a + b).gamma(),
    "legendre": lambda n, x: x.legendre_p(n), "chebyshevt": lambda n, x: x.chebyshev_t(n),
    "chebyshevu": lambda n, x: x.chebyshev_u(n), "hermite": lambda n, x: x.hermite_h(n),
    "laguerre": lambda n, x: x.laguerre_l(n), "gegenbauer": lambda n, a, x: x.gegenbauer_c(n, a),
    "assoc_laguerre": lambda n, a, x: x.laguerre_l(n, a),
    "jacobi": lambda n, a, b, x: x.jacobi_p(n, a, b),
    "lowergamma": lambda a, x: x.gamma_lower(a), "uppergamma": lambda a, x: x.gamma_upper(a),
    "elliptic_k": lambda m: arb.pi() / 2 * m.hypgeom_2f1(arb(0.5), arb(0.5), arb(1)),
    "elliptic_e": lambda m: arb.pi() / 2 * m.hypgeom_2f1(arb(-0.5), arb(0.5), arb(1)),
    "floor": arb.floor, "ceiling": arb.ceil,
}  # fmt: skip
CONSTANTS = {"Pi": arb.pi, "Exp1": arb.const_e, "EulerGamma": arb.const_euler}


def evaluate(expression: Any, symbols: dict[Any, Any]) -> arb:
    """The expression as a ball, each distinct subexpression evaluated once."""
    values: dict[Any, Any] = dict(symbols)
    for node in postorder([expression]):
        if node not in values:
            values[node] = _node(node, [values[a] for a in node.args])
    return values[expression]


def _node(node: Any, args: list[Any]) -> Any:
    import sympy

    if isinstance(node, (sympy.Tuple, sympy.logic.boolalg.Boolean)):
        raise NoBallForm(str(type(node).__name__))
    if node.is_Rational:
        return arb(int(node.p)) / int(node.q)
    if node.is_Float:
        return arb(float(node))
    if type(node).__name__ in CONSTANTS:
        return CONSTANTS[type(node).__name__]()
    if node.is_Add:
        return reduce(lambda a, b: a + b, args)
    if node.is_Mul:
        return reduce(lambda a, b: a * b, args)
    if node.is_Pow:
        return _power(*args)
    if isinstance(node, (sympy.Max, sympy.Min)):
        pick = arb.max if isinstance(node, sympy.Max) else arb.min
        return reduce(pick, args)
    if isinstance(node, sympy.Heaviside):
        return (1 + args[0].sgn()) / 2
    form = FORMS.get(type(node).__name__)
    if form is None or node in (sympy.nan, sympy.zoo):
        raise NoBallForm(str(type(node).__name__))
    return form(*args)
