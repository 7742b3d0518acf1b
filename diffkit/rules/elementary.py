"""Exponentials, logarithms, roots, trigonometric and hyperbolic functions, steps."""

from __future__ import annotations

import math

import numpy as np

from . import balls
from .arithmetic import or_one
from .constants import DEGREE, LN2, LN10, RADIAN
from .primitive import RULES, Primitive, composite, elementwise, locally_constant, primitive

# Exponentials and logarithms
elementwise(np.exp, lambda t, y, x: t * y, sympy="exp", ball="exp")
# y + 1 would lose every digit once expm1 has rounded to -1.
elementwise(np.expm1, lambda t, y, x: t * np.exp(x), sympy=lambda sp, x: sp.exp(x) - 1,
            ball="expm1")  # fmt: skip
elementwise(np.exp2, lambda t, y, x: t * y * LN2, sympy=lambda sp, x: 2**x,
            ball=lambda x: 2**x)  # fmt: skip
elementwise(np.log, lambda t, y, x: t / x, sympy="log", ball="log")
elementwise(np.log1p, lambda t, y, x: t / (1 + x), sympy=lambda sp, x: sp.log(1 + x),
            ball="log1p")  # fmt: skip
elementwise(np.log2, lambda t, y, x: t / x / LN2, sympy=lambda sp, x: sp.log(x, 2),
            ball=lambda x: x.log() / x.const_log2())  # fmt: skip
elementwise(np.log10, lambda t, y, x: t / x / LN10, sympy=lambda sp, x: sp.log(x, 10),
            ball=lambda x: x.log() / x.const_log10())  # fmt: skip


# The share of a is the logistic function of a - b, which is exp(-logaddexp(0, b - a)). It is not
# found from a and y, as y has lost b's part once a and b are large. Where both terms are 0, the
# logarithms of 0 as y is, their shares are 0.
def _less(b, a, y):
    return np.where(y == -np.inf, np.inf, b) - a


elementwise(
    np.logaddexp,
    lambda t, y, a, b: t * np.exp(-np.logaddexp(0.0, _less(b, a, y))),
    lambda t, y, a, b: t * np.exp(-np.logaddexp(0.0, _less(a, b, y))),
    sympy=lambda sp, a, b: sp.log(sp.exp(a) + sp.exp(b)),
    ball=balls.logaddexp,
)
elementwise(
    np.logaddexp2,
    lambda t, y, a, b: t * np.exp2(-np.logaddexp2(0.0, _less(b, a, y))),
    lambda t, y, a, b: t * np.exp2(-np.logaddexp2(0.0, _less(a, b, y))),
    sympy=lambda sp, a, b: sp.log(2**a + 2**b, 2),
    ball=balls.logaddexp2,
)

# Roots and sizes
elementwise(np.sqrt, lambda t, y, x: t * 0.5 / y, sympy="sqrt", ball="sqrt")
elementwise(np.cbrt, lambda t, y, x: t / (3 * y * y), sympy="cbrt", ball=balls.cbrt)
# At the origin the rule of hypot gives 0, the middle of the subgradient.
elementwise(
    np.hypot,
    lambda t, y, a, b: t * a / or_one(y),
    lambda t, y, a, b: t * b / or_one(y),
    sympy=lambda sp, a, b: sp.sqrt(a**2 + b**2),
    ball=balls.hypot,
)


# |x| has no derivative at 0; the rule gives sign(0) = 0 there, the middle of the subgradient.
def _by_absolute(t, y, x):
    if type(x) is float:
        return t * math.copysign(1.0, x) if x else 0.0
    sign = np.sign(x)
    return t * (np.conjugate(sign) if np.iscomplexobj(sign) else sign)


elementwise(np.absolute, _by_absolute, sympy="Abs", ball=balls.absolute)
elementwise(np.fabs, _by_absolute, sympy="Abs", ball=balls.absolute)

# Trigonometric functions
elementwise(np.sin, lambda t, y, x: t * np.cos(x), sympy="sin", ball="sin")
elementwise(np.cos, lambda t, y, x: -(t * np.sin(x)), sympy="cos", ball="cos")
elementwise(np.tan, lambda t, y, x: t * (1 + y * y), sympy="tan", ball="tan")
elementwise(np.arcsin, lambda t, y, x: t / np.sqrt((1 - x) * (1 + x)), sympy="asin",
            ball="asin")  # fmt: skip
elementwise(np.arccos, lambda t, y, x: -(t / np.sqrt((1 - x) * (1 + x))), sympy="acos",
            ball="acos")  # fmt: skip
elementwise(np.arctan, lambda t, y, x: t / (1 + x * x), sympy="atan", ball="atan")
# By way of hypot, as the squares of very large and very small arguments leave the range.
elementwise(
    np.arctan2,
    lambda t, y, a, b: t * (b / (r := np.hypot(a, b))) / r,
    lambda t, y, a, b: -(t * (a / (r := np.hypot(a, b))) / r),
    sympy="atan2",
    ball=balls.atan2,
)

# Hyperbolic functions
elementwise(np.sinh, lambda t, y, x: t * np.cosh(x), sympy="sinh", ball="sinh")
elementwise(np.cosh, lambda t, y, x: t * np.sinh(x), sympy="cosh", ball="cosh")


# The derivative of tanh is 1 / cosh**2. As 1 - y*y it would lose every digit once tanh has rounded
# to 1, and as a quotient it would overflow, and its own derivative with it.
def _sech_squared(x):
    if np.iscomplexobj(x):
        return 1 / np.cosh(x) ** 2
    if not isinstance(x, np.ndarray):
        e = np.exp(-2.0 * abs(x))
        return 4.0 * e / ((1.0 + e) * (1.0 + e))
    return sech_squared_into(x, np.empty_like(x))


def sech_squared_into(x, out):
    """The squared hyperbolic secant of a real array, without overflow, into another array."""
    np.abs(x, out)
    out *= -2.0
    np.exp(out, out)
    d = out + 1.0
    d *= d
    out *= 4.0
    out /= d
    return out


sech_squared = elementwise(
    _sech_squared,
    lambda t, y, x: t * (-2.0 * y * np.tanh(x)),
    sympy=lambda sp, x: 1 / sp.cosh(x) ** 2,
    ball=lambda x: 1 / x.cosh() ** 2,
)
elementwise(np.tanh, lambda t, y, x: t * sech_squared(x), sympy="tanh", ball="tanh")
elementwise(np.arcsinh, lambda t, y, x: t / np.sqrt(x * x + 1), sympy="asinh", ball="asinh")
# One root of the product would be on the wrong branch in the left half of the complex plane.
elementwise(np.arccosh, lambda t, y, x: t / np.sqrt(x - 1) / np.sqrt(x + 1), sympy="acosh",
            ball="acosh")  # fmt: skip
elementwise(np.arctanh, lambda t, y, x: t / ((1 - x) * (1 + x)), sympy="atanh",
            ball="atanh")  # fmt: skip

# Angles
elementwise(np.deg2rad, lambda t, y, x: t * DEGREE, sympy=lambda sp, x: x * sp.pi / 180,
            ball=lambda x: x * x.pi() / 180)  # fmt: skip
elementwise(np.radians, lambda t, y, x: t * DEGREE, sympy=lambda sp, x: x * sp.pi / 180,
            ball=lambda x: x * x.pi() / 180)  # fmt: skip
elementwise(np.rad2deg, lambda t, y, x: t * RADIAN, sympy=lambda sp, x: x * 180 / sp.pi,
            ball=lambda x: x * 180 / x.pi())  # fmt: skip
elementwise(np.degrees, lambda t, y, x: t * RADIAN, sympy=lambda sp, x: x * 180 / sp.pi,
            ball=lambda x: x * 180 / x.pi())  # fmt: skip
# Whole periods are added, and they are locally constant.
primitive(
    np.unwrap,
    jvps=(lambda t, y, p, *args, **kwargs: t,),
    vjps=(lambda g, y, p, *args, **kwargs: g,),
)


# Functions whose derivatives are a family of their own: each has order k and leads to k + 1.
def _sinc_derivative(x, k):
    """The k-th derivative of sin(pi x) / (pi x).

    With s(z) = sin(z)/z, z s^(k) + k s^(k-1) = sin(z + k pi/2), which is Leibniz's rule for
    z s(z) = sin z. Near 0 that recurrence cancels, and the Taylor series of
    s^(k)(z) = int_0^1 u**k cos(z u + k pi/2) du takes its place.
    """
    z = np.atleast_1d(math.pi * x)
    near = np.abs(z) < k + 1
    far = np.where(near, k + 1.0, z)
    turns = (np.sin(far), np.cos(far), -np.sin(far), -np.cos(far))
    s = turns[0] / far
    for order in range(1, k + 1):
        s = (turns[order % 4] - order * s) / far
    s[near] = sum(
        (1, 0, -1, 0)[(m + k) % 4] / (math.factorial(m) * (m + k + 1)) * z[near] ** m
        for m in range(24 + 4 * k)
        if (m + k) % 2 == 0
    )
    return (math.pi**k * s).reshape(np.shape(x))[()]


def _sinc_form(sp, x, k):
    z = sp.Dummy()
    return sp.diff(sp.sin(sp.pi * z) / (sp.pi * z), z, int(k)).xreplace({z: x})


sinc_derivative: Primitive = elementwise(
    _sinc_derivative,
    lambda t, y, x, k: t * sinc_derivative(x, k + 1),
    sympy=_sinc_form,
    ball=balls.sinc_derivative,
)
elementwise(
    np.sinc,
    lambda t, y, x: t * sinc_derivative(x, 1),
    sympy=lambda sp, x: sp.sinc(sp.pi * x),
    ball="sinc_pi",
)


def _i0_derivative(x, k):
    """The k-th derivative of the modified Bessel function I0.

    It is the mean of cos(u)**k exp(x cos u) over the circle (Abramowitz & Stegun 1964, 9.6.16),
    which the midpoint rule gives to rounding error, as it converges exponentially for periodic
    functions (Trefethen & Weideman 2014, section 3). Opposite points are taken together.
    """
    largest = np.max(np.abs(x), where=np.isfinite(x), initial=0.0)
    nodes = 8 + k + int(2.5 * math.sqrt(min(largest, 710.0)))
    pair = np.sinh if k % 2 else np.cosh
    cosines = [math.cos((n + 0.5) * math.pi / (2 * nodes)) for n in range(nodes)]
    return sum(c**k * pair(c * x) for c in cosines) / nodes


i0_derivative: Primitive = elementwise(
    _i0_derivative, lambda t, y, x, k: t * i0_derivative(x, k + 1), ball=balls.i0_derivative
)
elementwise(np.i0, lambda t, y, x: t * i0_derivative(x, 1), sympy=lambda sp, x: sp.besseli(0, x),
            ball=lambda x: x.bessel_i(0 * x))  # fmt: skip

# Steps: zero derivative wherever there is one
locally_constant(np.floor, sympy="floor", ball=balls.each(balls.floor))
locally_constant(np.ceil, sympy="ceiling", ball=balls.each(balls.ceil))
locally_constant(np.trunc, ball=balls.each(balls.trunc))
if hasattr(np, "fix"):  # deprecated since NumPy 2.5
    locally_constant(np.fix, ball=balls.each(balls.trunc))
locally_constant(np.rint, ball=balls.each(balls.rint))
locally_constant(np.round, np.around, ball=balls.rounded)
locally_constant(np.signbit, ball=balls.each(lambda x: balls.sign(x) < 0))
elementwise(
    np.heaviside,
    None,
    lambda t, y, x, h: t * (x == 0),
    sympy=lambda sp, x, h: sp.Heaviside(x, h),
    ball=balls.heaviside,
)


def _sign(x):
    """The sign of a real number."""
    return np.sign(x)


locally_constant(_sign, sympy="sign", ball=balls.each(balls.sign))
real_sign = RULES[_sign]


@composite(np.sign)
def sign(x):
    """x / |x| for complex numbers, which changes with their direction; 0 at 0."""
    return x / or_one(np.absolute(x)) if np.iscomplexobj(x) else real_sign(x)
