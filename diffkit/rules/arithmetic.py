"""The four operations, remainders, powers, and what is made of them."""

from __future__ import annotations

import operator
from dataclasses import replace

import numpy as np

from . import balls
from .primitive import RULES, composite, elementwise, locally_constant

add = elementwise(
    np.add,
    lambda t, y, a, b: t,
    lambda t, y, a, b: t,
    sympy=lambda sp, a, b: a + b,
    ball=operator.add,
)
subtract = elementwise(
    np.subtract,
    lambda t, y, a, b: t,
    lambda t, y, a, b: -t,
    sympy=lambda sp, a, b: a - b,
    ball=operator.sub,
)
multiply = elementwise(
    np.multiply,
    lambda t, y, a, b: t * b,
    lambda t, y, a, b: t * a,
    sympy=lambda sp, a, b: a * b,
    ball=operator.mul,
)
divide = elementwise(
    np.divide,
    lambda t, y, a, b: t / b,
    lambda t, y, a, b: -t * y / b,
    sympy=lambda sp, a, b: a / b,
    ball=operator.truediv,
)
negative = elementwise(np.negative, lambda t, y, a: -t, sympy=lambda sp, a: -a, ball=operator.neg)
positive = elementwise(np.positive, lambda t, y, a: t, sympy=lambda sp, a: a, ball=operator.pos)
reciprocal = elementwise(
    np.reciprocal, lambda t, y, a: -t * y * y, sympy=lambda sp, a: 1 / a, ball=lambda a: 1 / a
)
square = elementwise(
    np.square, lambda t, y, a: t * (2 * a), sympy=lambda sp, a: a**2, ball=lambda a: a * a
)


def or_one(y):
    """y, and 1 where it is 0, so that 0 / y is 0 there."""
    return y + (y == 0)


# Powers. Where b = 0 the derivative in a is 0, also at a = 0. The derivative in b, y log a, is 0
# at a = 0 for b >= 0: the limit for b > 0, and for b = 0, where 0**b jumps, a convention.
def _power_by_base(t, y, a, b):
    kind = type(b)
    if kind is int or kind is float:  # a constant exponent: the usual case
        if b == 2:
            return t * (2 * a)
        if b == 0:
            return t * 0.0
        slope = b * a ** (b - 1)
        # Python gives a complex number where NumPy gives NaN.
        return t * slope if type(slope) is not complex else t * np.nan
    # a**(b - 1) is infinite at a = 0, and 0 times that would not be 0.
    exponent = np.where((a == 0) & (b == 0), 1.0, b - 1.0)
    return t * (b * a**exponent)


def _power_by_exponent(t, y, a, b):
    return t * y * np.log(np.where((a == 0) & (b >= 0), 1.0, a))


power = elementwise(
    np.power,
    _power_by_base,
    _power_by_exponent,
    sympy=lambda sp, a, b: a**b,
    ball=balls.power,
)


def _raised(a, b):
    """``a ** b``, which on floats rounds otherwise than ``np.power`` and squares arrays at once."""
    try:
        y = a**b
    except ArithmeticError:
        return np.power(np.float64(a), b)
    # Python gives a complex number where NumPy gives NaN.
    return np.power(np.float64(a), b) if type(y) is complex and type(a) is float else y


# What the operator records, so that a replay computes the very same bits.
raised = replace(power, fn=_raised)
float_power = elementwise(
    np.float_power,
    _power_by_base,
    _power_by_exponent,
    sympy=lambda sp, a, b: a**b,
    ball=balls.power,
)

# Remainders: a - b floor(a / b), with the sign of b, and a - b trunc(a / b), with the sign of a.
remainder = elementwise(
    np.remainder,
    lambda t, y, a, b: t,
    lambda t, y, a, b: -t * np.floor_divide(a, b),
    sympy=lambda sp, a, b: sp.Mod(a, b),
    ball=balls.remainder,
)
fmod = elementwise(
    np.fmod,
    lambda t, y, a, b: t,
    lambda t, y, a, b: -t * np.trunc(a / b),
    sympy=lambda sp, a, b: a - b * sp.sign(a / b) * sp.floor(sp.Abs(a / b)),
    ball=balls.fmod,
)
locally_constant(
    np.floor_divide, sympy=lambda sp, a, b: sp.floor(a / b), ball=balls.each(balls.floor_divide)
)


@composite(np.divmod)
def divmod(a, b):
    """The quotient, which is locally constant, and the remainder."""
    return np.floor_divide(a, b), np.remainder(a, b)


@composite(np.modf)
def modf(x):
    """The fractional part, of slope 1, and the integral part, which is locally constant."""
    whole = np.trunc(x)
    return x - whole, whole


# Scaling by powers of two
ldexp = elementwise(
    np.ldexp,
    lambda t, y, x, n: np.ldexp(t, n),
    None,
    sympy=lambda sp, x, n: x * 2**n,
    ball=lambda x, n: x * 2**n,
)


def _binary_exponent(x):
    return np.frexp(x)[1]


locally_constant(_binary_exponent, ball=balls.binary_exponent)
binary_exponent = RULES[_binary_exponent]


@composite(np.frexp)
def frexp(x):
    """The mantissa, which is x scaled, and the exponent, which is locally constant."""
    exponent = binary_exponent(x)
    return np.ldexp(x, -exponent), exponent


# Signs
copysign = elementwise(
    np.copysign,
    lambda t, y, a, b: t * np.sign(a) * np.copysign(1.0, b),
    None,
    sympy=lambda sp, a, b: sp.Abs(a) * sp.sign(b),
    ball=balls.copysign,
)
