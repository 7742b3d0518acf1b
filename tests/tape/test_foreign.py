"""A function that gives traced values to another library is told what to do instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import TracerConversionError

X = np.array([0.3, 0.7])


def of_jax(x: Any) -> Any:
    jnp = pytest.importorskip("jax.numpy")
    return jnp.sum(jnp.sin(x) ** 2)


def of_torch(x: Any) -> Any:
    torch = pytest.importorskip("torch")
    return torch.sum(torch.sin(x) ** 2)


@pytest.mark.parametrize("backend", ["forward", "reverse", "symbolic"])
@pytest.mark.parametrize(("f", "name"), [(of_jax, "jax"), (of_torch, "torch")])
def test_functions_for_other_libraries(f: Any, name: str, backend: str) -> None:
    with pytest.raises(TracerConversionError, match=f"use backend='{name}'"):
        dk.gradient(f, X, backend=backend)


@pytest.mark.parametrize("f", [of_jax, of_torch])
def test_where_the_advice_leads(f: Any) -> None:
    name = f.__name__.removeprefix("of_")
    np.testing.assert_allclose(dk.gradient(f, X, backend=name), np.sin(2 * X), rtol=1e-14)


def test_functions_of_scipy_that_diffkit_has() -> None:
    from scipy import special

    with pytest.raises(TracerConversionError, match=r"use diffkit\.scipy\.logsumexp, which"):
        dk.gradient(lambda x: special.logsumexp(x), X)


def test_functions_of_scipy_that_nobody_has() -> None:
    from scipy import interpolate

    curve = interpolate.CubicSpline(np.arange(3.0), [1.0, 2.0, 0.0])
    with pytest.raises(TracerConversionError, match="backend='finite_difference'"):
        dk.gradient(lambda x: np.sum(curve(x)), X)


def test_other_errors_stay_as_they_are() -> None:
    def wrong(x: Any) -> Any:
        raise TypeError("of my own")

    with pytest.raises(TypeError, match=r"^of my own$") as found:
        dk.gradient(wrong, X)
    assert type(found.value) is TypeError
