"""Prepared derivatives: what they return, when they record again, and what they refuse."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
import warnings
from collections import OrderedDict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import (
    DomainError,
    NonFiniteError,
    ShapeError,
    StaleTapeError,
    UnknownNameError,
    UnsupportedError,
)

from .tape.replay.outcomes import difference, outcome

OPERATORS = [
    "derivative",
    "second_derivative",
    "gradient",
    "jacobian",
    "hessian",
    "jvp",
    "vjp",
    "hvp",
]
X = np.array([0.7, 1.3, 2.1])


def smooth(x, a=1.0):
    return np.sum(np.sin(x) * np.exp(-x * a)) ** 2


def vector(x, a=1.0):
    return np.cumsum(x * x * a) + np.sin(x)


def same(got: Any, want: Any, ulps: int = 0) -> None:
    assert not (where := difference(got, want, ulps)), where


def replays(prepared: Any, *arguments: Any) -> Any:
    """The answer, of a recording that was there already."""
    before = prepared.recordings
    y = prepared(*arguments)
    assert prepared.recordings == before >= 1
    assert prepared.plan.name != "eager"
    return y


def silent(call: Any) -> Any:
    with np.errstate(all="ignore"):
        return call()


# What it returns


@pytest.mark.parametrize("plan", [None, "source", "arrays"])
@pytest.mark.parametrize("backend", ["reverse", "forward"])
@pytest.mark.parametrize("value", ["", "value_and_"])
@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator(name: str, value: str, backend: str, plan: str | None) -> None:
    operator = getattr(dk, value + name)
    of_number = name in ("derivative", "second_derivative")
    f = (
        (lambda x: np.sin(x * x) / x)
        if of_number
        else (
            (lambda x: [x[0] * x[1], np.sin(x[2]) / x[0]])
            if name in ("jacobian", "jvp", "vjp")
            else (lambda x: np.sin(x[0]) * x[1] ** 3 / x[2])
        )
    )
    x = 0.8 if of_number else X
    extra = {"jvp": (X / 3,), "hvp": (X / 3,), "vjp": (np.array([0.4, -1.7]),)}.get(name, ())
    if plan == "source" and (name, backend) == ("vjp", "forward"):
        with pytest.raises(UnsupportedError, match="whole arrays"):  # it multiplies matrices
            dk.prepare(operator, f, x, *extra, backend=backend, plan=plan)
        return
    prepared = dk.prepare(operator, f, x, *extra, backend=backend, plan=plan)
    for point in (x * 1.1, x * 0.7):
        more = [v * 2.0 for v in extra]
        same(replays(prepared, point, *more), operator(f, point, *more, backend=backend))
    assert plan in (None, prepared.plan.name)


@pytest.mark.parametrize("name", sorted(dk.problems))
def test_every_problem_of_the_catalogue(name: str) -> None:
    problem = dk.problems[name]
    operator = dk.gradient if np.ndim(problem.points[0]) else dk.derivative
    for backend in ("reverse", "forward"):
        prepared = silent(
            lambda b=backend: outcome(
                lambda: dk.prepare(operator, problem, problem.points[0], backend=b)
            )
        )
        for point in [*problem.points, *[p * 1.001 for p in problem.points]]:
            want = outcome(lambda p=point, b=backend: operator(problem, p, backend=b))
            if isinstance(prepared, type):
                assert prepared is outcome(lambda: operator(problem, problem.points[0]))
                return
            same(outcome(prepared, point), want)


@pytest.mark.parametrize("backend", ["finite_difference", "complex_step"])
def test_black_box_methods_are_called_anew(backend: str) -> None:
    f, args = (lambda x, a: np.exp(a * x) / x), (1.3, 0.5)
    want = outcome(lambda: dk.derivative(f, 1.7, 0.5, backend=backend))
    prepared = dk.prepare(dk.derivative, f, *args, backend=backend)
    assert prepared.plan.name == "eager"
    assert "calls the function itself" in prepared.plan.reason
    same(outcome(prepared, 1.7, 0.5), want)


def _branches(x: Any) -> Any:
    return x * x if x > 0 else np.sin(x)


def _griewank(x: Any) -> Any:
    ratio, growth = x[0] / x[1], np.exp(x[1])
    return (np.sin(ratio) + ratio - growth) * (ratio - growth)


SYMBOLIC = [
    (dk.derivative, _branches, 1.0, -2.0),
    (dk.second_derivative, _branches, 2.0, 3.0),
    (dk.gradient, _griewank, np.array([1.5, 0.5]), np.array([0.3, 2.5])),
    (dk.hessian, _griewank, np.array([1.5, 0.5]), np.array([0.3, 2.5])),
    (dk.derivative, np.tanh, np.linspace(0, 1, 5), np.linspace(1, 2, 5)),
]


@pytest.mark.parametrize(("operator", "f", "x", "elsewhere"), SYMBOLIC)
def test_symbolic_derivatives_are_made_once(operator: Any, f: Any, x: Any, elsewhere: Any) -> None:
    prepared = dk.prepare(operator, f, x, backend="symbolic")
    assert prepared.plan.name != "eager"
    same(prepared(elsewhere), operator(f, elsewhere, backend="symbolic"))
    assert prepared.recordings == (2 if f is _branches and elsewhere < 0 else 1)


NESTS: list[tuple[Any, Any, Any]] = [
    (lambda p: p["w"] @ p["w"] * p["b"], {"w": X, "b": 2.0}, {"b": 0.5, "w": X + 1}),
    (lambda p: p[0] * np.sum(p[1] ** 2), (2.0, X), (3.0, X * 2)),
    (lambda p: p[0] * p[1][0] * p[1][1]["a"], [2.0, (3.0, {"a": 4.0})], [1.0, (5.0, {"a": 6.0})]),
    (
        lambda p: p["a"] * np.float64(2) * p["b"],
        OrderedDict(a=1.0, b=2.0),
        OrderedDict(a=3.0, b=4.0),
    ),
    (lambda p: p[0] * p[0], (np.float64(3.0), None), (np.float64(4.0), None)),
    (lambda p: np.sum(p[0]) * p[1], (np.ones((0, 2)), 2.0), (np.ones((0, 2)), 3.0)),
]


@pytest.mark.parametrize(("f", "x", "y"), NESTS)
def test_nests(f: Any, x: Any, y: Any) -> None:
    """The same, and another structure of as many leaves."""
    prepared = dk.prepare(dk.value_and_gradient, f, x)
    same(replays(prepared, y), dk.value_and_gradient(f, y))
    same(prepared(x), dk.value_and_gradient(f, x))
    total = lambda p: sum(np.sum(v) * k for k, v in enumerate(parts(p), 1))  # noqa: E731
    prepared = dk.prepare(dk.gradient, total, x)
    for other in (
        [1.0, 2.0],
        (1.0, 2.0),
        {"a": 1.0, "b": 2.0},
        {"a": 1.0, "c": 2.0},
        (1.0, [2.0]),
        x,
    ):
        same(prepared(other), dk.gradient(total, other))


def parts(p: Any) -> list[Any]:
    if isinstance(p, dict):
        return [v for k in sorted(p) for v in parts(p[k])]
    return (
        [v for q in p for v in parts(q)]
        if isinstance(p, (list, tuple))
        else []
        if p is None
        else [p]
    )


@pytest.mark.parametrize("argnums", [0, 1, -1, (0, 1), (2, 0), (-1, 1)])
def test_argnums(argnums: Any) -> None:
    f = lambda x, y, z: np.sum(x * y) * z + y * z * z  # noqa: E731
    prepared = dk.prepare(dk.gradient, f, X, 2.0, 3.0, argnums=argnums)
    for point in ((X * 2, 1.5, -3.0), (X, 2, 3), (X, np.float64(2.5), 1)):
        same(prepared(*point), dk.gradient(f, *point, argnums=argnums))
    g = dk.prepare(dk.jvp, f, X, X, 2.0, 3.0)
    same(g(X, X / 2, 1.0, 2.0), dk.jvp(f, X, X / 2, 1.0, 2.0))


POINTS: list[Any] = [
    1.5,
    2,
    np.float64(1.5),
    np.float32(1.5),
    np.int64(3),
    np.array(1.5),
    np.array(2),
    True,
    np.float16(1.5),
    np.longdouble(1.5),
    np.array(1.5, np.float32),
    "1.5",
    None,
    1.5 + 0j,
    10**400,
]


@pytest.mark.parametrize("x", POINTS, ids=repr)
def test_types_of_points_and_results(x: Any) -> None:
    """Whatever point was recorded, another one gives what the operator gives, type and all."""
    f = lambda x: np.sin(x) * x  # noqa: E731
    for operator in (dk.derivative, dk.value_and_derivative, dk.gradient, dk.second_derivative):
        prepared = outcome(lambda o=operator: dk.prepare(o, f, x))
        if isinstance(prepared, type):
            assert prepared is outcome(lambda o=operator: o(f, x))
            prepared = dk.prepare(operator, f, 1.5)
        for y in [*POINTS, x]:
            got, want = outcome(prepared, y), outcome(lambda o=operator, y=y: o(f, y))
            if got is TypeError and want is TypeError:
                continue
            same(got, want)


ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(12.0).reshape(4, 3)[::2],
    np.arange(6.0)[::-1].reshape(2, 3),
    np.arange(6.0, dtype=">f8").reshape(2, 3),
    np.arange(6).reshape(2, 3),
    np.arange(6.0, dtype=np.float32).reshape(2, 3),
    np.arange(6, dtype=np.uint8).reshape(2, 3),
    np.zeros((0, 3)),
    np.zeros((2, 0, 3)),
    np.arange(6.0),
    np.arange(3.0),
    np.ones((1, 1)),
    np.broadcast_to(np.arange(3.0), (2, 3)),
    np.arange(6.0).reshape(2, 3) + 0j,
]


@pytest.mark.parametrize("k", range(len(ARRAYS)))
def test_layouts_dtypes_and_shapes(k: int) -> None:
    """Recorded for one array, called with all: the same bits, also where sums round."""

    def f(x):
        return np.sum(np.cos(x * 1.7) * x) ** 2 + np.sum(np.sum(x * 0.3, axis=0) ** 3)

    for operator in (dk.value_and_gradient, dk.jacobian):
        prepared = outcome(lambda o=operator: dk.prepare(o, f, ARRAYS[k]))
        if isinstance(prepared, type):
            assert prepared is outcome(lambda o=operator: o(f, ARRAYS[k]))
            continue
        for x in [*ARRAYS, ARRAYS[k]]:
            for shift in (0, 1):
                y = x + x.dtype.type(shift) if x.strides == (x + 1).strides else x
                same(outcome(prepared, y), outcome(lambda o=operator, y=y: o(f, y)))


@pytest.mark.parametrize("dtype", [np.float32, np.complex128, ">f8", np.float64])
@pytest.mark.parametrize("f", [lambda x: x[::-1], lambda x: np.concatenate([x, x[:1]]), np.copy])
def test_functions_that_only_move_elements_keep_the_dtype(f: Any, dtype: Any) -> None:
    x, v = X.astype(dtype), (X * 2).astype(dtype)
    prepared = dk.prepare(dk.value_and_jvp, f, x, v)
    same(replays(prepared, v, x), dk.value_and_jvp(f, v, x))


@pytest.mark.parametrize("plan", [None, "arrays"])
@pytest.mark.parametrize("k", range(10))
def test_no_array_is_shared_with_the_caller_or_with_another_answer(k: int, plan: Any) -> None:
    """Identities, constants and results that stand twice are where memory could be shared."""
    constant = np.arange(3.0)
    operator, f, point, *extra = [
        (dk.value_and_jvp, lambda x: x, X, X * 2),
        (dk.jacobian, lambda x: constant * x, X),
        (dk.value_and_vjp, lambda x: x, X, X * 2),
        (dk.gradient, lambda x: np.sum(constant * x), X),
        (dk.value_and_jvp, lambda x: x[::-1], X, X * 2),
        (dk.hessian, lambda x: np.sum(x * x), X),
        (dk.gradient, lambda x: x @ x, X),
        (dk.value_and_jacobian, np.exp, X),
        (dk.gradient, lambda p: np.sum(p[0]) + np.sum(p[1]), (X, X)),
        (dk.value_and_jvp, lambda p: p[0] + 0.0 * p[1], (X, X), (X, X)),
    ][k]
    prepared = dk.prepare(operator, f, copy.deepcopy(point), *copy.deepcopy(extra), plan=plan)
    want = operator(f, point, *extra)
    for _ in range(3):
        x, more = copy.deepcopy(point), copy.deepcopy(extra)
        got = replays(prepared, x, *more)
        same(got, want)
        for part in leaves(got):
            assert part.flags.writeable
            given = [*leaves(x), *leaves(more), constant]
            assert not any(np.shares_memory(part, v) for v in given)
            for other in leaves(got):
                assert other is part or not np.shares_memory(part, other)
            part[...] = np.nan
        for v in [*leaves(x), *leaves(more)]:
            v[...] = np.nan


def leaves(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [leaf for v in value for leaf in leaves(v)]
    return [value] if isinstance(value, np.ndarray) else []


# When it records again


def branchy(x):
    if x > 0:
        return x**2
    return np.sin(x)


def until_converged(x):
    y = x
    while abs(y * y - x) > 1e-12:
        y = 0.5 * (y + x / y)
    return y


def bounded(x):
    return np.clip(x, -1.0, 1.0) * x


BRANCHES: list[tuple[Any, list[Any]]] = [
    (branchy, [1.0, -1.0, 2.0, -0.5, 0.0]),
    (until_converged, [2.0, 3.0, 100.0, 1e-3, 2.0]),
    (abs, [1.0, -2.0, 0.0, -0.0]),
    (bounded, [0.5, 1.0, 2.0, -1.0, -3.0]),
    (lambda x: max(x, 1.0) * min(x, 2.0), [0.5, 1.0, 1.5, 2.0, 2.5]),
    (lambda x: x * x if x else 3 * x, [1.0, 0.0, -2.0]),
    (lambda x: np.where(x > 0, np.sqrt(np.abs(x)), x * x), [1.0, -1.0, 0.5, 0.0]),
    (lambda x: x ** round(2.4) if x >= 1 else x**3, [1.0, 0.9, 2.0]),
    (lambda x: np.floor(x) * x, [1.5, 2.5, -0.5, 3.0]),
    (lambda x: np.sign(x) * x * x, [1.5, -2.5, 0.0]),
    (lambda x: [x, -x, x * x][int(x > 1) + int(x > 2)], [0.5, 1.5, 2.5]),
]
ARRAY_BRANCHES: list[tuple[Any, list[Any]]] = [
    (np.max, [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.0, 2.0, 1.0], [2.0, 2.0, 2.0]]),
    (np.min, [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 2.0, 1.0]]),
    (lambda x: np.sort(x) @ np.arange(3.0), [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.0, 2.0, 1.0]]),
    (lambda x: x[np.argmax(x)] ** 2, [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 5.0, 0.0]]),
    (lambda x: np.sum(x[x > 1.5] ** 2), [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [0.0, 2.0, 1.0]]),
    (
        lambda x: np.sum(x[np.nonzero(x > 1.5)] ** 3),
        [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [0, 2.0, 1]],
    ),
    (lambda x: np.prod(x), [[1.0, 2.0, 3.0], [0.0, 2.0, 1.0], [0.0, 0.0, 1.0]]),
    (lambda x: np.median(x), [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0], [1.0, 3.0, 2.0]]),
    (lambda x: np.linalg.norm(x), [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
    (lambda x: np.sum(np.where(x > 1.5, np.log(np.abs(x)), x)), [[1.0, 2.0, 3.0], [0.0, 9.0, 1.0]]),
    (lambda x: sum(v * v for v in x if v > 1.5) * 1.0, [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]),
    (lambda x: np.sum(x * (x > 1.5)), [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]),
    (lambda x: np.sum(x) if np.all(x > 0) else np.sum(x * x), [[1.0, 2.0, 3.0], [-3.0, 2.0, 1.0]]),
    (lambda x: np.sum(np.unwrap(x * 3)), [[1.0, 2.0, 3.0], [-3.0, 2.0, 1.0], [0.0, 0.1, 0.2]]),
    (lambda x: np.interp(x[0], X, X**2) * x[1], [[1.0, 2.0, 3.0], [2.0, 2.0, 1.0]]),
    (lambda x: np.take_along_axis(x, np.argsort(x), 0) @ X, [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]),
    (lambda x: np.linalg.det(np.outer(x, x) + np.diag(x)), [[1.0, 2.0, 3.0], [0.0, 2.0, 1.0]]),
]


@pytest.mark.parametrize("plan", [None, "arrays", "eager"])
@pytest.mark.parametrize("k", range(len(BRANCHES) + len(ARRAY_BRANCHES)))
def test_other_branches(k: int, plan: str | None) -> None:
    f, points = [*BRANCHES, *ARRAY_BRANCHES][k]
    points = [np.array(p, float) if isinstance(p, list) else p for p in points]
    for operator in (dk.gradient, dk.value_and_gradient, dk.hessian):
        for first in points:
            want = outcome(lambda o=operator, p=first: o(f, p))
            prepared = outcome(lambda o=operator, p=first: dk.prepare(o, f, p, plan=plan))
            if isinstance(prepared, type):
                assert prepared is want or prepared is UnsupportedError
                continue
            for p in [*points, *points[::-1]]:
                got = outcome(prepared, p)
                if got is not UnsupportedError or plan is None:
                    same(got, outcome(lambda o=operator, p=p: o(f, p)))


def test_constants_of_every_kind() -> None:
    def f(x, how, n, weights, names):
        y = x * 0.0
        for k in range(n):
            y = y + x ** (k + 1) * weights[k % len(weights)]
        return {"sin": np.sin, "exp": np.exp, None: abs, True: np.cos}[how](y) * len(names)

    first = (0.7, "sin", 3, [1, 2], {"a"} and ("a", "b"))
    prepared = dk.prepare(dk.derivative, f, *first)
    for how in ("sin", "exp", None, True):
        for n in (1, 3, 4):
            for weights in (
                [1, 2],
                [2, 1],
                (1, 2),
                [1.0, 2.0],
                np.array([1, 2]),
                np.array([1.0, 2]),
            ):
                for names in (("a", "b"), ("a",), ["x", "y"], "abc"):
                    point = (0.9, how, n, weights, names)
                    same(prepared(*point), dk.derivative(f, *point))


def test_a_float_that_a_function_needs_as_it_is() -> None:
    """Such an argument is a constant, and another one is recorded anew."""
    table = {2.0: 1.5, 3.0: 2.5}
    functions = [
        lambda x, a: x * table[a],
        lambda x, a: x * len(range(int(a))),
        lambda x, a: x**2 * float(a),
        lambda x, a: x * a if a.is_integer() else x,
        lambda x, a: x * (2 if type(a) is float else 3),
        lambda x, a: x * [1, 2, 3, 4][int(a)],
        lambda x, a: x * float(f"{a:.1f}"),
    ]
    for f in functions:
        prepared = dk.prepare(dk.derivative, f, 1.0, 2.0)
        for a in (2.0, 3.0, 2.0):
            same(prepared(0.3, a), dk.derivative(f, 0.3, a))


def test_float_arguments_may_change_without_being_recorded_again() -> None:
    f = lambda x, a, w: np.sum(w * x**2) * a  # noqa: E731
    prepared = dk.prepare(dk.gradient, f, X, 2.0, X)
    for k in range(5):
        same(replays(prepared, X, float(k), X * k), dk.gradient(f, X, float(k), X * k))
    assert prepared.recordings == 1


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor


def test_objects_that_may_change_unnoticed_are_not_relied_on() -> None:
    for make, change in (
        (lambda: Scale(2.0), lambda s: setattr(s, "factor", 5.0)),
        (lambda: {2.0}, lambda s: s.add(7.0)),
        (lambda: bytearray(b"ab"), lambda s: s.append(4)),
    ):
        argument = make()
        f = lambda x, s: x * (s.factor if isinstance(s, Scale) else float(sum(s)))  # noqa: E731
        prepared = dk.prepare(dk.derivative, f, 1.0, argument)
        change(argument)
        same(prepared(1.0, argument), dk.derivative(f, 1.0, argument))
        assert "may change" in prepared.plan.reason
    for kept in (
        Fraction(1, 3),
        "ab",
        b"ab",
        None,
        ...,
        (1, "a"),
        np,
        np.sin,
        Scale,
        3 + 4j,
        10**30,
    ):
        prepared = dk.prepare(dk.derivative, lambda x, s: x * x, 1.0, kept)
        same(replays(prepared, 2.0, kept), 4.0)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_classes_of_their_own_are_not_taken_for_plain_arrays() -> None:
    f = lambda x, m: np.sum(np.asarray(m * m) * x)  # noqa: E731  (* of matrices is @)
    m = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    prepared = dk.prepare(dk.gradient, f, X[:2], m)
    for factor in (m, 2 * m, np.asarray(m)):
        same(prepared(X[:2], factor), dk.gradient(f, X[:2], factor))


@pytest.mark.parametrize("n", [3, 256, 257, 3000])
@pytest.mark.parametrize(
    "use",
    [
        lambda w, x: np.sum(w * x * x),
        lambda w, x: w @ (x * x),
        lambda w, x: np.sum(w[1:] * x[1:]),
        lambda w, x: np.sum(w.reshape(-1, 1)[:, 0] + x * w),
        lambda w, x: np.dot(x, w) ** 2,
        lambda w, x: np.sum(np.concatenate([x, w]) ** 2) * np.sum(w * x),
        lambda w, x: np.sum(np.where(x > 0, w, x) * x),
        lambda w, x: np.sum(x**2 / w),
    ],
)
def test_arrays_from_elsewhere_are_watched(use: Any, n: int) -> None:
    """Also ones of equal numbers, which are simplified away."""
    w, x = np.ones(n), np.linspace(1, 2, n)
    f = lambda x: use(w, x)  # noqa: E731
    prepared = dk.prepare(dk.gradient, f, x)
    same(replays(prepared, x), dk.gradient(f, x))
    for k, value in ((1, 5.0), (n - 1, -2.0)):
        w[k] = value
        same(prepared(x), dk.gradient(f, x))
    assert prepared.plan.name != "eager"


def test_a_stale_recording_raises_where_that_is_asked_for() -> None:
    prepared = dk.prepare(dk.derivative, branchy, 1.0, on_change="raise")
    assert prepared(3.0) == 6.0
    for point in (-1.0, np.float64(2.0), 3, np.array([1.0])):
        error = StaleTapeError if np.ndim(point) == 0 else Exception
        with pytest.raises(error):
            prepared(point)
    assert prepared(4.0) == 8.0
    assert prepared.recordings == 1
    # neither an error of the user's nor a derivative of it is a change
    with pytest.raises(NonFiniteError):
        prepared(np.nan)
    assert dk.derivative(prepared, 3.0) == 2.0


def test_recordings_of_branches_that_come_back_are_kept() -> None:
    calls = []

    def f(x):
        calls.append(1)
        return branchy(x)

    prepared = dk.prepare(dk.derivative, f, 1.0)
    prepared(-1.0)
    calls.clear()
    for _ in range(5):
        assert prepared(2.0) == 4.0
        assert prepared(-2.0) == np.cos(-2.0)
    assert not calls
    assert prepared.recordings == 2


def test_endless_branches_do_not_pile_up() -> None:
    def steps(x):
        k = 0
        while x > k:
            k += 1
        return x * k

    prepared = dk.prepare(dk.derivative, steps, 0.5)
    for k in range(40):
        assert prepared(k + 0.5) == k + 1
    assert prepared.recordings <= 8


def test_a_function_that_gives_something_else_at_each_call_is_called_anew() -> None:
    count = iter(range(1, 99))
    prepared = dk.prepare(dk.derivative, lambda x: x * next(count), 1.0)
    first, second = prepared(1.0), prepared(1.0)
    assert second > first
    assert prepared.plan.name == "eager"


# Errors and warnings


BAD: list[tuple[Any, Any, list[Any]]] = [
    (np.log, 1.0, [0.0, -1.0, np.nan, np.inf]),
    (np.sqrt, 1.0, [0.0, -1.0, 1e-320]),
    (lambda x: 1 / x, 1.0, [0.0, -0.0, 5e-324]),
    (lambda x: x**-0.5, 1.0, [0.0, -1.0]),
    (lambda x: x**1.5, 1.0, [0.0, -1.0, -2]),
    (np.exp, 1.0, [1000.0, -1000.0, 709.9]),
    (lambda x: np.exp(x) ** 0.0, 1.0, [1000.0]),
    (lambda x: x**x, 1.0, [0.0, -1.0, -0.5, 0]),
    (lambda x: 2.0**x, 1.0, [2000.0, -2000.0]),
    (lambda x: x**400, 1.0, [10.0, 1e-3]),
    (lambda x: np.where(x > 0, np.sqrt(x), 0.0), 1.0, [-1.0, 0.0, 2.0]),
    (lambda x: np.where(x > 0, np.log(x), x), 1.0, [-1.0, 0.0, 2.0]),
    (lambda x: 0.0 * np.log(x), 1.0, [0.0, -1.0]),
    (lambda x: np.sqrt(0 * x), 1.0, [2.0, 0.0]),
    (lambda x: np.sqrt(x) * np.sqrt(x), 1.0, [0.0, 4.0]),
    (lambda x: x * math_inf, 1.0, [0.0, 1.0]),
    (lambda x: x * -0.0, 1.0, [0.0, -1.0]),
    (lambda x: x + 2**70, 1.0, [0.0, -1.0]),
    (lambda x: x * 10**400 if x < 0 else x, 1.0, [-1.0, 2.0]),
    (lambda x: math_nan if x < 0 else x * x, 1.0, [-1.0, 2.0]),
    (lambda x: x ** (math_inf) if x < 0.9 else x, 1.0, [0.5, 0.0]),
    (lambda x: np.copysign(2.0, x * 0.0 + 0.0) * x, 1.0, [-1.0, 2.0, -0.0]),
    (lambda x: np.arctan2(x * 0.0 + 0.0, -1.0) * x, 1.0, [-1.0, 2.0]),
]
math_inf, math_nan = float("inf"), float("nan")


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("k", range(len(BAD)))
def test_errors_and_warnings_are_those_of_the_operator(k: int, array: bool) -> None:
    of_number, first, points = BAD[k]
    f = (lambda x: np.sum(of_number(x))) if array else of_number
    as_point = (lambda p: np.array([1.0, p, 0.5])) if array else (lambda p: p)
    for operator in (dk.value_and_gradient, dk.hessian):
        prepared = silent(lambda o=operator: outcome(lambda: dk.prepare(o, f, as_point(first))))
        if isinstance(prepared, type):
            assert prepared is outcome(lambda o=operator: o(f, as_point(first)))
            continue
        for p in [*points, first]:
            got, own = warned(prepared, as_point(p))
            want, theirs = warned(lambda x, o=operator: o(f, x), as_point(p))
            same(got, want)
            if not isinstance(want, type):
                assert own <= theirs, own - theirs


def warned(call: Any, *arguments: Any) -> tuple[Any, set[str]]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            y = call(*arguments)
        except Exception as error:
            y = type(error)
    return y, {str(w.message) for w in found}


@pytest.mark.parametrize("state", ["warn", "raise"])
def test_a_replay_warns_of_nothing_by_itself(state: str) -> None:
    """Neither of a sum that overflows in a check, nor of what stands behind a guard."""

    def guarded(x):
        y = x * 2.0
        return np.sum(np.log(x) + y) if y[0] > 0 else np.sum(y)

    huge = np.full(20, 1e308)
    summed = lambda x: sum(v / 1e300 for v in x)  # noqa: E731
    with warnings.catch_warnings(), np.errstate(all=state):
        warnings.simplefilter("error")
        for f, start, point in (
            (summed, huge / 2, huge),
            (guarded, np.ones(20), -np.ones(20)),
            (guarded, np.ones(1 << 17), -np.ones(1 << 17)),
        ):
            prepared = dk.prepare(dk.gradient, f, start)
            same(prepared(point), dk.gradient(f, point))


def test_points_outside_the_domain_between_good_ones() -> None:
    prepared = dk.prepare(dk.derivative, np.log, 1.0)
    for _ in range(20):
        with pytest.raises(DomainError), np.errstate(all="ignore"):
            prepared(-1.0)
        with pytest.raises(NonFiniteError):
            prepared(np.inf)
        assert replays(prepared, 2.0) == 0.5


def test_wrong_calls() -> None:
    prepared = dk.prepare(dk.derivative, lambda x, a: x * a, 1.0, 2.0)
    for arguments in ((), (1.0,), (1.0, 2.0, 3.0), ("a", 1.0)):
        want = outcome(lambda a=arguments: dk.derivative(lambda x, a: x * a, *a))
        assert outcome(prepared, *arguments) is want
    assert prepared(2.0, 5.0) == 5.0
    with pytest.raises(UnknownNameError):
        dk.prepare(dk.derivative, np.sin, 1.0, plan="fastest")
    with pytest.raises(UnknownNameError):
        dk.prepare(dk.derivative, np.sin, 1.0, on_change="ignore")
    with pytest.raises(UnsupportedError, match="arrays"):
        dk.prepare(dk.gradient, lambda x: np.sum(np.sin(x)), X, plan="source")


# Many points


def test_a_batch_gives_what_each_point_gives() -> None:
    rng = np.random.default_rng(3)
    cases: list[tuple[Any, Any, Any]] = [
        (dk.value_and_derivative, np.sin, rng.normal(size=50)),
        (dk.derivative, branchy, rng.normal(size=50)),
        (dk.derivative, lambda x: np.sum(x) * np.max(x) * x, rng.normal(size=50)),
        (dk.derivative, lambda x: x * x if x else x, np.array([1.0, 0.0, 2.0, 0.0])),
        (dk.derivative, until_converged, rng.uniform(1, 9, 20)),
        (dk.gradient, lambda x: x[0] * np.exp(x[1]) / x[2], rng.uniform(1, 2, (30, 3))),
        (dk.jacobian, lambda x: [x[0] * x[1], x[2]], rng.normal(size=(30, 3))),
        (dk.value_and_hessian, lambda x: x[0] * x[1] * x[2], rng.normal(size=(30, 3))),
        (dk.gradient, smooth, rng.normal(size=(20, 3))),
        (dk.gradient, lambda x: x[0, 1] * x[1, 0], rng.normal(size=(20, 2, 2))),
        (dk.derivative, np.sin, rng.normal(size=9).astype(np.float32)),
        (dk.derivative, lambda x: x * x, np.arange(5)),
        (dk.jacobian, lambda x: x * x, 1j * np.arange(6.0).reshape(3, 2)),
        (dk.gradient, np.max, rng.normal(size=(9, 3))),
    ]
    for operator, f, points in cases:
        for m in (1, len(points)):
            prepared = dk.prepare(operator, f, points[0])
            want = [operator(f, p) for p in points[:m]]
            parts = list(zip(*want, strict=True)) if isinstance(want[0], tuple) else [want]
            stacked = [np.stack(p) for p in parts]
            same(prepared.batch(points[:m]), tuple(stacked) if len(parts) > 1 else stacked[0])


def test_a_batch_gives_a_primitive_of_ones_own_one_point_at_a_time() -> None:
    """What it does to an array of points is not what it does to each."""
    made = dk.primitive(lambda x: x * np.max(np.abs(x)))
    made.defvjp(lambda g, y, x: g * 2 * np.abs(x))
    points = np.array([1.0, -2.0, 3.0])
    prepared = dk.prepare(dk.value_and_derivative, made, 1.0, plan="source")
    same(prepared.batch(points), (points * np.abs(points), 2 * np.abs(points)))


def test_a_batch_of_nests_and_with_arguments() -> None:
    f = lambda p, a: p["u"] * p["v"][0] ** 3 * a + np.sum(p["v"][1])  # noqa: E731
    points = {"u": X, "v": (X + 1, np.outer(X, [1.0, 2.0]))}
    one = lambda k: {"u": X[k], "v": (X[k] + 1, points["v"][1][k])}  # noqa: E731
    prepared = dk.prepare(dk.value_and_gradient, f, one(0), 2.0)
    y, g = prepared.batch(points, 5.0)
    want = [dk.value_and_gradient(f, one(k), 5.0) for k in range(3)]
    same(y, np.array([w[0] for w in want]), 2)
    same(g["u"], np.array([w[1]["u"] for w in want]), 2)
    same(g["v"][1], np.stack([w[1]["v"][1] for w in want]), 2)


def test_bad_batches() -> None:
    prepared = dk.prepare(dk.derivative, np.log, 1.0)
    for points in (np.zeros(0), np.float64(1.0), 2.0):
        with pytest.raises(ShapeError):
            prepared.batch(points)
    with pytest.raises(NonFiniteError):
        prepared.batch(np.array([1.0, np.nan, 2.0]))
    with pytest.raises(DomainError), np.errstate(all="ignore"):
        prepared.batch(np.array([1.0, -1.0, 2.0]))
    g = dk.prepare(dk.gradient, lambda p: p[0] * p[1], (1.0, 2.0))
    with pytest.raises(ShapeError):
        g.batch((np.ones(3), np.ones(2)))


# Other uses


def test_derivatives_of_prepared_derivatives() -> None:
    f = lambda x: np.sin(x) * x**3  # noqa: E731
    for options in ({}, {"plan": "source"}, {"on_change": "raise"}, {"plan": "arrays"}):
        g = dk.prepare(dk.derivative, f, 1.0, **options)
        for backend in ("reverse", "forward"):
            same(dk.derivative(g, 2.0, backend=backend), dk.second_derivative(f, 2.0), 8)
        same(g(2.0), dk.derivative(f, 2.0))
    again = dk.prepare(dk.derivative, dk.prepare(dk.derivative, f, 1.0), 1.0)
    same(replays(again, 2.0), dk.second_derivative(f, 2.0), 8)


def test_preparing_inside_of_a_function_that_is_differentiated() -> None:
    def f(x):
        inner = dk.prepare(dk.derivative, lambda y: x * y**2, 3.0)
        return inner(4.0) + inner(x)  # 8 x + 2 x^2

    assert dk.derivative(f, 3.0) == 20.0
    assert dk.second_derivative(f, 3.0) == 4.0
    prepared = dk.prepare(dk.derivative, f, 1.0)
    assert replays(prepared, 3.0) == 20.0


def test_eight_threads_at_once() -> None:
    """On programs on numbers and on arrays, with branches that push each other out."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for f, points in (
            (
                lambda x: branchy(x) * len([k for k in range(12) if x > k]),
                np.arange(-6.0, 12.5, 0.5),
            ),
            (
                lambda x: np.sum(np.sin(x) * x) * (1.0 if x[0] > 0 else 2.0),
                [np.linspace(-1.0, 2.0, 40) + k / 8 for k in range(20)],
            ),
            (
                lambda x: np.sum(np.sin(x) * np.exp(-x)),
                [np.full(1 << 17, 0.1 * k) for k in range(4)],
            ),
        ):
            prepared = dk.prepare(dk.gradient, f, points[0])
            want = [dk.gradient(f, p) for p in points]
            problems: list[Any] = []

            def work(
                k: int,
                f: Any = prepared,
                points: Any = points,
                want: Any = want,
                problems: Any = problems,
            ) -> None:
                try:
                    for i in np.random.default_rng(k).permutation(len(points)):
                        where = difference(f(points[i]), want[i])
                        if where:
                            problems.append(where)
                except Exception as error:
                    problems.append(error)

            threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert not problems, problems[:3]
    finally:
        sys.setswitchinterval(interval)


def test_copies_and_pickles() -> None:
    prepared = dk.prepare(dk.derivative, np.sin, 1.0)
    for twin in (copy.copy(prepared), copy.deepcopy({"g": prepared})["g"]):
        assert twin(2.0) == np.cos(2.0)
    with pytest.raises(TypeError, match=r"diffkit\.prepare"):
        pickle.dumps(prepared)


def test_it_says_what_it_is() -> None:
    prepared = dk.prepare(dk.value_and_gradient, smooth, X)
    assert repr(prepared).startswith("<prepared_value_and_gradient: arrays (")
    assert "whole arrays" in str(prepared.plan)
    assert dk.prepare(dk.jvp, smooth, X).plan.name == "eager"  # nothing was recorded yet
    assert dk.prepare(dk.jvp, smooth, X)(X, X) == dk.jvp(smooth, X, X)


@pytest.mark.parametrize("view", [lambda a: a[1:], lambda a: a[::-1][:4], np.ravel,
                                  lambda a: np.broadcast_to(a[:1], (4,))])  # fmt: skip
def test_a_view_of_an_array_that_changes(view: Any) -> None:
    """The view is made anew at each call, and nobody but the recording keeps it."""
    scale = np.arange(1.0, 6.0)
    x = np.ones(view(scale).shape)
    g = dk.prepare(dk.gradient, lambda t: np.sum(view(scale) * t**2), x)
    assert np.array_equal(g(x), 2 * view(scale))
    scale[:] = 7.0
    assert np.array_equal(g(x), 2 * view(scale))
