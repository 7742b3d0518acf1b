"""Every backend passes the conformance suite, and a wrong one does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit._backends import OPERATORS
from diffkit._backends.reverse import Reverse
from diffkit.errors import UnknownNameError, UnsupportedError
from diffkit.testing import Conformance, check_backend, scenarios


@pytest.mark.parametrize("name", list(dk.backends()))
def test_every_backend_conforms(name: str) -> None:
    report = check_backend(name)
    assert report.passed
    assert report.counts["passed"] >= 100


@pytest.mark.parametrize(
    "backend",
    [
        dk.FiniteDifference(order=1),
        dk.FiniteDifference(order=1, kind="backward"),
        dk.FiniteDifference(order=2, kind="forward"),
        dk.FiniteDifference(order=4),
        dk.FiniteDifference(order=2, representable=False),
    ],
    ids=str,
)
def test_every_stencil_conforms(backend: dk.FiniteDifference) -> None:
    assert check_backend(backend).counts["unsupported"] == 0


def test_differences_of_order_4_are_better_than_the_suite_asks() -> None:
    check_backend(dk.FiniteDifference(order=4), rtol=3e-5)
    with pytest.raises(AssertionError, match="conformance of finite_difference"):
        check_backend(dk.FiniteDifference(order=4), rtol=1e-14)


def test_the_suite_has_scenarios_for_every_operator_and_kind_of_point() -> None:
    found = scenarios()
    assert {s.operator for s in found} == set(OPERATORS)
    assert all(s.source for s in found)
    points = {type(s.x) for s in found}
    assert points == {float, np.ndarray, dict, tuple}
    assert {np.ndim(s.x) for s in found if isinstance(s.x, np.ndarray)} == {0, 1, 2}
    assert len({(s.name, s.operator) for s in found}) == len(found)


# Wrong backends


def spoilt(spoil: Callable[[Any], Any]) -> dk.Backend:
    """Reverse mode whose every derivative is spoilt, under the interface of a backend."""

    def method(operator: str) -> Callable[..., Any]:
        def value_and(self: Any, *args: Any) -> Any:
            y, d = getattr(Reverse(), f"value_and_{operator}")(*args)
            return y, spoil(d)

        return value_and

    methods = {f"value_and_{name}": method(name) for name in OPERATORS}
    return type("Spoilt", (Reverse,), {**methods, "name": "spoilt"})()


def failing(backend: dk.Backend) -> set[str]:
    """The operators that fail for a backend; raising must say so as well."""
    report = check_backend(backend, raise_on_failure=False)
    if report.failures:
        with pytest.raises(AssertionError, match=report.failures[0].scenario):
            check_backend(backend)
    return {row.operator for row in report.failures}


EVERY = set(OPERATORS)


def test_what_is_not_spoilt_passes() -> None:
    assert failing(spoilt(lambda d: d)) == set()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda d: np.zeros_like(d), id="zeros"),
        pytest.param(lambda d: d * (1 + 1e-3), id="off by a thousandth"),
        pytest.param(lambda d: d * (1 + 1e-11), id="off by 1e-11"),
        pytest.param(lambda d: d + 1e-9, id="shifted"),
        pytest.param(lambda d: -d, id="negative"),
        pytest.param(lambda d: d * np.nan, id="NaN"),
        pytest.param(lambda d: d + 0j, id="complex"),
        pytest.param(lambda d: np.expand_dims(d, 0), id="one axis too many"),
        pytest.param(lambda d: np.asarray(d, dtype=object), id="objects"),
    ],
)
def test_a_wrong_backend_fails_at_every_operator(spoil: Callable[[Any], Any]) -> None:
    assert failing(spoilt(spoil)) == EVERY


def test_a_transposed_jacobian_fails() -> None:
    assert failing(spoilt(np.transpose)) >= {"jacobian", "gradient", "vjp", "jvp", "hvp"}


def test_a_square_jacobian_that_is_transposed_fails() -> None:
    def transpose_square(d: Any) -> Any:
        return np.transpose(d) if np.ndim(d) == 2 and len(set(np.shape(d))) == 1 else d

    assert "jacobian" in failing(spoilt(transpose_square))


def test_an_inexact_backend_that_is_off_by_a_thousandth_fails_at_every_operator() -> None:
    backend = spoilt(lambda d: d * (1 + 1e-3))
    type(backend).exact = False
    assert failing(backend) == EVERY


def test_a_gradient_in_the_wrong_order_fails() -> None:
    assert failing(spoilt(lambda d: np.flip(d))) >= {"gradient", "jacobian", "vjp", "hvp"}


class WrongValue(Reverse):
    def value_and_gradient(self, f: Any, x: Any) -> Any:
        y, g = super().value_and_gradient(f, x)
        return y + 1.0, g


def test_a_wrong_value_beside_a_right_derivative_fails() -> None:
    assert "gradient" in failing(WrongValue())


class Scribbler(Reverse):
    def value_and_gradient(self, f: Any, x: Any) -> Any:
        y, g = super().value_and_gradient(f, x)
        if isinstance(x, np.ndarray):
            x *= 2.0
        return y, g


def test_a_backend_that_changes_its_point_fails() -> None:
    assert "gradient" in failing(Scribbler())


class Unchecked(dk.Backend):
    """Right wherever there is an answer, and heedless of what it is given."""

    name = "unchecked"

    def pullback(self, f: Any, x: Any) -> Any:
        from diffkit.tape import ZERO, filled, record, reverse_sweep

        rows, y, k = record(f, [x])
        return y, lambda u: filled(reverse_sweep(rows, 1, k, u)[0] if k >= 0 else ZERO, x)


def test_a_backend_that_answers_outside_the_domain_fails() -> None:
    report = check_backend(Unchecked(), raise_on_failure=False)
    assert {row.scenario for row in report.failures} == {"a point outside the domain", "a pole"}
    assert {r.operator for r in report.rows if r.status == "unsupported"} == {
        "second_derivative", "hessian", "hvp"
    }  # fmt: skip


class Refuser(Reverse):
    name = "refuser"

    def value_and_jacobian(self, f: Any, x: Any) -> Any:
        raise UnsupportedError("not today")


def test_refusing_what_support_promises_fails() -> None:
    report = check_backend(Refuser(), raise_on_failure=False)
    assert ("support()", "jacobian") in {(r.scenario, r.operator) for r in report.failures}


class Modest(Reverse):
    name = "modest"

    def support(self, operator: str) -> str:
        return "unsupported" if operator == "vjp" else super().support(operator)


def test_answering_what_support_denies_fails() -> None:
    assert failing(Modest()) == {"vjp"}


class Mumbler(Reverse):
    name = "mumbler"

    def support(self, operator: str) -> str:
        return "maybe"


def test_support_has_three_words() -> None:
    report = check_backend(Mumbler(), raise_on_failure=False)
    assert {r.scenario for r in report.failures} == {"support()"}


def test_a_backend_without_hooks_supports_nothing_and_fails_nothing() -> None:
    assert {dk.Backend().support(operator) for operator in OPERATORS} == {"unsupported"}
    assert check_backend(dk.Backend()).counts["unsupported"] >= len(scenarios())


# The report


def test_the_report_prints_what_failed() -> None:
    report = check_backend(spoilt(np.negative), raise_on_failure=False)
    text = str(report)
    assert "conformance of spoilt" in text
    assert "Rosenbrock's function: the derivative is off by 2 of" in " ".join(text.split())
    assert "<pre>" in report._repr_html_()


def test_the_report_is_plain_data() -> None:
    report = check_backend("reverse")
    data = report.to_dict()
    assert data["backend"] == "reverse"
    assert data["counts"] == {"passed": len(report.rows), "failed": 0, "unsupported": 0}
    assert data["rows"][0] == {
        "scenario": "an exponential", "operator": "derivative", "status": "passed", "error": ""
    }  # fmt: skip
    assert isinstance(report, Conformance)


def test_an_unknown_backend_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'reverse'"):
        check_backend("revers")
