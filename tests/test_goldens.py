"""Published values, reproduced to the last digit that the source prints."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import diffkit as dk

EXACT = ["forward", "reverse", "symbolic"]
exactly = pytest.mark.parametrize("backend", EXACT)


# sin x + x y by gradient descent from (1, 2), rate 1e-2, 1000 steps: blog post 'Reverse-mode
# Automatic Differentiation', after math.stackexchange.com/a/1720583


@pytest.mark.parametrize("backend", ["forward", "reverse"])
def test_gradient_descent_on_sine_plus_product(backend: str) -> None:
    loss = dk.problems["sine_plus_product"]
    x = np.array([1.0, 2.0])
    assert loss(x) == 2.8414709848078967
    for _ in range(1000):
        x = x - 1e-2 * dk.gradient(loss, x, backend=backend)
    assert loss(x) == -193992792.6350034
    assert x.tolist() == [-13928.111031430128, 13928.148130601208]


def test_a_prepared_gradient_descends_to_the_same_place() -> None:
    loss, x = dk.problems["sine_plus_product"], np.array([1.0, 2.0])
    gradient = dk.prepare(dk.gradient, loss, x)
    for _ in range(1000):
        x = x - 1e-2 * gradient(x)
    assert x.tolist() == [-13928.111031430128, 13928.148130601208]


# Griewank & Walther 2008, 'Evaluating Derivatives', chapter 1


@exactly
def test_griewank_example(backend: str) -> None:
    f, x = dk.problems["griewank"], np.array([1.5, 0.5])
    y, gradient = dk.value_and_gradient(f, x, backend=backend)
    # To the last bit but one: v5 v4 may be rounded twice.
    assert y == pytest.approx(2.016646669428201, rel=4e-16)
    assert gradient == pytest.approx([3.0118433276739066, -13.723961509314075], rel=4e-16)


def test_the_trace_of_griewank_example() -> None:
    x1, x2 = 1.5, 0.5
    trace = [x1 / x2, np.sin(x1 / x2), np.exp(x2), x1 / x2 - np.exp(x2)]
    trace.append(trace[1] + trace[3])
    assert [f"{v:.5f}" for v in trace] == ["3.00000", "0.14112", "1.64872", "1.35128", "1.49240"]
    assert dk.problems["griewank"](np.array([x1, x2])) == trace[4] * trace[3]


# e^x by the forward difference with h = 1e-9: an introduction to PyTorch's autograd plots its error
# on 0..20 and finds it "zero until x=14"


def test_the_forward_difference_of_exp_is_as_wrong_at_0_as_at_20_relatively() -> None:
    x = np.linspace(0.0, 20.0, 2001)
    backend = dk.FiniteDifference(order=1, step=1e-9, representable=False)
    relative = dk.derivative(np.exp, x, backend=backend) / np.exp(x) - 1.0
    bands = [np.sqrt(np.mean(r**2)) for r in np.array_split(relative, 4)]
    assert all(0.8e-7 < rms < 1.5e-7 for rms in bands)


def test_the_forward_difference_of_exp_at_0_is_biased_by_the_step() -> None:
    backend = dk.FiniteDifference(order=1, step=1e-9, representable=False)
    bias = dk.derivative(np.exp, 0.0, backend=backend) - 1.0
    # 1e-9 is 4503599.63 spacings of the doubles at 1, of which 4503600 fit in.
    assert bias == pytest.approx(8.27e-8, abs=1e-10)
    taken = float(Fraction(4503600, 2**52) / Fraction(1e-9) - 1)
    assert bias == pytest.approx(taken, rel=1e-6)


@exactly
def test_exp_is_its_own_derivative(backend: str) -> None:
    for x in dk.problems["exp"].points:
        assert dk.derivative(dk.problems["exp"], x, backend=backend) == np.exp(x)


@exactly
def test_the_normal_density_at_2(backend: str) -> None:
    y, d = dk.value_and_derivative(dk.problems["normal_density"], 2.0, backend=backend)
    # exp(−2)/√(2π), −2 times it, and 3 times it, from 50 digits
    assert y == pytest.approx(0.05399096651318806, rel=5e-16)
    assert d == pytest.approx(-0.1079819330263761, rel=5e-16)
    second = dk.second_derivative(dk.problems["normal_density"], 2.0, backend=backend)
    assert second == pytest.approx(0.1619728995395642, rel=1e-15)


# One neuron in six elementary steps, and the VJPs beside it: Yuchen's Blog 2018-06-03


@exactly
def test_the_gradient_of_a_sigmoid_neuron(backend: str) -> None:
    w, a, _ = x = np.array([0.5, 2.0, -1.5])
    y, gradient = dk.value_and_gradient(dk.problems["sigmoid_neuron"], x, backend=backend)
    # σ(−½) and σ' = σ (1 − σ), from 50 digits
    assert y == pytest.approx(0.37754066879814543, rel=4e-16)
    slope = 0.2350037122015945
    assert gradient == pytest.approx([slope * a, slope * w, slope], rel=1e-15)


@pytest.mark.parametrize(
    ("f", "x", "vjp"),
    [
        (np.exp, 0.7, lambda y, u, x: y * u),
        (np.log, 0.7, lambda y, u, x: u / x),
        (lambda v: v[0] + v[1], np.array([0.7, 1.9]), lambda y, u, x: [u, u]),
        (
            lambda v: v[0] / v[1],
            np.array([0.7, 1.9]),
            lambda y, u, x: [u / x[1], -u * x[0] / x[1] ** 2],
        ),
    ],
    ids=["exp", "log", "add", "divide"],
)
@exactly
def test_elementary_vjps(f: Any, x: Any, vjp: Any, backend: str) -> None:
    u = 1.25
    assert dk.vjp(f, x, u, backend=backend) == pytest.approx(vjp(f(x), u, x), rel=1e-15)


@exactly
def test_the_vjp_of_a_matrix_times_a_vector(backend: str) -> None:
    a, beta = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([1.0, -2.0, 0.5])
    u = np.array([2.0, -1.0])
    of_both = dk.vjp(lambda a, b: a @ b, a, u, beta, backend=backend, argnums=0)
    np.testing.assert_array_equal(of_both, np.outer(u, beta))
    by_beta = dk.vjp(lambda a, b: a @ b, a, u, beta, backend=backend, argnums=1)
    np.testing.assert_array_equal(by_beta, a.T @ u)


# The linear model w = 2, b = 3 with (x, y) = (1, 7): lecture notes 'Gradients', section 8.2


@exactly
def test_one_step_of_a_linear_model(backend: str) -> None:
    parameters = np.array([2.0, 3.0])
    loss, gradient = dk.value_and_gradient(
        dk.problems["linear_model_loss"], parameters, backend=backend
    )
    assert loss == 4.0
    assert gradient.tolist() == [-4.0, -4.0]
    assert (parameters - 0.1 * gradient).tolist() == [2.4, 3.4]


@exactly
def test_the_four_layer_network_follows_its_own_chain_rule(backend: str) -> None:
    problem = dk.problems["four_layer_network"]
    theta = problem.points[0]
    gradient = dk.gradient(problem, theta, backend=backend)
    # The recursion of the lecture notes: δ4 = o − y, δ_k = (W_(k+1)ᵀ δ_(k+1)) φ'(·), dW_k = δ_k xᵀ.
    shapes, weights, start = [(3, 2), (3, 3), (2, 3), (2, 2)], [], 0
    for rows, columns in shapes:
        weights.append(theta[start : start + rows * columns].reshape(rows, columns))
        start += rows * columns
    inputs = [np.array([0.5, -1.0])]
    for w in weights[:-1]:
        inputs.append(np.tanh(w @ inputs[-1]))
    delta = weights[-1] @ inputs[-1] - np.array([1.0, 0.25])
    expected = [np.outer(delta, inputs[-1])]
    for k in (2, 1, 0):
        delta = (weights[k + 1].T @ delta) * (1.0 - inputs[k + 1] ** 2)
        expected.insert(0, np.outer(delta, inputs[k]))
    flat = np.concatenate([np.ravel(w) for w in expected])
    np.testing.assert_allclose(gradient, flat, rtol=1e-12, atol=1e-15)


# z = x1 x2 + sin x1 at (2, 3): stats.stackexchange.com/questions/224140


@exactly
def test_product_plus_sine(backend: str) -> None:
    f, x = dk.problems["product_plus_sine"], np.array([2.0, 3.0])
    z, gradient = dk.value_and_gradient(f, x, backend=backend)
    assert f"{z:.1f}" == "6.9"
    assert f"{z:.3f}" == "6.909"
    assert [f"{g:.3g}" for g in gradient] == ["2.58", "2"]
    # 3 + cos 2 = 2.58385316345285761… and 2
    assert gradient.tolist() == [2.5838531634528576, 2.0]


# The logistic map: Baydin et al. 2018, Table 1


def baydin(n: int, x: Fraction) -> Fraction:
    """The derivatives of l_2, l_3 and l_4 as the table gives them, in exact arithmetic."""
    coefficients = {
        2: (1, [4, -8]),
        3: (16, [1, -10, 24, -16]),
        4: (64, [1, -42, 504, -2640, 7040, -9984, 7168, -2048]),
    }
    factor, polynomial = coefficients[n]
    return factor * sum((c * x**k for k, c in enumerate(polynomial)), Fraction(0))


@exactly
@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("x", [0.0, 0.125, 0.375, 0.2, 0.3, 0.7])
def test_the_logistic_map(n: int, x: float, backend: str) -> None:
    expected = float(baydin(n, Fraction(x)))
    # Points in eighths leave nothing to round.
    tolerance = 0.0 if Fraction(x).denominator <= 8 and n < 4 else 2e-14
    d = dk.derivative(dk.problems[f"logistic_map_{n}"], x, backend=backend)
    assert d == pytest.approx(expected, rel=tolerance, abs=0.0)


@exactly
def test_the_square_has_slope_2x(backend: str) -> None:
    for x in dk.problems["square"].points:
        assert dk.derivative(dk.problems["square"], x, backend=backend) == 2.0 * x


# AD is not immune to cancellation: the derivative of the naive (1 − cos x)/x² at 1e-4, whose true
# value is −x/12 = −8.33e-6


@pytest.mark.parametrize("backend", ["forward", "reverse"])
def test_cancellation_is_differentiated_faithfully(backend: str) -> None:
    wrong = dk.derivative(dk.problems["one_minus_cosine_over_square"], 1e-4, backend=backend)
    assert abs(wrong / (-1e-4 / 12) - 1.0) > 1.0


@exactly
def test_the_if_problem_is_answered_by_the_branch_taken(backend: str) -> None:
    f = dk.problems["if_problem"]
    assert dk.derivative(f, 2.0, backend=backend) == 4.0
    assert dk.derivative(f, 1.0, backend=backend) == 0.0
    assert dk.derivative(f, 1.0, backend="finite_difference") > 1.0
