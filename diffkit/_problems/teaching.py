"""The worked examples from which people learn automatic differentiation."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from .catalogue import REALS, enter, problem

CROSS_VALIDATED = (
    "Cross Validated, 'Step-by-step example of reverse-mode automatic differentiation', "
    "stats.stackexchange.com/questions/224140"
)


@problem(
    variables="x y",
    points=([1.0, 2.0],),
    source="Mathematics Stack Exchange, 'How does automatic differentiation really work?', "
    "math.stackexchange.com/a/1720583; as a loss for gradient descent in blog posts after it",
)
def sine_plus_product(v: Any) -> Any:
    """sin x + x y."""
    x, y = v
    return np.sin(x) + x * y


@problem(variables="x1 x2", points=([2.0, 3.0],), source=CROSS_VALIDATED)
def product_plus_sine(v: Any) -> Any:
    """x1 x2 + sin x1."""
    w1, w2 = v
    w3 = w1 * w2
    w4 = np.sin(w1)
    return w3 + w4


@problem(
    variables="x1 x2",
    domain=(REALS, (0.0, np.inf)),
    points=([1.5, 0.5], [2.0, 3.0]),
    source="Griewank & Walther 2008, 'Evaluating Derivatives', chapter 1: the evaluation trace of "
    "a simple example",
)
def griewank(x: Any) -> Any:
    """(sin(x1/x2) + x1/x2 − exp x2) · (x1/x2 − exp x2)."""
    v1 = x[0] / x[1]
    v2 = np.sin(v1)
    v3 = np.exp(x[1])
    v4 = v1 - v3
    v5 = v2 + v4
    return v5 * v4


@problem(
    variables="x",
    points=(2.0, 0.0, -1.0),
    source="the density of the standard normal distribution, DLMF 7.1 and 7.20(iii); at x = 2 in "
    "introductions to PyTorch's autograd",
)
def normal_density(x: Any) -> Any:
    """exp(−x²/2) / √(2π)."""
    return np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)


@problem(
    variables="w a b",
    points=([0.5, 2.0, -1.5], [2.0, 1.0, 1.0]),
    source="Yuchen's Blog 2018-06-03, 'Automatic differentiation': one neuron taken apart into "
    "six elementary steps",
)
def sigmoid_neuron(v: Any) -> Any:
    """1 / (1 + exp(−(w a + b)))."""
    w, a, b = v
    t5 = w * a
    t4 = t5 + b
    t3 = -t4
    t2 = np.exp(t3)
    t1 = 1.0 + t2
    return 1.0 / t1


@problem(
    variables="w b",
    points=([2.0, 3.0], [2.4, 3.4]),
    source="a linear model with one measurement (x, y) = (1, 7), as in lecture notes on the "
    "gradients of a mean squared error",
)
def linear_model_loss(v: Any) -> Any:
    """(w x + b − y)² at x = 1, y = 7."""
    w, b = v
    alpha = 1.0 * w
    beta = alpha + b
    gamma = beta - 7.0
    return gamma**2


# Layers of 2, 3, 3, 2 and 2 units.
_SIZES = (2, 3, 3, 2, 2)
_INPUT = np.array([0.5, -1.0])
_TARGET = np.array([1.0, 0.25])


def _layers(theta: Any) -> list[Any]:
    """The weight matrices that a vector of all weights stands for."""
    matrices, start = [], 0
    for columns, rows in pairwise(_SIZES):
        stop = start + rows * columns
        matrices.append(np.reshape(theta[start:stop], (rows, columns)))
        start = stop
    return matrices


@problem(
    # Weights of both signs and of no pattern, the same for everyone.
    points=(np.round(np.sin(1.7 * np.arange(1, 26)), 2),),
    source="the four-layer feed-forward network of lecture notes after Baydin et al. 2018, "
    "'Automatic differentiation in machine learning: a survey'",
)
def four_layer_network(theta: Any) -> Any:
    """½ ‖W4 φ(W3 φ(W2 φ(W1 x))) − y‖² in the 25 weights, φ = tanh, at fixed x and y."""
    *hidden, last = _layers(theta)
    x = _INPUT
    for w in hidden:
        x = np.tanh(w @ x)
    residual = last @ x - _TARGET
    return 0.5 * np.sum(residual**2)


def _sigmoid(z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-z))


@problem(
    points=(np.round(np.cos(2.3 * np.arange(1, 18)), 2),),
    source="Nielsen 2015, 'Neural Networks and Deep Learning', chapter 2: the four equations of "
    "backpropagation",
)
def fully_connected_network(theta: Any) -> Any:
    """½ ‖σ(W2 σ(W1 x + b1) + b2) − y‖² in the 17 weights and biases, at fixed x and y."""
    w1, b1 = np.reshape(theta[:6], (3, 2)), theta[6:9]
    w2, b2 = np.reshape(theta[9:15], (2, 3)), theta[15:17]
    a = _sigmoid(w1 @ _INPUT + b1)
    residual = _sigmoid(w2 @ a + b2) - _TARGET
    return 0.5 * np.sum(residual**2)


def logistic_map(x: Any, n: int) -> Any:
    """l_n, where l_1 = x and l_{k+1} = 4 l_k (1 − l_k)."""
    value = x
    for _ in range(n - 1):
        value = 4.0 * value * (1.0 - value)
    return value


for _n in (2, 3, 4, 8, 16):
    enter(
        partial(logistic_map, n=_n),
        name=f"logistic_map_{_n}",
        description=f"l_{_n}, where l_1 = x and l_(k+1) = 4 l_k (1 − l_k)",
        variables="x",
        domain=(0.0, 1.0),
        points=(0.2, 0.3, 0.7),
        source="Baydin et al. 2018, 'Automatic differentiation in machine learning: a survey', "
        "Table 1",
    )
