"""Rules that users give, and checkpoints."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import MissingRuleError, TracerConversionError

X = np.array([0.3, -1.2, 2.0])


def softplus_primitive():
    @dk.primitive
    def softplus(x):
        return np.log1p(np.exp(np.asarray(x, dtype=float)))  # not traceable

    softplus.defvjp(lambda g, y, x: g / (1 + np.exp(-x)))
    softplus.defjvp(lambda t, y, x: t / (1 + np.exp(-x)))
    return softplus


def test_a_users_rules_serve_both_modes_and_every_order() -> None:
    softplus = softplus_primitive()
    s = 1 / (1 + np.exp(-X))
    for backend in ("forward", "reverse"):
        g = dk.gradient(lambda x: np.sum(softplus(x)), X, backend=backend)
        np.testing.assert_allclose(g, s, rtol=1e-14)
    np.testing.assert_allclose(
        dk.hessian(lambda x: np.sum(softplus(x)), X), np.diag(s * (1 - s)), rtol=1e-13, atol=1e-16
    )


def test_broadcasting_is_undone_for_users_rules_too() -> None:
    @dk.primitive
    def scaled(a, x):
        return a * x

    scaled.defvjp(lambda g, y, a, x: g * x, lambda g, y, a, x: g * a)
    assert dk.derivative(lambda a: np.sum(scaled(a, X)), 2.0) == pytest.approx(X.sum())


def test_a_missing_mode_is_named_not_zero() -> None:
    @dk.primitive
    def only_reverse(x):
        return 2.0 * x

    only_reverse.defvjp(lambda g, y, x: 2.0 * g)
    assert dk.derivative(only_reverse, 1.0) == 2.0
    with pytest.raises(MissingRuleError, match=r"only_reverse.*defjvp"):
        dk.derivative(only_reverse, 1.0, backend="forward")


def test_an_argument_without_a_rule_is_refused_not_zero() -> None:
    @dk.primitive
    def f(x, a):
        return x * a

    f.defvjp(lambda g, y, x, a: g * a)
    with pytest.raises(MissingRuleError, match="argument 2"):
        dk.derivative(lambda a: f(3.0, a), 1.0)


def step(state, k):
    return np.sin(state) * (1 + 0.1 * k) + 0.3 * np.roll(state, 1)


def chain(x, wrap):
    for k in range(6):
        x = wrap(step)(x, float(k))
    return np.sum(x**2)


def test_checkpoints_change_nothing_but_the_memory() -> None:
    plain = dk.gradient(lambda x: chain(x, lambda f: f), X)
    np.testing.assert_array_equal(dk.gradient(lambda x: chain(x, dk.checkpoint), X), plain)
    forward = dk.gradient(lambda x: chain(x, dk.checkpoint), X, backend="forward")
    np.testing.assert_allclose(forward, plain, rtol=1e-13)
    hessian = dk.hessian(lambda x: chain(x, dk.checkpoint), X)
    np.testing.assert_allclose(hessian, dk.hessian(lambda x: chain(x, lambda f: f), X), rtol=1e-12)


def test_checkpointed_pieces_need_less_memory() -> None:
    def piece(x):
        for _ in range(20):
            x = np.sin(x) + 0.5 * x
        return x

    def peak(wrap):
        def f(x):
            for _ in range(20):
                x = wrap(piece)(x)
            return np.sum(x)

        tracemalloc.start()
        dk.gradient(f, np.ones(10_000))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(dk.checkpoint) < peak(lambda f: f) / 5


def test_a_checkpoint_goes_with_its_last_use_and_not_with_the_garbage() -> None:
    def piece(x):
        return np.sin(x)

    gone = weakref.ref(piece)
    gc.disable()
    try:
        dk.gradient(lambda x, piece=piece: np.sum(dk.checkpoint(piece)(x)), X)
        del piece
        assert gone() is None
    finally:
        gc.enable()


def test_a_checkpoint_that_closes_over_a_traced_value_is_refused() -> None:
    with pytest.raises(TracerConversionError, match="argument"):
        dk.gradient(lambda x: dk.checkpoint(lambda s: s * x[0])(2.0 * x[1]), X)


def test_a_traced_keyword_reaches_its_rule() -> None:
    @dk.primitive
    def scaled(a, s=1.0):
        return a * s

    scaled.defvjp(lambda g, y, a, s=1.0: g * s, lambda g, y, a, s=1.0: g * a)
    g = dk.gradient(lambda x: np.sum(scaled(x, s=x[0])), X)
    np.testing.assert_allclose(g, [X[0] + X.sum(), X[0], X[0]])


def test_a_function_that_changes_its_argument_does_not_change_the_tape() -> None:
    def double(t):
        t *= 2.0
        return t

    x = X.copy()
    np.testing.assert_allclose(dk.gradient(lambda a: np.sum(dk.checkpoint(double)(a)), x), 2.0)
    np.testing.assert_array_equal(x, X)

    own = dk.primitive(double).defvjp(lambda g, y, x: 2.0 * g)
    np.testing.assert_allclose(dk.gradient(lambda a: np.sum(own(a) * a), x), 4 * X)
    np.testing.assert_array_equal(x, X)
