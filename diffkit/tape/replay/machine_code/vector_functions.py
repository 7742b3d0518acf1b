"""Elementary functions of eight doubles at a time, in LLVM's assembly.

exp and expm1 reduce their argument by multiples of log(2) in two parts (Cody & Waite 1980, chapter
6) and sum Taylor's series; the logarithm is that of fdlibm (Sun Microsystems 1993,
``__ieee754_log``). Sines and cosines reduce theirs by multiples of pi/2 in three parts (Cody &
Waite, chapter 8) and take the polynomials of fdlibm (``__kernel_sin`` and ``__kernel_cos``); the C
library is asked beyond 2**20, and so close to a multiple of pi/2 that three parts are too few. All
errors are below one unit in the last place, but those of tanh below 2.5 and of the squared
hyperbolic secant below 3.5 (``tests/tape/replay/test_kernels.py`` measures them).
"""

# LLVM's assembly is text.
# mypy: ignore-errors
from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import Any

import numpy as np

from ....rules.elementary import sech_squared
from .llvm import double, library

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
declare i1 @llvm.vector.reduce.or.v{WIDTH}i1({B})
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
_SIN = (
    1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
    -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01,
)  # fmt: skip
_COS = (
    -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
    2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
)  # fmt: skip
_HALF_PI = 1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21
FARTHEST = 2.0**20  # arguments that sines are computed of here
NEAREST = 2.0**-30  # to a multiple of pi/2
TINY = 2.0**-27  # below it, a double is its own sine
_DEGREE = 13  # of the series of exp, on |r| <= log(2) / 2


def splat(value: float) -> str:
    return f"<{', '.join([f'double {double(value)}'] * WIDTH)}>"


def whole(value: int) -> str:
    return f"<{', '.join([f'i64 {value}'] * WIDTH)}>"


class Builder:
    """Lines of assembly; a value has the number of the line that makes it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names = 0
        self.block = "entry"  # which the next line is in
        self.known: dict[Any, Any] = {}  # what several functions of one argument need

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
    if ("decay", x) not in b.known:
        b.known["decay", x] = _both_decays(b, x)
    return b.known["decay", x]


def _both_decays(b: Builder, x: str) -> tuple[str, str]:
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


def sin(b: Builder, x: str) -> str:
    return _or_library(b, "sin", x, *turned(b, x, cosine=False))


def cos(b: Builder, x: str) -> str:
    return _or_library(b, "cos", x, *turned(b, x, cosine=True))


def turned(b: Builder, x: str, cosine: bool) -> tuple[str, str]:
    """The sines or cosines, and where they are not right."""
    if ("turned", x) not in b.known:
        b.known["turned", x] = _quarter(b, x)
    sine, cosines, quadrant, bad = b.known["turned", x]
    if cosine:
        quadrant = b.integer("add", quadrant, 1)
    odd = b.new(f"trunc {INTEGERS} {quadrant} to {B}")
    y = b.select(odd, cosines, sine)
    sign = b.integer("shl", b.integer("and", quadrant, 2), 62)
    y = b.from_bits(b.integer("xor", b.bits(y), sign))
    if not cosine:
        y = b.select(b.compare("olt", b.magnitude(x), TINY), x, y)
    return y, bad


def _quarter(b: Builder, x: str) -> tuple[str, str, str, str]:
    """Sines and cosines of x less a multiple of pi/2, which multiple, and where they fail."""
    shifted = b.add(b.multiply(x, splat(2 / np.pi)), splat(_ROUND))
    n = b.subtract(shifted, splat(_ROUND))
    first, second, third = map(splat, _HALF_PI)
    part = b.subtract(x, b.multiply(n, first))  # the product is exact
    product = b.multiply(n, second)
    rest = b.subtract(part, product)
    error = b.subtract(b.subtract(part, rest), product)
    small = b.subtract(b.multiply(n, third), error)
    high = b.subtract(rest, small)
    low = b.subtract(b.subtract(rest, high), small)
    size = b.magnitude(x)
    far = b.compare("uge", size, FARTHEST)
    near = b.compare("olt", b.magnitude(high), NEAREST)
    lost = b.new(f"and {B} {near}, {b.compare('ogt', size, 0.5)}")
    bad = b.new(f"or {B} {far}, {lost}")
    z = b.multiply(high, high)
    return _sine(b, high, low, z), _cosine(b, high, low, z), b.bits(shifted), bad


def _sine(b: Builder, x: str, low: str, z: str) -> str:
    cube = b.multiply(z, x)
    r = _polynomial(b, _SIN[:-1], z)
    bent = b.subtract(b.multiply(splat(0.5), low), b.multiply(cube, r))
    inner = b.subtract(b.multiply(z, bent), low)
    return b.subtract(x, b.subtract(inner, b.multiply(cube, splat(_SIN[-1]))))


def _cosine(b: Builder, x: str, low: str, z: str) -> str:
    r = b.multiply(z, _polynomial(b, _COS, z))
    half = b.multiply(splat(0.5), z)
    w = b.subtract(splat(1.0), half)
    lost = b.subtract(b.subtract(splat(1.0), w), half)
    rest = b.subtract(b.multiply(z, r), b.multiply(x, low))
    return b.add(w, b.add(lost, rest))


def _polynomial(b: Builder, coefficients: Sequence[float], z: str) -> str:
    y = splat(coefficients[0])
    for c in coefficients[1:]:
        y = b.fma(y, z, splat(c))
    return y


def _or_library(b: Builder, name: str, x: str, y: str, hard: str) -> str:
    """y; where an argument is hard, what the C library gives for all of them."""
    some = b.new(f"call i1 @llvm.vector.reduce.or.v{WIDTH}i1({B} {hard})")
    b.names += 1
    before, there, after = b.block, f"hard{b.names}", f"easy{b.names}"
    b.lines += [f"  br i1 {some}, label %{there}, label %{after}", f"{there}:"]
    function, found = b.new(f"inttoptr i64 {library(name)} to ptr"), y
    for k in range(WIDTH):
        one = b.new(f"extractelement {V} {x}, i32 {k}")
        of_one = b.new(f"call double {function}(double {one})")
        found = b.new(f"insertelement {V} {found}, double {of_one}, i32 {k}")
    b.lines += [f"  br label %{after}", f"{after}:"]
    b.block = after
    return b.new(f"phi {V} [ {y}, %{before} ], [ {found}, %{there} ]")


FUNCTIONS: dict[Any, Any] = {
    np.sin: sin,
    np.cos: cos,
    np.exp: exp,
    np.log: log,
    np.tanh: tanh,
    sech_squared: sech_squared_of,
}
