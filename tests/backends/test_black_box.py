"""SciPy, numdifftools and jacobi behind the interface: their own numbers, and their own doubts."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable
from typing import Any

import jacobi
import numdifftools
import numpy as np
import pytest
import scipy.differentiate
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.errors import DerivativeWarning, DomainError, UnsupportedError
from diffkit.measure import silence
from diffkit.measure.hard_points import points

NAMES = ("scipy", "numdifftools", "jacobi")
each = pytest.mark.parametrize("name", NAMES)
X = np.array([0.5, -1.5, 2.0])


def curve(x: Any) -> Any:
    """R^3 → R^2."""
    return np.stack([np.sin(x[0]) * x[1], np.exp(x[2] / 3) + x[0] * x[2]])


def bowl(x: Any) -> Any:
    """R^3 → R, and vectorised over further axes."""
    return np.sin(x[0]) * x[1] ** 2 + np.exp(x[2] / 3) * x[0]


# The numbers are those of the library, called as its own documentation has it


def test_scipy_is_asked() -> None:
    raw = scipy.differentiate
    assert dk.derivative(np.exp, 1.0, backend="scipy") == raw.derivative(np.exp, 1.0).df
    found = dk.derivative(np.exp, X, backend="scipy")
    np.testing.assert_array_equal(found, raw.derivative(np.exp, X).df)
    np.testing.assert_array_equal(dk.jacobian(curve, X, backend="scipy"), raw.jacobian(curve, X).df)
    np.testing.assert_array_equal(dk.gradient(bowl, X, backend="scipy"), raw.jacobian(bowl, X).df)
    np.testing.assert_array_equal(dk.hessian(bowl, X, backend="scipy"), raw.hessian(bowl, X).ddf)


def test_numdifftools_is_asked() -> None:
    def same(found: Any, expected: Any) -> None:
        np.testing.assert_array_equal(found, expected)

    raw = numdifftools
    same(dk.derivative(np.exp, 1.0, backend="numdifftools"), raw.Derivative(np.exp)(1.0))
    same(dk.derivative(np.exp, X, backend="numdifftools"), raw.Derivative(np.exp)(X))
    same(
        dk.second_derivative(np.exp, 1.0, backend="numdifftools"), raw.Derivative(np.exp, n=2)(1.0)
    )
    same(dk.jacobian(curve, X, backend="numdifftools"), raw.Jacobian(curve)(X))
    same(dk.gradient(bowl, X, backend="numdifftools"), raw.Gradient(bowl)(X))
    same(dk.hessian(bowl, X, backend="numdifftools"), raw.Hessian(bowl)(X))


def test_jacobi_is_asked() -> None:
    # In units that are powers of two its arithmetic is the same, but for the fit of the polynomial.
    close = {"rtol": 1e-13, "atol": 1e-13}
    raw = jacobi.jacobi
    found = dk.derivative(np.exp, 3.0, backend="jacobi")
    np.testing.assert_allclose(found, raw(np.exp, 3.0)[0], **close)
    found = dk.derivative(np.exp, X, backend="jacobi")
    np.testing.assert_allclose(found, raw(np.exp, X, diagonal=True)[0], **close)
    found = dk.jacobian(curve, X, backend="jacobi")
    np.testing.assert_allclose(found, raw(curve, X)[0], **close)


def wave(x: Any) -> Any:
    return np.exp(np.sin(4 * x))


RAW = {
    "scipy": lambda **o: scipy.differentiate.derivative(wave, 0.7, **o).df,
    "numdifftools": lambda **o: numdifftools.Derivative(wave, **o)(0.7),
    "jacobi": lambda **o: jacobi.jacobi(wave, 0.7, **o)[0],
}
OPTIONS = [
    (dk.SciPy(order=4), {"order": 4}),
    (dk.SciPy(initial_step=0.3), {"initial_step": 0.3}),
    (dk.SciPy(step_factor=3.0), {"step_factor": 3.0}),
    (dk.SciPy(order=2, maxiter=2), {"order": 2, "maxiter": 2}),
    (dk.SciPy(rtol=1e-3), {"tolerances": {"rtol": 1e-3}}),
    (dk.SciPy(atol=1e-1), {"tolerances": {"atol": 1e-1}}),
    (dk.SciPy(step_direction=1), {"step_direction": 1}),
    (dk.Numdifftools(order=4), {"order": 4}),
    (dk.Numdifftools(step=1e-2), {"step": 1e-2}),
    (dk.Numdifftools(method="forward"), {"method": "forward"}),
    (dk.Numdifftools(richardson_terms=4), {"richardson_terms": 4}),
    (dk.Jacobi(method="forward"), {"method": 1}),
    (dk.Jacobi(maxiter=3), {"maxiter": 3}),
    (dk.Jacobi(maxgrad=1), {"maxgrad": 1}),
    (dk.Jacobi(step=(0.1, 0.3)), {"step": (0.1, 0.3)}),
    (dk.Jacobi(rtol=1e-3), {"rtol": 1e-3}),
]


@pytest.mark.filterwarnings("ignore::diffkit.errors.DerivativeWarning")
@pytest.mark.parametrize(("backend", "options"), OPTIONS, ids=str)
def test_options_reach_the_library(backend: Any, options: dict[str, Any]) -> None:
    found = dk.derivative(wave, 0.7, backend=backend)
    rounding = 1e-12 if backend.name == "jacobi" else 1e-15  # see above
    assert found == pytest.approx(float(RAW[backend.name](**options)), rel=rounding)
    assert found != dk.derivative(wave, 0.7, backend=backend.name)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (dk.SciPy, {"order": 0}),
        (dk.SciPy, {"order": 2.5}),
        (dk.SciPy, {"maxiter": 0}),
        (dk.SciPy, {"initial_step": -1.0}),
        (dk.SciPy, {"step_factor": 0.0}),
        (dk.SciPy, {"rtol": np.nan}),
        (dk.SciPy, {"step_direction": 2}),
        (dk.Numdifftools, {"method": "complex"}),
        (dk.Numdifftools, {"order": 3}),
        (dk.Numdifftools, {"order": 0, "method": "forward"}),
        (dk.Numdifftools, {"step": 0.0}),
        (dk.Numdifftools, {"richardson_terms": -1}),
        (dk.Jacobi, {"method": "sideways"}),
        (dk.Jacobi, {"maxiter": 0}),
        (dk.Jacobi, {"maxgrad": -1}),
        (dk.Jacobi, {"rtol": -1.0}),
        (dk.Jacobi, {"step": (0.7, 0.5)}),
        (dk.Jacobi, {"step": (0.25, 1e-3)}),  # the tenth step would be shorter than a spacing
    ],
)
def test_options_that_cannot_be(cls: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        cls(**options)


@each
def test_the_version_tells_that_of_the_library(name: str) -> None:
    assert importlib.metadata.version(name) in dk.backends()[name].version


# What a library doubts is not passed on in silence

DOUBTED: dict[str, tuple[Callable[..., Any], float]] = {
    "Weierstrass": (lambda x: sum(0.7**k * np.cos(7.0**k * x) for k in range(20)), 0.3),
    "noise": (lambda x: np.sin(x) + 1e-4 * (np.sin(1e9 * x) % 0.1), 1.0),
}


@each
@pytest.mark.parametrize("label", DOUBTED)
def test_what_the_library_doubts_is_warned_of(name: str, label: str) -> None:
    f, x = DOUBTED[label]
    with pytest.warns(DerivativeWarning, match=rf"backend '{name}' at x = .*may be off by"):
        dk.derivative(f, x, backend=name)
    with pytest.warns(DerivativeWarning, match=f"backend '{name}'.*element 1 of 2"):
        dk.jacobian(lambda t: np.stack([t, f(t)]), x, backend=name)
    with pytest.warns(DerivativeWarning, match=f"backend '{name}'.*element 1 of 2"):
        dk.derivative(lambda t: np.where(t == t[0], t, f(t)), np.array([x + 2, x]), backend=name)


@pytest.mark.parametrize("name", ["scipy", "numdifftools"])
def test_second_derivatives_are_doubted_too(name: str) -> None:
    f, x = DOUBTED["Weierstrass"]
    with pytest.warns(DerivativeWarning, match=f"backend '{name}'"):
        dk.second_derivative(f, x, backend=name)
    with pytest.warns(DerivativeWarning, match=f"backend '{name}'"):
        dk.hessian(lambda x: f(x[0]) * x[1], np.array([x, 2.0]), backend=name)


@each
@pytest.mark.parametrize(("f", "x"), [(np.sqrt, 0.0), (np.arccos, 1.0)], ids=["root", "arccos"])
def test_an_edge_with_an_infinite_slope_is_refused_or_warned_of(
    f: Any, x: float, name: str
) -> None:
    with pytest.raises((DomainError, DerivativeWarning), match=f"backend '{name}' at x"):
        dk.derivative(f, x, backend=name)


@each
@pytest.mark.parametrize(
    ("f", "x"), [(np.arctan, 1e9), (lambda x: x + np.cos(x), 1e-20), (np.exp, 1e-300)],
    ids=["far out", "near zero", "nearer zero"],
)  # fmt: skip
def test_steps_that_change_nothing_are_no_derivative_of_zero(f: Any, x: float, name: str) -> None:
    slope = float(dk.derivative(f, x))
    try:
        assert dk.derivative(f, x, backend=name) == pytest.approx(slope, rel=1e-3, abs=0)
        found = dk.derivative(f, np.array([x, 1.0]), backend=name)
        np.testing.assert_allclose(found, dk.derivative(f, np.array([x, 1.0])), rtol=1e-3)
    except DerivativeWarning:
        return


@each
@pytest.mark.parametrize(
    "f", [lambda x: 3.0, lambda x: x**2, np.cos, lambda x: max(x, -1.0) ** 2],
    ids=["constant", "square", "cosine", "clipped"],
)  # fmt: skip
def test_a_derivative_that_is_zero_is_not_doubted(f: Any, name: str) -> None:
    assert dk.derivative(f, 0.0, backend=name) == pytest.approx(0.0, abs=1e-11)
    pair = np.array([0.0, 2.0])
    found = dk.gradient(lambda x: f(x[0]) * x[1], pair, backend=name)
    np.testing.assert_allclose(found, [0.0, f(0.0)], rtol=1e-9, atol=1e-11)


class Spy:
    """Stands for a function of scipy.differentiate and keeps its last result."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._function = getattr(scipy.differentiate, name)
        self.last: Any = None
        monkeypatch.setattr(scipy.differentiate, name, self)

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.last = self._function(*args, **options)
        return self.last


@pytest.mark.parametrize("label", list(points()))
def test_where_scipy_reports_a_failure_there_is_a_word_of_it_or_a_right_answer(
    label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point, spy = points()[label], Spy("jacobian", monkeypatch)
    apply, truth = getattr(dk, point.operator), point.truth.of
    found = silence.outcome(lambda: apply(point.function, point.x, backend="scipy"), truth)
    assert found["outcome"] != silence.CRASHED
    if spy.last is not None and not np.all(spy.last.success):
        assert found["outcome"] in (silence.RIGHT, silence.WARNED, silence.REFUSED)


@each
@pytest.mark.parametrize("label", list(points()))
def test_where_the_library_tells_a_large_error_there_is_a_word_of_it(name: str, label: str) -> None:
    point = points()[label]
    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DerivativeWarning)
        backend: Any = dk.backends()[name]
        try:
            elementwise = point.operator == "derivative"
            told = backend.estimate(point.function, point.x, elementwise=elementwise)
            getattr(dk, point.operator)(point.function, point.x, backend=name)
        except (DomainError, UnsupportedError):
            return
    # A value that is smaller than the rounding of f cannot be told from zero.
    large = (told.error > 1e-3 * np.abs(told.value)) & (np.asarray(told.status) != "zero")
    assert bool(caught) >= bool(np.any(large))


# Scales at which the library's own steps would fail


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (np.log, 1e-8, 1e8),
        (np.log, 1e-100, 1e100),
        (np.sqrt, 1e-30, 5e14),
        (lambda x: x**2, 1e20, 2e20),
        (lambda x: x**2, -1e100, -2e100),
        (np.sin, 1e6, np.cos(1e6)),
    ],
    ids=["log", "log tiny", "root", "square", "square huge", "sine"],
)
def test_scipy_takes_steps_that_f_can_bear(f: Any, x: float, slope: float) -> None:
    assert dk.derivative(f, x, backend="scipy") == pytest.approx(slope, rel=1e-5)


def test_a_step_that_was_given_is_kept() -> None:
    with pytest.raises(DomainError, match="not finite"):
        dk.derivative(np.log, 1e-8, backend=dk.SciPy(initial_step=0.5))


@pytest.mark.parametrize("x", [1e-300, 1e-30, 1e-5, 1.0, 1e5, 1e30, 1e150, 1e300, -1e-30])
def test_jacobi_ends_at_any_scale(x: float) -> None:
    """In other units np.polyfit never returns at 1e-30, where the powers of a step underflow."""
    slope = dk.derivative(lambda t: 3.0 * t, x, backend="jacobi")
    assert slope == pytest.approx(3.0, rel=1e-6)
    root = dk.derivative(lambda t: np.sqrt(np.abs(t)), x, backend="jacobi")
    assert root == pytest.approx(np.sign(x) * 0.5 / np.sqrt(abs(x)), rel=1e-6)


# What f is given, and what it may do


@each
def test_f_gets_points_like_x_that_are_its_own(name: str) -> None:
    def greedy(x: Any) -> Any:
        assert isinstance(x, np.ndarray)
        assert x.shape == (2, 1)
        y = np.sum(x**2)
        x *= 0.0
        return y

    point = np.array([[1.0], [2.0]])
    found = dk.gradient(greedy, point.copy(), backend=name)
    np.testing.assert_allclose(found, [[2.0], [4.0]], rtol=1e-8)

    kinds = set()

    def seen(x: Any) -> Any:
        kinds.add(type(x))
        return x * x

    dk.derivative(seen, 3.0, backend=name)
    assert kinds == {float}


@each
def test_single_precision_stays(name: str) -> None:
    x = np.array([1.0, 2.0], dtype=np.float32)
    found = dk.gradient(lambda x: np.sum(x**3), x, backend=name)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [3.0, 12.0], rtol=1e-6)


@each
def test_nothing_has_an_empty_derivative(name: str) -> None:
    none = np.zeros(0)
    assert dk.jacobian(lambda x: x[:0], X, backend=name).shape == (0, 3)
    assert dk.jacobian(lambda x: np.ones(2), none, backend=name).shape == (2, 0)
    assert dk.derivative(np.sin, none, backend=name).shape == (0,)
    if dk.backends()[name].support("hessian") != "unsupported":
        assert dk.hessian(np.sum, none, backend=name).shape == (0, 0)
        assert dk.second_derivative(lambda x: none, 1.0, backend=name).shape == (0,)


@each
@pytest.mark.parametrize(
    ("f", "x"), [(np.sin, 1.0 + 2.0j), (lambda x: x * 1j, 1.0)], ids=["point", "value"]
)
def test_complex_numbers_are_refused(name: str, f: Any, x: Any) -> None:
    with pytest.raises(UnsupportedError, match=f"'{name}'.* is complex; use backend='reverse'"):
        dk.derivative(f, x, backend=name)


@each
def test_a_derivative_by_a_black_box_is_not_recorded_as_a_constant(name: str) -> None:
    for f in (
        lambda t: dk.derivative(np.sin, t, backend=name),
        lambda t: dk.derivative(lambda s: t * s**2, 2.0, backend=name),
    ):
        with pytest.raises(UnsupportedError, match=f"'{name}' cannot be differentiated again"):
            dk.derivative(f, 1.0, backend="reverse")


@each
@settings(max_examples=20)
@given(a=st.floats(-3.0, 3.0), b=st.floats(0.1, 3.0), x=st.floats(0.1, 3.0))
def test_estimates_bound_the_errors_of_polynomials_times_exponentials(
    name: str, a: float, b: float, x: float
) -> None:
    backend: Any = dk.backends()[name]
    found = backend.estimate(lambda t: (a + t**2) * np.exp(-b * t), x)
    truth = (2 * x - b * (a + x**2)) * np.exp(-b * x)
    size = 1.0 + abs(truth)
    if found.status == "ok":
        # jacobi tells one standard deviation; round-off is in none of the three.
        assert abs(found.value - truth) <= 10 * found.error + 1e-9 * size


@each
@settings(max_examples=20)
@given(x=st.floats(allow_nan=False, allow_infinity=False))
def test_any_point_has_an_answer_or_an_error_of_diffkit(name: str, x: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DerivativeWarning)
        try:
            slope = dk.derivative(lambda t: 3.0 * t + np.arctan(t), x, backend=name)
        except dk.errors.DiffkitError:
            return
    assert np.isfinite(slope)


def test_compare_shows_their_own_estimates() -> None:
    rows = {row.backend: row for row in dk.compare(np.sin, 1.0, backends=NAMES).rows}
    assert set(rows) == set(NAMES)
    for row in rows.values():
        assert row.status == "ok"
        assert 0 < row.estimated < 1e-10


def test_an_estimate_of_another_order_is_refused() -> None:
    assert dk.SciPy().estimate(np.sin, 1.0, derivative=2).value == pytest.approx(-np.sin(1.0))
    for backend, order, x in [(dk.SciPy(), 3, 1.0), (dk.SciPy(), 2, X), (dk.Jacobi(), 2, 1.0)]:
        with pytest.raises(UnsupportedError, match="estimates derivatives of order 1"):
            backend.estimate(np.sin, x, derivative=order)
