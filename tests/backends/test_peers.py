"""Other libraries behind the interface: plain NumPy functions, functions of their own, prepared."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit._backends.peer import Peer
from diffkit.errors import TracerConversionError, UnknownNameError, UnsupportedError
from diffkit.scipy import sqrtm

LIBRARIES = ("jax", "torch", "autograd", "casadi", "symengine")
X = np.array([0.3, -1.2, 0.7])


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def namespace(library: str) -> Any:
    """What a function that is written for the library is written in."""
    if library == "casadi":
        casadi = import_module("casadi")
        return SimpleNamespace(sum=casadi.sum1, sin=casadi.sin)
    if library == "symengine":
        se = import_module("symengine")
        return SimpleNamespace(sum=lambda x: se.Add(*x), sin=np.frompyfunc(se.sin, 1, 1))
    return import_module({"jax": "jax.numpy", "autograd": "autograd.numpy"}.get(library, library))


def mixture(x: Any) -> Any:
    return np.sum(np.where(x > 0, x**2, -x) * np.sin(x[0])) if x[0] > 0 else np.sum(np.exp(x))


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


# Functions of the library's own


def own(library: str) -> Callable[[Any], Any]:
    xp = namespace(library)
    return lambda x: xp.sum(xp.sin(x) * x[0])


def test_a_function_written_for_the_library_is_differentiated(library: str) -> None:
    due = np.cos(X) * X[0] + np.array([np.sum(np.sin(X)), 0, 0])
    close(dk.gradient(own(library), X, backend=library), due)
    close(dk.prepare(dk.gradient, own(library), X, backend=library)(X), due)


def test_a_function_of_a_nest_written_for_the_library(library: str) -> None:
    xp = namespace(library)
    f = lambda p: xp.sum(p["a"] * p["b"][0])  # noqa: E731
    found = dk.gradient(f, {"a": X, "b": (2.0,)}, backend=library)
    close(found["a"], [2.0, 2.0, 2.0])
    close(found["b"][0], np.sum(X))


def test_a_function_is_read_as_what_it_is_said_to_be(library: str) -> None:
    cls: Any = type(dk.backends()[library])
    close(dk.gradient(own(library), X, backend=cls(functions="library")), dk.gradient(
        lambda x: np.sum(np.sin(x) * x[0]), X))  # fmt: skip
    with pytest.raises(UnknownNameError, match="did you mean 'library'"):
        cls(functions="librari")


def test_what_loses_the_derivative_is_refused(library: str) -> None:
    with pytest.raises(TracerConversionError, match=r"np.sin for math.sin"):
        dk.gradient(lambda x: math.sin(x), 1.0, backend=library)


def test_an_error_of_the_users_own_function_passes(library: str) -> None:
    def f(x: Any) -> Any:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        dk.gradient(f, X, backend=library)


def test_what_the_library_lacks_is_named(library: str) -> None:
    with pytest.raises(UnsupportedError, match=r"(?s)sqrtm.*backend='reverse'"):
        dk.gradient(lambda x: sqrtm(np.outer(x, x) + np.eye(3))[0, 1], X, backend=library)


def test_a_primitive_of_the_users_own_is_not_taken_for_its_namesake(library: str) -> None:
    @dk.primitive
    def sign(x: Any) -> Any:
        return 3.0 * x

    sign.defvjp(lambda g, y, x: 3.0 * g)
    for f in (sign, dk.checkpoint(np.sin)):
        with pytest.raises(UnsupportedError, match="primitive of the user's own or a checkpoint"):
            dk.derivative(lambda x, f=f: f(x), 2.0, backend=library)


def test_diffkit_does_not_differentiate_the_library(library: str) -> None:
    with pytest.raises(UnsupportedError, match="cannot be differentiated again"):
        dk.gradient(lambda x: np.sum(dk.gradient(mixture, x, backend=library)), X)


def test_single_precision_stays_single(library: str) -> None:
    found = dk.gradient(mixture, X.astype(np.float32), backend=library)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, dk.gradient(mixture, X), rtol=1e-6)


def test_the_precision_of_jax_is_left_alone() -> None:
    import jax.numpy

    dk.gradient(mixture, X, backend="jax")
    assert jax.numpy.ones(1).dtype == jax.numpy.float32


# Prepared


OPERATORS = ("gradient", "hessian", "jvp", "vjp", "hvp", "jacobian")


@pytest.mark.parametrize("operator", OPERATORS)
def test_prepared_derivatives_follow_the_point(library: str, operator: str) -> None:
    rng = np.random.default_rng(0)
    of_vector = operator in ("jvp", "vjp", "jacobian")
    f = (lambda x: np.sin(x) * np.sum(x)) if of_vector else mixture
    apply: Any = getattr(dk, operator)
    vector = (rng.standard_normal(3),) if operator in ("jvp", "vjp", "hvp") else ()
    g = dk.prepare(apply, f, X, *vector, backend=library)
    assert g.plan.name == library
    for _ in range(5):  # on both branches
        x = rng.standard_normal(3)
        close(g(x, *vector), apply(f, x, *vector))
    assert g.recordings == (1 if of_vector else 2)
    assert g.plan.name == library


def test_prepared_derivatives_take_changing_constants(library: str) -> None:
    f = lambda x, a, b: a * np.sum(b * x**2)  # noqa: E731
    g = dk.prepare(dk.value_and_gradient, f, X, 2.0, X, backend=library)
    y, d = g(X, 3.0, X + 1)
    close(y, 3.0 * np.sum((X + 1) * X**2))
    close(d, 6.0 * (X + 1) * X)
    assert g.recordings == 1


def test_several_arguments_in_the_order_of_argnums(library: str) -> None:
    f = lambda x, c, y: np.sum(x * y**2) * c  # noqa: E731
    g = dk.prepare(dk.gradient, f, X, 2.0, X, argnums=(2, 0), backend=library)
    by_y, by_x = g(X, 3.0, X + 1)
    close(by_y, 6 * X * (X + 1))
    close(by_x, 3 * (X + 1) ** 2)


def test_a_nest_comes_back_as_a_nest(library: str) -> None:
    f = lambda p: np.sum(p["w"] ** 2) * p["b"]  # noqa: E731
    g = dk.prepare(dk.gradient, f, {"w": X, "b": 2.0}, backend=library)
    found = g({"w": X + 1, "b": 3.0})
    close(found["w"], 6 * (X + 1))
    close(found["b"], np.sum((X + 1) ** 2))


def test_an_array_that_f_takes_from_elsewhere_may_change(library: str) -> None:
    scale = np.ones(3)
    g = dk.prepare(dk.gradient, lambda x: np.sum(scale * x**2), X, backend=library)
    scale[0] = 5.0
    close(g(X), 2 * scale * X)


def test_another_shape_is_recorded_again(library: str) -> None:
    g = dk.prepare(dk.gradient, lambda x: np.sum(x**3), X, backend=library)
    close(g(np.arange(5.0)), 3 * np.arange(5.0) ** 2)
    assert g.recordings == 2


def test_a_branch_of_a_function_of_its_own_is_taken_at_each_point() -> None:
    import jax.numpy as jnp

    g = dk.prepare(dk.gradient, lambda x: jnp.sum(x) if x[0] > 0 else jnp.sum(x**2), X,
                   backend="jax")  # fmt: skip
    assert g.plan.name == "eager"  # jax.jit refuses such a function
    close(g(X), [1, 1, 1])
    close(g(-X), -2 * X)


def test_a_plan_is_not_forced_upon_a_library(library: str) -> None:
    with pytest.raises(UnsupportedError, match=f"{library} computes it"):
        dk.prepare(dk.gradient, mixture, X, backend=library, plan="native")
    assert dk.prepare(dk.gradient, mixture, X, backend=library, plan="eager").plan.name == "eager"


def test_the_elementwise_derivative_is_checked_at_each_point(library: str) -> None:
    g = dk.prepare(dk.derivative, np.sin, X, backend=library)
    assert g.plan.name == "eager"
    close(g(X + 1), np.cos(X + 1))


def test_every_adapter_is_a_peer(library: str) -> None:
    assert isinstance(dk.backends()[library], Peer)
    assert {dk.backends()[library].support(o) for o in OPERATORS} == {"native"}


def test_a_power_whose_exponent_is_zero(library: str) -> None:
    """Of a**b the mixed derivative is 1/a at b = 0."""
    f = lambda x: (2.0 + np.sin(x[0])) ** np.tanh(x[1])  # noqa: E731
    at_zero = dk.hessian(f, np.zeros(2), backend=library)
    close(at_zero, [[0.0, 0.5], [0.5, math.log(2.0) ** 2]])
    close(dk.hessian(f, np.array([0.1, 0.2]), backend=library),
          dk.hessian(f, np.array([0.1, 0.2])))  # fmt: skip


@pytest.mark.parametrize("name", ["casadi", "symengine"])
def test_threads_share_a_prepared_derivative(name: str) -> None:
    """These libraries compute in memory of a function's own."""
    pytest.importorskip(name)
    f = lambda x: np.sum(np.sin(x) * x[::-1])  # noqa: E731
    g = dk.prepare(dk.gradient, f, np.ones(50), backend=name)
    assert g.plan.name == name
    wrong: list[float] = []

    def work(seed: int) -> None:
        for x in np.random.default_rng(seed).standard_normal((200, 50)):
            due = np.cos(x) * x[::-1] + np.sin(x)[::-1]
            wrong.append(float(np.max(np.abs(g(x) - due))))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 800
    assert max(wrong) < 1e-14
