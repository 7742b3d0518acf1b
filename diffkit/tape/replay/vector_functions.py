"""Elementary functions of eight doubles at a time, in LLVM's assembly, without a branch.

exp and expm1 reduce their argument by multiples of log(2) in two parts (Cody & Waite 1980, chapter
6) and sum Taylor's series; the logarithm is that of fdlibm (Sun Microsystems 1993,
``__ieee754_log``). Their errors are below one unit in the last place, those of tanh below 2.5, and
of the squared hyperbolic secant below 3.5 (``tests/tape/replay/test_kernels.py`` measures them).
"""

# LLVM's assembly is text.
# mypy: ignore-errors
from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from ...rules.elementary import sech_squared
from .machine import _double

WIDTH = 8
V, INTEGERS, B = f"<{WIDTH} x double>", f"<{WIDTH} x i64>", f"<{WIDTH} x i1>"
_S = f"v{WIDTH}f64"
DECLARATIONS = f"""
declare {V} @llvm.sqrt.{_S}({V})
declare {V} @llvm.fabs.{_S}({V})
declare {V} @llvm.copysign.{_S}({V}, {V})
declare {V} @llvm.fma.{_S}({V}, {V}, {V})
declare {V} @llvm.masked.load.{_S}.p0(ptr, i32, {B}, {V})
declare void @llvm.masked.store.{_S}.p0({V}, ptr, i32, {B})
declare {V} @llvm.masked.gather.{_S}.v{WIDTH}p0(<{WIDTH} x ptr>, i32, {B}, {V})
declare void @llvm.masked.scatter.{_S}.v{WIDTH}p0({V}, <{WIDTH} x ptr>, i32, {B})
declare <{WIDTH} x i8> @llvm.masked.load.v{WIDTH}i8.p0(ptr, i32, {B}, <{WIDTH} x i8>)
declare void @llvm.masked.store.v{WIDTH}i8.p0(<{WIDTH} x i8>, ptr, i32, {B})
declare <{WIDTH} x i8> @llvm.masked.gather.v{WIDTH}i8.v{WIDTH}p0(<{WIDTH} x ptr>, i32, {B}, <{WIDTH} x i8>)
declare void @llvm.masked.scatter.v{WIDTH}i8.v{WIDTH}p0(<{WIDTH} x i8>, <{WIDTH} x ptr>, i32, {B})
"""  # noqa: E501
_LOG2_E = 1 / np.log(2.0)
_LN2 = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # the first has 33 bits
_ROUND = 1.5 * 2.0**52  # added and taken away, leaves a whole number
_LOG = (
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
    2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
    6.666666666666735130e-01,
)  # fmt: skip
_ROOT_HALF = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)
_DEGREE = 13  # of the series of exp, on |r| <= log(2) / 2


def splat(value: float) -> str:
    return f"<{', '.join([f'double {_double(value)}'] * WIDTH)}>"


def whole(value: int) -> str:
    return f"<{', '.join([f'i64 {value}'] * WIDTH)}>"


class Builder:
    """Lines of assembly; a value has the number of the line that makes it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names = 0

    def new(self, expression: str) -> str:
        self.names += 1
        self.lines.append(f"  %v{self.names} = {expression}")
        return f"%v{self.names}"

    def add(self, a: str, b: str) -> str:
        return self.new(f"fadd {V} {a}, {b}")

    def subtract(self, a: str, b: str) -> str:
        return self.new(f"fsub {V} {a}, {b}")

    def multiply(self, a: str, b: str) -> str:
        return self.new(f"fmul {V} {a}, {b}")

    def divide(self, a: str, b: str) -> str:
        return self.new(f"fdiv {V} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        return self.new(f"call {V} @llvm.fma.{_S}({V} {a}, {V} {b}, {V} {c})")

    def compare(self, order: str, a: str, limit: float) -> str:
        return self.new(f"fcmp {order} {V} {a}, {splat(limit)}")

    def select(self, condition: str, a: str, b: str) -> str:
        return self.new(f"select {B} {condition}, {V} {a}, {V} {b}")

    def integer(self, operation: str, a: str, b: int | str) -> str:
        return self.new(f"{operation} {INTEGERS} {a}, {b if type(b) is str else whole(b)}")

    def bits(self, a: str) -> str:
        return self.new(f"bitcast {V} {a} to {INTEGERS}")

    def from_bits(self, a: str) -> str:
        return self.new(f"bitcast {INTEGERS} {a} to {V}")

    def magnitude(self, a: str) -> str:
        return self.new(f"call {V} @llvm.fabs.{_S}({V} {a})")

    def with_sign(self, a: str, sign: str) -> str:
        return self.new(f"call {V} @llvm.copysign.{_S}({V} {a}, {V} {sign})")


def _reduced(b: Builder, x: str) -> tuple[str, str]:
    """The whole number n as an integer, and x - n log(2)."""
    shifted = b.fma(x, splat(_LOG2_E), splat(_ROUND))
    n = b.subtract(shifted, splat(_ROUND))
    high = b.fma(b.new(f"fneg {V} {n}"), splat(_LN2[0]), x)
    r = b.fma(b.new(f"fneg {V} {n}"), splat(_LN2[1]), high)
    base = int(np.float64(_ROUND).view(np.int64))
    return b.integer("sub", b.bits(shifted), base), r


def _series(b: Builder, r: str) -> str:
    """exp(r) - 1."""
    y = splat(1.0 / factorial(_DEGREE))
    for k in range(_DEGREE - 1, 1, -1):
        y = b.fma(y, r, splat(1.0 / factorial(k)))
    return b.fma(b.multiply(r, r), y, r)


def _power_of_two(b: Builder, n: str) -> str:
    return b.from_bits(b.integer("shl", b.integer("add", n, 1023), 52))


def _scaled(b: Builder, y: str, n: str) -> str:
    """y 2**n, in two steps, because 2**n alone may be out of range."""
    half = b.integer("ashr", n, 1)
    rest = b.new(f"sub {INTEGERS} {n}, {half}")
    return b.multiply(b.multiply(y, _power_of_two(b, half)), _power_of_two(b, rest))


def _clamped(b: Builder, x: str, low: float, high: float) -> str:
    """A NaN stays."""
    x = b.select(b.compare("ogt", x, high), splat(high), x)
    return b.select(b.compare("olt", x, low), splat(low), x)


def exp(b: Builder, x: str) -> str:
    n, r = _reduced(b, _clamped(b, x, -746.0, 710.0))
    return _scaled(b, b.add(splat(1.0), _series(b, r)), n)


def _decay(b: Builder, x: str) -> tuple[str, str]:
    """exp(-2 |x|), and that less 1, each accurate by itself."""
    y = _clamped(b, b.multiply(b.magnitude(x), splat(-2.0)), -746.0, 0.0)
    n, r = _reduced(b, y)
    series, power = _series(b, r), _power_of_two(b, n)
    e = _scaled(b, b.add(splat(1.0), series), n)
    less = b.add(b.multiply(series, power), b.subtract(power, splat(1.0)))
    return e, b.select(b.compare("olt", y, -700.0), splat(-1.0), less)  # the power is none there


def tanh(b: Builder, x: str) -> str:
    _, less = _decay(b, x)
    y = b.divide(less, b.add(less, splat(2.0)))
    return b.with_sign(b.magnitude(y), x)


def sech_squared_of(b: Builder, x: str) -> str:
    e, _ = _decay(b, x)
    d = b.add(splat(1.0), e)
    return b.divide(b.multiply(splat(4.0), e), b.multiply(d, d))


def log(b: Builder, x: str) -> str:
    tiny = b.compare("olt", x, 2.0**-1022)
    scaled = b.select(tiny, b.multiply(x, splat(2.0**54)), x)
    bits = b.bits(scaled)
    e = b.integer("ashr", b.integer("sub", bits, _ROOT_HALF), 52)
    m = b.from_bits(b.new(f"sub {INTEGERS} {bits}, {b.integer('shl', e, 52)}"))
    # Whole numbers are small enough to be added to the bits of one that is large.
    base = int(np.float64(_ROUND).view(np.int64))
    n = b.subtract(b.from_bits(b.integer("add", e, base)), splat(_ROUND))
    n = b.select(tiny, b.subtract(n, splat(54.0)), n)
    f = b.subtract(m, splat(1.0))
    s = b.divide(f, b.add(splat(2.0), f))
    z = b.multiply(s, s)
    r = splat(_LOG[0])
    for c in _LOG[1:]:
        r = b.fma(r, z, splat(c))
    r = b.multiply(r, z)
    half = b.multiply(b.multiply(f, f), splat(0.5))
    inner = b.add(b.multiply(s, b.add(half, r)), b.multiply(n, splat(_LN2[1])))
    y = b.subtract(b.multiply(n, splat(_LN2[0])), b.subtract(b.subtract(half, inner), f))
    y = b.select(b.compare("oeq", x, np.inf), x, y)
    y = b.select(b.compare("oeq", x, 0.0), splat(-np.inf), y)
    y = b.select(b.compare("olt", x, 0.0), splat(np.nan), y)
    return b.select(b.new(f"fcmp uno {V} {x}, {x}"), x, y)


FUNCTIONS: dict[Any, Any] = {
    np.exp: exp,
    np.log: log,
    np.tanh: tanh,
    sech_squared: sech_squared_of,
}
