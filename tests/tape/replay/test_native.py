"""The native loop, and the machine code made of it, give the bits that the rules give."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.errors import MissingPackageError, NonNumericError, ShapeError
from diffkit.rules import RULES, arithmetic, load_families
from diffkit.rules.elementary import sech_squared
from diffkit.tape import record_many
from diffkit.tape.recording import GUARD
from diffkit.tape.replay.numbers import native
from diffkit.tape.replay.numbers.scalars import ScalarProgram, ScalarStep, scalar_program
from diffkit.tape.replay.program import program

load_families()
from diffkit.rules import special as _special  # noqa: E402, F401  (SciPy's functions)

SPECIAL = [0.0, -0.0, 0.5, 1.0, -1.0, 2.0, -3.0, 1e-320, -5e-324, 1e300, np.inf, -np.inf, np.nan]
ORDINARY = [*np.random.default_rng(7).normal(size=60), *np.random.default_rng(8).uniform(0, 9, 60)]


@pytest.fixture(scope="module", params=["loop", "machine code"], autouse=True)
def hot(request: Any) -> Iterator[bool]:
    """All tests are of the loop, and then of the machine code."""
    compile = native.compile

    def heated(scalars: ScalarProgram) -> Any:
        run = compile(scalars)
        if run is not None and 0 < run.instructions < 10_000:
            run.heat()
            assert run.hot
        return run

    with pytest.MonkeyPatch.context() as patch:
        if request.param == "machine code":
            patch.setattr(native, "compile", heated)
        yield request.param == "machine code"


def scalars_of(f: Any, *inputs: Any) -> ScalarProgram:
    """The program that computes the values of f, a list."""
    rows, values, places = record_many(f, inputs)
    if not rows.replayable:  # a slope that is not finite has decided how the sweep goes
        assume(False)
    scalars = scalar_program(program(rows, values, places))
    assert scalars is not None
    return scalars


def gradient_of(f: Any, x: Any) -> ScalarProgram:
    return scalars_of(lambda t: list(dk.value_and_gradient(f, t)), x)


def one_step(rule: Any, operands: int, value: Any) -> ScalarProgram:
    step = ScalarStep(rule, tuple(range(operands)), operands, value)
    return ScalarProgram(((),) * operands, {}, (step,), (np.array(operands),), operands + 1)


def assert_same(a: Any, b: Any) -> None:
    a, b = np.asarray(a, float), np.asarray(b, float)
    same = (a.view(np.int64) == b.view(np.int64)) | (np.isnan(a) & np.isnan(b))
    assert np.all(same), (a[~same], b[~same])


UFUNCS = [fn for fn in RULES if isinstance(fn, np.ufunc) and fn.nin < 3 and fn.nout == 1]
TRUTHS = [fn for fn in UFUNCS if "d->?" in fn.types or "dd->?" in fn.types]
# The second operand of these is an integer; bits are those of booleans; matrices are not numbers.
OTHERS = {"ldexp", "yn", "kn", "expn", "eval_hermite", "eval_hermitenorm", "eval_chebyt",
          "eval_chebyu", "eval_legendre", "eval_laguerre", "eval_sh_legendre", "eval_sh_chebyt",
          "eval_sh_chebyu", "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "matmul",
          "hankel1", "hankel2", "hankel1e", "hankel2e", "wofz"}  # fmt: skip


def points_for(fn: Any) -> list[tuple[float, ...]]:
    """SciPy's functions are asked for ordinary numbers alone, as some run for minutes on others."""
    own = getattr(np, fn.__name__, None) is fn
    numbers = [*SPECIAL, *ORDINARY] if own else ORDINARY
    if fn.nin == 1:
        return [(float(v),) for v in numbers]
    few = SPECIAL if own else ORDINARY[::8]
    pairs = [(a, b) for a in few for b in few]
    return [*pairs, *zip(ORDINARY, ORDINARY[::-1], strict=True)]


@pytest.mark.parametrize("fn", UFUNCS, ids=lambda fn: fn.__name__)
def test_every_function_of_numpy_and_scipy_gives_its_own_bits(fn: Any) -> None:
    scalars = one_step(RULES[fn], fn.nin, True if fn in TRUTHS else 1.0)
    if fn.__name__ in OTHERS:
        if fn.__name__ not in {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}:
            assert native.compile(scalars) is None
            assert fn.__name__ in str(native.obstacle(scalars))
        return
    run = native.compile(scalars)
    assert run is not None, native.obstacle(scalars)
    points = points_for(fn)
    with np.errstate(all="ignore"):
        expected = [float(fn(*point)) for point in points]
    assert_same([run(np.array(point))[0] for point in points], expected)
    results, taken = run.batch(points)
    assert taken.all()
    assert_same(results[:, 0], expected)


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")
@pytest.mark.parametrize(
    "rule", [RULES[np.fix], RULES[np.round], RULES[np.real], sech_squared], ids=repr
)
def test_rules_that_are_python_functions_give_the_same_bits(rule: Any) -> None:
    run = native.compile(one_step(rule, 1, 1.0))
    assert run is not None
    for v in (*SPECIAL, *ORDINARY):
        with np.errstate(all="ignore"):
            assert_same(run(np.array([v])), [float(rule.fn(v))])


def test_the_power_operator_is_pythons_and_not_numpys() -> None:
    run = native.compile(one_step(arithmetic.raised, 2, 1.0))
    square = native.compile(scalars_of(lambda x: [x**2], 1.5))
    assert run is not None
    assert square is not None
    with np.errstate(all="ignore"):
        for a in (*SPECIAL, *ORDINARY):
            for b in (*SPECIAL, *ORDINARY[:20]):
                assert_same(run(np.array([a, b])), [float(arithmetic.raised.fn(a, b))])
            assert_same(square(np.array([a])), [float(arithmetic.raised.fn(a, 2))])


def test_a_square_rounds_as_pow_does_where_that_is_not_correctly_rounded() -> None:
    """In about one of a thousand numbers glibc's pow(x, 2) is not x * x."""
    run = native.compile(scalars_of(lambda x: [x**2], 1.5))
    assert run is not None
    x = np.random.default_rng(3).normal(size=30_000)
    results, _ = run.batch(x[:, None])
    assert_same(results[:, 0], [v**2 for v in x.tolist()])


def test_logic_on_booleans() -> None:
    def f(x, y):
        a, b = x > 0, y > 0
        parts = [a & b, a | b, a ^ b, ~a, np.logical_and(x, b), np.logical_not(y), x != y]
        return [sum(2.0**k * part for k, part in enumerate(parts)) * x]

    run = native.compile(scalars_of(f, 1.0, 2.0))
    assert run is not None
    for x in (-1.5, 0.0, 2.5):
        for y in (-2.0, 0.0, 2.5):
            assert_same(run(np.array([x, y])), f(np.float64(x), np.float64(y)))


UNARY = [np.sin, np.cos, np.exp, np.tanh, np.arctan, np.sqrt, np.log1p, np.absolute, np.square,
         np.arcsinh, np.cbrt, np.negative, np.floor, np.sinh, np.log, np.reciprocal, np.sign,
         lambda a: a**2, lambda a: a**3, lambda a: a**-0.5, lambda a: np.power(a, 2)]  # fmt: skip
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.arctan2, np.hypot, np.maximum,
          np.minimum, np.logaddexp, lambda a, b: a * b, lambda a, b: np.where(a > b, a, b * 2),
          lambda a, b: a - b * a, lambda a, b: a * b - b]  # fmt: skip
# The rule of a power computes in another way where its exponent is not a variable, as it is not in
# an eager gradient.
POWERS = [np.power, np.float_power, lambda a, b: a**b]
BINARY += POWERS
OPERATIONS = st.lists(
    st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 99), st.integers(0, 99)),
    min_size=1, max_size=25,
)  # fmt: skip


def straight_line(operations: Any) -> Any:
    def f(x):
        values = [x[0], x[1], x[0] * x[1] + 1.25, 0.75]
        for fn, i, j in operations:
            a, b = values[i % len(values)], values[j % len(values)]
            y = fn(a, b) if fn in BINARY else fn(a)
            values.append(float(y) if isinstance(y, (np.float64, np.ndarray)) else y)
        return sum(values[1:], values[0]) * 1.0

    return f


def stepwise(scalars: ScalarProgram, point: Any) -> list[float] | None:
    """What the rules give, one after another; None where a guard decides otherwise."""
    values = dict(enumerate(point.tolist())) | scalars.constants
    for step in scalars.steps:
        operands = [values[k] for k in step.operands]
        if step.rule is GUARD:
            if bool(operands[0]) != step.value:
                return None
            continue
        y = step.rule.fn(*operands)
        values[step.slot] = float(y) if type(step.value) is float else y
    return [values[k] for table in scalars.outputs for k in table.ravel().tolist()]


@settings(max_examples=400)
@given(OPERATIONS, st.lists(st.floats(0.1, 3.0), min_size=2, max_size=2))
def test_the_gradient_of_any_straight_line_program_has_the_bits_of_the_eager_one(
    operations: Any, point: Any
) -> None:
    f, x = straight_line(operations), np.array(point)
    with np.errstate(all="ignore"):
        try:
            y, g = dk.value_and_gradient(f, x)
            scalars = gradient_of(f, np.array([0.7, 1.9]))
        except (ArithmeticError, NonNumericError):
            return  # outside the domain
        expected = stepwise(scalars, x)
    run = native.compile(scalars)
    assert run is not None, native.obstacle(scalars)
    results = run(x)
    if results is None or expected is None:
        assert results is expected
        return
    assert_same(results, expected)
    if not any(fn in POWERS for fn, _, _ in operations):
        assert np.array_equal(results, [y, *g], equal_nan=True)  # NaN at arctan2(0, 0)
    many, taken = run.batch([x, x + 1, x])
    assert taken[0]
    assert_same(many[[0, 2]], [results, results])


def test_a_guard_that_decides_otherwise_gives_no_answer() -> None:
    run = native.compile(gradient_of(lambda x: x * x if x > 1 else 3 * x, 2.0))
    assert run is not None
    assert np.array_equal(run(np.array([4.0])), [16.0, 8.0])
    assert run(np.array([0.5])) is None
    results, taken = run.batch([[4.0], [0.5], [3.0]])
    assert taken.tolist() == [True, False, True]
    assert np.array_equal(results[taken], [[16.0, 8.0], [9.0, 6.0]])


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("slot", [0.0, 1.0, -2.0, np.nan])
def test_a_guard_decides_by_truth(value: bool, slot: float) -> None:
    step = ScalarStep(GUARD, (0,), 1, value)
    run = native.compile(ScalarProgram(((),), {}, (step,), (np.array(0),), 2))
    assert run is not None
    assert (run(np.array([slot])) is not None) == (bool(slot) == value)


def rosenbrock(x: Any) -> Any:
    total = 0.0
    for k in range(len(x) - 1):
        total = total + 100.0 * (x[k + 1] - x[k] ** 2) ** 2 + np.tanh(1.0 - x[k])
    return total


def test_many_points_give_what_each_gives_whatever_the_number_of_threads() -> None:
    points = np.random.default_rng(0).normal(size=(1003, 12))
    run = native.compile(gradient_of(rosenbrock, points[0]))
    assert run is not None
    results, taken = run.batch(points)
    assert taken.all()
    assert np.array_equal(results, [run(point) for point in points])
    for part in (slice(0, 1), slice(5, 70), slice(0, 0)):
        assert np.array_equal(run.batch(points[part])[0], results[part])


def test_threads_may_run_one_program_at_once() -> None:
    points = np.random.default_rng(0).normal(size=(4, 12))
    run = native.compile(gradient_of(rosenbrock, points[0]))
    assert run is not None
    expected = [run(point) for point in points]
    wrong: list[int] = []

    def work(k: int) -> None:
        wrong.extend(k for _ in range(3000) if not np.array_equal(run(points[k]), expected[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_points_in_other_forms() -> None:
    run = native.compile(gradient_of(rosenbrock, np.arange(3.0)))
    assert run is not None
    expected = run(np.array([0.0, 1.0, 2.0]))
    assert np.array_equal(run(np.arange(6.0)[::2] / 2), expected)
    assert np.array_equal(run(np.arange(3)), expected)
    assert np.array_equal(run.batch(np.arange(3)[None])[0][0], expected)
    assert run(np.arange(3.0)) is not expected
    for wrong in (np.arange(4.0), np.arange(3.0)[None]):
        with pytest.raises(ShapeError, match="3 numbers"):
            run(wrong)
    with pytest.raises(ShapeError, match=r"\(m, 3\)"):
        run.batch(np.zeros((2, 4)))


def test_values_that_are_used_again_and_again_keep_their_slots() -> None:
    """A chain works on few slots, however long it is."""

    def f(x):
        y = x
        for _ in range(3000):
            y = np.sin(y) + x
        return [y, x]

    run = native.compile(scalars_of(f, 0.3))
    assert run is not None
    assert run.slots < 8
    assert np.array_equal(run(np.array([0.7])), f(0.7))


def test_a_million_steps() -> None:
    steps = tuple(
        ScalarStep(RULES[np.sin if k % 2 else np.subtract], (k,) if k % 2 else (k, 0), k + 1, 0.5)
        for k in range(10**6)
    )
    run = native.compile(ScalarProgram(((),), {}, steps, (np.array(10**6),), 10**6 + 1))
    assert run is not None
    y = 0.3
    for k in range(10**6):
        y = float(np.sin(y)) if k % 2 else y - 0.3
    assert run(np.array([0.3])) == [y]


def test_what_cannot_be_run_natively_is_named() -> None:
    scalars = scalars_of(lambda x: [np.sinc(x)], 0.5)
    assert native.compile(scalars) is None
    assert native.obstacle(scalars) == "sinc(float) has no inner loop over doubles"
    assert native.obstacle(scalars_of(lambda x: [np.exp(x)], 0.5)) is None
    large = scalars_of(lambda x: [x * (2**53 + 1)], 0.5)
    assert "9007199254740993" in str(native.obstacle(large))


def test_without_numba_the_install_line_is_given(monkeypatch: Any) -> None:
    scalars = scalars_of(lambda x: [np.exp(x)], 0.5)
    monkeypatch.setattr(native, "available", lambda: False)
    with pytest.raises(MissingPackageError, match=r"pip install 'diffkit\[fast\]'"):
        native.compile(scalars)


def test_numba_is_not_loaded_before_it_is_used() -> None:
    code = "import sys, diffkit.tape.replay.numbers.native; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_loops_are_compiled_also_where_nothing_can_be_kept(monkeypatch: Any) -> None:
    from diffkit.tape.replay.numbers import loops

    real = loops.njit

    def njit(cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(loops, "njit", njit)
    assert loops._compiled()(lambda x: x + 1.0)(2.0) == 3.0


def test_machine_code_is_made_after_many_calls(monkeypatch: Any, hot: bool) -> None:
    monkeypatch.setattr(native, "_calls_before_machine_code", lambda instructions: 5)
    run = native.compile(scalars_of(lambda x: [np.sin(x) + 1], 0.5))
    assert run is not None
    for k in range(8):
        assert run.finite(np.array([0.1 * k]))[0] == np.sin(0.1 * k) + 1
        assert run.hot == (hot or k >= 4)


@pytest.mark.parametrize("point", [[np.nan], [np.inf], [800.0]])
def test_what_is_not_finite_is_no_answer(point: Any) -> None:
    run = native.compile(scalars_of(lambda x: [np.exp(x)], 0.5))
    assert run is not None
    with np.errstate(all="ignore"):
        assert run.finite(np.array(point)) is None
        assert not np.isfinite(run(np.array(point))).any()


def test_a_program_longer_than_one_part_of_machine_code(hot: bool) -> None:
    """Values that live across parts, and guards in each of them."""

    def f(x: Any) -> Any:
        y, first = x[0], x[1] * 3.0
        for k in range(700):
            y = y * 0.999 + x[k % 3] if y > -1e3 else y
        return [y + first, first]

    x = np.array([0.3, -0.2, 0.7])
    run = native.compile(scalars_of(f, x))
    assert run is not None
    assert run.hot == hot
    for shift in (0.0, 0.25):
        assert np.array_equal(run(x + shift), f(x + shift))
    assert run(np.array([-2e6, 0.0, 0.0])) is None
