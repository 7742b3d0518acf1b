"""The symbolic backend: exact where SymPy is, and polynomial where its tree is exponential."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
import sympy

import diffkit as dk
from diffkit.errors import MissingPackageError, ShapeError, UnknownNameError, UnsupportedError
from diffkit.testing import check_backend


def test_a_long_loop_does_not_swell() -> None:
    """``sympy.diff`` takes about 20 s for n = 16, and doubles with n."""
    d = dk.derivative(dk.problems["logistic_map_16"], 0.3, backend="symbolic")
    assert d == pytest.approx(dk.derivative(dk.problems["logistic_map_16"], 0.3), rel=1e-9)


def test_the_branch_of_the_point_is_differentiated() -> None:
    f = dk.problems["huber_loss"]
    assert dk.derivative(f, 0.5, backend="symbolic") == 0.5
    assert dk.derivative(f, 3.0, backend="symbolic") == 1.0
    assert dk.derivative(f, -3.0, backend="symbolic") == -1.0


@pytest.mark.parametrize("x", [0.5, -0.5])
def test_maxima_and_sizes_have_derivatives(x: float) -> None:
    for f in (np.abs, lambda t: np.maximum(t, 0.0), lambda t: np.minimum(t, t**2), np.sign):
        assert dk.derivative(f, x, backend="symbolic") == dk.derivative(f, x)


@pytest.mark.parametrize(
    "f",
    [np.exp, np.expm1, np.exp2, np.log, np.log1p, np.log2, np.log10, np.sqrt, np.sin,
     np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh,
     np.arctanh, np.square, np.reciprocal, np.deg2rad, np.rad2deg, np.floor],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_elementary_functions_agree_with_reverse_mode(f: np.ufunc) -> None:
    for operator in (dk.derivative, dk.second_derivative):
        exact = operator(f, 0.3)
        assert operator(f, 0.3, backend="symbolic") == pytest.approx(exact, rel=1e-12, abs=1e-14)


def test_constants_are_not_rounded_to_a_few_digits() -> None:
    a = 0.1234567890123456
    assert dk.derivative(lambda x: a * x**2, 0.5, backend="symbolic") == pytest.approx(a, rel=2e-16)


def test_whole_arrays_are_read_element_by_element() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    hessian = dk.hessian(lambda x: x @ a @ x, np.array([0.5, -1.0]), backend="symbolic")
    np.testing.assert_array_equal(hessian, a + a.T)


# Ways to the derivative

SYMPY_DIFF = dk.Symbolic(method="sympy", seconds=30)
SYMENGINE = dk.Symbolic(engine="symengine")
WAYS = [dk.Symbolic(), dk.Symbolic(evaluate=False), dk.Symbolic(evaluate=True), SYMPY_DIFF,
        SYMENGINE]  # fmt: skip


@pytest.mark.parametrize("backend", WAYS, ids=["default", "raw", "evaluated", "sympy", "symengine"])
def test_every_way_conforms(backend: dk.Symbolic) -> None:
    report = check_backend(backend)
    assert report.counts["unsupported"] == 0


def logistic(n: int) -> Any:
    def f(x: Any) -> Any:
        for _ in range(n - 1):
            x = 4 * x * (1 - x)
        return x

    return f


def test_all_ways_agree_on_kinks_and_branches() -> None:
    def f(x: Any) -> Any:
        y = np.abs(x[0]) * np.maximum(x[1], x[2]) + np.minimum(x[0], 0.3) ** 3
        return y * np.exp(x[1]) if x[0] > 0 else y

    x = np.array([0.7, -0.4, 1.3])
    for point in (x, -x):
        for backend in WAYS:
            for operator in (dk.gradient, dk.hessian):
                np.testing.assert_allclose(
                    operator(f, point, backend=backend), operator(f, point), rtol=1e-12, atol=1e-14
                )


def test_sympy_diff_is_stopped_at_its_time() -> None:
    with pytest.raises(UnsupportedError, match=r"not return within 1 s.*method='graph'"):
        dk.derivative(logistic(30), 0.3, backend=dk.Symbolic(method="sympy", seconds=1))
    assert dk.derivative(np.sin, 0.3, backend=SYMPY_DIFF) == np.cos(0.3)


def test_sympy_diff_is_stopped_at_its_size() -> None:
    with pytest.raises(UnsupportedError, match=r"gave \d+ distinct nodes, and nodes=50"):
        dk.derivative(logistic(8), 0.3, backend=dk.Symbolic(method="sympy", seconds=30, nodes=50))


def test_an_error_of_sympy_is_told() -> None:
    def chain(x: Any) -> Any:
        for _ in range(3000):
            x = np.sin(x)
        return x

    with pytest.raises(UnsupportedError, match=r"RecursionError.*method='graph'"):
        dk.derivative(chain, 0.3, backend=SYMPY_DIFF)


def test_steps_are_constants_but_for_sympy_diff() -> None:
    f = lambda x: np.floor(x) * x**2 + np.sign(x) * x  # noqa: E731
    for backend in (dk.Symbolic(), SYMENGINE):
        assert dk.derivative(f, 2.5, backend=backend) == 11.0
    with pytest.raises(UnsupportedError, match="leaves the derivative of floor as it stands"):
        dk.derivative(f, 2.5, backend=SYMPY_DIFF)


def test_symengine_refuses_what_it_does_not_have() -> None:
    with pytest.raises(UnsupportedError, match="SymEngine has no Mod; use engine='sympy'"):
        dk.derivative(lambda x: np.remainder(x, 2.0) * x, 5.3, backend=SYMENGINE)
    deep = lambda x: [x := np.sin(x) for _ in range(10_001)][-1]  # noqa: E731
    with pytest.raises(UnsupportedError, match="levels deep"):
        dk.derivative(deep, 0.3, backend=SYMENGINE)


def test_without_symengine_there_is_an_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "symengine", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'diffkit\[symengine\]'"):
        dk.derivative(np.sin, 0.3, backend=SYMENGINE)


def test_settings_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'grpah'; did you mean 'graph'"):
        dk.Symbolic(method="grpah")
    with pytest.raises(UnknownNameError, match="unknown engine"):
        dk.Symbolic(engine="maple")
    with pytest.raises(ValueError, match="leave out engine"):
        dk.Symbolic(method="sympy", engine="symengine")
    for bad in ({"seconds": 0}, {"nodes": -1}, {"seconds": np.nan}):
        with pytest.raises(ValueError, match="must be positive"):
            dk.Symbolic(method="sympy", **bad)
    assert repr(SYMENGINE) == "<backend symbolic, engine='symengine'>"


# Large functions and large arrays


def test_long_programs_are_differentiated_twice() -> None:
    def f(x: Any) -> Any:
        for _ in range(300):
            x = x + 0.01 * np.sin(x) * x
        return x

    for operator in (dk.derivative, dk.second_derivative):
        exact = dk.reference(f, 0.3, operator=operator.__name__).value
        assert operator(f, 0.3, backend="symbolic") == pytest.approx(exact, rel=1e-12)


def test_an_elementwise_function_has_one_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand points, constants that differ from point to point, and both sides of a jump."""
    monkeypatch.setattr("diffkit._backends.symbolic.read", None)  # what reads element by element
    x = np.linspace(-1, 1, 10_000)
    weights = np.arange(10_000.0)

    def f(x: Any) -> Any:
        return weights * np.exp(x) + np.where(x > 0.5, x**3, -x) * np.floor(4 * x) + 2.0

    d = dk.derivative(f, x, backend="symbolic")
    np.testing.assert_allclose(d, dk.derivative(f, x), rtol=1e-13)
    assert dk.derivative(lambda x: 0 * x + 1.0, x, backend="symbolic").shape == x.shape
    np.testing.assert_array_equal(
        dk.derivative(lambda x: x, x, backend="symbolic"), np.ones(10_000)
    )


@pytest.mark.parametrize(
    "f",
    [lambda x: x[::-1][::-1] ** 2, lambda x: np.concatenate([x[:2], x[2:]]) ** 2,
     lambda x: x**2 if x[0] > 0 else x, lambda x: np.rint(x) * x,
     lambda x: np.stack([v**2 for v in x])],
)  # fmt: skip
def test_what_is_not_seen_to_be_elementwise_is_read_by_element(f: Any) -> None:
    x = np.array([0.3, 1.7, -2.2])
    np.testing.assert_allclose(
        dk.derivative(f, x, backend="symbolic"), dk.derivative(f, x), rtol=1e-14
    )


def test_what_is_not_elementwise_is_refused() -> None:
    x = np.array([0.3, 1.7, -2.2])
    for f in (np.cumsum, lambda x: x * np.sum(x), lambda x: x[::-1]):
        with pytest.raises(ShapeError, match="elementwise"):
            dk.derivative(f, x, backend="symbolic")


# Numbers that are not real


def test_holomorphic_functions_of_a_complex_number() -> None:
    for f in (np.exp, lambda z: z**3 / (1 + z), np.sqrt):
        found = dk.derivative(f, 1 + 2j, backend="symbolic")
        assert found == pytest.approx(dk.derivative(f, 1 + 2j, backend="forward"), rel=1e-14)
    with pytest.raises(UnsupportedError, match="conjugate of a complex number has no complex"):
        dk.derivative(lambda z: np.conj(z) * z, 1 + 1j, backend="symbolic")


def test_complex_values_of_a_real_number() -> None:
    """d/dx exp(ix) = i exp(ix); |exp(ix) + 2| = sqrt(5 + 4 cos x)."""
    found = dk.derivative(lambda x: np.exp(1j * x), 0.5, backend="symbolic")
    assert found == pytest.approx(1j * np.exp(0.5j), rel=1e-14)
    found = dk.derivative(lambda x: np.abs(np.exp(1j * x) + 2), 0.5, backend="symbolic")
    assert found == pytest.approx(-2 * np.sin(0.5) / np.sqrt(5 + 4 * np.cos(0.5)), rel=1e-14)


# Expressions


def test_the_derivative_is_there_as_expressions_with_conditions() -> None:
    f = lambda x, a: a * x[0] ** 2 * np.sin(x[1]) if x[0] > 1 else x[0]  # noqa: E731
    found = dk.Symbolic().expression(f, np.array([2.0, 0.5]), 3.0)
    x1, x2 = (sympy.Symbol(n, real=True) for n in ("x1", "x2"))
    assert list(found.expressions) == [6 * x1 * sympy.sin(x2), 3 * x1**2 * sympy.cos(x2)]
    assert found.conditions == (x1 > 1,)
    assert list(found.symbols) == [x1, x2]
    assert found.count.dag == 2 + 1 + 2 + 2
    assert "6*x1*sin(x2)\n3*x1**2*cos(x2)\nwhere x1 > 1" in str(found)
    assert r"x_{1} > 1" in str(found._repr_latex_())
    data = json.loads(json.dumps(found.to_dict()))
    assert data["expressions"] == ["6*x1*sin(x2)", "3*x1**2*cos(x2)"]
    assert data["conditions"] == ["x1 > 1"]


@pytest.mark.parametrize(
    ("operator", "shape"),
    [("derivative", ()), ("second_derivative", ()), ("gradient", ()), ("jacobian", ())],
)
def test_expressions_of_functions_of_a_number(operator: str, shape: tuple[int, ...]) -> None:
    x = sympy.Symbol("x", real=True)
    found = dk.Symbolic().expression(lambda x: x**3, 2.0, operator=operator)
    assert found.expressions == (6 * x if operator == "second_derivative" else 3 * x**2)
    assert found.shape == shape


def test_matrices_of_expressions() -> None:
    f = lambda x: np.array([x[0] * x[1], x[1] ** 2, x[0]])  # noqa: E731
    found = dk.Symbolic().expression(f, np.array([2.0, 0.5]), operator="jacobian")
    assert found.expressions.shape == (3, 2)
    assert found.expressions[2, 1] == 0
    assert "matrix" in str(found._repr_latex_())
    hessian = dk.Symbolic().expression(lambda x: np.prod(x), np.ones(3), operator="hessian")
    x = hessian.symbols
    assert np.array_equal(hessian.expressions, [[0, x[2], x[1]], [x[2], 0, x[0]], [x[1], x[0], 0]])


def test_large_expressions_are_shown_as_a_straight_line() -> None:
    found = dk.Symbolic().expression(logistic(300), 0.3, operator="derivative")
    assert "more lines" in str(found)
    assert found._repr_latex_() is None
    assert found.count.tree > 2**100


def test_operators_without_expressions_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown operator 'jvp'"):
        dk.Symbolic().expression(np.sin, 0.3, operator="jvp")
    with pytest.raises(UnsupportedError, match="does not show that f is elementwise"):
        dk.Symbolic().expression(lambda x: x[::-1], np.ones(3), operator="derivative")


# Programs


@pytest.mark.parametrize("backend", [dk.Symbolic(), SYMENGINE], ids=["graph", "symengine"])
@pytest.mark.parametrize("operator", ["gradient", "jacobian", "hessian", "jvp", "vjp", "hvp"])
def test_a_program_gives_the_derivative_at_other_points(
    operator: str, backend: dk.Symbolic
) -> None:
    f = dk.problems["rosenbrock"]
    program = backend.program(operator, f, np.array([0.3, -0.7]))
    for point in (np.array([1.2, 0.4]), np.array([-3.0, 0.1])):
        vector = {"jvp": (point,), "hvp": (point,), "vjp": (2.0,)}.get(operator, ())
        assert program.holds(point)
        want = getattr(dk, operator)(f, point, *vector)
        np.testing.assert_allclose(program(point, *vector), want, rtol=1e-13)


def test_a_program_knows_where_it_holds() -> None:
    f = lambda x: x**2 if x > 1 else -x  # noqa: E731
    program = dk.Symbolic().program("derivative", f, 2.0)
    assert (program(3.0), program.holds(3.0), program.holds(0.5)) == (6.0, True, False)


def test_a_program_of_an_array_holds_for_all_elements() -> None:
    program = dk.Symbolic().program("derivative", lambda x: np.where(x > 0, x**2, x), np.ones(3))
    np.testing.assert_array_equal(program(np.array([-1.0, 2.0, 3.0])), [1.0, 4.0, 6.0])


def test_programs_can_be_recorded() -> None:
    f = dk.problems["griewank"]
    program = dk.Symbolic().program("gradient", f, np.array([1.5, 0.5]))
    point = np.array([1.2, 0.7])
    np.testing.assert_allclose(dk.jacobian(program, point), dk.hessian(f, point), rtol=1e-13)
    tape = dk.trace(program, point)
    np.testing.assert_array_equal(tape(np.array([1.5, 0.5])), program(np.array([1.5, 0.5])))


def test_a_result_that_no_condition_vouches_for_is_not_made_a_program() -> None:
    with pytest.raises(UnsupportedError, match="takes rint of its argument"):
        dk.Symbolic().program("derivative", lambda x: np.rint(x) * x, 2.3)


@pytest.mark.parametrize("outer", ["reverse", "forward", "symbolic"])
def test_symbolic_derivatives_can_be_differentiated(outer: str) -> None:
    def inner(x: Any) -> Any:
        return dk.derivative(lambda t: np.sin(t) * t if t > 0 else t, x, backend="symbolic")

    assert dk.derivative(inner, 0.3, backend=outer) == pytest.approx(
        2 * np.cos(0.3) - 0.3 * np.sin(0.3), rel=1e-14
    )


def test_variables_of_an_outer_derivative_are_not_taken_for_constants() -> None:
    def outer(x: Any) -> Any:
        return dk.derivative(lambda y: x**2 * y**3, x, backend="symbolic")

    with pytest.raises(UnsupportedError, match="variable that is differentiated outside"):
        dk.derivative(outer, 2.0)
