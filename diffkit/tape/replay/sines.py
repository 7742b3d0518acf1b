"""Sines and cosines of many numbers at once, within one ulp.

NumPy calls the C library for one double after the other, which takes longer than all else in most
functions that have a sine in them. This loop of machine code does eight at a time: the argument is
reduced by multiples of pi/2 in three parts (Cody & Waite 1980, chapter 8), and the polynomials are
those of fdlibm (Sun Microsystems 1993, ``__kernel_sin`` and ``__kernel_cos``). Its error is below
0.8 ulps (``tests/tape/replay/test_sines.py`` measures it). Arguments beyond 2**20, those so close
to a multiple of pi/2 that three parts are too few, and NaN are left to NumPy.
"""

# llvmlite carries no types.
# mypy: ignore-errors
from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import binding

from .machine import _double, _target

WIDTH = 8
FARTHEST = 2.0**20
NEAREST = 2.0**-30  # to a multiple of pi/2
TINY = 2.0**-27  # below it, a double is its own sine
_SIN = (
    1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
    -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01,
)  # fmt: skip
_COS = (
    -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
    2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
)  # fmt: skip
_HALF_PI = 1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21
_ROUND = 1.5 * 2.0**52  # added and taken away, leaves a whole number
_V, _I = f"<{WIDTH} x double>", f"<{WIDTH} x i64>"
_SIGNATURE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


@functools.cache
def vectorised(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    """``np.sin`` or ``np.cos`` as a function of a contiguous vector and another to write into.

    It is the ufunc itself where this version of LLVM does not take the text.
    """
    try:
        module = binding.parse_assembly(_Text(ufunc is np.cos).module())
    except RuntimeError:
        return ufunc
    engine = binding.create_mcjit_compiler(module, _target())
    engine.finalize_object()
    run = _SIGNATURE(engine.get_function_address("run"))

    def call(x: Any, out: Any, engine: Any = engine) -> None:
        whole = len(x) // WIDTH * WIDTH
        if run(x.ctypes.data, out.ctypes.data, whole):
            ufunc(x[whole:], out[whole:])
        else:
            ufunc(x, out)

    return call


class _Text:
    """The loop in LLVM's assembly; a value has the number of the line that makes it."""

    def __init__(self, cosine: bool) -> None:
        self.cosine = cosine
        self.lines: list[str] = []

    def module(self) -> str:
        y, bad = self._body()
        return "\n".join([
            f"declare {_V} @llvm.fabs.v{WIDTH}f64({_V})",
            f"declare i1 @llvm.vector.reduce.or.v{WIDTH}i1(<{WIDTH} x i1>)",
            "define zeroext i1 @run(ptr %x, ptr %out, i64 %count) {",
            "entry:\n  br label %head\nhead:",
            "  %i = phi i64 [ 0, %entry ], [ %next, %body ]",
            f"  %bad = phi <{WIDTH} x i1> [ zeroinitializer, %entry ], [ %worse, %body ]",
            "  %more = icmp slt i64 %i, %count",
            "  br i1 %more, label %body, label %end\nbody:",
            "  %from = getelementptr double, ptr %x, i64 %i",
            f"  %given = load {_V}, ptr %from, align 1",
            *self.lines,
            f"  %worse = or <{WIDTH} x i1> %bad, {bad}",
            "  %to = getelementptr double, ptr %out, i64 %i",
            f"  store {_V} {y}, ptr %to, align 1",
            f"  %next = add i64 %i, {WIDTH}",
            "  br label %head\nend:",
            f"  %some = call i1 @llvm.vector.reduce.or.v{WIDTH}i1(<{WIDTH} x i1> %bad)",
            "  %good = xor i1 %some, true\n  ret i1 %good\n}",
        ])  # fmt: skip

    def _body(self) -> tuple[str, str]:
        x = "%given"
        shifted = self._add(self._multiply(x, _all(2 / np.pi)), _all(_ROUND))
        n = self._subtract(shifted, _all(_ROUND))
        quadrant = self._new(f"bitcast {_V} {shifted} to {_I}")
        if self.cosine:
            quadrant = self._new(f"add {_I} {quadrant}, {_whole(1)}")
        high, low = self._reduced(x, n)
        square = self._multiply(high, high)
        sine, cosine = self._sine(high, low, square), self._cosine(high, low, square)
        odd = self._new(f"trunc {_I} {quadrant} to <{WIDTH} x i1>")
        y = self._select(odd, cosine, sine)
        sign = self._new(f"shl {_I} {self._new(f'and {_I} {quadrant}, {_whole(2)}')}, {_whole(62)}")
        bits = self._new(f"xor {_I} {self._new(f'bitcast {_V} {y} to {_I}')}, {sign}")
        y = self._new(f"bitcast {_I} {bits} to {_V}")
        size = self._absolute(x)
        if not self.cosine:
            y = self._select(self._compare("olt", size, TINY), x, y)
        far = self._compare("uge", size, FARTHEST)
        near = self._compare("olt", self._absolute(high), NEAREST)
        reduced = self._compare("ogt", size, 0.5)
        both = self._new(f"and <{WIDTH} x i1> {near}, {reduced}")
        return y, self._new(f"or <{WIDTH} x i1> {far}, {both}")

    def _reduced(self, x: str, n: str) -> tuple[str, str]:
        """x less n times pi/2, and what rounding takes off that; the first product is exact."""
        first, second, third = [_all(part) for part in _HALF_PI]
        part = self._subtract(x, self._multiply(n, first))
        product = self._multiply(n, second)
        rest = self._subtract(part, product)
        error = self._subtract(self._subtract(part, rest), product)
        small = self._subtract(self._multiply(n, third), error)
        high = self._subtract(rest, small)
        return high, self._subtract(self._subtract(rest, high), small)

    def _sine(self, x: str, low: str, z: str) -> str:
        cube = self._multiply(z, x)
        r = self._polynomial(_SIN[:-1], z)
        bent = self._subtract(self._multiply(_all(0.5), low), self._multiply(cube, r))
        inner = self._subtract(self._multiply(z, bent), low)
        return self._subtract(x, self._subtract(inner, self._multiply(cube, _all(_SIN[-1]))))

    def _cosine(self, x: str, low: str, z: str) -> str:
        r = self._multiply(z, self._polynomial(_COS, z))
        half = self._multiply(_all(0.5), z)
        w = self._subtract(_all(1.0), half)
        lost = self._subtract(self._subtract(_all(1.0), w), half)
        rest = self._subtract(self._multiply(z, r), self._multiply(x, low))
        return self._add(w, self._add(lost, rest))

    def _polynomial(self, coefficients: Sequence[float], z: str) -> str:
        y = _all(coefficients[0])
        for c in coefficients[1:]:
            y = self._add(self._multiply(y, z), _all(c))
        return y

    def _new(self, expression: str) -> str:
        self.lines.append(f"  %v{len(self.lines)} = {expression}")
        return f"%v{len(self.lines) - 1}"

    def _add(self, a: str, b: str) -> str:
        return self._new(f"fadd {_V} {a}, {b}")

    def _subtract(self, a: str, b: str) -> str:
        return self._new(f"fsub {_V} {a}, {b}")

    def _multiply(self, a: str, b: str) -> str:
        return self._new(f"fmul {_V} {a}, {b}")

    def _absolute(self, a: str) -> str:
        return self._new(f"call {_V} @llvm.fabs.v{WIDTH}f64({_V} {a})")

    def _compare(self, order: str, a: str, limit: float) -> str:
        return self._new(f"fcmp {order} {_V} {a}, {_all(limit)}")

    def _select(self, condition: str, a: str, b: str) -> str:
        return self._new(f"select <{WIDTH} x i1> {condition}, {_V} {a}, {_V} {b}")


def _all(value: float) -> str:
    return f"<{', '.join([f'double {_double(value)}'] * WIDTH)}>"


def _whole(value: int) -> str:
    return f"<{', '.join([f'i64 {value}'] * WIDTH)}>"
