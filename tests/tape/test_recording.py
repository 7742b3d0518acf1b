"""What a recording sees, and what it refuses to see."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffkit as dk
from diffkit.errors import MissingRuleError, NonNumericError, TracerConversionError

X = np.array([1.2, 0.7, 2.5])


def test_the_classical_perturbation_confusion() -> None:
    """d/dx (x * d/dy (x + y)) is 1, not 2 (Siskind & Pearlmutter 2005, section 2)."""
    for outer in ("forward", "reverse"):
        for inner in ("forward", "reverse"):

            def f(x, inner=inner):
                return x * dk.derivative(lambda y: x + y, 1.0, backend=inner)

            assert dk.derivative(f, 1.0, backend=outer) == 1.0


def test_nesting_to_order_five_in_every_mixture() -> None:
    """The fifth derivative of x**5 * exp(0) is 5! whichever modes are nested."""

    def derive(f, modes):
        if not modes:
            return f
        inner = derive(f, modes[1:])
        return lambda x: dk.derivative(inner, x, backend=modes[0])

    for bits in range(32):
        modes = ["forward" if bits >> k & 1 else "reverse" for k in range(5)]
        assert derive(lambda x: x**5, modes)(1.7) == pytest.approx(120.0, rel=1e-14)


def test_a_closure_over_an_outer_variable_is_constant_inside() -> None:
    """d/dx [d/dy (x**2 y**3) at y = x] = d/dx 3 x**4 = 12 x**3."""

    def f(x):
        return dk.derivative(lambda y: x**2 * y**3, x)

    assert dk.derivative(f, 2.0) == pytest.approx(96.0, rel=1e-15)


def test_threads_do_not_see_each_other() -> None:
    results = {}

    def work(k: int) -> None:
        for _ in range(50):
            results[k] = dk.gradient(lambda x: np.sum(np.sin(k * x) ** 2), X)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in range(4):
        np.testing.assert_allclose(results[k], k * np.sin(2 * k * X), rtol=1e-13, atol=1e-15)


def test_an_exception_in_the_function_leaves_nothing_behind() -> None:
    def broken(x):
        np.sin(x)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dk.gradient(broken, X)
    np.testing.assert_array_equal(dk.gradient(np.sum, X), np.ones(3))


def test_a_million_scalar_operations_record_and_sweep_without_a_depth_limit() -> None:
    def f(x):
        for _ in range(500_000):
            x = 0.999999 * x + 1e-9
        return x

    assert dk.derivative(f, 1.0) == pytest.approx(0.999999**500_000, rel=1e-9)


@pytest.mark.parametrize(
    "convert",
    [
        float,
        int,
        complex,
        math.sin,
        lambda x: [1, 2, 3][x],
        lambda x: np.array([x, 1.0], dtype=float),
        lambda x: np.zeros(2).__setitem__(0, x),
    ],
)
def test_silent_conversions_are_refused_with_a_hint(convert) -> None:
    with pytest.raises((TracerConversionError, ValueError)) as caught:
        dk.derivative(lambda x: x * convert(x), 1.0)
    error = caught.value
    while not isinstance(error, TracerConversionError):
        error = error.__cause__
        assert error is not None, "the conversion was not refused by the tracer"
    assert "use" in str(error) or "write" in str(error) or "take" in str(error)


def test_the_truth_value_of_a_traced_array_is_refused() -> None:
    for apply in (dk.gradient, dk.trace):
        with pytest.raises((TracerConversionError, ValueError), match="ambiguous"):
            apply(lambda x: np.sum(x) if x > 0 else 0.0, X)


def test_a_function_without_a_rule_names_itself() -> None:
    with pytest.raises(MissingRuleError, match=r"numpy\.packbits.*diffkit\.primitive"):
        dk.gradient(lambda x: np.sum(np.packbits(x)), X)


def test_a_function_that_ignores_its_argument_has_derivative_zero() -> None:
    for name, backend in dk.backends().items():
        zero = dk.derivative(lambda x: 3.0, 1.0, backend=name)
        zeros = dk.gradient(lambda x: 3.0, X, backend=name)
        # SciPy's weights do not add up to zero in floating point.
        rounding = 0.0 if backend.exact or name == "finite_difference" else 1e-11
        np.testing.assert_allclose(zero, 0.0, atol=rounding)
        np.testing.assert_allclose(zeros, np.zeros(3), atol=rounding)


def test_division_by_zero_is_infinite_as_in_numpy_not_an_exception() -> None:
    with np.errstate(all="ignore"):
        assert dk.derivative(lambda x: np.sqrt(x), 0.0) == np.inf
        assert dk.derivative(lambda x: 3.0 + 1.0 / (1.0 + 1.0 / x**2), 0.0) != 0.0  # nan, not 0


def test_integers_are_promoted_and_single_precision_stays() -> None:
    assert dk.derivative(lambda x: x**3, 2) == 12.0
    g = dk.gradient(lambda x: np.sum(x * x), np.array([1, 2, 3]))
    assert g.dtype == np.float64
    g32 = dk.gradient(lambda x: np.sum(x * x), X.astype(np.float32))
    assert g32.dtype == np.float32


@pytest.mark.parametrize("bad", [None, "1.0", object(), np.array(["a"]), True])
def test_points_that_are_not_numbers_are_refused(bad) -> None:
    with pytest.raises(NonNumericError, match="x must be made of"):
        dk.derivative(np.sin, bad)


def test_arrays_of_tracers_are_put_together() -> None:
    def f(x):
        rows = np.array([[x[0], x[1]], [x[1], x[2]]])
        return np.sum(rows @ rows) + np.sum(np.sin(np.array([x[0], x[2]])))

    # sum of the entries of [[a, b], [b, c]]^2 is a^2 + 2 b^2 + 2 a b + 2 b c + c^2
    a, b, c = X
    expected = [2 * a + 2 * b + np.cos(a), 4 * b + 2 * a + 2 * c, 2 * b + 2 * c + np.cos(c)]
    np.testing.assert_allclose(dk.gradient(f, X), expected, rtol=1e-14)


def test_a_list_of_results_is_stacked() -> None:
    jacobian = dk.jacobian(lambda x: [x[0] * x[1], x[2]], X)
    np.testing.assert_allclose(jacobian, [[0.7, 1.2, 0.0], [0.0, 0.0, 1.0]])


scalar_steps = st.lists(
    st.tuples(st.sampled_from("+-*/2s"), st.integers(0, 5), st.integers(0, 5)), max_size=12
)


@given(steps=scalar_steps, x=st.floats(-3, 3), y=st.floats(-3, 3))
def test_numbers_give_the_bits_that_arrays_of_one_element_give(steps, x, y) -> None:
    """The scalar sweep has the commonest rules written out; they must be those of the table."""

    def f(point):
        values = [point[0], point[1], 1.5 - point[0]]
        for kind, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(
                {
                    "+": lambda a=a, b=b: a + b,
                    "-": lambda a=a, b=b: a - 0.3 * b,
                    "*": lambda a=a, b=b: a * b,
                    "/": lambda a=a, b=b: a / (b * b + 1.0),
                    "2": lambda a=a, b=b: a**2 + 2.0 * b,
                    "s": lambda a=a, b=b: np.sin(a) + b / 2.0,
                }[kind]()
            )
        return values[-1]

    with np.errstate(all="ignore"):
        if not np.isfinite(f([x, y])):
            return
        numbers = dk.gradient(f, (x, y))
        arrays = dk.gradient(lambda p: np.sum(f(p)), (np.array([x]), np.array([y])))
    np.testing.assert_array_equal(np.stack(numbers), np.concatenate(arrays))


def test_a_branch_not_taken_contributes_nothing_not_even_a_nan() -> None:
    x = np.array([-1.0, 0.0, 4.0])
    with np.errstate(all="ignore"):
        for backend in ("forward", "reverse"):
            g = dk.jacobian(lambda x: np.where(x > 0, np.sqrt(x), 0 * x), x, backend=backend)
            np.testing.assert_array_equal(np.diag(g), [0.0, 0.0, 0.25])
            g = dk.gradient(lambda x: np.sum(np.where(x > 0, np.log(x), x)), x, backend=backend)
            np.testing.assert_array_equal(g, [1.0, 1.0, 0.25])


def test_a_constant_zero_factor_stops_an_infinite_slope() -> None:
    with np.errstate(all="ignore"):
        for backend in ("forward", "reverse"):
            assert dk.derivative(lambda x: np.sqrt(0 * x) + x, 2.0, backend=backend) == 1.0
            g = dk.gradient(lambda x: np.sum(np.sqrt(x * [0.0, 1.0])), np.ones(2), backend=backend)
            np.testing.assert_array_equal(g, [0.0, 0.5])


def test_a_zero_that_merely_happens_is_not_taken_for_certain() -> None:
    """sqrt(x) * sqrt(x) is x, with slope 1; 0 would be a wrong answer, NaN is an honest one."""
    with np.errstate(all="ignore"):
        for backend in ("forward", "reverse"):
            slope = dk.derivative(lambda x: np.sqrt(x) * np.sqrt(x), 0.0, backend=backend)
            assert np.isnan(slope) or slope == 1.0
            assert dk.derivative(np.sqrt, 0.0, backend=backend) == np.inf
            assert dk.derivative(np.cbrt, 0.0, backend=backend) == np.inf


def test_arrays_of_tracers_inside_a_nested_derivative() -> None:
    """A Hessian records the recording: arrays of inner tracers must not pass for constants."""

    def f(x):
        return np.dot(x[:2], np.array([x[0] ** 2, 1.0])) + np.sum(x[:2] * np.array([x[0], x[1]]))

    expected = np.diag([6 * X[0] + 2.0, 2.0, 0.0])
    for backend in ("forward", "reverse"):
        np.testing.assert_allclose(dk.hessian(f, X, backend=backend), expected, atol=1e-14)

    def joined(x):
        return np.sum(np.concatenate([x[:1], np.array([x[0] ** 2, 1.0])]))

    np.testing.assert_allclose(dk.hessian(joined, X), np.diag([2.0, 0.0, 0.0]))


def test_a_value_kept_from_an_earlier_call_is_refused() -> None:
    cache = {}

    def f(x):
        return cache.setdefault("c", x[0] ** 2) * x[1]

    assert dk.gradient(f, X)[1] == X[0] ** 2
    with pytest.raises(TracerConversionError, match="cache"):
        dk.gradient(f, X)
    with pytest.raises(TracerConversionError, match="cache"):
        dk.gradient(lambda x: cache["c"], X)


def test_a_deep_copy_is_a_copy_and_a_pickle_is_refused() -> None:
    import copy
    import pickle

    np.testing.assert_allclose(dk.gradient(lambda x: np.sum(copy.deepcopy(x) ** 2), X), 2 * X)
    with pytest.raises(TypeError, match="pickled"):
        dk.gradient(lambda x: pickle.loads(pickle.dumps(x))[0], X)


def test_another_thread_may_not_write_on_the_tape() -> None:
    from concurrent.futures import ThreadPoolExecutor

    def f(x):
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(lambda k: np.sum(x * k), range(2)))

    with pytest.raises(TracerConversionError, match="thread"):
        dk.gradient(f, X)


def test_what_a_gradient_cannot_be_taken_of() -> None:
    with pytest.raises(NonNumericError, match="real"):
        dk.gradient(lambda x: x[0] * 1j, X)
    with pytest.raises(NonNumericError, match="masked"):
        dk.gradient(np.sum, np.ma.array([1.0, 2.0], mask=[0, 1]))


def test_a_traced_value_can_be_formatted() -> None:
    shown = []
    dk.gradient(lambda x: shown.append(f"{x[0]:.3f}") or x[0], X)
    assert shown == ["1.200"]
