"""dk.reference: the truth is always inside, and the value is its correct rounding."""

from __future__ import annotations

import math
import operator
import subprocess
import sys
import threading
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

flint = pytest.importorskip("flint")

import diffkit as dk  # noqa: E402
from diffkit.errors import (  # noqa: E402
    DomainError,
    NotCertifiableError,
    ShapeError,
    UndecidableError,
    UnknownNameError,
)


def nearest(x: Any) -> float:
    """The double nearest to an mpmath number, by whole-number division."""
    sign, man, exp, _ = mpmath.mpf(x)._mpf_
    man = -man if sign else man
    return man / (1 << -exp) if exp < 0 else float(man << exp)


def encloses(r: Any, truth: Any) -> bool:
    """Whether an enclosure holds an mpmath number of more digits than its radius."""
    return bool(
        abs(r.midpoint - truth) <= mpmath.mpf(r.radius) + abs(truth) * mpmath.mpf(10) ** -95
    )


# Goldens: derivatives written down by hand and evaluated by mpmath at 60 digits.
GOLDENS = [
    (np.sin, lambda x: mpmath.cos(x), 1.0),
    (np.sin, lambda x: mpmath.cos(x), 1e22),
    (np.sin, lambda x: mpmath.cos(x), 1e300),
    (np.tan, lambda x: mpmath.sec(x) ** 2, 1.5707963267948966),
    (np.exp, mpmath.exp, -700.0),
    (np.tanh, lambda x: mpmath.sech(x) ** 2, 300.0),
    (np.log, lambda x: 1 / x, 5e-324 * 2**60),
    (np.exp2, lambda x: mpmath.log(2) * 2**x, 0.3),
    (np.deg2rad, lambda x: mpmath.pi / 180, 17.0),
    (lambda x: x**0.1, lambda x: mpmath.mpf(0.1) * x ** (mpmath.mpf(0.1) - 1), 3.7),
    (lambda x: (1 - np.cos(x)) / x**2,
     lambda x: mpmath.sin(x) / x**2 - 2 * (1 - mpmath.cos(x)) / x**3, 1e-4),
    (lambda x: (1 - np.cos(x)) / x**2,
     lambda x: mpmath.sin(x) / x**2 - 2 * (1 - mpmath.cos(x)) / x**3, 1e-100),
    (lambda x: np.log(1 + np.exp(x)), lambda x: 1 / (1 + mpmath.exp(-x)), -200.0),
    (lambda x: np.arctan2(x, 2.0), lambda x: 2 / (4 + x * x), 0.7),
    (lambda x: np.sinc(x),
     lambda x: (mpmath.pi * x * mpmath.cospi(x) - mpmath.sinpi(x)) / (mpmath.pi * x**2), 0.3),
]  # fmt: skip


@pytest.mark.parametrize(("f", "derivative", "x"), GOLDENS)
@pytest.mark.parametrize("name", ["derivative", "gradient"])
def test_goldens(f: Any, derivative: Any, x: float, name: str) -> None:
    with mpmath.workdps(1200 if x > 1e100 or 0 < x < 1e-50 else 100):
        truth = derivative(mpmath.mpf(x))
        r = dk.reference(f, x, operator=name)
        assert r.correctly_rounded
        assert r.value == nearest(truth)
        assert encloses(r, truth)
        assert r.radius < abs(r.value) * 2.0**-53


# Random programs, differentiated a second time by dual numbers over mpmath at 100 digits.


class Dual:
    """A number and its derivative."""

    def __init__(self, v: Any, d: Any = 0) -> None:
        self.v, self.d = v, d

    def __add__(self, o: Any) -> Dual:
        return Dual(self.v + o.v, self.d + o.d)

    def __sub__(self, o: Any) -> Dual:
        return Dual(self.v - o.v, self.d - o.d)

    def __mul__(self, o: Any) -> Dual:
        return Dual(self.v * o.v, self.d * o.v + self.v * o.d)

    def __truediv__(self, o: Any) -> Dual:
        return Dual(self.v / o.v, (self.d - self.v / o.v * o.d) / o.v)


UNARY: dict[str, tuple[Any, Any, Any]] = {
    "sin": (np.sin, mpmath.sin, mpmath.cos),
    "cos": (np.cos, mpmath.cos, lambda x: -mpmath.sin(x)),
    "exp": (lambda x: np.exp(np.sin(x)), lambda x: mpmath.exp(mpmath.sin(x)),
            lambda x: mpmath.exp(mpmath.sin(x)) * mpmath.cos(x)),
    "tanh": (np.tanh, mpmath.tanh, lambda x: mpmath.sech(x) ** 2),
    "arctan": (np.arctan, mpmath.atan, lambda x: 1 / (1 + x * x)),
    "sqrt": (lambda x: np.sqrt(1 + x * x), lambda x: mpmath.sqrt(1 + x * x),
             lambda x: x / mpmath.sqrt(1 + x * x)),
    "log": (lambda x: np.log(2 + x * x), lambda x: mpmath.log(2 + x * x),
            lambda x: 2 * x / (2 + x * x)),
    "exp2": (lambda x: np.exp2(np.cos(x)), lambda x: 2 ** mpmath.cos(x),
             lambda x: -mpmath.log(2) * mpmath.sin(x) * 2 ** mpmath.cos(x)),
    "power": (lambda x: (3.0 + x * x) ** 0.1, lambda x: (3 + x * x) ** mpmath.mpf(0.1),
              lambda x: mpmath.mpf(0.1) * (3 + x * x) ** (mpmath.mpf(0.1) - 1) * 2 * x),
}  # fmt: skip
BINARY = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
LEAF = st.one_of(st.just("x"), st.floats(-3, 3).filter(lambda c: abs(c) > 1e-3))
PROGRAMS = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(sorted(UNARY)), inner),
        st.tuples(st.sampled_from(sorted(BINARY)), inner, inner),
    ),
    max_leaves=12,
)


def run(program: Any, x: Any, number: Any, unary: Any) -> Any:
    """A random program over floats or duals; divisions are by 1 + y*y + ..., never by 0."""
    if program == "x":
        return x
    if isinstance(program, float):
        return number(program)
    if len(program) == 2:
        return unary(program[0], run(program[1], x, number, unary))
    a, b = (run(p, x, number, unary) for p in program[1:])
    if program[0] == "/":
        b = b * b + number(1.5)
    return BINARY[program[0]](a, b)


def dual_unary(name: str, u: Dual) -> Dual:
    _, value, slope = UNARY[name]
    return Dual(value(u.v), slope(u.v) * u.d)


@given(program=PROGRAMS, x=st.floats(-50, 50), name=st.sampled_from(["derivative", "gradient"]))
@settings(max_examples=150, deadline=None)
def test_the_truth_is_inside_and_the_value_is_its_rounding(
    program: Any, x: float, name: str
) -> None:
    def f(t: Any) -> Any:
        return run(program, t, lambda c: c + 0.0 * t, lambda n, u: UNARY[n][0](u)) + 0.0 * t

    r = dk.reference(f, x, operator=name)
    with mpmath.workdps(400):
        number = lambda c: Dual(mpmath.mpf(c))  # noqa: E731
        truth = run(program, Dual(mpmath.mpf(x), mpmath.mpf(1)), number, dual_unary)
        # What is larger has more digits than the enclosure, whatever has cancelled on the way.
        zero = abs(truth.d) < mpmath.mpf(10) ** -80
        if zero:
            assert abs(r.midpoint) <= mpmath.mpf(r.radius) + mpmath.mpf(10) ** -80
        else:
            assert encloses(r, truth.d)
            assert r.value == nearest(truth.d)
        # The rigorous bound of the error of AD in doubles is at least its error, and tight.
        with np.errstate(all="ignore"):
            got = dk.derivative(f, x)
        if not zero and math.isfinite(got):
            error = abs(mpmath.mpf(got) - truth.d) / math.ulp(nearest(truth.d))
            assert error <= r.ulps(got) <= error * (1 + mpmath.mpf(10) ** -12) + mpmath.mpf(1e-15)


# Hidden zeros, and other limits


def test_a_hidden_zero_has_an_absolute_radius() -> None:
    r = dk.reference(lambda x: np.sin(x) ** 2 + np.cos(x) ** 2 - 1, 0.7)
    assert r.value == 0.0
    assert r.radius <= 5e-324
    assert r.correctly_rounded
    assert math.isnan(r.relative(1e-17))
    assert r.ulps(5e-324) == pytest.approx(1.0, rel=1e-6)


def test_subnormal_truth_is_rounded_once() -> None:
    r = dk.reference(np.exp, -744.0)
    with mpmath.workdps(60):
        assert r.value == nearest(mpmath.exp(-744)) > 0


def test_a_truth_beyond_the_doubles_rounds_to_infinity() -> None:
    assert dk.reference(lambda x: np.exp(-x) * np.exp(x * 2.0) * np.exp(-x), 600.0).value == 0.0
    assert dk.reference(lambda x: x**3, 1e160).value == math.inf


def test_more_bits_give_a_smaller_radius() -> None:
    few, many = (dk.reference(np.sin, 1.0, bits=b) for b in (128, 512))
    assert many.bits == 512
    assert many.radius < few.radius * 1e-100


@pytest.mark.parametrize("x", [0.0, np.float32(0.1), 3])
def test_inputs_are_exact(x: Any) -> None:
    with mpmath.workdps(60):
        assert dk.reference(np.exp, x).value == nearest(mpmath.exp(mpmath.mpf(float(x))))


# Undecidable

UNDECIDABLE = [
    (np.abs, 0.0), (lambda x: np.maximum(x, 1.0), 1.0), (lambda x: x if x > 0 else -x, 0.0),
    (lambda x: np.where(x == 0, 0.0, x), 0.0), (lambda x: np.floor(x) * x, 2.0),
    (lambda x: np.sqrt(x * x + 0.0 * x) if x >= 1.0 else x, 1.0), (np.sign, 0.0),
    (lambda x: np.remainder(x, 0.5), 1.5), (lambda x: np.hypot(x, 0.0), 0.0),
    (lambda x: np.arctan2(x, -1.0), 0.0), (lambda x: np.heaviside(x, 0.5), 0.0),
    (lambda x: np.max(np.stack([x, 2.0 * x - 1.0])), 1.0),
    (lambda x: np.sort(np.stack([x, 1.0 * x]))[0], 1.0),
    (lambda x: np.clip(x, 0.0, 1.0), 1.0), (lambda x: np.copysign(x, 1.0), 0.0),
    (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 0.0]), 1.0),
    (lambda x: np.linalg.norm(np.stack([x, 2 * x])), 0.0),
    (lambda x: np.std(np.stack([x, 1.0 * x])), 1.3),
    (lambda x: x if np.sin(x) ** 2 + np.cos(x) ** 2 > 1 else 2 * x, 0.7),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x"), UNDECIDABLE)
@pytest.mark.parametrize("name", ["derivative", "gradient", "second_derivative"])
def test_branches_jumps_kinks_and_ties_are_undecidable(f: Any, x: float, name: str) -> None:
    with pytest.raises(UndecidableError, match="undecidable"):
        dk.reference(f, x, operator=name, max_bits=1024)


def test_beside_a_kink_it_is_decided() -> None:
    assert dk.reference(np.abs, 5e-324).value == 1.0
    assert dk.reference(np.abs, -5e-324).value == -1.0
    assert dk.reference(lambda x: np.maximum(x, 1.0), np.nextafter(1.0, 2.0)).value == 1.0
    assert dk.reference(lambda x: np.maximum(x, x), 1.0).value == 1.0
    assert dk.reference(lambda x: x if x > np.sin(x) else -x, 1e-5).value == 1.0
    g = dk.reference(lambda x: np.sum(x ** np.array([2.0, 3.0, 1.0])), np.zeros(3))
    np.testing.assert_array_equal(g.value, [0.0, 0.0, 1.0])


def test_a_branch_that_rounding_takes_wrongly_is_not_certified() -> None:
    with pytest.raises(NotCertifiableError, match="branch"):
        dk.reference(lambda x: x * x if (x + 1e-17) - x > 0 else x, 1.0)


# Not certifiable


def test_the_operation_in_the_way_is_named() -> None:
    @dk.primitive
    def mine(x: Any) -> Any:
        return x * 2.0

    mine.defvjp(lambda g, y, x: g * 2.0)
    for f, name in [
        (lambda x: np.sum(np.linalg.svd(np.outer(x, x))[1]), "svd"),
        (lambda x: np.sum(mine(x)), "mine"),
        (lambda x: np.sum(np.abs(np.fft.fft(x))), "fft"),
        (lambda x: np.quantile(x, 0.3), "quantile"),
    ]:
        with pytest.raises(NotCertifiableError, match=name):
            dk.reference(f, np.array([1.0, 2.5, 4.0]))


def test_complex_values_are_not_certified() -> None:
    with pytest.raises(NotCertifiableError, match="complex"):
        dk.reference(lambda x: np.real(np.exp(1j * x)), 1.0)
    with pytest.raises(NotCertifiableError, match="complex"):
        dk.reference(lambda z: np.real(z), 1.0 + 2j)


def test_points_outside_the_domain_and_infinite_slopes() -> None:
    with pytest.raises(DomainError):
        dk.reference(np.log, -1.0)
    with pytest.raises(NotCertifiableError, match="infinite"):
        dk.reference(np.sqrt, 0.0)


def test_wrong_calls() -> None:
    with pytest.raises(UnknownNameError, match="gradient"):
        dk.reference(np.sin, 1.0, operator="gradiant")
    with pytest.raises(ShapeError):
        dk.reference(np.sin, np.ones(3))
    with pytest.raises(ShapeError, match="elementwise"):
        dk.reference(np.cumsum, np.ones(3), operator="derivative")
    with pytest.raises(ShapeError):
        dk.reference(np.sin, 1.0).ulps(np.ones(2))


# All operators


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


X = np.array([0.3, -1.2, 0.7])
V = np.array([0.1, 0.7, -2.0])
CALLS = [
    ("derivative", np.sin, X, ()), ("derivative", lambda t: np.stack([t, t * t]), 0.3, ()),
    ("second_derivative", lambda t: t**5, 0.3, ()), ("gradient", rosenbrock, X, ()),
    ("second_derivative", lambda t: np.stack([np.sin(t), t**0.3]), 0.3, ()),
    ("jacobian", lambda x: np.stack([x[0] * x[1], np.sin(x[2])]), X, ()),
    ("jacobian", lambda x: np.outer(x, x), X, ()), ("jacobian", lambda x: x * 2.0, 0.3, ()),
    ("hessian", rosenbrock, X, ()), ("jvp", lambda x: x * x[::-1], X, (V,)),
    ("vjp", lambda x: x * x[::-1], X, (V,)), ("hvp", rosenbrock, X, (V,)),
    ("gradient", lambda x, c: np.sum(x**2 * c), X, (V,)),
    ("gradient", lambda p: np.sum(p["w"] @ p["w"].T) * p["b"], {"w": np.outer(X, V), "b": 0.3}, ()),
    ("jacobian", lambda p: p[0] * p[1], (X, 0.3), ()),
    ("hessian", lambda p: np.sum(p[0] ** 2) * p[1], (X, 0.3), ()),
    ("hvp", lambda p: np.sum(p[0] ** 2) * p[1], (X, 0.3), ((V, 0.1),)),
    ("jvp", lambda p: np.sum(p[0] ** 2) * p[1], (X, 0.3), ((V, 0.1),)),
    ("vjp", lambda p: p[0] * p[1], (X, 0.3), (V,)),
    ("gradient", lambda x: 3.0, X, ()), ("jacobian", lambda x: np.ones(2), X, ()),
    ("hessian", lambda x: np.sum(x), X, ()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "f", "x", "args"), CALLS)
def test_every_operator_agrees_with_automatic_differentiation(
    name: str, f: Any, x: Any, args: Any
) -> None:
    import optree

    want = getattr(dk, name)(f, x, *args, backend="forward" if name == "jvp" else "reverse")
    r = dk.reference(f, x, *args, operator=name)
    got, structure = optree.tree_flatten(r.value)
    expected, wanted = optree.tree_flatten(want)
    assert structure == wanted
    for a, b in zip(got, expected, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)
    for bound in optree.tree_leaves(r.ulps(want)):
        assert np.all(bound < 50)
    assert r.operator == name
    y = f(x, *args) if name == "gradient" else f(x)
    np.testing.assert_allclose(r.function.value, y, rtol=1e-14)


def test_argnums_make_a_tuple() -> None:
    r = dk.reference(lambda a, b: np.sin(a) * b, 0.3, 0.7, argnums=(0, 1))
    assert r.value == pytest.approx((0.7 * math.cos(0.3), math.sin(0.3)), rel=1e-15)


def test_the_exact_hessian_of_rosenbrock() -> None:
    x = [Fraction(v) for v in X]
    exact = [[Fraction(0)] * 3 for _ in range(3)]
    for k in range(2):
        exact[k][k] += 1200 * x[k] ** 2 - 400 * x[k + 1] + 2
        exact[k + 1][k + 1] += 200
        exact[k][k + 1] = exact[k + 1][k] = -400 * x[k]
    got = dk.reference(rosenbrock, X, operator="hessian").value
    np.testing.assert_array_equal(got, [[float(v) for v in row] for row in exact])


# Linear algebra


def _cofactors(m: list[list[Fraction]]) -> list[list[Fraction]]:
    def det(a: list[list[Fraction]]) -> Fraction:
        if not a:
            return Fraction(1)
        return sum(
            ((-1) ** j * a[0][j] * det([r[:j] + r[j + 1 :] for r in a[1:]]) for j in range(len(a))),
            Fraction(0),
        )

    n = len(m)
    return [
        [(-1) ** (i + j) * det([r[:j] + r[j + 1 :] for k, r in enumerate(m) if k != i])
         for j in range(n)]
        for i in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize("n", [2, 4])
def test_the_gradient_of_the_determinant_of_a_hilbert_matrix(n: int) -> None:
    a = np.array([[1 / (i + j + 1) for j in range(n)] for i in range(n)])
    exact = _cofactors([[Fraction(v) for v in row] for row in a.tolist()])
    got = dk.reference(np.linalg.det, a).value
    np.testing.assert_array_equal(got, [[float(v) for v in row] for row in exact])


SPD = np.array([[4.0, 1.1, 0.3], [1.1, 3.0, -0.7], [0.3, -0.7, 2.0]])
MATRIX = [
    lambda a: np.sum(np.linalg.inv(a)), lambda a: np.sum(np.linalg.solve(a, X) ** 2),
    lambda a: np.linalg.slogdet(a)[1], lambda a: np.sum(np.linalg.cholesky(a) ** 3),
    lambda a: np.linalg.norm(a), lambda a: np.linalg.norm(a[0], 3), lambda a: np.linalg.norm(a, 1),
    lambda a: np.linalg.norm(a[0], 2.3), lambda a: np.trace(np.linalg.matrix_power(a, 3)),
    lambda a: np.einsum("ij,jk,ki->", a, a, a), lambda a: np.sum(np.linalg.inv(np.stack([a, a.T]))),
    lambda a: np.prod(a), lambda a: np.std(a), lambda a: np.sum(np.cumprod(a, axis=0)),
    lambda a: np.median(a[0]), lambda a: np.max(a * X), lambda a: np.sum(np.sort(a * X, axis=0)[0]),
    lambda a: np.sum(np.convolve(a[0], a[1])), lambda a: np.sum(np.tensordot(a, a, 1)),
    lambda a: np.sum(np.cross(a[0], a[1]) * X),
    lambda a: np.sum(np.where(a > 0.5, np.exp(a), a * a)), lambda a: np.ptp(a[1]),
]  # fmt: skip


@pytest.mark.parametrize("f", MATRIX)
def test_array_programs_agree_with_automatic_differentiation(f: Any) -> None:
    r = dk.reference(f, SPD)
    np.testing.assert_allclose(r.value, dk.gradient(f, SPD), rtol=1e-11, atol=1e-11)
    v = np.outer(X, V)
    product = np.sum(r.value * v)
    assert dk.reference(f, SPD, v, operator="jvp").value == pytest.approx(product, rel=1e-11)


def test_second_derivatives_of_linear_algebra() -> None:
    for f in (np.linalg.det, lambda a: np.linalg.slogdet(a)[1], lambda a: np.sum(np.linalg.inv(a))):
        r = dk.reference(f, SPD, operator="hessian")
        np.testing.assert_allclose(r.value, dk.hessian(f, SPD), rtol=1e-10, atol=1e-11)


def test_assignment_and_loops() -> None:
    def f(x: Any) -> Any:
        y = np.zeros_like(x)
        for k in range(len(x)):
            y[k] = x[k] * (y[k - 1] if k else 1.0)
        y[1:] += 0.1
        return np.sum(np.sin(y))

    r = dk.reference(f, X)
    assert np.all(r.ulps(dk.gradient(f, X)) < 20)
    exact = dk.reference(lambda x: np.sin(x[0]) + np.sin(x[0] * x[1] + 0.1)
                         + np.sin(x[0] * x[1] * x[2] + 0.1), X)  # fmt: skip
    np.testing.assert_array_equal(r.value, exact.value)


# The state of python-flint, and the looks


def test_the_global_precision_is_put_back() -> None:
    before = flint.ctx.prec
    flint.ctx.prec = 77
    try:
        dk.reference(np.sin, 1.0).ulps(0.5)
        with pytest.raises(UndecidableError):
            dk.reference(np.abs, 0.0)
        assert flint.ctx.prec == 77
    finally:
        flint.ctx.prec = before


def test_threads_do_not_disturb_each_other() -> None:
    want = dk.reference(np.sin, 1.0).value
    wrong: list[Any] = []

    def work(bits: int) -> None:
        for _ in range(30):
            r = dk.reference(np.sin, 1.0, bits=bits)
            if r.value != want or r.radius > 2.0 ** (4 - bits):
                wrong.append(r)

    threads = [threading.Thread(target=work, args=(b,)) for b in (64, 128, 700)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_it_prints_what_it_proves() -> None:
    r = dk.reference(np.sin, 1.0)
    assert repr(r) == (
        "Reference(gradient = 0.5403023058681398, radius 3e-39, 128 bits, correctly rounded)"
    )
    assert r.to_dict()["value"] == r.value
    assert "\n" in repr(dk.reference(rosenbrock, X, operator="hessian"))


def test_without_python_flint_the_error_carries_the_install_line() -> None:
    program = (
        "import sys; sys.modules['flint'] = None\n"
        "import numpy as np, diffkit as dk\n"
        "try:\n    dk.reference(np.sin, 1.0)\n"
        "except dk.errors.MissingPackageError as e:\n    print(e)"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install python-flint" in out.stdout
