"""Loops over time: the logistic map, a pendulum and an ODE by Runge and Kutta's method."""

from __future__ import annotations

from typing import Any

import numpy

from .problem import Case, Operator, Problem


def logistic(n: int) -> Any:
    """The logistic map, n steps."""

    def make(np: Any) -> Any:
        def f(x: Any) -> Any:
            for _ in range(n):
                x = 4.0 * x * (1.0 - x)
            return x

        return f

    return make


def _logistic(n: int) -> Case:
    def loop(jax: Any) -> Any:
        return lambda x: jax.lax.fori_loop(0, n, lambda _, y: 4.0 * y * (1.0 - y), x)

    forms = {"jax": {"lax.fori_loop": loop}}
    return Case(logistic(n), numpy.float64(0.3), numpy.float64(0.6), forms)


def pendulum(n: int) -> Any:
    """The energy of a pendulum after n explicit Euler steps."""

    def make(np: Any) -> Any:
        def f(x: Any) -> Any:
            q, p = x[0], x[1]
            for _ in range(n):
                q, p = q + 0.01 * p, p - 0.01 * np.sin(q)
            return 0.5 * p * p - np.cos(q)

        return f

    return make


def _pendulum(n: int) -> Case:
    def loop(jax: Any) -> Any:
        def step(_: Any, state: Any) -> Any:
            q, p = state
            return q + 0.01 * p, p - 0.01 * jax.numpy.sin(q)

        def f(x: Any) -> Any:
            q, p = jax.lax.fori_loop(0, n, step, (x[0], x[1]))
            return 0.5 * p * p - jax.numpy.cos(q)

        return f

    def fold(ca: Any) -> Any:
        q, p = ca.SX.sym("q"), ca.SX.sym("p")
        new = ca.vertcat(q + 0.01 * p, p - 0.01 * ca.sin(q))
        run = ca.Function("step", [ca.vertcat(q, p)], [new]).fold(n)

        def f(x: Any) -> Any:
            end = run(x)
            return 0.5 * end[1] * end[1] - ca.cos(end[0])

        return f

    forms = {"jax": {"lax.fori_loop": loop}, "casadi": {"Function.fold": fold}}
    return Case(pendulum(n), numpy.array([1.0, 0.0]), numpy.array([0.7, 0.4]), forms)


STEP, START = 0.05, (1.0, 0.5)


def _slope(u: Any, v: Any, rates: Any) -> Any:
    a, b, c, d = rates
    return a * u - b * u * v, d * u * v - c * v


def _runge_kutta(u: Any, v: Any, rates: Any) -> Any:
    """One step of the classical method of order 4."""
    h = STEP
    u1, v1 = _slope(u, v, rates)
    u2, v2 = _slope(u + 0.5 * h * u1, v + 0.5 * h * v1, rates)
    u3, v3 = _slope(u + 0.5 * h * u2, v + 0.5 * h * v2, rates)
    u4, v4 = _slope(u + h * u3, v + h * v3, rates)
    return (
        u + h / 6.0 * (u1 + 2.0 * u2 + 2.0 * u3 + u4),
        v + h / 6.0 * (v1 + 2.0 * v2 + 2.0 * v3 + v4),
    )


def lotka_volterra(n: int) -> Any:
    """Both populations after n steps, added up, as a function of the four rates."""

    def make(np: Any) -> Any:
        def f(x: Any) -> Any:
            rates = x[0], x[1], x[2], x[3]
            u, v = START
            for _ in range(n):
                u, v = _runge_kutta(u, v, rates)
            return u + v

        return f

    return make


def _lotka_volterra(n: int) -> Case:
    def loop(jax: Any) -> Any:
        def f(x: Any) -> Any:
            rates = x[0], x[1], x[2], x[3]
            step = lambda _, state: _runge_kutta(*state, rates)  # noqa: E731
            u, v = jax.lax.fori_loop(0, n, step, START)
            return u + v

        return f

    def fold(ca: Any) -> Any:
        state, rates = ca.SX.sym("state", 2), ca.SX.sym("rates", 4)
        new = ca.vertcat(*_runge_kutta(state[0], state[1], ca.vertsplit(rates)))
        # The rates are carried along, because `fold` accumulates its first argument alone.
        step = ca.Function("step", [ca.vertcat(state, rates)], [ca.vertcat(new, rates)])
        run = step.fold(n)
        return lambda x: ca.sum1(run(ca.vertcat(*START, x))[:2])

    forms = {"jax": {"lax.fori_loop": loop}, "casadi": {"Function.fold": fold}}
    x, other = numpy.array([1.1, 0.4, 0.4, 0.1]), numpy.array([1.0, 0.5, 0.3, 0.2])
    return Case(lotka_volterra(n), x, other, forms)


PROBLEMS = (
    Problem(
        "logistic",
        "the logistic map",
        "Baydin, Pearlmutter, Radul & Siskind (2018), JMLR 18(153), table 1: l(n+1) = 4 l(n) "
        "(1 - l(n))",
        "steps",
        (10, 30, 60),
        _logistic,
        Operator.DERIVATIVE,
        loops=True,
    ),
    Problem(
        "pendulum",
        "energy of a pendulum by Euler's method",
        "made for this comparison: q' = p, p' = -sin q with steps of 0.01",
        "steps",
        (40, 400, 4000),
        _pendulum,
        loops=True,
    ),
    Problem(
        "lotka_volterra",
        "Lotka and Volterra's equations by Runge and Kutta's method",
        "Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, table II.1.2 "
        "(the method); derivatives with respect to the four rates",
        "steps",
        (10, 100, 1000),
        _lotka_volterra,
        loops=True,
    ),
)
