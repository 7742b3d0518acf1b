"""What is known about a gradient without being told: by differences, by proof, by its rounding.

Differences call f and know nothing of derivative rules. The certified derivative and automatic
differentiation read a recording of f by the same rules, so they count as one witness, not as two.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, nan
from typing import Any

import numpy as np

from ._backends.adaptive import estimate_along, unit_roundoff
from ._backends.base import evaluate, require_finite_point, require_scalar
from ._backends.estimate import Estimate
from ._backends.lines import Line
from ._taylor import Ladder
from .errors import DiffkitError, NonNumericError
from .nests import NESTS, ravel

# Sizes of all values on the tape together beyond which balls would take seconds.
_MOST_BALLS = 20_000


@dataclass(eq=False, repr=False)
class Subject:
    """f as a function of one vector of doubles.

    Attributes:
        f: the user's function.
        point: x as the user gave it, with its leaves as doubles.
        args: constants.
        calls: how often f was called so far.
    """

    f: Callable[..., Any]
    point: Any
    args: tuple[Any, ...]
    calls: int = 0
    x: Any = field(init=False)
    y: float = field(init=False)

    def __post_init__(self) -> None:
        self.point = _doubles(self.point)
        self.x, self._join = _vector(self.point)
        require_finite_point(self.x)
        began = time.perf_counter()
        with np.errstate(all="ignore"):  # a point outside the domain is told by an error
            y = evaluate(self._call, self.x)
        self.seconds = time.perf_counter() - began
        require_scalar(y, "gradient")
        if np.iscomplexobj(y):
            raise NonNumericError(f"f must return a real number for a gradient, got {y}")
        self.unit = unit_roundoff(y)
        self.y = float(np.asarray(y).reshape(()))

    def _call(self, vector: Any) -> Any:
        self.calls += 1
        return self.f(self._join(vector), *self.args)

    def __call__(self, vector: Any) -> float:
        """f at a vector; NaN where it has no finite value."""
        try:
            with np.errstate(all="ignore"):
                y = self._call(vector)
        except (ArithmeticError, ValueError):  # what the functions of ``math`` do off their domain
            return nan
        if np.iscomplexobj(y):  # a power of a negative number, in Python's floats
            return nan
        y = float(y)
        return y if np.isfinite(y) else nan

    @cached_property
    def scale(self) -> Any:
        """How far each coordinate may be moved, as a power of two: its own size, or 1 for a zero.

        Where all others are smaller than 1, a zero may be moved as far as the largest of them.
        """
        size = np.abs(self.x)
        largest = float(np.max(size, initial=0.0)) or 1.0
        size = np.where(size == 0, min(largest, 1.0), size)
        return np.exp2(np.floor(np.log2(size)))

    def differences(self, v: Any, derivative: int = 1) -> Estimate:
        """The derivative along v, with its error."""
        # f as NumPy's number: Python's floats make the power of a negative number complex.
        value = np.float64(self.y) if self.unit < 1e-10 else np.float32(self.y)
        return estimate_along(self, value, Line(self.x, v, self.unit), derivative)

    def ladder(self, v: Any) -> Ladder:
        """Values of f along v, from long steps to short ones."""
        return Ladder.along(self, self.x, v, self.unit)

    def ignores(self, k: int) -> bool:
        """Whether f does not change in its last bit, however the entry k of x is moved."""
        unit = np.zeros_like(self.x)
        unit[k] = self.scale[k]
        far = (self(self.x + s * 2.0**e * unit) for e in range(1, 20, 3) for s in (1, -1))
        return self.ladder(unit).flat and all(np.isnan(y) or y == self.y for y in far)


def _doubles(x: Any) -> Any:
    """x with its leaves in double precision: the same point, at which f rounds less."""
    if isinstance(x, NESTS):
        import optree

        return optree.tree_map(_double, x)
    return _double(x)


def _double(leaf: Any) -> Any:
    array = np.asarray(leaf)
    if array.dtype.kind == "c":
        raise NonNumericError("a gradient is checked at a real point, got complex numbers")
    if array.dtype.kind not in "fiub":
        raise NonNumericError(f"x must be made of real numbers, got {type(leaf).__name__}")
    return float(array) if not array.ndim else array.astype(float)


def _vector(point: Any) -> tuple[Any, Callable[[Any], Any]]:
    if isinstance(point, NESTS):
        return ravel(point)
    if not np.ndim(point):
        return np.array([point]), _first
    return np.ravel(point).copy(), lambda vector: np.reshape(vector, np.shape(point))


def _first(vector: Any) -> Any:
    return float(vector[0]) if type(vector) is np.ndarray else vector[0]  # a tracer stays one


@dataclass(frozen=True)
class Certified:
    """The derivative of what was recorded, proved, and what rounding makes of it.

    Attributes:
        value, radius: the derivative, as vectors; None where it is not certified.
        reason: why it is not.
        rounding: what automatic differentiation in double precision misses of it.
        sensitivity: |H| |x|, by which rounding of x changes the derivative, over the round-off.
        sizes: lengths that occur in the recording.
    """

    value: Any = None
    radius: Any = None
    reason: str = ""
    rounding: Any = 0.0
    sensitivity: Any = 0.0
    sizes: tuple[int, ...] = ()


def certify(subject: Subject, random: np.random.Generator) -> Certified:
    """The certified derivative of f, if it can be had."""
    try:
        with np.errstate(all="ignore"):
            return _certify(subject, random)
    except Exception as error:  # whatever f does to a tracer, the other tests remain
        text = " ".join(str(error).split())
        return Certified(reason=text.split(";")[0][:160] or type(error).__name__)


def _certify(subject: Subject, random: np.random.Generator) -> Certified:
    from .operators import gradient, hvp
    from .tape import record

    def f(vector: Any) -> Any:
        return subject.f(subject._join(vector), *subject.args)

    rows = record(f, [subject.x])[0]
    sizes = [np.size(rows[k][1]) for k in range(len(rows))]
    if sum(sizes) > _MOST_BALLS:
        return Certified(reason=f"too large: {sum(sizes)} numbers on the tape", sizes=())
    shapes = {n for k in range(len(rows)) for n in np.shape(rows[k][1])}
    automatic = np.asarray(gradient(f, subject.x))
    signs = [random.choice([-1.0, 1.0], subject.x.size) for _ in range(3)]
    try:
        pushed = [np.abs(hvp(f, subject.x, s * subject.x)) for s in signs]
    except DiffkitError:
        pushed = [np.zeros_like(subject.x)]
    # Random signs make cancellation of the row's terms in all three unlikely.
    sensitivity = 2 * np.max(pushed, axis=0)
    value, radius = _enclosed(f, subject.x)
    rounding = np.abs(automatic - value)
    return Certified(value, radius, "", rounding, sensitivity, tuple(shapes | {*sizes}))


def _enclosed(f: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    try:
        from .measure.reference import reference
    except ModuleNotFoundError as error:
        raise NotImplementedError(f"{error.name} is not installed") from None

    found = reference(f, x, operator="gradient", max_bits=1024)
    value = np.asarray(found.value, dtype=float)
    # ``radius`` is about a midpoint of more digits than the double.
    return value, np.minimum(np.asarray(found.absolute(value), dtype=float), inf)
