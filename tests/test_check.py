"""``check_gradient``: right gradients, wrong ones of every kind, and where nobody can tell."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit._verdict import Verdict
from diffkit.errors import GradientError, NonNumericError, ShapeError

rng = np.random.default_rng(1)
A, B = rng.standard_normal((6, 4)), rng.standard_normal(6)
M = rng.standard_normal((3, 3))
W = np.arange(6.0).reshape(2, 3) + 1


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x: Any) -> Any:
    bend = x[1:] - x[:-1] ** 2
    return np.append(0, 200 * bend) - np.append(400 * x[:-1] * bend + 2 * (1 - x[:-1]), 0)


def softmax(x: Any) -> Any:
    return np.exp(x) / np.sum(np.exp(x))


# name: the function, its gradient, a point
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any]] = {
    "waves": (
        lambda x: np.sum(np.sin(x) * x),
        lambda x: np.cos(x) * x + np.sin(x),
        np.array([0.3, 1.2, -2.0]),
    ),
    "least squares": (
        lambda x: np.mean((A @ x - B) ** 2),
        lambda x: 2 * A.T @ (A @ x - B) / 6,
        rng.standard_normal(4),
    ),
    "Rosenbrock": (rosenbrock, rosenbrock_gradient, rng.standard_normal(5)),
    "log-sum-exp": (lambda x: np.log(np.sum(np.exp(x))), softmax, rng.standard_normal(6)),
    "square matrix": (
        lambda x: np.sum(np.sin(x @ M)),
        lambda x: np.cos(x @ M) @ M.T,
        rng.standard_normal((3, 3)),
    ),
    "matrix": (lambda x: np.sum(np.exp(x) * W), lambda x: np.exp(x) * W, rng.uniform(0, 1, (2, 3))),
    "number": (np.exp, np.exp, 1.5),
    "large value": (np.exp, np.exp, 300.0),
    "large argument": (np.sin, np.cos, 1e6),
    "small argument": (np.log, lambda x: 1 / x, 1e-8),
    "oscillation": (lambda x: np.sin(1e5 * x), lambda x: 1e5 * np.cos(1e5 * x), 0.7),
    "huge": (lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1e100, 3e99])),
    "tiny": (lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1e-100, 3e-101])),
    "product": (np.prod, lambda x: np.prod(x) / x, np.array([1.1, 2.2, -3.3, 0.4])),
    "zero entry": (
        lambda x: x[0] ** 2 + np.sin(x[2]),
        lambda x: np.array([2 * x[0], 0.0, np.cos(x[2])]),
        np.array([1.0, 2.0, 3.0]),
    ),
    "minimum": (lambda x: 3 + np.sum((x - 1) ** 2), lambda x: 2 * (x - 1), np.ones(3)),
}


def black_box(f: Callable[..., Any]) -> Callable[..., Any]:
    """f so that it cannot be traced."""
    return lambda x: f(np.array(x, dtype=float) if np.ndim(x) else float(x))


def mistakes(g: Any) -> Iterator[tuple[str, Any]]:
    """Gradients that are wrong in every way, each with the guess that would be right."""
    yield "sign", -g
    yield "factor 2", 2 * g
    yield "factor 1/2", g / 2
    yield "not a finite number", g * np.nan
    if g.ndim == 2 and g.shape[0] == g.shape[1]:
        yield "transposed", g.T.copy()
    if g.size > 2:
        yield f"not divided by n = {g.size}", g * g.size
        yield "entries shifted by one place", np.roll(g, 1)
    largest = np.argmax(np.abs(g))
    for factor, told in ((1 + 1e-6, ""), (2.0, "factor 2"), (0.0, "missing term")):
        one = g.copy()
        one.flat[largest] *= factor
        yield told, one


SMOOTH = [name for name in CASES if name != "minimum"]
WRONG = [
    pytest.param(name, k, id=f"{name}-{told or 'off by 1e-6'}")
    for name in SMOOTH
    for k, (told, _) in enumerate(mistakes(np.asarray(CASES[name][1](CASES[name][2]))))
]


@pytest.mark.parametrize("view", [lambda f: f, black_box], ids=["traced", "black box"])
@pytest.mark.parametrize("name", CASES)
def test_a_right_gradient_is_right(name: str, view: Any) -> None:
    f, g, x = CASES[name]
    verdict = dk.check_gradient(view(f), g, x)
    assert verdict
    assert verdict.wrong == ()
    assert name == "minimum" or (verdict.digits is not None and verdict.digits > 7)


# The gradients of the others are beyond the range or the digits of single precision.
IN_SINGLE = [name for name in SMOOTH if name not in ("huge", "tiny", "large value")]


@pytest.mark.parametrize("name", IN_SINGLE)
def test_a_gradient_in_single_precision_is_right_to_its_digits(name: str) -> None:
    f, g, x = CASES[name]
    given = np.asarray(g(x), dtype=np.float32)
    verdict = dk.check_gradient(f, given if np.ndim(x) else given[()], x)
    assert verdict
    assert verdict.digits is not None
    assert 5 < verdict.digits < 8


@pytest.mark.parametrize(("name", "k"), WRONG)
def test_a_wrong_gradient_is_wrong_and_the_mistake_is_guessed(name: str, k: int) -> None:
    f, g, x = CASES[name]
    right = np.asarray(g(x), dtype=float)
    told, bad = list(mistakes(right))[k]
    if np.array_equal(bad, right):
        pytest.skip("the same")
    for view in (f, black_box(f)):
        verdict = dk.check_gradient(view, bad if np.ndim(x) else float(bad), x)
        if (name, told) in (("large argument", ""), ("oscillation", "")) and view is not f:
            assert not verdict  # differences at short steps are too coarse to be sure
            continue
        assert verdict.status == "wrong", str(verdict)
        assert told in verdict.guess
        off = {tuple(map(int, i)) for i in np.argwhere(~np.isclose(bad, right, rtol=1e-9, atol=0))}
        assert {w.index for w in verdict.wrong} == off
        errors = [
            math.inf if w.error is None else w.error / abs(w.expected or 1) for w in verdict.wrong
        ]
        assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("power", range(3, 15, 2))
def test_stated_digits_are_true(name: str, power: int) -> None:
    f, g, x = CASES[name]
    given = np.array(g(x), dtype=float)
    k = np.flatnonzero(given)[power % np.count_nonzero(given)]
    given.flat[k] *= 1 + 10.0**-power
    for view in (f, black_box(f)):
        verdict = dk.check_gradient(view, given if np.ndim(x) else float(given), x)
        assert not verdict or (verdict.digits is not None and verdict.digits <= power + 0.05)
        assert power < 9 or verdict.status != "wrong"


def hashed(x: Any) -> Any:
    """Something between 0 and 1 that has nothing to do with x."""
    return (np.sin(1e9 * np.sum(x) + 3) * 43758.5453) % 1


KINKS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "abs at 0": (lambda x: np.sum(np.abs(x)), np.array([0.0, 1.0]), np.array([0.0, 1.0])),
    "abs at 0, another slope": (lambda x: np.sum(np.abs(x)), np.ones(2), np.array([0.0, 1.0])),
    "abs by a branch": (lambda x: -x if x < 0 else x, 1.0, 0.0),
    "weak noise": (
        lambda x: np.sum(x**2) + 1e-10 * hashed(x),
        np.array([2.0, 4.0]),
        np.array([1.0, 2.0]),
    ),
    "maximum at a tie": (np.max, np.array([1.0, 0.0]), np.array([2.0, 2.0])),
    "jump": (lambda x: np.floor(x) + 0 * x, 0.0, 2.0),
    "edge of the domain": (np.sqrt, np.inf, 0.0),
    "outside of the domain": (np.log, 1.0, -1.0),
    "noise": (
        lambda x: np.sum(x**2) + 1e-6 * hashed(x),
        np.array([2.0, 4.0]),
        np.array([1.0, 2.0]),
    ),
    "rounded": (lambda x: round(float(x[0] ** 2), 8), np.array([2.0]), np.array([1.0])),
    "fine structure": (lambda x: x + 1e-10 * np.sin(1e8 * x), 1 + 1e-2 * np.cos(3e7), 0.3),
}


@pytest.mark.parametrize("view", [lambda f: f, black_box], ids=["traced", "black box"])
@pytest.mark.parametrize("name", KINKS)
def test_at_kinks_edges_and_noise_nobody_can_tell(name: str, view: Any) -> None:
    f, g, x = KINKS[name]
    verdict = dk.check_gradient(view(f), g, x)
    assert verdict.status == "cannot tell", str(verdict)
    assert verdict.reason


def test_a_wrong_entry_beside_a_kink_is_found() -> None:
    verdict = dk.check_gradient(
        lambda x: np.abs(x[0]) + x[1] ** 2, np.array([1.0, -2.0]), np.array([0.0, 1.0])
    )
    assert [w.index for w in verdict.wrong] == [(1,)]


def test_tiny_entries_are_checked_where_f_can_be_traced_and_not_taken_on_trust_elsewhere() -> None:
    def f(x: Any) -> Any:
        return 1e8 * x[0] ** 2 + 1e-10 * np.sin(x[1])

    x = np.array([0.7, 0.3])
    right = np.array([2e8 * 0.7, 1e-10 * np.cos(0.3)])
    assert dk.check_gradient(f, right, x)
    for factor in (-1.0, 2.0, 0.0, 1 + 1e-6):
        assert dk.check_gradient(f, right * [1, factor], x).status == "wrong"
    assert dk.check_gradient(black_box(f), right * [1, 2], x).status == "cannot tell"


def test_rules_that_are_wrong_do_not_confirm_a_gradient() -> None:
    @dk.primitive
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(lambda u, y, x: u * 2 * x)  # wrong on purpose
    verdict = dk.check_gradient(cube, lambda x: 2 * x, 1.7)
    assert verdict.status == "wrong"


def test_functions_of_math_are_checked() -> None:
    def f(x: Any) -> float:
        return math.sin(x[0]) * math.exp(x[1])

    x = np.array([0.3, 0.4])
    right = np.array([math.cos(0.3), math.sin(0.3)]) * math.exp(0.4)
    assert dk.check_gradient(f, right, x)
    assert not dk.check_gradient(f, right[::-1].copy(), x)


def test_a_nest_is_checked_and_the_entry_named() -> None:
    def f(p: Any) -> Any:
        return np.sum(np.sin(p["w"])) * p["b"][0] + p["b"][1] ** 2

    x = {"w": np.array([[0.1, 0.2], [0.3, 0.4]]), "b": (2.0, 3.0)}
    g = {"w": 2 * np.cos(x["w"]), "b": (np.sum(np.sin(x["w"])), 6.0)}
    assert dk.check_gradient(f, g, x)
    g["w"][1, 0] *= -1
    verdict = dk.check_gradient(f, g, x)
    assert verdict.wrong[0].index == ("w", 1, 0)
    assert "g['w'][1, 0]" in str(verdict)
    assert dk.check_gradient(f, {"w": g["w"]}, x).status == "wrong"


@pytest.mark.parametrize("mode", ["traced", "black box"])
def test_many_entries_are_checked_in_directions_and_a_wrong_one_is_found(mode: str) -> None:
    x = np.linspace(0.1, 3, 5000)

    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * x)

    view = f if mode == "traced" else black_box(f)
    right = np.cos(x) * x + np.sin(x)
    assert dk.check_gradient(view, right, x)
    assert dk.check_gradient(view, -right, x).guess == "sign"
    right[777] *= 1 + 1e-3
    verdict = dk.check_gradient(view, right, x)
    assert verdict.status == "wrong"
    assert verdict.wrong[0].index == (777,)


@pytest.mark.parametrize("given", [np.ones((3, 2)), np.ones(6), 1.0, {"w": 1.0}])
def test_a_wrong_shape_is_wrong_and_says_so(given: Any) -> None:
    verdict = dk.check_gradient(lambda x: np.sum(x**2), given, np.ones((2, 3)))
    assert verdict.status == "wrong"
    assert "shape" in verdict.reason


def test_what_is_no_function_to_a_number_is_refused() -> None:
    with pytest.raises(ShapeError, match="one number"):
        dk.check_gradient(lambda x: x**2, np.ones(2), np.ones(2))
    with pytest.raises(NonNumericError):
        dk.check_gradient(lambda x: np.sum(x**2), ["a", "b"], np.ones(2))


def test_a_verdict_is_an_assertion_with_a_message() -> None:
    good: Verdict = dk.check_gradient(np.exp, np.exp, 1.0)
    assert good.require() is good
    bad = dk.check_gradient(np.exp, lambda x: -np.exp(x), 1.0)
    with pytest.raises(AssertionError, match="Guess: sign") as caught:
        bad.require()
    assert isinstance(caught.value, GradientError)
    assert "expected 2.71828183" in repr(bad)


def test_a_verdict_can_be_stored_and_shown() -> None:
    from rich.console import Console

    verdict = dk.check_gradient(lambda x: np.sum(x**2), np.array([2.0, 5.0]), np.array([1.0, 2.0]))
    stored = json.loads(json.dumps(verdict.to_dict()))
    assert stored["wrong"][0]["index"] == [1]
    assert "<table>" in verdict._repr_html_()
    console = Console(width=80, record=True, file=StringIO())
    console.print(verdict)
    assert "wrong entry" in console.export_text()


def test_an_absolute_error_can_be_allowed() -> None:
    x = np.array([1.0, 2.0])
    assert not dk.check_gradient(lambda x: np.sum(x**2), 2 * x + 1e-5, x)
    assert dk.check_gradient(lambda x: np.sum(x**2), 2 * x + 1e-5, x, absolute=1e-4)
