"""A program that uses diffkit, for a type checker in its strict mode; see test_package.py.

It is checked against the installed package, and run as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import diffkit as dk
from diffkit import errors
from diffkit.scipy import logsumexp

Vector = NDArray[np.float64]


def f(x: Vector) -> Any:
    return np.sum(np.sin(x) * np.exp(-x))


def grad_f(x: Vector) -> Vector:
    return (np.cos(x) - np.sin(x)) * np.exp(-x)


x: Vector = np.array([0.5, 1.5])

# The type of a derivative follows from what f returns and x is made of: a number, an array, a nest.
assert_type(dk.gradient(f, x), Any)
assert_type(dk.value_and_gradient(f, x), tuple[Any, Any])
g: Vector = dk.gradient(f, x, backend=dk.FiniteDifference(order=4))
slope: float = dk.derivative(np.tanh, 0.5, backend=dk.ComplexStep())
second: float = dk.second_derivative(np.tanh, 0.5)
hessian: Vector = dk.hessian(f, x, backend="symbolic")
jacobian: Vector = dk.jacobian(np.cos, x, backend=dk.Forward())
along: float = dk.jvp(f, x, np.ones(2))
back: Vector = dk.vjp(f, x, 1.0, backend=dk.Reverse())
curved: Vector = dk.hvp(f, x, np.ones(2))
nested: tuple[float, Vector] = dk.gradient(
    lambda scale, v: scale * np.sum(v), 2.0, x, argnums=(0, 1)
)
soft: Vector = dk.gradient(lambda v: logsumexp(v), x)

prepared = dk.prepare(dk.gradient, f, x)
replayed: Vector = prepared(x)
many: Vector = prepared.batch(np.stack([x, x]))
print(prepared.plan)
assert_type(dk.prepare(dk.jacobian, np.cos, x, sparse=True)(x), Any)

comparison = dk.compare(f, x, backends=["reverse", "forward"])
assert_type(comparison, dk.Comparison)
print(comparison, comparison.to_dict())

verdict = dk.check_gradient(f, grad_f, x)
assert_type(verdict, dk.Verdict)
assert verdict, str(verdict)

estimate = dk.FiniteDifference().estimate(np.sin, 0.5)
assert_type(estimate, dk.Estimate)

truth = dk.reference(f, x)
assert_type(truth, dk.Reference)
print(truth.value)

swell = dk.swell("x*y + sin(x)", x)
assert_type(swell, dk.Swell)

trace = dk.trace(f, x)
assert_type(trace, dk.Trace)
print(trace.table(adjoints=True))
svg: str = trace.graph().to_svg()

function = dk.function("exp(x)*y")
assert_type(function, dk.Function)
problem: dk.Function = dk.problems["griewank"]

known: Mapping[str, dk.Backend] = dk.backends()
print([backend.support("gradient") for backend in known.values()])

try:
    dk.gradient(f, x, backend="revers")
except errors.UnknownNameError as error:
    print(error)


@dk.primitive
def cube(v: float) -> float:
    return v**3
