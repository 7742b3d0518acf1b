"""Finite differences of diffkit beside those of numdifftools, jacobi and SciPy.

    python benchmarks/finite_differences.py

needs mpmath and scipy; numdifftools and jacobi join if they are installed. A row a method: the
geometric mean of the relative error on ordinary functions (errors below half an ulp, 1.1e-16, count
as that), evaluations of f a derivative; and on hard points how many answers are wrong beyond 1e-3,
or given where there is no derivative, without a status that says so (only diffkit and SciPy have
one), how often the estimate covers the error, and its median ratio to the error.
"""

from __future__ import annotations

import importlib.util
import math
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
from scipy import special as sp

import diffkit as dk

mp.mp.dps = 50
FLOOR = 2.0**-53
Case = tuple[str, Callable[[Any], Any], float, Any]


ORDINARY: list[tuple[str, Any, Any, list[float]]] = [
    ("exp", np.exp, mp.exp, [1.0, 0.0, -2.3, 5.0, 0.1]),
    ("sin", np.sin, mp.sin, [1.0, 0.0, 3.0, -0.7, 10.0]),
    ("cos", np.cos, mp.cos, [1.0, 2.5]),
    ("tan", np.tan, mp.tan, [0.5, 1.0]),
    ("log", np.log, mp.log, [2.0, 0.5, 10.0, 1.0, 3.7]),
    ("sqrt", np.sqrt, mp.sqrt, [2.0, 0.3, 9.0]),
    ("recip", lambda x: 1 / x, lambda x: 1 / x, [1.7, 0.4, -3.0]),
    ("cube", lambda x: x**3 - 2 * x, lambda x: x**3 - 2 * x, [1.5, -0.3, 2.0]),
    ("runge", lambda x: 1 / (1 + 25 * x * x), lambda x: 1 / (1 + 25 * x * x), [0.2, 0.7]),
    ("witch", lambda x: 1 / (1 + x * x), lambda x: 1 / (1 + x * x), [0.5, 1.0, 2.0]),
    ("tanh", np.tanh, mp.tanh, [0.5, -1.2, 0.0]),
    ("sinh", np.sinh, mp.sinh, [1.0, 3.0]),
    ("atan", np.arctan, mp.atan, [0.3, 1.0, 4.0]),
    ("asin", np.arcsin, mp.asin, [0.3, -0.6]),
    ("gauss", lambda x: np.exp(-x * x), lambda x: mp.exp(-x * x), [0.5, 1.0, 1.5]),
    ("erf", sp.erf, mp.erf, [0.5, 1.1]),
    ("gamma", sp.gamma, mp.gamma, [2.5, 1.3]),
    ("lgamma", sp.gammaln, mp.loggamma, [2.5, 5.0]),
    ("j0", sp.j0, lambda x: mp.besselj(0, x), [1.0, 3.0]),
    ("expsin", lambda x: np.exp(np.sin(x)), lambda x: mp.exp(mp.sin(x)), [1.0, 2.0]),
    ("xexp", lambda x: x * np.exp(-x), lambda x: x * mp.exp(-x), [0.5, 2.0]),
    ("sinx2", lambda x: np.sin(x * x), lambda x: mp.sin(x * x), [1.0, 2.0]),
    ("xlogx", lambda x: x * np.log(x), lambda x: x * mp.log(x), [0.5, 2.0]),
    ("logist", lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + mp.exp(-x)), [0.5, -2.0, 3.0]),
    ("pow", lambda x: x**2.5, lambda x: x ** mp.mpf(2.5), [1.5, 4.0]),
    (
        "squire",
        lambda x: np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3),
        lambda x: mp.exp(x) / mp.sqrt(mp.sin(x) ** 3 + mp.cos(x) ** 3),
        [1.5, 0.3],
    ),
    ("cos5", lambda x: np.cos(5 * x) * x, lambda x: mp.cos(5 * x) * x, [0.8, 1.4]),
    ("log1p", np.log1p, mp.log1p, [0.5, 0.01]),
    ("softplus", lambda x: np.log1p(np.exp(x)), lambda x: mp.log1p(mp.exp(x)), [0.3, -1.5]),
    ("sin20", lambda x: np.sin(20 * x), lambda x: mp.sin(20 * x), [0.3]),
    (
        "poly",
        lambda x: ((x - 3) * x + 2) * x * x - 1,
        lambda x: ((x - 3) * x + 2) * x * x - 1,
        [1.2, 0.5],
    ),
    ("digam", sp.digamma, mp.digamma, [1.5]),
]


def slope(f: Callable[[Any], Any], x: float) -> Any:
    """f'(x) to 50 digits: differences of order 4 with a step of 1e-30, at 250 digits or more."""
    with mp.workdps(900 if x and not 1e-30 < abs(x) < 1e30 else 250):
        point = mp.mpf(x)
        h = (abs(point) if 0 < abs(x) < 1 else mp.mpf(1)) * mp.mpf(10) ** -30
        near, far = f(point + h) - f(point - h), f(point + 2 * h) - f(point - 2 * h)
        return (8 * near - far) / (12 * h)


EASY: list[Case] = [
    (f"{name} at {x:g}", f, x, slope(exact, x))
    for name, f, exact, points in ORDINARY
    for x in points
]


HARD: list[Case] = []


def add(name: str, f: Any, x: float, exact: Any = None, truth: float | None = None) -> None:
    """A hard case; one without truth has no derivative."""
    known = slope(exact, x) if exact is not None else None if truth is None else mp.mpf(truth)
    HARD.append((name, f, x, known))


# huge & tiny arguments
for x in [1e-8, 1e-12, 1e-4, 1e-100, 1e6, 1e12, 1e100]:
    add(f"log@{x:g}", np.log, x, mp.log)
    add(f"sqrt@{x:g}", np.sqrt, x, mp.sqrt)
for x in [1e-8, 1e-4, 1e-150, 1e8, -1e5]:
    add(f"recip@{x:g}", lambda x: 1 / x, x, lambda x: 1 / x)
for x in [1e3, 1e6, 1e8, 1e10, 12345.678]:
    add(f"sin@{x:g}", np.sin, x, mp.sin)
    add(f"cos@{x:g}", np.cos, x, mp.cos)
for x in [1e-300, 1e-20, 1e-8, 700.0, -700.0, 709.7, -40.0]:
    add(f"exp@{x:g}", np.exp, x, mp.exp)
for x in [1e-100, 1e100, 1e6, -1e-9]:
    add(f"sq@{x:g}", lambda x: x * x, x, lambda x: x * x)
for x in [1e-10, 1e-5]:
    add(f"sin@{x:g}", np.sin, x, mp.sin)
add("atan@1e6", np.arctan, 1e6, mp.atan)
add("tanh@18", np.tanh, 18.0, mp.tanh)
add("tanh@10", np.tanh, 10.0, mp.tanh)
add("lgam@1e8", sp.gammaln, 1e8, mp.loggamma)
add("gam@170", sp.gamma, 170.0, mp.gamma)
add("erfc@20", sp.erfc, 20.0, mp.erfc)
add(
    "bump@1e6",
    lambda x: np.exp(-((x - 1e6) ** 2)),
    1e6 + 0.5,
    lambda x: mp.exp(-((x - 10**6) ** 2)),
)
add(
    "bump@1e9",
    lambda x: np.exp(-((x - 1e9) ** 2)),
    1e9 + 0.5,
    lambda x: mp.exp(-((x - 10**9) ** 2)),
)
add("lin1e8", lambda x: x + 1e8, 1.0, truth=1)
add("xsin1e6", lambda x: 1 + np.sin(1e-6 * x), 1.0, lambda x: 1 + mp.sin(mp.mpf(1e-6) * x))
add("chirp1e3", lambda x: np.sin(1e3 * x), 1.0, lambda x: mp.sin(1000 * x))
add("chirp1e5", lambda x: np.sin(1e5 * x), 1.0, lambda x: mp.sin(10**5 * x))
add("chirp1e6", lambda x: np.sin(1e6 * x), 0.3, lambda x: mp.sin(10**6 * x))
add(
    "chirp8pi",
    lambda x: np.sin(2 * np.pi * 8 * x),
    0.3,
    lambda x: mp.sin(mp.mpf(2 * np.pi * 8) * x),
)
add(
    "chirp128pi",
    lambda x: np.sin(2 * np.pi * 128 * x),
    0.3,
    lambda x: mp.sin(mp.mpf(2 * np.pi * 128) * x),
)
add(
    "chirp1024pi",
    lambda x: np.sin(2 * np.pi * 1024 * x),
    0.3,
    lambda x: mp.sin(mp.mpf(2 * np.pi * 1024) * x),
)
add("exp1e6@0", lambda x: np.exp(1e6 * x), 0.0, lambda x: mp.exp(10**6 * x))
add("exp-1e6@0", lambda x: np.exp(-1e6 * x), 0.0, lambda x: mp.exp(-(10**6) * x))
add("sin1e-6@0", lambda x: np.sin(1e-6 * x) + 1, 0.0, lambda x: mp.sin(mp.mpf(1e-6) * x))
add("topsin.01", lambda x: np.sin(1 / x), 0.01, lambda x: mp.sin(1 / x))
add("topsin.001", lambda x: np.sin(1 / x), 0.001, lambda x: mp.sin(1 / x))


def weier(x):
    return sum(0.5**k * np.cos(7.0**k * np.pi * x) for k in range(8))


add(
    "weier.3",
    weier,
    0.3,
    lambda x: sum(mp.mpf(0.5) ** k * mp.cos(7**k * mp.mpf(np.pi) * x) for k in range(8)),
)
add(
    "spike",
    lambda x: 1 / (1e-6 + (x - 0.3) ** 2),
    0.301,
    lambda x: 1 / (mp.mpf(1e-6) + (x - mp.mpf(0.3)) ** 2),
)
add("step tanh", lambda x: np.tanh(1e4 * (x - 1)), 1.00005, lambda x: mp.tanh(10**4 * (x - 1)))
add(
    "two scales",
    lambda x: np.sin(x) + 1e-3 * np.sin(1e4 * x),
    1.0,
    lambda x: mp.sin(x) + mp.mpf(1e-3) * mp.sin(10**4 * x),
)
add(
    "two scales b",
    lambda x: np.sin(x) + 1e-6 * np.sin(1e7 * x),
    1.0,
    lambda x: mp.sin(x) + mp.mpf(1e-6) * mp.sin(10**7 * x),
)
# domain edges
add("sqrt@0", np.sqrt, 0.0)
add("x^1.5@0", lambda x: np.power(x, 1.5), 0.0, truth=0)
add("asin@1", np.arcsin, 1.0)
add("acos@1-", np.arccos, 1 - 1e-9, mp.acos)
add("asin@.999999", np.arcsin, 0.999999, mp.asin)
add("mlog@1e-8", math.log, 1e-8, mp.log)
add("msqrt@1e-6", math.sqrt, 1e-6, mp.sqrt)
add("msqrt@0", math.sqrt, 0.0)
add("exp x>=0", lambda x: np.exp(x) if x >= 0 else math.nan, 0.0, truth=1)


def raiser(x):
    if x > 2:
        raise ValueError("no")
    return math.cos(x)


add("cos x<=2", raiser, 2.0, mp.cos)
add("cos x<=2 near", raiser, 2 - 1e-7, mp.cos)
add("xlogx 1e-9", lambda x: x * np.log(x), 1e-9, lambda x: x * mp.log(x))
add("sqrt(1-x2)", lambda x: np.sqrt(1 - x * x), 1 - 1e-10, lambda x: mp.sqrt(1 - x * x))
add("log1p -1+", np.log1p, -1 + 1e-10, mp.log1p)
add("1/x pole near", lambda x: 1 / (x - 1), 1 + 1e-9, lambda x: 1 / (x - 1))
add("tan near pi/2", np.tan, 1.5707, mp.tan)
add("logx-1", lambda x: np.log(x - 1), 1 + 1e-7, lambda x: mp.log(x - 1))
add("hyp sqrt", lambda x: np.sqrt(x * x - 1), 1 + 1e-8, lambda x: mp.sqrt(x * x - 1))
# cancellation
for x in [1e-2, 1e-3, 1e-4, 1e-5, 1e-7]:
    add(f"1-cos/x2@{x:g}", lambda x: (1 - np.cos(x)) / x**2, x, lambda x: (1 - mp.cos(x)) / x**2)
for x in [1e-3, 1e-7, 1e-10]:
    add(f"expm1/x@{x:g}", lambda x: (np.exp(x) - 1) / x, x, lambda x: (mp.exp(x) - 1) / x)
add("sqrtdiff", lambda x: np.sqrt(x + 1) - np.sqrt(x), 1e8, lambda x: mp.sqrt(x + 1) - mp.sqrt(x))
add(
    "(x-1)^7 exp",
    lambda x: x**7 - 7 * x**6 + 21 * x**5 - 35 * x**4 + 35 * x**3 - 21 * x**2 + 7 * x - 1,
    1.05,
    lambda x: (x - 1) ** 7,
)
add("xmsin@1e-3", lambda x: x - np.sin(x), 1e-3, lambda x: x - mp.sin(x))
add("logsum", lambda x: np.log(1 + x) - x, 1e-6, lambda x: mp.log(1 + x) - x)
add("sinpi/2", np.sin, math.pi / 2, mp.sin)
add("sq@0", lambda x: x * x, 0.0, truth=0)
add("cos@0", np.cos, 0.0, truth=0)
add("const", lambda x: 5.0 + 0 * x, 1.0, truth=0)
add("x^4@0", lambda x: x**4 + 1, 0.0, truth=0)
# noise
add("noisy1e8 1", lambda x: (np.sin(x) + 1e8) - 1e8, 1.0, mp.sin)
add("noisy1e8 .3", lambda x: (np.sin(x) + 1e8) - 1e8, 0.3, mp.sin)
add("noisy1e5", lambda x: (np.exp(x) + 1e5) - 1e5, 0.3, mp.exp)
add("noisy1e12", lambda x: (np.exp(x) + 1e12) - 1e12, 0.3, mp.exp)


def hashnoise(x):
    return zlib.crc32(struct.pack("d", float(x))) / 2**32 * 2 - 1


for a in [1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2]:
    add(f"hash{a:g} sin1", lambda x, a=a: math.sin(x) + a * hashnoise(x), 1.0, mp.sin)
    add(f"hash{a:g} exp0", lambda x, a=a: math.exp(x) * (1 + a * hashnoise(x)), 0.0, mp.exp)
    add(f"hash{a:g} log10", lambda x, a=a: math.log(x) + a * hashnoise(x), 10.0, mp.log)
    add(f"hash{a:g} x3", lambda x, a=a: x**3 + a * hashnoise(x), 2.0, lambda x: x**3)
add("f32 sin", lambda x: float(np.sin(np.float32(x))), 1.0, mp.sin)
add("f32 exp", lambda x: float(np.exp(np.float32(x))), 0.5, mp.exp)
add("f32 out", lambda x: float(np.float32(np.exp(x))), 0.7, mp.exp)
add("f16 out", lambda x: float(np.float16(np.exp(x))), 0.7, mp.exp)
add("round6", lambda x: round(math.sin(x), 6), 1.0, mp.sin)
add("round3", lambda x: round(math.sin(x), 3), 1.0, mp.sin)


def quad(x):
    t = np.linspace(0, 1, 101)
    return float(np.trapezoid(np.exp(-x * t * t), t))


def newton(x):
    y = 1.0
    for _ in range(100):
        d = (y - math.cos(x * y)) / (1 + x * math.sin(x * y))
        y -= d
        if abs(d) < 1e-7:
            break
    return y


def T_newton(x):
    return mp.findroot(lambda y: y - mp.cos(x * y), 0.7)


add("newton", newton, 1.0, T_newton)


def simps(x):  # loosely iterated: bisection to 1e-8
    lo, hi = 0.0, 2.0
    while hi - lo > 1e-8:
        m = (lo + hi) / 2
        if m**3 + m - x > 0:
            hi = m
        else:
            lo = m
    return (lo + hi) / 2


add("bisect", simps, 1.5, lambda x: mp.findroot(lambda y: y**3 + y - x, 0.8))
# kinks & jumps
add("abs@0", np.abs, 0.0)
add("abs@1e-12", np.abs, 1e-12, truth=1)
add("abs@-1e-3", np.abs, -1e-3, truth=-1)
add("relu@0", lambda x: np.maximum(x, 0.0), 0.0)
add("relu@1e-12", lambda x: np.maximum(x, 0.0), 1e-12, truth=1)
add("relu@-1e-12", lambda x: np.maximum(x, 0.0), -1e-12, truth=0)
add("max tie", lambda x: np.maximum(x, x * x), 1.0)
add("max tie2", lambda x: np.maximum(np.sin(x), np.cos(x)), math.pi / 4)
add("min tie", lambda x: np.minimum(x, 2 - x), 1.0)
add("abs x-3", lambda x: abs(x - 3), 3.0)
add("abs x-1e6", lambda x: abs(x - 1e6), 1e6)
add("abssin pi", lambda x: abs(np.sin(x)), 0.0)
add("small kink", lambda x: np.sin(x) + 1e-3 * abs(x - 1), 1.0)
add("tiny kink", lambda x: np.exp(x) + 1e-6 * abs(x), 0.0)
add("big+kink", lambda x: x * x + 1e-2 * abs(x), 0.0)
add("near kink", lambda x: abs(x - 1), 1 + 1e-6, truth=1)
add("near kink2", lambda x: np.sin(x) + abs(x - 1), 1 + 1e-9, lambda x: mp.sin(x) + x)
add("huber.999", lambda x: 0.5 * x * x if abs(x) <= 1 else abs(x) - 0.5, 0.999, truth=0.999)
add("huber1", lambda x: 0.5 * x * x if abs(x) <= 1 else abs(x) - 0.5, 1.0, truth=1.0)
add("x|x|@0", lambda x: x * abs(x), 0.0, truth=0)
add("x|x|@1e-5", lambda x: x * abs(x), 1e-5, truth=2e-5)
add("|x|^1.5@0", lambda x: abs(x) ** 1.5, 0.0, truth=0)
add("cbrt@0", np.cbrt, 0.0)
add("cbrt@1e-9", np.cbrt, 1e-9, lambda x: mp.cbrt(x))
add("sqrtabs@0", lambda x: np.sqrt(abs(x)), 0.0)
add("xsin1/x@0", lambda x: x * math.sin(1 / x) if x else 0.0, 0.0)
add("x2sin1/x@0", lambda x: x * x * math.sin(1 / x) if x else 0.0, 0.0, truth=0)
add("floor@2", np.floor, 2.0)
add("floor@2.5", np.floor, 2.5, truth=0)
add("ceil@3", np.ceil, 3.0)
add("heavi@0", lambda x: np.heaviside(x, 0.5), 0.0)
add("heavi1@0", lambda x: float(x >= 0), 0.0)
add("sign@0", np.sign, 0.0)
add("sign@1e-9", np.sign, 1e-9, truth=0)
add("frac@3", lambda x: x % 1.0, 3.0)
add("frac@3.2", lambda x: x % 1.0, 3.2, truth=1)
add("round@.5", lambda x: float(round(x)), 0.5)
add("smalljump", lambda x: np.sin(x) + (1e-3 if x >= 1 else 0), 1.0)
add("tinyjump", lambda x: np.sin(x) + (1e-7 if x > 1 else 0), 1.0)
add("jump near", lambda x: np.sin(x) + (1 if x > 1 + 1e-5 else 0), 1.0, mp.sin)
add("branch", lambda x: x * x if x < 1 else 2 * x - 1, 1.0, truth=2)
add("ifproblem", lambda x: 1.0 if x == 1.0 else x * x, 1.0, truth=2)
add("badpoint", lambda x: 7.0 if x == 1.0 else x * x, 1.0)
add("table interp", lambda x: np.interp(x, [0, 1, 2, 3], [0, 1, 4, 9]), 1.0)
add("table in", lambda x: np.interp(x, [0, 1, 2, 3], [0, 1, 4, 9]), 1.3, truth=3)
add("clip", lambda x: np.clip(x, 0, 1), 1.0)
add("clip in", lambda x: np.clip(x, 0, 1), 0.9999, truth=1)
add("intquant", lambda x: int(x * 1000) / 1000, 1.2345, truth=None)
add("dirichlet-ish", lambda x: hashnoise(x), 1.0)
add("sin1e17", np.sin, 1e17)
add("sin1e15", np.sin, 1e15, mp.sin)
add("nan right", lambda x: np.cos(x) if x <= 1 else math.nan, 1.0, mp.cos)
add("inf left", lambda x: 1 / x if x > 0 else math.inf, 1e-5, lambda x: 1 / x)
add("isolated", lambda x: 1.0 if x == 1.0 else math.nan, 1.0)


def evaluated(f: Callable[[Any], Any]) -> tuple[Callable[[Any], Any], list[int]]:
    count = [0]

    def counted(x: Any) -> Any:
        count[0] += np.size(x)
        if np.ndim(x):
            return np.array([float(f(t)) for t in np.ravel(x).tolist()]).reshape(np.shape(x))
        return f(float(x))

    return counted, count


def by_diffkit(f: Any, x: float) -> tuple[float, float, bool]:
    found = dk.FiniteDifference().estimate(f, x)
    return found.value, found.error, found.ok


def by_numdifftools(f: Any, x: float) -> tuple[float, float, bool]:
    import numdifftools as nd

    found = nd.Derivative(f, full_output=True)(x)
    return float(found.estimate), float(found.error_estimate), True


def by_jacobi(f: Any, x: float) -> tuple[float, float, bool]:
    from jacobi import jacobi

    value, error = jacobi(f, x)
    return float(value), float(error), True


def by_scipy(f: Any, x: float) -> tuple[float, float, bool]:
    from scipy.differentiate import derivative

    found = derivative(f, x)
    return float(found.df), float(found.error), bool(found.success)


METHODS = {
    "diffkit": by_diffkit,
    "numdifftools": by_numdifftools,
    "jacobi": by_jacobi,
    "scipy": by_scipy,
}


def attempt(method: Any, f: Any, x: float) -> tuple[float, float, bool, int]:
    counted, count = evaluated(f)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            value, error, ok = method(counted, x)
        except Exception:  # an exception is no silent failure
            value, error, ok = math.nan, math.inf, False
    return value, error, ok, count[0]


def ordinary(method: Any) -> tuple[float, float]:
    errors, counts = [], []
    for _, f, x, truth in EASY:
        value, _, _, count = attempt(method, f, x)
        error = float(abs((mp.mpf(value) - truth) / truth)) if math.isfinite(value) else 1.0
        errors.append(max(error, FLOOR))
        counts.append(count)
    return float(np.exp(np.mean(np.log(errors)))), float(np.mean(counts))


def hard(method: Any) -> tuple[int, float, float, float]:
    """Failures without status, coverage, median pessimism, evaluations."""
    silent, covered, pessimism, counts = 0, [], [], []
    for _, f, x, truth in HARD:
        value, error, ok, count = attempt(method, f, x)
        counts.append(count)
        if truth is None:  # there is no derivative
            silent += ok and math.isfinite(value)
            continue
        if not math.isfinite(value):
            silent += ok
            continue
        off = abs(mp.mpf(value) - truth)
        silent += ok and bool(off > 1e-3 * (abs(truth) or 1))
        covered.append(bool(error >= off))
        if off:
            pessimism.append(float(mp.mpf(error) / off))
    return silent, float(np.mean(covered)), float(np.median(pessimism)), float(np.mean(counts))


def main() -> None:
    print(f"{len(EASY)} ordinary cases, {len(HARD)} hard ones")
    print(f"{'':14}{'ordinary:':>10}{'':8}{'hard:':>8}")
    print(
        f"{'method':14}{'error':>10}{'calls':>8}{'silent':>8}{'covered':>9}{'ratio':>9}{'calls':>8}"
    )
    for name, method in METHODS.items():
        if importlib.util.find_spec(name) is None:
            print(f"{name:14} left out: pip install {name}")
            continue
        error, calls = ordinary(method)
        silent, covered, ratio, more = hard(method)
        print(f"{name:14}{error:10.1e}{calls:8.1f}{silent:8}{covered:9.1%}{ratio:9.1f}{more:8.1f}")


if __name__ == "__main__":
    main()
