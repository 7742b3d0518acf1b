"""Points at which methods are looked at: ordinary ones, and ones on which some method goes wrong.

Most are problems of the catalogue; the traps below them are for one method each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from .._problems import problems
from .reference import reference

ORDINARY, HARD = "ordinary", "hard"


@dataclass(frozen=True, eq=False)
class Point:
    """A function at a point.

    Attributes:
        name: of the function in the catalogue, or of its own.
        x: a number or an array.
        why: what is hard about it; empty for an ordinary point.
        f: the function; by default the problem of that name.
        known: the derivative where it cannot be certified but is known by hand.
        smooth: whether there is a derivative.
    """

    name: str
    x: Any
    why: str = ""
    f: Callable[..., Any] | None = None
    known: float | None = None
    smooth: bool = True

    @property
    def function(self) -> Callable[..., Any]:
        return self.f or problems[self.name]

    @property
    def label(self) -> str:
        """The function and the point, as in sin at 1e6."""
        name = SHORT.get(self.name, self.name.replace("_", " "))
        if np.ndim(self.x) == 0:
            return f"{name} at {_number(self.x)}"
        flat = np.ravel(self.x)
        inside = ", ".join(map(_number, flat)) if flat.size == 2 else f"n = {flat.size}"
        return f"{name} ({inside})"

    @property
    def group(self) -> str:
        """HARD or ORDINARY."""
        return HARD if self.why else ORDINARY

    @property
    def operator(self) -> str:
        """The one that suits f and x."""
        if not np.ndim(self.x):
            return "derivative"
        return "jacobian" if np.ndim(self.function(self.x)) else "gradient"

    @cached_property
    def truth(self) -> Truth:
        """The derivative, certified where it can be."""
        if not self.smooth:
            return Truth(None, "there is no derivative")
        if self.known is not None:
            return Truth(Known(self.known), "known by hand")
        found = reference(self.function, self.x, operator=self.operator)
        return Truth(found, f"certified with {found.bits} bits")


@dataclass(frozen=True)
class Known:
    """An exact truth that is a double, or infinite."""

    value: float

    def absolute(self, computed: Any) -> Any:
        """|computed − truth|, as `Enclosure.absolute` gives it."""
        with np.errstate(invalid="ignore"):
            return np.where(computed == self.value, 0.0, np.abs(computed - self.value))


@dataclass(frozen=True)
class Truth:
    """What a derivative is judged by, and why that is the truth.

    Attributes:
        of: has ``value``, and ``absolute`` errors of what was computed; None if there is none.
        proof: in words.
    """

    of: Any
    proof: str


SHORT = {
    "exp_minus_one_over_x": "(exp x−1)/x",
    "sine_over_x": "sin(x)/x",
    "difference_of_roots": "√(x+1) − √x",
    "log_of_sum": "log(1+x)",
    "log_sum_exp": "log Σ exp",
    "absolute": "|x|",
    "absolute_square": "|x|²",
    "signed_square": "x |x|",
    "root_of_square": "√x²",
    "cube_root": "x^(1/3)",
    "cut_off": "exp(−1/x)",
    "reciprocal": "1/x",
    "square": "x²",
    "sqrt": "√x",
    "two_lines": "max(x, 3−2x)",
    "largest": "max",
    "conjugate_product": "x̄ x",
    "real_part": "Re(x) sin x",
    "logistic": "1/(1+exp −x)",
    "rectifier": "max(0, x)",
    "rosenbrock_vectorised": "rosenbrock arrays",
    "speelpenning_product": "speelpenning",
    "fully_connected_network": "network",
    "four_layer_network": "network",
    "linear_model_loss": "linear model",
    "polar_to_cartesian": "polar",
    "topologists_sine": "sin(1/x)",
    "weierstrass_sum": "weierstrass",
    "orthogonality_defect": "‖A Aᵀ − I‖²",
    "matrix_square": "A²",
    "matrix_times_vector": "A β",
    "one_minus_cosine_over_square": "(1−cos x)/x²",
}


def _number(x: float) -> str:
    text = f"{x:.0e}" if 0 < abs(x) <= 1e-3 else f"{x:g}"
    for long, short in (("1000", "1e3"), ("e+", "e"), ("e0", "e"), ("e-0", "e-"), ("-", "−")):
        text = text.replace(long, short)
    return text


def _ordinary() -> list[Point]:
    """The first point of each problem that the list below does not call hard there."""
    hard = {"weierstrass_sum", "noisy_sine", "logistic_map_16"}
    return [Point(name, p.points[0]) for name, p in problems.items() if name not in hard]


def _absolute_square(x: Any) -> Any:
    return np.abs(x) ** 2


def _conjugate_product(x: Any) -> Any:
    return np.real(np.conj(x) * x)


def _real_part(x: Any) -> Any:
    return np.real(x) * np.sin(x)


def _sine_over_x(x: Any) -> Any:
    return np.sin(x) / x


def _two_lines(x: Any) -> Any:
    return np.maximum(x, 3.0 - 2.0 * x)


def _largest(x: Any) -> Any:
    return np.max(x)


def _step(x: Any) -> Any:
    return 1.0 + 0.0 * x if x >= 0.0 else 0.0 * x


def _signed_square(x: Any) -> Any:
    return x * np.abs(x)


def _logistic(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def _root_of_square(x: Any) -> Any:
    return np.sqrt(x**2)


def _difference_of_roots(x: Any) -> Any:
    return np.sqrt(x + 1.0) - np.sqrt(x)


def _log_of_sum(x: Any) -> Any:
    return np.log(1.0 + x)


def _cube_root(x: Any) -> Any:
    return x ** (1.0 / 3.0)


def _cut_off(x: Any) -> Any:
    return np.exp(-1.0 / x) if x > 0.0 else 0.0 * x


CANCELS, SCALE, LARGE = "cancellation", "scale", "large argument"
KINK, TIE, BRANCH, EDGE, TRAP = "kink", "tie", "branch", "edge of the domain", "not analytic"

_HARD = [
    Point("one_minus_cosine_over_square", 1e-2, CANCELS),
    Point("one_minus_cosine_over_square", 1e-4, CANCELS),
    Point("exp_minus_one_over_x", 1e-3, CANCELS),
    Point("exp_minus_one_over_x", 1e-7, CANCELS),
    Point("sine_over_x", 1e-4, CANCELS, _sine_over_x),
    Point("sine_over_x", 1e-8, CANCELS, _sine_over_x),
    Point("difference_of_roots", 1e12, CANCELS, _difference_of_roots),
    Point("log_of_sum", 1e-12, CANCELS, _log_of_sum),
    Point("logistic_map_16", 0.3, CANCELS),
    Point("noisy_sine", 1.0, "noise"),
    Point("noisy_sine", 0.3, "noise"),
    Point("weierstrass_sum", 0.3, SCALE),
    Point("topologists_sine", 0.01, SCALE),
    Point("topologists_sine", 1e-3, SCALE),
    Point("badly_scaled", np.array([1e-3, 1e3]), SCALE),
    Point("reciprocal", 1e-100, SCALE),
    Point("log", 1e-8, SCALE),
    Point("log", 1e-300, SCALE),
    Point("sqrt", 1e-30, SCALE),
    Point("norm", np.array([1e-8, 1e-8]), SCALE),
    Point("sin", 1e6, LARGE),
    Point("sin", 1e15, LARGE),
    Point("arctan", 1e8, LARGE),
    Point("tanh", 20.0, LARGE),
    Point("exp", 700.0, LARGE),
    Point("exp", -700.0, LARGE),
    Point("logistic", -800.0, LARGE, _logistic),
    Point("log_sum_exp", np.array([-30.0, 30.0]), LARGE),
    Point("tan", 1.57, EDGE),
    Point("sqrt", 0.0, EDGE, known=np.inf),
    Point("cube_root", 0.0, EDGE, _cube_root, np.inf),
    Point("one_minus_cosine_over_square", 0.0, EDGE, known=0.0),
    Point("cut_off", 0.01, "all but constant", _cut_off),
    Point("absolute", 0.0, KINK, smooth=False),
    Point("absolute", 1e-12, KINK),
    Point("rectifier", 0.0, KINK, smooth=False),
    Point("norm", np.array([0.0, 0.0]), KINK, smooth=False),
    Point("root_of_square", 0.0, KINK, _root_of_square, smooth=False),
    Point("two_lines", 1.0, TIE, _two_lines, smooth=False),
    Point("largest", np.array([1.0, 1.0]), TIE, _largest, smooth=False),
    Point("signed_square", 0.0, BRANCH, _signed_square, 0.0),
    Point("huber_loss", 1.0, BRANCH, known=1.0),
    Point("if_problem", 1.0, BRANCH, known=2.0),
    Point("step", 0.0, BRANCH, _step, smooth=False),
    Point("absolute_square", 1.5, TRAP, _absolute_square),
    Point("conjugate_product", 2.0, TRAP, _conjugate_product),
    Point("real_part", 1.0, TRAP, _real_part),
]


@cache
def points() -> dict[str, Point]:
    """All points by their labels, the ordinary ones first."""
    found = {point.label: point for point in [*_ordinary(), *_HARD]}
    assert len(found) == len(_ordinary()) + len(_HARD), "two points have one label"
    return found
