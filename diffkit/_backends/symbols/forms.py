"""Elementwise primitives in the functions that a symbolic library has.

The rules' own SymPy column says most of them. The forms here take its place where it would be
inaccurate in doubles, differentiate wrongly where its parts have a kink, or is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, log, pi, sqrt
from typing import Any

from ...errors import UnsupportedError
from ...rules import Primitive

Form = Callable[..., Any]


def form(rule: Primitive, library: str, sp: Any) -> Form | None:
    """A primitive as a function of the library's elements; None where it is not elementwise.

    Args:
        rule: the primitive.
        library: what to call the library in a message.
        sp: the library's functions under SymPy's names; ``number`` and ``condition``, which make
            its elements of numbers and truth values; ``plain``, which makes a number of an element
            that is one, and None of others; and ``own``, its functions under the names of rules.
    """
    made = sp.own.get(rule.name) or FORMS.get(rule.name, rule.sympy)
    if rule.name in _POOR or made is None:
        return None
    logical = rule.name.startswith(("logical", "bitwise")) or rule.name == "invert"
    rest = sp.condition if logical else sp.number
    first = sp.condition if logical or rule.name == "where" else sp.number

    def of_elements(*elements: Any) -> Any:
        numbers = [sp.plain(e) for e in elements]
        if None not in numbers:
            return rule.fn(*numbers)
        given = [first(elements[0]), *map(rest, elements[1:])]
        try:
            if rule.name in sp.own:
                return made(*given)
            return getattr(sp, made)(*given) if isinstance(made, str) else made(sp, *given)
        except (AttributeError, TypeError) as error:
            raise UnsupportedError(
                f"{library} has no {rule.name}; use backend='reverse'"
            ) from error

    return of_elements


# What these SymPy forms compute loses digits that NumPy's functions keep.
_POOR = {"exprel", "erfcinv", "ndtri", "sinc_derivative"}


def _choice(sp: Any, condition: Any, a: Any, b: Any) -> Any:
    return sp.Piecewise((a, condition), (b, True))


def _expm1(sp: Any, x: Any) -> Any:
    return 2 * sp.sinh(x / 2) * sp.exp(x / 2)


def _log1p(sp: Any, x: Any) -> Any:
    return _choice(sp, sp.Lt(x, 1), 2 * sp.atanh(x / (2 + x)), sp.log(1 + x))


def _own(name: str, otherwise: Form) -> Form:
    """The library's own function, or a form where it has none."""
    return lambda sp, *args: sp.own[name](*args) if name in sp.own else otherwise(sp, *args)


expm1, log1p = _own("expm1", _expm1), _own("log1p", _log1p)


def _logaddexp(sp: Any, a: Any, b: Any) -> Any:
    return sp.Max(a, b) + log1p(sp, sp.exp(-sp.Abs(a - b)))


def _logaddexp2(sp: Any, a: Any, b: Any) -> Any:
    return sp.Max(a, b) + log1p(sp, sp.exp(-sp.Abs(a - b) * log(2))) / log(2)


def _hypot(sp: Any, a: Any, b: Any) -> Any:
    return _choice(sp, sp.Eq(sp.Abs(a) + sp.Abs(b), 0), 0, sp.hypot(a, b))


def _trunc(sp: Any, x: Any) -> Any:
    return sp.sign(x) * sp.floor(sp.Abs(x))


def _sinc(sp: Any, x: Any) -> Any:
    """Near 0 by its Taylor series, where the quotient's derivatives cancel."""
    z = pi * x
    series = sum((-1) ** k * z ** (2 * k) / factorial(2 * k + 1) for k in range(10))
    near = sp.Lt(sp.Abs(z), 0.5)
    return _choice(sp, near, series, sp.sin(z) / _choice(sp, near, 1, z))


def _cbrt(sp: Any, x: Any) -> Any:
    return sp.sign(x) * sp.Abs(x) ** (1 / 3)


def _pseudo_huber(sp: Any, d: Any, r: Any) -> Any:
    return r**2 / (1 + sp.sqrt(1 + (r / d) ** 2))


FORMS: dict[str, Form] = {
    "fmax": lambda sp, a, b: sp.Max(a, b),
    "fmin": lambda sp, a, b: sp.Min(a, b),
    "expm1": expm1,
    "log1p": log1p,
    "log2": lambda sp, x: sp.log(x) / log(2),
    "log10": lambda sp, x: sp.log(x) / log(10),
    "logaddexp": _logaddexp,
    "logaddexp2": _logaddexp2,
    "hypot": _hypot,
    "trunc": _trunc,
    "fix": _trunc,
    "truncated": lambda sp, x, dtype: sp.Ne(x, 0) if dtype.kind == "b" else _trunc(sp, x),
    "remainder": lambda sp, a, b: a - b * sp.floor(a / b),
    "fmod": lambda sp, a, b: a - b * _trunc(sp, a / b),
    "copysign": lambda sp, a, b: sp.Abs(a) * _choice(sp, sp.Lt(b, 0), -1, 1),
    "heaviside": lambda sp, x, h: sp.Piecewise((0, sp.Lt(x, 0)), (1, sp.Lt(0, x)), (h, True)),
    "sinc": _sinc,
    "cbrt": _cbrt,
    "cosm1": lambda sp, x: -2 * sp.sin(x / 2) ** 2,
    "powm1": lambda sp, a, b: expm1(sp, b * sp.log(a)),
    "xlog1py": lambda sp, a, b: a * log1p(sp, b),
    "expit": lambda sp, x: _choice(
        sp, sp.Lt(0, x), 1 / (1 + sp.exp(-sp.Abs(x))),
        sp.exp(-sp.Abs(x)) / (1 + sp.exp(-sp.Abs(x))),
    ),
    "log_expit": lambda sp, x: -_logaddexp(sp, 0, -x),
    "pseudo_huber": _pseudo_huber,
    "ndtr": lambda sp, x: sp.erfc(-x / sqrt(2)) / 2,
    "log_ndtr": lambda sp, x: sp.log(sp.erfc(-x / sqrt(2)) / 2),
    "isfinite": lambda sp, x: sp.Lt(sp.Abs(x), float("inf")),
    "isnan": lambda sp, x: sp.Not(sp.Le(sp.Abs(x), float("inf"))),
    "isinf": lambda sp, x: sp.Eq(sp.Abs(x), float("inf")),
}  # fmt: skip
