"""The ball forms of the derivative table, and the soundness of the rules over balls.

A rule that holds a rounded constant (np.pi / 180, or a - 1 of a parameter a) has an enclosure that
is too narrow and beside the truth: no precision makes it right. Two things find such a rule: the
enclosure of SymPy's derivative does not overlap ours, and the recorded derivative holds a double
that is neither an argument nor a short number.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

flint = pytest.importorskip("flint")
sympy = pytest.importorskip("sympy")

import diffkit as dk  # noqa: E402
from diffkit.errors import NotCertifiableError, UndecidableError  # noqa: E402
from diffkit.measure.balls import precision  # noqa: E402
from diffkit.rules import RULES, load_families  # noqa: E402
from diffkit.rules import special as special  # noqa: E402
from diffkit.rules.balls import Undecided, UndecidedError, greater, logical_and, where  # noqa: E402
from diffkit.rules.constants import Constant  # noqa: E402

from .rule_checker import Case  # noqa: E402
from .sympy_balls import NoBallForm, evaluate  # noqa: E402

load_families()
arb = flint.arb
BITS = 256


def _cases() -> list[Case]:
    package = importlib.import_module(__package__ or "tests.rules")
    found: list[Case] = []
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("test_") and info.name != "test_balls":
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            found += getattr(module, "CASES", [])
    return found


def _scalar_points() -> dict[Any, list[tuple[Any, ...]]]:
    """For each elementwise primitive the arguments at which it is tested, as numbers."""
    points: dict[Any, list[tuple[Any, ...]]] = {}
    for case in _cases():
        rule = RULES.get(case.key or case.fn)
        if rule is None or not rule.elementwise or any(np.iscomplexobj(a) for a in case.args):
            continue
        for pick in (0, -1):
            point = tuple(np.ravel(a)[pick].item() for a in case.args)
            known = points.setdefault(rule, [])
            if point not in known:
                known.append(point)
    return points


POINTS = _scalar_points()
BOTH = sorted((r for r in POINTS if r.ball and r.sympy), key=lambda r: r.name)
WITH_BALL = sorted((r for r in POINTS if r.ball), key=lambda r: r.name)


def _active(rule: Any, point: tuple[Any, ...]) -> list[int]:
    return [k for k, (v, r) in enumerate(zip(point, rule.vjps, strict=False))
            if isinstance(v, float) and r is not None]  # fmt: skip


def _ours(rule: Any, point: tuple[Any, ...], k: int, operator: str = "derivative") -> Any:
    def f(x: Any) -> Any:
        return rule(*point[:k], x, *point[k + 1 :])

    return dk.reference(f, point[k], operator=operator, bits=BITS)


def _exact(value: Any) -> Any:
    return sympy.Integer(value) if isinstance(value, int) else sympy.Rational(value)


def _theirs(rule: Any, point: tuple[Any, ...], k: int, order: int = 1) -> Any:
    x = sympy.Symbol("x", real=True)
    numbers = [x if i == k else _exact(v) for i, v in enumerate(point)]
    form = getattr(sympy, rule.sympy) if isinstance(rule.sympy, str) else None
    expression = form(*numbers) if form is not None else rule.sympy(sympy, *numbers)
    for _ in range(order):
        expression = sympy.diff(expression, x)
    with precision(BITS):
        return evaluate(expression, {x: arb(point[k])})


COMPARED: set[str] = set()


@pytest.mark.parametrize("rule", BOTH, ids=lambda r: r.name)
def test_our_rules_over_balls_overlap_sympys_derivative(rule: Any) -> None:
    compared = 0
    for point in POINTS[rule][:6]:
        for k in _active(rule, point):
            try:
                theirs = _theirs(rule, point, k)
            except (
                NoBallForm,
                NotImplementedError,
                sympy.core.function.ArgumentIndexError,
                TypeError,
            ):
                continue
            if not theirs.is_finite():
                continue
            try:
                ours = _ours(rule, point, k)
            except (UndecidableError, dk.errors.MissingRuleError):
                continue
            ball = ours.balls.item()
            assert ball.overlaps(theirs), f"{rule.name}{point} in argument {k}: {ball} / {theirs}"
            with precision(BITS):
                assert ball.rad() <= abs(ball.mid()) * arb(2) ** -120 + arb(2) ** -120
            compared += 1
    if compared:
        COMPARED.add(rule.name)


def test_most_rules_were_compared() -> None:
    assert len(COMPARED) > 75, sorted({r.name for r in BOTH} - COMPARED)


@pytest.mark.parametrize("rule", WITH_BALL, ids=lambda r: r.name)
def test_every_ball_form_encloses_the_value(rule: Any) -> None:
    for point in POINTS[rule][:6]:
        active = [k for k, v in enumerate(point) if isinstance(v, float)]
        try:
            function = _ours(rule, point, active[-1]).function
        except (UndecidableError, dk.errors.MissingRuleError):
            continue
        want = float(rule.fn(*point))
        assert function.value == pytest.approx(want, rel=1e-11, abs=1e-13), f"{rule.name}{point}"


def _doubles(rows: Any) -> list[float]:
    """The constants of a recording that no exact number stands behind."""
    from diffkit.tape.careful import general_form

    found = []
    for row in rows:
        _, _, parents, args, _ = general_form(row)
        for p, a in zip(
            parents if isinstance(parents, tuple) else (parents,), args or (), strict=False
        ):
            if (
                p < 0
                and isinstance(a, (float, np.floating, np.ndarray))
                and type(a) is not Constant
            ):
                found += [float(v) for v in np.ravel(a) if np.asarray(a).dtype.kind == "f"]
    return found


def _short(value: float) -> bool:
    return (
        not np.isfinite(value)
        or value == 0
        or (value * 2.0**20 / 2 ** np.floor(np.log2(abs(value)))).is_integer()
    )


@pytest.mark.parametrize("rule", WITH_BALL, ids=lambda r: r.name)
def test_no_rule_holds_a_rounded_constant(rule: Any) -> None:
    from diffkit.measure.reference import _PLANS
    from diffkit.operators import _Call

    for point in POINTS[rule][:6]:
        for k in _active(rule, point):
            f = lambda x, point=point, k=k: rule(*point[:k], x, *point[k + 1 :])  # noqa: E731
            for operator in ("derivative", "gradient", "second_derivative"):
                try:
                    rows = _PLANS[operator](_Call(f, point[k], (), 0), None).rows
                except dk.errors.MissingRuleError:
                    continue
                for value in _doubles(rows):
                    assert _short(value) or value in point, f"{rule.name}{point} holds {value!r}"


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.deg2rad(x), lambda x: np.exp2(x), lambda x: np.log2(x), lambda x: np.log10(x),
        lambda x: x**0.1, lambda x: np.power(x, 0.3), lambda x: 0.1**x,
        lambda x: np.rad2deg(x) * x,
    ],
)  # fmt: skip
def test_second_derivatives_overlap_sympys(f: Any) -> None:
    ours = dk.reference(f, 1.7, operator="second_derivative", bits=BITS).balls.item()
    rows = dk.trace(f, 1.7)
    x = sympy.Symbol("x", real=True)
    expression = rows.to_sympy()
    expression = expression.xreplace(
        {v: sympy.Rational(float(v)) for v in expression.atoms(sympy.Float)}
    )
    with precision(BITS):
        theirs = evaluate(sympy.diff(expression, x, 2), {x: arb(1.7)})
    assert ours.overlaps(theirs)


# Rules that are not elementwise: a mean of rounded weights would be as wrong as a rounded constant.
A = np.array([0.1, 0.7, -1.3])
T = np.array([0.1, 0.3, 0.8])


@pytest.mark.parametrize(
    ("f", "exact"),
    [
        (lambda x: np.var(x), lambda a, k: 2 * (a[k] - sum(a) / 3) / 3),
        (lambda x: np.mean(x) * 1.0, lambda a, k: arb(1) / 3),
        (lambda x: np.average(x, weights=T), lambda a, k: arb(T[k]) / sum(map(arb, T.tolist()))),
        (lambda x: np.trapezoid(x, T),
         lambda a, k: ((arb(T[min(k + 1, 2)]) - arb(T[max(k - 1, 0)])) / 2)),
        (lambda x: np.sum(np.pad(x, (3, 0), "linear_ramp")[:2]),
         lambda a, k: arb(1) / 3 if k == 0 else arb(0)),
        (lambda x: np.interp(0.5, T, x),
         lambda a, k: [arb(0), 1 - (arb(0.5) - arb(T[1])) / (arb(T[2]) - arb(T[1])),
                       (arb(0.5) - arb(T[1])) / (arb(T[2]) - arb(T[1]))][k]),
        (lambda x: np.trapezoid(T, x),
         lambda a, k: [-(arb(T[0]) + arb(T[1])), arb(T[0]) - arb(T[2]),
                       arb(T[1]) + arb(T[2])][k] / 2),
        (lambda x: np.linalg.multi_dot([T, np.outer(T, T), x]),
         lambda a, k: sum(arb(t) * arb(u) for t, u in zip(T, np.outer(T, T)[:, k], strict=True))),
        (lambda x: np.sum(np.gradient(x, T)[1:2]),
         lambda a, k: _middle_weights()[k]),
    ],
)  # fmt: skip
def test_weights_of_reductions_are_not_rounded(f: Any, exact: Any) -> None:
    r = dk.reference(f, A, bits=BITS)
    with precision(BITS):
        a = [arb(v) for v in A.tolist()]
        for k in range(3):
            assert (r.balls[k] - exact(a, k)).contains(0), (k, r.balls[k], exact(a, k))


def _middle_weights() -> list[Any]:
    t = [arb(v) for v in T.tolist()]
    h, s = t[1] - t[0], t[2] - t[1]
    share = h / (h + s)
    return [-(1 - share) / h, (1 - share) / h - share / s, share / s]


def test_the_slope_of_a_constant_table_is_not_rounded() -> None:
    r = dk.reference(lambda x: np.interp(x, T, A), 0.2, operator="derivative", bits=BITS)
    with precision(BITS):
        slope = (arb(0.7) - arb(0.1)) / (arb(0.3) - arb(0.1))
    assert r.balls.item().overlaps(slope)


# Decisions


def test_overlapping_comparisons_are_refused_when_they_are_used() -> None:
    with precision(53):
        third = arb(1) / 3
        doubt = greater(third, 1 - 2 * third)
    assert type(doubt) is Undecided
    assert logical_and(doubt, False) is False
    for use in (bool, lambda d: 1.0 + d, lambda d: d * arb(2), lambda d: where(d, 1, 2)):
        with pytest.raises(UndecidedError):
            use(doubt)
    assert greater(third, third) is False
    assert where(doubt, third, third) is third


def test_a_primitive_without_a_ball_form_is_named() -> None:
    with pytest.raises(NotCertifiableError, match="fft"):
        dk.reference(lambda x: np.sum(np.real(np.fft.fft(x))), A)
    with pytest.raises(NotCertifiableError, match="eig"):
        dk.reference(lambda x: np.sum(np.linalg.eigvalsh(np.outer(x, x))), A)
