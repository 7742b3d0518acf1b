"""Short formulas of the literature: Griewank's example, Rosenbrock, Speelpenning, Helmholtz."""

from __future__ import annotations

from typing import Any

import numpy

from .problem import Case, Problem


def griewank(np: Any) -> Any:
    """[sin(x1/x2) + x1/x2 - exp(x2)] [x1/x2 - exp(x2)]."""

    def f(x: Any) -> Any:
        return (np.sin(x[0] / x[1]) + x[0] / x[1] - np.exp(x[1])) * (x[0] / x[1] - np.exp(x[1]))

    return f


def _griewank(n: int) -> Case:
    return Case(griewank, numpy.array([1.5, 0.5]), numpy.array([1.2, 0.7]))


def rosenbrock_loop(n: int) -> Any:
    """Rosenbrock's function of n variables, element by element."""

    def make(np: Any) -> Any:
        def f(x: Any) -> Any:
            total = 0.0
            for k in range(n - 1):
                total = total + 100.0 * (x[k + 1] - x[k] ** 2) ** 2 + (1.0 - x[k]) ** 2
            return total

        return f

    return make


def _rosenbrock_scan(jax: Any) -> Any:
    def add(total: Any, pair: Any) -> Any:
        a, b = pair
        return total + 100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2, None

    return lambda x: jax.lax.scan(add, 0.0, (x[:-1], x[1:]))[0]


def _rosenbrock_loop(n: int) -> Case:
    rng = numpy.random.default_rng(n)
    x, other = rng.normal(size=(2, n))
    return Case(rosenbrock_loop(n), x, other, {"jax": {"lax.scan": _rosenbrock_scan}})


def rosenbrock(np: Any) -> Any:
    """Rosenbrock's function, vectorised."""

    def f(x: Any) -> Any:
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return f


def _rosenbrock_mx(ca: Any) -> Any:
    return lambda x: ca.sum1(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def _rosenbrock(n: int) -> Case:
    rng = numpy.random.default_rng(n)
    x, other = rng.normal(size=(2, n))
    return Case(rosenbrock, x, other, {"casadi": {"MX": _rosenbrock_mx}})


def speelpenning(n: int) -> Any:
    """The product of n numbers, one after the other."""

    def make(np: Any) -> Any:
        def f(x: Any) -> Any:
            product = x[0]
            for k in range(1, n):
                product = product * x[k]
            return product

        return f

    return make


def _speelpenning_scan(jax: Any) -> Any:
    return lambda x: jax.lax.scan(lambda product, v: (product * v, None), 1.0, x)[0]


def _speelpenning(n: int) -> Case:
    rng = numpy.random.default_rng(n)
    x, other = 1.0 + 0.1 * rng.normal(size=(2, n))
    return Case(speelpenning(n), x, other, {"jax": {"lax.scan": _speelpenning_scan}})


def helmholtz(a: Any, b: Any) -> Any:
    """The Helmholtz energy of a mixed fluid, in units of R T."""
    root = numpy.sqrt(2.0)

    def make(np: Any) -> Any:
        a_, b_ = np.asarray(a), np.asarray(b)

        def f(x: Any) -> Any:
            bx = np.dot(b_, x)
            ideal = np.sum(x * np.log(x / (1.0 - bx)))
            excess = np.log((1.0 + (1.0 + root) * bx) / (1.0 + (1.0 - root) * bx))
            return ideal - np.dot(x, np.dot(a_, x)) / (2.0 * root * bx) * excess

        return f

    return make


def _helmholtz_mx(a: Any, b: Any) -> Any:
    root = numpy.sqrt(2.0)

    def make(ca: Any) -> Any:
        def f(x: Any) -> Any:
            bx = ca.dot(b, x)
            ideal = ca.sum1(x * ca.log(x / (1.0 - bx)))
            excess = ca.log((1.0 + (1.0 + root) * bx) / (1.0 + (1.0 - root) * bx))
            return ideal - ca.dot(x, ca.mtimes(a, x)) / (2.0 * root * bx) * excess

        return f

    return make


def _helmholtz(n: int) -> Case:
    rng = numpy.random.default_rng(n)
    a = rng.uniform(0.1, 1.0, size=(n, n))
    a, b = (a + a.T) / 2, rng.uniform(0.1, 1.0, size=n)
    x, other = rng.uniform(0.1, 0.9, size=(2, n)) / n
    forms = {"casadi": {"MX": _helmholtz_mx(a, b)}}
    return Case(helmholtz(a, b), x, other, forms, {"a": a, "b": b})


PROBLEMS = (
    Problem(
        "griewank",
        "Griewank's worked example",
        "Griewank & Walther (2008), Evaluating Derivatives, 2nd ed., the example of its first "
        "evaluation trace",
        "variables",
        (2,),
        _griewank,
    ),
    Problem(
        "rosenbrock_loop",
        "Rosenbrock's function, element by element",
        "Rosenbrock (1960), Comput. J. 3(3), for two variables; chained as in scipy.optimize.rosen",
        "variables",
        (10, 100, 1000),
        _rosenbrock_loop,
        loops=True,
    ),
    Problem(
        "rosenbrock",
        "Rosenbrock's function, vectorised",
        "as rosenbrock_loop, over whole arrays",
        "variables",
        (100, 1000, 100_000),
        _rosenbrock,
    ),
    Problem(
        "speelpenning",
        "Speelpenning's product",
        "Speelpenning (1980), thesis, University of Illinois at Urbana-Champaign",
        "variables",
        (10, 100, 1000),
        _speelpenning,
        loops=True,
    ),
    Problem(
        "helmholtz",
        "Helmholtz energy of a mixed fluid",
        "Griewank (1989), On automatic differentiation (from Peng and Robinson's equation of "
        "state), with R T = 1",
        "components",
        (10, 100, 1000),
        _helmholtz,
    ),
)
