"""Functions on which methods go wrong: cancellation, kinks, branches, scales and noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from .catalogue import POSITIVE, problem


@problem(
    variables="x",
    domain=POSITIVE,
    points=(1.0, 1e-2, 1e-4),
    source="Higham 2002, 'Accuracy and Stability of Numerical Algorithms', section 1.7: the "
    "numerator cancels as x tends to 0, where the value tends to ½",
)
def one_minus_cosine_over_square(x: Any) -> Any:
    """(1 − cos x) / x²."""
    return (1.0 - np.cos(x)) / x**2


@problem(
    variables="x",
    domain=POSITIVE,
    points=(1.0, 1e-3, 1e-7),
    source="Higham 2002, 'Accuracy and Stability of Numerical Algorithms', section 1.14.1: exp x "
    "− 1 cancels as x tends to 0",
)
def exp_minus_one_over_x(x: Any) -> Any:
    """(exp x − 1) / x."""
    return (np.exp(x) - 1.0) / x


@problem(
    variables="x",
    points=(1.5, -2.0, 1e-12),
    source="not differentiable at 0, where Clarke's generalised gradient is [−1, 1]: Clarke 1983, "
    "'Optimization and Nonsmooth Analysis', section 2.1",
)
def absolute(x: Any) -> Any:
    """|x|."""
    return np.abs(x)


@problem(
    variables="x",
    points=(0.5, -0.5, 1e-12),
    source="Nair & Hinton 2010, 'Rectified linear units improve restricted Boltzmann machines'; "
    "not differentiable at 0",
)
def rectifier(x: Any) -> Any:
    """max(0, x)."""
    return np.maximum(0.0, x)


@problem(
    variables="x",
    points=(0.5, -0.5, 3.0, 0.999),
    source="Huber 1964, 'Robust estimation of a location parameter': two branches that meet with "
    "one slope at |x| = 1, where the second derivative jumps",
)
def huber_loss(x: Any) -> Any:
    """x²/2 where |x| ≤ 1, |x| − ½ elsewhere, by branches."""
    if np.abs(x) <= 1.0:
        return 0.5 * x**2
    return np.abs(x) - 0.5


@problem(
    variables="x",
    points=(2.0, 1.0, 0.5),
    source="Beck & Fischer 1994, 'The if-problem in automatic differentiation': at x = 1 the "
    "branch taken is constant, and its derivative is not that of x²",
)
def if_problem(x: Any) -> Any:
    """1 where x = 1, x² elsewhere: x² everywhere, as a program with a branch."""
    return 1.0 + 0.0 * x if x == 1.0 else x**2


@problem(
    variables="x",
    domain=POSITIVE,
    points=(1.0, 0.1, 0.01),
    source="the textbook function that oscillates without end as x tends to 0: no fixed step "
    "suits it",
)
def topologists_sine(x: Any) -> Any:
    """sin(1/x)."""
    return np.sin(1.0 / x)


@problem(
    variables="x",
    points=(1.0, 0.3),
    source="a large constant is added and taken away, which leaves noise of 1e-8 in the values; "
    "Moré & Wild 2011, 'Estimating computational noise', is about such functions",
)
def noisy_sine(x: Any) -> Any:
    """(sin x + 1e8) − 1e8."""
    return (np.sin(x) + 1e8) - 1e8


@problem(
    variables="x",
    points=(0.3, 0.0),
    source="Weierstrass 1872, 'Über continuirliche Functionen eines reellen Arguments', cut after "
    "eight terms: each derivative is six times larger than the last in scale",
)
def weierstrass_sum(x: Any) -> Any:
    """Σ 2^−k cos(7^k π x), k = 0 … 7."""
    k = np.arange(8.0)
    total = 0.0
    for amplitude, frequency in zip((0.5**k).tolist(), (np.pi * 7.0**k).tolist(), strict=True):
        total = total + amplitude * np.cos(frequency * x)
    return total


@problem(
    variables="x y",
    points=([1.0, 1.0], [1e-3, 1e3]),
    source="variables on scales that differ by 1e6: a step that suits one is lost in the other; "
    "Dennis & Schnabel 1983, 'Numerical Methods for Unconstrained Optimization', section 7.1",
)
def badly_scaled(v: Any) -> Any:
    """sin(1000 x) + (y / 1000)²."""
    x, y = v
    return np.sin(1e3 * x) + (y / 1e3) ** 2
