"""What the explorer computes: plain data that says what the certified reference says."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from diffkit.explore import panels, tasks
from diffkit.explore.jobs import DONE, Part
from diffkit.explore.request import EXAMPLES, Request, example, request
from diffkit.measure.steps import UNIT_ROUNDOFF, StepCurve

# Griewank & Walther 2008, section 2.1; digits by mpmath with 50 of them.
GRIEWANK = Request(
    "(sin(x1/x2) + x1/x2 - exp(x2))*(x1/x2 - exp(x2))", {"x1": 1.5, "x2": 0.5}, along="x1"
)
GRADIENT = [3.0118433276739066, -13.723961509314075]


def done(wanted: Request) -> dict[str, Part]:
    """All parts of a request, computed here."""
    return {
        name: Part(DONE, value=json.loads(json.dumps(getattr(tasks, name)(**arguments))))
        for name, arguments in panels.plan(wanted).items()
    }


def texts(component: Any) -> str:
    """All text in a tree of Dash components."""
    if isinstance(component, (list, tuple)):
        return " ".join(map(texts, component))
    if isinstance(component, str):
        return component
    return texts(getattr(component, "children", None) or [])


def test_every_backend_has_a_row_with_the_gradient() -> None:
    found = tasks.values(**GRIEWANK.to_dict(), operator="gradient")
    assert found["f_value"] == pytest.approx(2.016646669428201, rel=1e-15)
    rows = {row["backend"]: row for row in found["rows"]}
    assert {"finite_difference", "complex_step", "symbolic", "forward", "reverse"} <= set(rows)
    for row in rows.values():
        assert row["status"] == "ok"
        assert row["value"] == pytest.approx(GRADIENT, rel=1e-9)


def test_the_comparison_certifies_the_same_rows() -> None:
    found = tasks.certified(**GRIEWANK.to_dict(), operator="gradient")
    assert found["truth"] == pytest.approx(GRADIENT, rel=1e-15)
    assert all(0 <= row["ulps"] < 1e6 for row in found["rows"] if row["value"])


def test_a_backend_that_cannot_says_so_and_the_others_go_on() -> None:
    found = tasks.values("gamma(x)*besselj(2, x)", ["x"], [1.5], "derivative")
    rows = {row["backend"]: row for row in found["rows"]}
    assert rows["reverse"]["value"] is not None
    assert all(row["value"] is not None or row["reason"] for row in rows.values())


def test_errors_of_differences_are_those_of_the_exponential() -> None:
    """h* of the forward difference of exp is 2 sqrt(u), as f = f' = f'' (Higham 2002, 1.14)."""
    found = tasks.steps("exp(x)", ["x"], [1.0], "x")
    curves = {(c["kind"], c["order"]): c for c in found["curves"]}
    forward = curves["forward", 1]
    assert forward["slope"] == pytest.approx(math.e, rel=1e-14)
    exact = [abs(math.expm1(h) / h - 1) * math.e for h in forward["step"] if h > 1e-3]
    assert forward["error"][-len(exact) :] == pytest.approx(exact, rel=1e-6)
    curve = StepCurve.of(
        panels.stencil("forward", 1), forward["step"], forward["error"], math.e, math.e
    )
    assert curve.best_step == pytest.approx(2 * math.sqrt(UNIT_ROUNDOFF), rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_slopes_of_the_prediction_are_higher_derivatives_along_the_variable(order: int) -> None:
    found = tasks.steps("exp(2*x)*y", ["x", "y"], [0.25, 3.0], "x")
    curve = next(c for c in found["curves"] if c["order"] == order)
    assert curve["slope"] == pytest.approx(2 ** (order + 1) * 3 * math.exp(0.5), rel=1e-13)
    assert found["derivative"] == pytest.approx(6 * math.exp(0.5), rel=1e-15)


def test_steps_are_those_that_were_taken() -> None:
    for at in (1.0, -3.7, 1e9, 1e-20, 0.0):
        h = tasks._steps(at)
        assert np.all((at + h) - at == h)
        assert np.all(h > 0)
        assert h.size > 20


def test_a_polynomial_without_truncation_has_no_best_step() -> None:
    found = tasks.steps("x**2", ["x"], [3.0], "x")
    slopes = {c["order"]: c["slope"] for c in found["curves"]}
    assert slopes[1] == 2.0
    assert slopes[2] is None
    assert "no best step" in texts(panels.steps({"steps": Part(DONE, value=found)}, ["x"]))


@pytest.mark.parametrize("index", [k for k, e in enumerate(EXAMPLES) if e[0] != "a kink"])
@pytest.mark.parametrize("order", [1, 2])
def test_every_example_fills_every_panel(index: int, order: int) -> None:
    wanted = request({**example(index), "order": order})
    parts = done(wanted)
    names = list(wanted.point)
    for name, (_, draw) in panels.PANELS.items():
        if name not in panels.MARKUP:
            assert "None" not in texts(draw(parts, names))
    for row in parts["certified"].value["rows"]:
        assert row["backend"].replace("_", " ") in texts(panels.values(parts, names))
    for name in panels.MARKUP:
        assert parts[name].value["markup"].startswith(("<table", "<svg"))


def test_digits_are_marked_from_the_first_that_differs() -> None:
    same, wrong = panels._digits(2.5000000000001, 2.5000000000009)
    assert same == "2.500000000000"
    assert wrong.children == "1"
    assert panels._digits(2.5, 2.5) == ["2.5"]
    assert panels.written(-0.5) == "−0.5"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.37, "0.37"), (2.5, "2.5"), (117.0, "117"), (1.3e7, "1.3·10⁷"), (2.1e-8, "2.1·10⁻⁸"),
     (0.0, "0"), (math.nan, "NaN"), (math.inf, "∞"), (9999.6, "10,000")],
)  # fmt: skip
def test_magnitudes_are_short(number: float, text: str) -> None:
    assert panels.magnitude(number) == text
