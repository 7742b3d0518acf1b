"""All backends on one function at one point, in one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ._backends import Backend, backends, resolve
from .errors import DiffkitError, ShapeError
from .nests import NESTS
from .operators import operator as operator_named


@dataclass(frozen=True)
class Row:
    """One backend's answer.

    Attributes:
        backend: its name.
        status: ``"ok"``, ``"unsupported"`` or ``"error"``.
        value: the derivative, where there is one.
        deviation: the largest absolute difference from the row that the comparison names as its
            yardstick; None where there is no value.
        seconds: the median time of one call.
        evaluations: how often the user's function was called for one derivative.
        reason: why there is no value.
    """

    backend: str
    status: str
    value: Any = None
    deviation: float | None = None
    seconds: float | None = None
    evaluations: int | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        value = None if self.value is None else np.asarray(self.value).tolist()
        return {**vars(self), "value": value}


@dataclass(frozen=True)
class Comparison:
    """A row for each backend.

    Attributes:
        function: the name of the function.
        operator: what was computed.
        point: where.
        f_value: the value of the function.
        f_seconds: the median time of one evaluation of f, taken in turn with the backends.
        yardstick: the backend that deviations are taken from. It is another method's answer, not
            the truth.
        rows: the answers.
    """

    function: str
    operator: str
    point: Any
    f_value: Any
    f_seconds: float
    yardstick: str
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            **vars(self),
            "point": np.asarray(self.point).tolist(),
            "f_value": np.asarray(self.f_value).tolist(),
            "rows": [row.to_dict() for row in self.rows],
        }

    def __rich__(self) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            title=Text(f"{self.operator} of {self.function} at x = {_shown(self.point)}"),
            caption=Text(
                f"f(x) = {_shown(self.f_value)}; difference: largest absolute difference from "
                f"{self.yardstick}; time / f: in evaluations of f, {self.f_seconds * 1e6:.3g} µs "
                f"each; calls: how often f was called"
            ),
        )
        for heading in ("backend", "value", "difference", "time / f", "calls", "status"):
            right = heading in ("difference", "time / f", "calls")
            table.add_column(
                heading,
                justify="right" if right else "left",
                no_wrap=heading not in ("value", "status"),
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*map(Text, self._cells(row)))
        return table

    def _cells(self, row: Row) -> tuple[str, ...]:
        if row.value is None:
            return row.backend, "", "", "", "", f"{row.status}: {row.reason}"
        deviation = "(itself)" if row.backend == self.yardstick else f"{row.deviation:.2g}"
        ratio = f"{row.seconds / self.f_seconds:.3g}" if row.seconds else ""
        return row.backend, _shown(row.value), deviation, ratio, str(row.evaluations), row.status

    def __str__(self) -> str:
        from io import StringIO

        from rich.console import Console

        out = StringIO()
        Console(file=out, width=110).print(self)
        return out.getvalue().rstrip()


@np.errstate(all="ignore")  # a point outside the domain is told by an error, and once is enough
def compare(
    f: Callable[..., Any],
    x: Any,
    *args: Any,
    operator: str | None = None,
    backends: Iterable[str | Backend] | None = None,
) -> Comparison:
    """Differentiate a function with every backend and put the answers side by side.

    Args:
        f: the function, ``f(x, *args)``.
        x: the point.
        args: constants.
        operator: the name of an operator; by default the one that suits f and x, which is
            derivative, gradient or jacobian.
        backends: names or configured backends; all by default.

    Raises:
        UnknownNameError: an operator or backend of that name does not exist.
        DiffkitError: f cannot be evaluated at x.
    """
    from ._backends.base import evaluate
    from .tape import numeric

    if isinstance(x, NESTS):
        raise ShapeError("compare takes a number or an array x, got a nest")
    point = numeric(x)
    y = evaluate(lambda t: f(t, *args), point)
    name = operator or _suitable(point, y)
    apply = operator_named(name)
    chosen = [resolve(b) for b in _all() if b] if backends is None else [
        resolve(b) for b in backends
    ]  # fmt: skip
    vectors = _vectors(name, point, y)

    def call(backend: Backend, g: Callable[..., Any]) -> Any:
        return apply(g, x, *vectors, *args, backend=backend)

    answers = [_answer(backend, call, f) for backend in chosen]
    working = [b for b, a in zip(chosen, answers, strict=True) if a.value is not None]
    timed = _interleaved([partial(f, x, *args), *(partial(call, b, f) for b in working)])
    seconds = dict(zip([b.name for b in working], timed[1:], strict=True))
    yardstick = _yardstick([a for a in answers if a.value is not None])
    return Comparison(
        function=getattr(f, "__name__", "f"),
        operator=name,
        point=x,
        f_value=y,
        f_seconds=timed[0],
        yardstick=yardstick.backend if yardstick else "none",
        rows=tuple(_finished(a, yardstick, seconds) for a in answers),
    )


def _all() -> Iterable[str]:
    return backends()


def _suitable(x: Any, y: Any) -> str:
    if np.ndim(x) == 0 or (np.ndim(y) and np.shape(x) == np.shape(y)):
        return "derivative" if np.ndim(x) == 0 else "jacobian"
    return "jacobian" if np.ndim(y) else "gradient"


def _vectors(operator: str, x: Any, y: Any) -> tuple[Any, ...]:
    """The tangent or cotangent of ones that jvp, vjp and hvp are compared on."""
    if operator in ("jvp", "hvp"):
        return (np.ones(np.shape(x))[()],)
    return (np.ones(np.shape(y))[()],) if operator == "vjp" else ()


def _answer(backend: Backend, call: Callable[..., Any], f: Callable[..., Any]) -> Row:
    calls = 0

    def counted(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        return f(*args)

    try:
        value = call(backend, counted)
    except DiffkitError as error:
        status = "unsupported" if isinstance(error, NotImplementedError) else "error"
        return Row(backend.name, status, reason=str(error))
    except Exception as error:
        return Row(backend.name, "error", reason=f"{type(error).__name__}: {error}")
    return Row(backend.name, "ok", value=value, evaluations=calls)


def _yardstick(answers: list[Row]) -> Row | None:
    """Reverse mode if it is there: it makes no truncation error."""
    return next((a for a in answers if a.backend == "reverse"), answers[0] if answers else None)


def _finished(row: Row, yardstick: Row | None, seconds: dict[str, float]) -> Row:
    if row.value is None or yardstick is None:
        return row
    difference = np.abs(np.asarray(row.value) - np.asarray(yardstick.value))
    return Row(
        row.backend,
        row.status,
        row.value,
        float(np.max(difference, initial=0.0)),
        seconds[row.backend],
        row.evaluations,
    )


def _interleaved(calls: list[Callable[[], Any]], budget: float = 0.3) -> list[float]:
    """Median seconds of each call, taken in turn so that a drift of the machine hits all alike."""
    samples: list[list[float]] = [[] for _ in calls]
    loops = [_loops(call) for call in calls]
    end = time.perf_counter() + budget * len(calls)
    while not samples[0] or (len(samples[0]) < 15 and time.perf_counter() < end):
        for call, taken, n in zip(calls, samples, loops, strict=True):
            start = time.perf_counter()
            for _ in range(n):
                call()
            taken.append((time.perf_counter() - start) / n)
    return [float(np.median(s)) for s in samples]


def _loops(call: Callable[[], Any]) -> int:
    """How many calls make a sample of a millisecond, so that the clock's steps do not show."""
    start = time.perf_counter()
    call()
    return max(1, int(1e-3 / max(time.perf_counter() - start, 1e-7)))


def _shown(value: Any) -> str:
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{float(array):.17g}" if array.dtype.kind == "f" else str(array)
    text = np.array2string(array, precision=9, threshold=6, edgeitems=2, separator=", ")
    return " ".join(text.split())
