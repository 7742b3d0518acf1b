"""The public operators: what they return, in which shape, type and structure."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import ShapeError, UnknownNameError, UnsupportedError

from .supporting import BACKENDS, each_where_supported, everywhere, supporting, twice

VECTOR = np.array([1.0, 2.0, 3.0])
MATRIX = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def mixed(x: Any) -> Any:
    """R^3 → R^2."""
    return np.stack([x[0] * x[1] * x[2], x[0] + x[1] ** 2])


def energy(x: Any) -> Any:
    """Any array → R."""
    return np.sum(x**3) + np.sum(x) ** 2


OPERATIONS = {
    "derivative": (np.sin, 0.5, ()),
    "second_derivative": (np.sin, 0.5, ()),
    "gradient": (energy, VECTOR, ()),
    "jacobian": (mixed, VECTOR, ()),
    "hessian": (energy, VECTOR, ()),
    "jvp": (mixed, VECTOR, (VECTOR,)),
    "vjp": (mixed, VECTOR, (VECTOR[:2],)),
    "hvp": (energy, VECTOR, (VECTOR,)),
}


@each_where_supported(OPERATIONS)
def test_value_and_operator_adds_the_value(operator: str, backend: str) -> None:
    f, x, vectors = OPERATIONS[operator]
    alone = getattr(dk, operator)(f, x, *vectors, backend=backend)
    y, beside = getattr(dk, f"value_and_{operator}")(f, x, *vectors, backend=backend)
    np.testing.assert_array_equal(alone, beside)
    np.testing.assert_array_equal(y, f(x))


@each_where_supported(OPERATIONS)
def test_a_prepared_operator_gives_the_same(operator: str, backend: str) -> None:
    f, x, vectors = OPERATIONS[operator]
    apply = getattr(dk, operator)
    prepared = dk.prepare(apply, f, x, backend=backend)
    for point in (x, 2.0 * x):
        np.testing.assert_array_equal(
            prepared(point, *vectors), apply(f, point, *vectors, backend=backend)
        )


@everywhere
def test_a_prepared_operator_takes_other_branches_and_constants(backend: str) -> None:
    def f(x: Any, a: float) -> Any:
        return a * x**2 if x > 0 else -x

    g = dk.prepare(dk.derivative, f, 1.0, 3.0, backend=backend)
    assert g(1.0, 3.0) == pytest.approx(6.0, rel=1e-6)
    assert g(-1.0, 3.0) == pytest.approx(-1.0, rel=1e-6)
    assert g(1.0, 5.0) == pytest.approx(10.0, rel=1e-6)


def test_only_operators_can_be_prepared() -> None:
    with pytest.raises(UnknownNameError, match="operator"):
        dk.prepare(np.gradient, np.sin, 1.0)


# Shapes


@everywhere
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (2, 1, 2)])
def test_gradients_and_hessians_have_the_shape_of_x(shape: tuple[int, ...], backend: str) -> None:
    x = np.ones(shape)
    v = np.full(shape, 0.5)
    assert np.shape(dk.gradient(energy, x, backend=backend)) == shape
    if backend in supporting("hessian", "hvp"):
        assert np.shape(dk.hessian(energy, x, backend=backend)) == shape + shape
        assert np.shape(dk.hvp(energy, x, v, backend=backend)) == shape
    assert np.shape(dk.jvp(energy, x, v, backend=backend)) == ()
    assert np.shape(dk.vjp(energy, x, 2.0, backend=backend)) == shape


@everywhere
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
@pytest.mark.parametrize("result", [(), (2,), (3, 1)])
def test_a_jacobian_has_the_shape_of_the_value_and_then_of_x(
    shape: tuple[int, ...], result: tuple[int, ...], backend: str
) -> None:
    factors = np.arange(1.0, 1.0 + np.prod(result)).reshape(result)

    def f(x: Any) -> Any:
        return factors * np.sum(x**2)

    x = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    jacobian = dk.jacobian(f, x, backend=backend)
    assert np.shape(jacobian) == result + shape
    expected = np.multiply.outer(factors, 2.0 * x)
    np.testing.assert_allclose(jacobian, expected, rtol=0, atol=1e-6 * np.max(expected))


@twice
def test_the_hessian_of_a_matrix_is_symmetric_in_pairs_of_axes(backend: str) -> None:
    h = dk.hessian(lambda a: np.sum((a.T @ a) ** 2), MATRIX, backend=backend)
    np.testing.assert_allclose(h, np.transpose(h, (2, 3, 0, 1)), rtol=0, atol=1e-3 * np.max(h))


# Types


@each_where_supported(["derivative", "second_derivative", "gradient", "hessian"])
def test_a_number_gives_a_number(operator: str, backend: str) -> None:
    apply = getattr(dk, operator)
    assert type(apply(np.sin, 0.5, backend=backend)) is float
    assert type(apply(np.sin, 1, backend=backend)) is float
    assert type(apply(np.sin, np.float64(0.5), backend=backend)) is np.float64


@everywhere
def test_whole_numbers_are_taken_as_floats(backend: str) -> None:
    gradient = dk.gradient(lambda x: np.sum(x**2), np.array([1, 2, 3]), backend=backend)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, [2.0, 4.0, 6.0], rtol=1e-8)


@everywhere
def test_a_point_is_not_changed(backend: str) -> None:
    x = VECTOR.copy()
    for name, (f, point, vectors) in OPERATIONS.items():
        if backend not in supporting(name):
            continue
        getattr(dk, name)(f, x if np.ndim(point) else point, *vectors, backend=backend)
    np.testing.assert_array_equal(x, VECTOR)


@everywhere
def test_a_result_is_the_users_to_change(backend: str) -> None:
    x = VECTOR.copy()
    for found in (
        dk.gradient(lambda x: 0.5 * (x @ x), x, backend=backend),
        dk.gradient(np.sum, x, backend=backend),
        dk.jvp(lambda x: np.broadcast_to(x, (2, 3)), x, x, backend=backend),
        dk.derivative(lambda x: x, x, backend=backend),
        dk.vjp(lambda x: x, x, x, backend=backend),
        dk.jvp(lambda x: x, x, x, backend=backend),
    ):
        found += 1.0
    np.testing.assert_array_equal(x, VECTOR)


# Elementwise derivatives


@everywhere
def test_an_array_is_many_points(backend: str) -> None:
    x = np.linspace(-2.0, 2.0, 12).reshape(3, 4)
    found = dk.derivative(lambda x: np.exp(np.sin(x)), x, backend=backend)
    np.testing.assert_allclose(found, np.cos(x) * np.exp(np.sin(x)), rtol=0, atol=1e-6)


def last_feels_first(x: Any) -> Any:
    return np.concatenate([x[:-1], x[-1:] + x[:1]])


def first_feels_last(x: Any) -> Any:
    return np.concatenate([x[:1] + x[-1:], x[1:]])


@everywhere
@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 17, 64])
@pytest.mark.parametrize(
    "f",
    [
        np.cumsum,
        lambda x: x[::-1],
        lambda x: x - np.mean(x),
        lambda x: x / np.sqrt(np.sum(x**2)),
        last_feels_first,
        first_feels_last,
        lambda x: np.concatenate([1e6 * x[:1], x[1:] + x[:1]]),
    ],
    ids=["cumsum", "reversed", "centred", "normalised", "last", "first", "scales"],
)
def test_elements_that_mix_are_refused(f: Any, n: int, backend: str) -> None:
    if n == 17 and backend == "symbolic":
        n = 6
    with pytest.raises(ShapeError, match=r"elementwise.*use gradient or jacobian"):
        dk.derivative(f, np.linspace(1.0, 2.0, n), backend=backend)


@everywhere
def test_hard_elementwise_functions_are_not_taken_for_mixed(backend: str) -> None:
    x = np.geomspace(1e-3, 10.0, 40)
    for name in ("one_minus_cosine_over_square", "exp_minus_one_over_x", "log", "runge"):
        found = dk.derivative(dk.problems[name], x[20:], backend=backend)
        assert found.shape == (20,)


# Constants and active arguments


@everywhere
def test_argnums_choose_the_active_argument(backend: str) -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return x * y**2 * z**3

    arguments = (2.0, 3.0, 5.0)
    partials = [9 * 125, 2 * 2 * 3 * 125, 2 * 9 * 3 * 25]
    for k in range(3):
        for argnum in (k, k - 3):
            d = dk.derivative(f, *arguments, backend=backend, argnums=argnum)
            assert d == pytest.approx(partials[k], rel=1e-6)
    both = dk.gradient(f, *arguments, backend=backend, argnums=(2, 0))
    assert isinstance(both, tuple)
    assert both == pytest.approx((partials[2], partials[0]), rel=1e-6)


@everywhere
def test_argnums_of_one_in_a_tuple_give_a_tuple_of_one(backend: str) -> None:
    found = dk.gradient(lambda x, y: x * y, 2.0, 3.0, backend=backend, argnums=(1,))
    assert isinstance(found, tuple)
    assert found == pytest.approx((2.0,))


@everywhere
def test_constants_may_be_anything(backend: str) -> None:
    def f(x: Any, mode: str, options: dict[str, Any], none: None) -> Any:
        assert none is None
        return options["a"] * x**2 if mode == "square" else x

    d = dk.derivative(f, 3.0, "square", {"a": 2.0}, None, backend=backend)
    assert d == pytest.approx(12.0, rel=1e-6)


# Nests


@everywhere
def test_a_nest_gives_a_nest(backend: str) -> None:
    x = {"layers": [(MATRIX, np.ones(2)), (np.ones((1, 2)), np.zeros(1))], "scale": 2.0}

    def f(p: Any) -> Any:
        h = np.ones(3)
        for w, b in p["layers"]:
            h = w @ h + b
        return np.sum(p["scale"] * h)

    y, g = dk.value_and_gradient(f, x, backend=backend)
    assert y == 2.0 * (6 + 15 + 2)
    assert list(g) == ["layers", "scale"] or set(g) == {"layers", "scale"}
    assert isinstance(g["layers"], list)
    assert isinstance(g["layers"][0], tuple)
    assert g["scale"] == pytest.approx(23.0, rel=1e-6)
    np.testing.assert_allclose(g["layers"][0][0], np.full((2, 3), 2.0), rtol=1e-5)
    np.testing.assert_allclose(g["layers"][1][0], [[14.0, 32.0]], rtol=1e-5)


@twice
def test_the_hessian_of_a_nest_has_blocks(backend: str) -> None:
    def f(p: Any) -> Any:
        return p["a"] ** 2 * np.sum(p["b"] ** 2)

    h = dk.hessian(f, {"a": 3.0, "b": np.array([1.0, 2.0])}, backend=backend)
    assert h["a"]["a"] == pytest.approx(10.0, rel=1e-4)
    np.testing.assert_allclose(h["a"]["b"], [12.0, 24.0], rtol=1e-4)
    np.testing.assert_allclose(h["b"]["a"], [12.0, 24.0], rtol=1e-4)
    np.testing.assert_allclose(h["b"]["b"], [[18.0, 0.0], [0.0, 18.0]], rtol=1e-4, atol=1e-4)


@twice
def test_the_blocks_of_a_hessian_keep_the_axes_of_both_leaves(backend: str) -> None:
    def f(p: Any) -> Any:
        return p[0] @ p[1] @ np.array([1.0, 2.0, 3.0])

    h = dk.hessian(f, (np.ones(2), MATRIX), backend=backend)
    assert [[np.shape(block) for block in row] for row in h] == [
        [(2, 2), (2, 2, 3)],
        [(2, 3, 2), (2, 3, 2, 3)],
    ]
    expected = np.multiply.outer(np.eye(2), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(h[0][1], expected, rtol=0, atol=1e-3)
    np.testing.assert_allclose(h[1][0], np.moveaxis(expected, 0, -1), rtol=0, atol=1e-3)


# Differentiating derivatives


def test_derivatives_can_be_differentiated_again() -> None:
    for backend in ("forward", "reverse"):
        d = np.exp
        for _ in range(5):
            d = (lambda f: lambda x: dk.derivative(f, x, backend=backend))(d)  # noqa: B023
        assert d(1.0) == pytest.approx(np.e, rel=1e-15)


@pytest.mark.parametrize("inner", ["forward", "reverse"])
@pytest.mark.parametrize("outer", ["forward", "reverse"])
def test_inner_and_outer_tangents_are_not_confused(inner: str, outer: str) -> None:
    """d/dx [x d/dy (x + y) at y = 1] = 1 (Siskind & Pearlmutter 2008, section 2)."""

    def f(x: Any) -> Any:
        return x * dk.derivative(lambda y: x + y, 1.0, backend=inner)

    assert dk.derivative(f, 1.0, backend=outer) == 1.0


@pytest.mark.parametrize("inner", ["forward", "reverse"])
@pytest.mark.parametrize("outer", ["forward", "reverse", "finite_difference"])
def test_modes_compose(inner: str, outer: str) -> None:
    f, x = dk.problems["griewank"], np.array([1.5, 0.5])
    composed = dk.jacobian(lambda t: dk.gradient(f, t, backend=inner), x, backend=outer)
    np.testing.assert_allclose(composed, dk.hessian(f, x), rtol=0, atol=1e-6)


# Functions


def test_expressions_are_functions_too() -> None:
    import sympy

    x, y = sympy.symbols("x y")
    f = dk.function(sympy.sin(x) + x * y)
    assert f.variables == ("x", "y")
    for backend in BACKENDS:
        gradient = dk.gradient(f, np.array([1.0, 2.0]), backend=backend)
        np.testing.assert_allclose(gradient, [np.cos(1.0) + 2.0, 1.0], rtol=1e-8)
    swapped = dk.function(sympy.sin(x) + x * y, variables=(y, x))
    np.testing.assert_allclose(
        dk.gradient(swapped, np.array([2.0, 1.0])), [1.0, np.cos(1.0) + 2.0], rtol=1e-15
    )


def test_a_function_keeps_its_name_and_is_taken_as_it_is() -> None:
    f = dk.function(energy)
    assert f.name == "energy"
    assert dk.function(f) is f
    assert f(VECTOR) == energy(VECTOR)


TURNING = np.array([0.3, 0.7])


def turned(x: Any) -> Any:
    return np.exp(1j * x)


WITHOUT_COMPLEX_NUMBERS = {
    "complex_step", "casadi", "symengine", "scipy", "numdifftools", "jacobi",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(dk.backends()) - WITHOUT_COMPLEX_NUMBERS))
def test_complex_values_of_real_points_keep_both_parts(name: str) -> None:
    slopes = 1j * np.exp(1j * TURNING)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-8)
    close(dk.jacobian(turned, TURNING, backend=name), np.diag(slopes))
    close(dk.prepare(dk.jacobian, turned, TURNING, backend=name)(TURNING), np.diag(slopes))
    close(dk.derivative(turned, TURNING, backend=name), slopes)
    close(dk.derivative(turned, 0.3, backend=name), slopes[0])
    pulled = dk.vjp(turned, TURNING, np.array([1.0, 2j]), backend=name)
    close(pulled, (slopes * [1.0, 2j]).real)
    assert not np.iscomplexobj(pulled)  # a cotangent of real numbers


@pytest.mark.parametrize("name", sorted(WITHOUT_COMPLEX_NUMBERS & set(dk.backends())))
def test_who_has_no_complex_numbers_refuses_them(name: str) -> None:
    with pytest.raises(UnsupportedError, match=r"complex|imaginary part"):
        dk.jacobian(turned, TURNING, backend=name)


@pytest.mark.parametrize("name", ["forward", "reverse"])
def test_a_spectrum_is_linear_in_the_signal(name: str) -> None:
    spectrum = dk.jacobian(np.fft.rfft, np.arange(5.0), backend=name)
    np.testing.assert_allclose(spectrum, np.fft.rfft(np.eye(5)).T, atol=1e-14)


def test_the_jacobian_of_a_complex_number_keeps_its_imaginary_part() -> None:
    assert dk.jacobian(lambda z: z * z, 1j) == 2j
