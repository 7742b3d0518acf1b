"""Mathematical constants: the nearest double, and the ball that holds the number itself.

A rule that holds ``math.pi`` holds a rounded number, and no precision would make its derivative
the true one. In rules these constants stand instead. They must meet a traced value before any
other number, because ``2 / PI`` is a plain double again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


class Constant(float):
    """A double that knows the real number that it was rounded from.

    Attributes:
        ball: ``ball(arb)`` is an enclosure of that number, at the precision in force.
    """

    __slots__ = ("ball",)
    ball: Callable[[Any], Any]

    def __new__(cls, ball: Callable[[Any], Any], value: float) -> Constant:
        constant = super().__new__(cls, value)
        constant.ball = ball
        return constant


LN2 = Constant(lambda arb: arb.const_log2(), math.log(2.0))
LN10 = Constant(lambda arb: arb.const_log10(), math.log(10.0))
PI = Constant(lambda arb: arb.pi(), math.pi)
DEGREE = Constant(lambda arb: arb.pi() / 180, math.pi / 180)
RADIAN = Constant(lambda arb: 180 / arb.pi(), 180 / math.pi)
QUARTER_PI = Constant(lambda arb: arb.pi() / 4, math.pi / 4)
EIGHTH_PI = Constant(lambda arb: arb.pi() / 8, math.pi / 8)
ROOT_PI = Constant(lambda arb: arb.pi().sqrt(), math.sqrt(math.pi))
HALF_ROOT_PI = Constant(lambda arb: arb.pi().sqrt() / 2, math.sqrt(math.pi) / 2)
TWO_BY_ROOT_PI = Constant(lambda arb: 2 / arb.pi().sqrt(), 2 / math.sqrt(math.pi))
ROOT_TWO_PI = Constant(lambda arb: (2 * arb.pi()).sqrt(), math.sqrt(2 * math.pi))
ROOT_TWO_BY_PI = Constant(lambda arb: (2 / arb.pi()).sqrt(), math.sqrt(2 / math.pi))
MINUS_ROOT_HALF = Constant(lambda arb: -arb(0.5).sqrt(), -math.sqrt(0.5))
ROOT_TWO = Constant(lambda arb: arb(2).sqrt(), math.sqrt(2.0))
