"""A tape as source that a person reads, and Python runs."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import UnsupportedError


def compiled(source):
    scope: dict = {}
    exec(source, scope)
    return scope["f"]


def griewank(x):
    ratio, growth = x[0] / x[1], np.exp(x[1])
    return (np.sin(ratio) + ratio - growth) * (ratio - growth)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + np.where(x[:-1] > 0, x[:-1], 0.0))


@pytest.mark.parametrize("f", [griewank, rosenbrock])
@pytest.mark.parametrize("point", [[1.5, 0.5], [0.3, 2.5]])
def test_the_source_computes_what_the_function_computes(f, point) -> None:
    source = dk.trace(f, np.array([1.5, 0.5])).to_source()
    assert compiled(source)(np.array(point)) == f(np.array(point))


def test_the_gradient_has_source_too() -> None:
    source = dk.trace(griewank, np.array([1.5, 0.5])).gradient().to_source()
    x = np.array([0.3, 2.5])
    assert np.array_equal(compiled(source)(x), dk.gradient(griewank, x))
    assert source.count("np.exp(") == 1  # common subexpressions are computed once


def test_another_branch_is_refused() -> None:
    f = compiled(dk.trace(lambda x: x * x if x > 0 else -x, 2.0).to_source())
    assert f(3.0) == 9.0
    with pytest.raises(ValueError, match="another branch"):
        f(-3.0)


def test_what_numpy_has_no_name_for_is_said() -> None:
    large = np.arange(100.0)
    with pytest.raises(UnsupportedError, match="too large"):
        dk.trace(lambda x: np.sum(x * large), np.arange(100.0)).to_source()
    with pytest.raises(UnsupportedError, match="no name in NumPy"):
        dk.trace(lambda x: np.tanh(x), 1.0).gradient().to_source()
