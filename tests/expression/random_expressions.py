"""Random SymPy expressions that are defined and smooth around every real number."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy
from hypothesis import strategies as st
from sympy.functions.elementary.piecewise import ExprCondPair

from diffkit.expression.construct import raw

X, Y = sympy.symbols("x y", real=True)
HALF = sympy.Rational(1, 2)

# The arguments are brought into the domain of the function first.
INSIDE = {
    "everywhere": lambda u: u,
    "positive": lambda u: HALF + u**2 / (1 + u**2),
    "below one": lambda u: u / (2 + u**2),
    "above one": lambda u: 2 + sympy.cos(u) / 2,
}
UNARY = {
    "everywhere": (sympy.sin, sympy.cos, sympy.tanh, sympy.atan, sympy.asinh, sympy.sech,
                   sympy.erf, sympy.erfc, sympy.acot, lambda u: sympy.besselj(0, u),
                   lambda u: sympy.Abs(u + 3), sympy.airyai, sympy.Si, sympy.sign,
                   sympy.floor, lambda u: sympy.Heaviside(u)),
    "positive": (sympy.log, sympy.sqrt, sympy.cbrt, sympy.gamma, sympy.loggamma, sympy.digamma,
                 lambda u: u**sympy.Rational(-3, 2), sympy.Ei, lambda u: sympy.besselk(1, u),
                 lambda u: sympy.bessely(0, u), lambda u: sympy.zeta(3, u),
                 lambda u: sympy.uppergamma(2, u), sympy.LambertW,
                 lambda u: sympy.expint(1, u), lambda u: sympy.polygamma(1, u)),
    "below one": (sympy.asin, sympy.acos, sympy.atanh, sympy.exp, sympy.sinh, sympy.cosh,
                  sympy.tan, sympy.elliptic_k, sympy.erfinv, sympy.sec, sympy.erfi),
    "above one": (sympy.acosh, sympy.acoth, sympy.coth, sympy.csch, sympy.asec, sympy.cot),
}  # fmt: skip


def _piecewise(u: Any, v: Any) -> Any:
    """Not evaluated: on nested ones SymPy recurses without end."""
    pairs = [ExprCondPair(u, sympy.Gt(u, v)), ExprCondPair(v**2, True)]
    return raw(sympy.Piecewise, pairs)


def _binary(u: Any, v: Any) -> list[Any]:
    inside = INSIDE["positive"]
    return [
        u + v, u - v, u * v, u / (HALF + v**2), inside(u) ** v, sympy.atan2(u, 3 + v**2),
        sympy.Max(u, v), sympy.Min(u, v), _piecewise(u, v),
        sympy.beta(inside(u), inside(v)), u**2 - 2 * v + sympy.Rational(1, 3), u * sympy.pi,
        -u * v / 7, sympy.Float("0.3") * u + v,
    ]  # fmt: skip


def _unary(domain: str, k: int) -> Any:
    def made(u: Any) -> Any:
        return UNARY[domain][k](INSIDE[domain](u))

    return made


_ALL_UNARY = [_unary(domain, k) for domain, fns in UNARY.items() for k in range(len(fns))]
_ALL_BINARY = [lambda u, v, k=k: _binary(u, v)[k] for k in range(14)]

EXPRESSIONS = st.recursive(
    st.one_of(st.sampled_from([X, X, Y]), st.sampled_from([HALF, sympy.Integer(2), sympy.E])),
    lambda inner: st.one_of(
        st.builds(lambda f, u: f(u), st.sampled_from(_ALL_UNARY), inner),
        st.builds(lambda f, u, v: f(u, v), st.sampled_from(_ALL_BINARY), inner, inner),
    ),
    max_leaves=5,
)
# Points that are doubles
POINTS = st.tuples(*[st.integers(-128, 128).map(lambda k: Fraction(k, 64)) for _ in "xy"])
