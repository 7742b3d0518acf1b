"""Arrays taken apart into numbers give what NumPy gives on arrays, but for rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.rules import RULES
from diffkit.tape import record_many
from diffkit.tape.replay.numbers import apart, native
from diffkit.tape.replay.numbers.apart import taken_apart
from diffkit.tape.replay.numbers.rearranged import FEWEST, PARTS, rearranged
from diffkit.tape.replay.numbers.scalars import ScalarProgram, ScalarStep, scalar_program
from diffkit.tape.replay.program import program

from .outcomes import difference, outcome
from .test_every_rule import MODULES, cases_of, cotangent, function_of, is_complex, moved
from .test_random_programs import STEPS, agrees, arrays, on_arrays, on_numbers

ROUNDING = 100_000  # ulps of the largest element: sums that cancel are taken in another order


@pytest.fixture(autouse=True)
def whatever_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "CALL", 1e9)


@settings(max_examples=60, deadline=None)
@given(STEPS, arrays())
def test_programs_on_arrays(steps: Any, points: Any) -> None:
    with pytest.MonkeyPatch.context() as costs:
        costs.setattr(apart, "CALL", 1e9)
        agrees(dk.value_and_gradient, on_arrays(steps[:12]), points, "machine", ROUNDING)


# Not so small that a quotient by one of them hides all other terms of a sum.
COARSE = st.lists(
    st.lists(st.integers(-192, 192).map(lambda k: k / 64.0), min_size=3, max_size=3),
    min_size=3, max_size=3,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(STEPS, COARSE)
def test_programs_on_numbers(steps: Any, points: Any) -> None:
    xs = [np.array(x) for x in points]
    agrees(dk.value_and_gradient, on_numbers(steps), xs, "machine", ROUNDING)


@pytest.mark.parametrize("module", MODULES)
def test_every_rule(module: str) -> None:
    """What is taken apart at all is right; how much of it must be, is said of some below."""
    for case in cases_of(module):
        f = function_of(case)
        xs = tuple([np.array(case.args[k], order="K")[()] for k in case.active])
        xs = tuple([float(x) if isinstance(x, np.float64) else x for x in xs])
        y = outcome(f, xs)
        if isinstance(y, type) or is_complex(case) or np.iscomplexobj(y):
            continue
        u = cotangent(np.asarray(y)[()])
        with np.errstate(all="ignore"):
            prepared = outcome(
                lambda f=f, xs=xs, u=u: dk.prepare(dk.value_and_vjp, f, xs, u, plan="machine")
            )
        if isinstance(prepared, type):
            continue
        point = tuple([moved(x, 1e-3) for x in xs])
        want, got = outcome(dk.value_and_vjp, f, point, u), outcome(prepared, point, u)
        if got is dk.errors.UnsupportedError:  # another branch, which cannot be
            continue
        assert not (where := difference(got, want, ROUNDING)), f"{case}: {where}"


X = np.array([[0.3, -0.7, 1.1], [0.9, 0.4, -0.2]])
INDEX = np.array([0, 2, 1, 0, 0])
TAKEN_APART = {
    "sum of a broadcast product": lambda x: np.sum(x * np.arange(3.0) + x[:, :1]),
    "sum over an axis": lambda x: np.sum(np.sum(x**2, axis=0) ** 3),
    "kept axis": lambda x: np.sum(x / np.sum(x**2, axis=1, keepdims=True)),
    "mean": lambda x: np.mean(x**3) + np.sum(np.mean(x, axis=-1) ** 2),
    "prod": lambda x: np.prod(x),
    "largest": lambda x: np.max(x) * np.min(x) + np.sum(np.max(x, axis=0) ** 2),
    "matrix products": lambda x: np.sum((x @ x.T) @ x),
    "einsum": lambda x: np.einsum("ij,kj,ik->", x, x, x @ x.T),
    "tensordot and outer": lambda x: np.sum(np.outer(x, np.tensordot(x, x))),
    "gather and add up": lambda x: np.sum(x[0][INDEX] * x[1][INDEX] ** 2),
    "slices": lambda x: np.sum(100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2),
    "where": lambda x: np.sum(np.where(x > 0, x**2, np.sin(x))),
    "log of a sum": lambda x: np.log(np.sum(np.exp(x - np.max(x)))),
    "roots and powers": lambda x: np.sum((x**2) ** 0.5 + (1 + x**2) ** -1 + (2 + x) ** 1.7),
    "joined": lambda x: np.sum(np.concatenate([x, x * 2]) ** 2) + np.sum(np.stack([x, x]) ** 3),
    "moved": lambda x: np.sum(np.roll(x, 1) * np.flip(x, 0)) + np.sum(np.diagonal(x) ** 2),
    "cumulated": lambda x: np.sum(np.cumsum(x) ** 2),
}


@pytest.mark.parametrize("name", TAKEN_APART)
def test_what_arrays_are_used_for_is_taken_apart(name: str) -> None:
    f = TAKEN_APART[name]
    g = dk.prepare(dk.value_and_gradient, f, X, plan="machine")
    for x in (X, X * 1.1 + 0.01, np.asfortranarray(X * 0.9), np.repeat(X, 2, axis=0)[::2]):
        assert not difference(g(x), dk.value_and_gradient(f, x), 64), name
    assert g.plan.name == "machine"
    assert g.recordings == 1


def numbers(f: Any, *values: float) -> ScalarProgram:
    made = scalar_program(program(*record_many(f, list(values))))
    assert made is not None
    return made


def rules_of(scalars: ScalarProgram) -> list[str]:
    return [step.rule.name for step in scalars.steps]


def test_a_square_is_a_product_and_nothing_is_done_twice_or_for_nothing() -> None:
    made = rearranged(numbers(lambda x, y: [x**2 + 0.0 * 1.0 + (x * y) * (y * x) * 1.0], 1.5, 2.5))
    assert sorted(rules_of(made)) == ["add", "multiply", "multiply", "square"]


def test_quotients_by_one_number_are_products_with_its_reciprocal() -> None:
    f = lambda x, y: [x / y + (x + 1.0) / y, 1.0 / x]  # noqa: E731
    made = rearranged(numbers(f, 1.5, 2.5))
    assert sorted(rules_of(made)) == ["add", "add", "divide", "multiply", "multiply", "reciprocal"]
    run = native.compile(made)
    assert run is not None
    np.testing.assert_allclose(run(np.array([1.5, 2.5])), f(1.5, 2.5), rtol=4e-16)


def test_signs_are_part_of_sums() -> None:
    f = lambda x, y: [(-x) + y, x - (-y), (-x) * (-y), -x - y]  # noqa: E731
    made = rearranged(numbers(f, 1.5, 2.5))
    assert sorted(rules_of(made)) == ["add", "multiply", "negative", "subtract", "subtract"]
    run = native.compile(made)
    assert run is not None
    np.testing.assert_array_equal(run(np.array([1.5, 2.5])), f(1.5, 2.5))


@pytest.mark.parametrize(("rule", "operands", "expected"), [
    (np.add, (0, 2), -1.0), (np.add, (2, 0), -1.0), (np.subtract, (0, 2), 4.0),
    (np.multiply, (3, 2), 3.75), (np.divide, (3, 2), 0.6),
])  # fmt: skip
def test_each_place_of_a_negative_keeps_its_sign(
    rule: Any, operands: tuple[int, int], expected: float
) -> None:
    """Slots: x, y, -y, -x. Recordings have no such sums left, arrays that were taken apart have."""
    steps = (
        ScalarStep(RULES[np.negative], (1,), 2, -2.5),
        ScalarStep(RULES[np.negative], (0,), 3, -1.5),
        ScalarStep(RULES[rule], operands, 4, expected),
    )
    made = rearranged(ScalarProgram(((), ()), {}, steps, (np.array(4),), 5))
    assert rules_of(made) != ["negative", "negative", rule.__name__]
    run = native.compile(made)
    assert run is not None
    assert run(np.array([1.5, 2.5]))[0] == expected


@pytest.mark.parametrize("terms", [FEWEST, FEWEST + 1, FEWEST + 2, FEWEST + 3, 40])
def test_a_long_sum_has_four_parts(terms: int) -> None:
    x = np.random.default_rng(terms).normal(size=terms + 1)

    def total(*x: Any) -> Any:
        y = x[0]
        for v in x[1:]:
            y = v + y
        return [y, x[0] * x[1]]

    made = rearranged(numbers(total, *x))
    depth: dict[int, int] = {}
    for step in made.steps:
        if step.rule.name == "add":
            depth[step.slot] = 1 + max(depth.get(k, 0) for k in step.operands)
    assert depth[int(made.outputs[0])] <= -(-(terms + 1) // PARTS) + 2
    run = native.compile(made)
    assert run is not None
    np.testing.assert_allclose(run(x), [np.sum(x), x[0] * x[1]], rtol=1e-13, atol=1e-13)


def test_a_sum_that_is_used_on_the_way_stays_as_it_is() -> None:
    def sums(*x: Any) -> Any:
        found = [x[0]]
        for v in x[1:]:
            found.append(found[-1] + v)
        return found

    x = np.arange(1.0, 31.0)
    made = rearranged(numbers(sums, *x))
    run = native.compile(made)
    assert run is not None
    np.testing.assert_array_equal(run(x), np.cumsum(x))


def test_large_arrays_are_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "CALL", 80.0)
    made = program(*record_many(lambda x: [np.sum(x * x)], [np.ones(5000)]))
    assert taken_apart(made) is None
