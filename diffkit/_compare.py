"""All backends on one function at one point or over many, in one table."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ._backends import Backend, backends, resolve
from ._backends.base import evaluate
from ._comparison import Comparison, Row
from ._recommend import recommend
from .errors import DerivativeWarning, DiffkitError, ShapeError
from .measure import threads
from .measure.cost import Spread, interleaved, peak_memory
from .nests import NESTS
from .operators import operator as operator_named
from .operators import prepare
from .tape import numeric

__all__ = ["Comparison", "Row", "compare"]

_LONGEST_TAPE = 3000  # whose derivative is still recorded to count it
_TIMING = 0.6  # seconds


@dataclass(frozen=True)
class _Task:
    """What every backend is asked for.

    Attributes:
        f: the function.
        args: its constants.
        name: the operator.
        points: the points, the first of which is timed.
        vectors: the tangent or cotangent of ones that jvp, vjp and hvp are compared on.
    """

    f: Callable[..., Any]
    args: tuple[Any, ...]
    name: str
    points: tuple[Any, ...]
    vectors: tuple[Any, ...]

    def answer(self, backend: Backend, f: Callable[..., Any], point: Any) -> Any:
        apply = operator_named(self.name)
        return apply(f, point, *self.vectors, *self.args, backend=backend)

    def prepared(self, backend: Backend) -> Callable[[], Any]:
        arguments = (self.points[0], *self.vectors, *self.args)
        return partial(prepare(operator_named(self.name), self.f, *arguments, backend=backend),
                       *arguments)  # fmt: skip


@np.errstate(all="ignore")  # a point outside the domain is told by an error, and once is enough
def compare(
    f: Callable[..., Any],
    x: Any,
    *args: Any,
    operator: str | None = None,
    backends: Iterable[str | Backend] | None = None,
    points: Iterable[Any] = (),
    digits: float = 8.0,
) -> Comparison:
    """Differentiate a function with every backend and put the answers side by side.

    Args:
        f: the function, ``f(x, *args)``.
        x: the point.
        args: constants.
        operator: the name of an operator; by default the one that suits f and x, which is
            derivative, gradient or jacobian.
        backends: names or configured backends; all by default.
        points: further points, of the shape of x. Errors are the largest over all of them; the
            value and the costs are those at x.
        digits: correct digits that the recommendation asks for.

    Raises:
        UnknownNameError: an operator or backend of that name does not exist.
        DiffkitError: f cannot be evaluated at x.
    """
    if isinstance(x, NESTS):
        raise ShapeError("compare takes a number or an array x, got a nest")
    point = numeric(x)
    y = evaluate(lambda t: f(t, *args), point)
    name = operator or _suitable(point, y)
    task = _Task(f, args, name, (x, *points), _vectors(name, point, y))
    operator_named(name)
    chosen = [resolve(b) for b in (_all() if backends is None else backends)]
    truths, reason = _truths(task)
    rows = [_row(task, backend, truths) for backend in chosen]
    rows, f_seconds = _costs(task, chosen, rows)
    rows, yardstick = _deviations(rows)
    truth = None if truths[0] is None else truths[0].value
    known = truth if truth is not None else next((r.value for r in rows if r.value is not None), 0)
    size = float(np.max(np.abs(known), initial=0.0))
    n, m = int(np.size(point)), int(np.size(y))
    best, why = recommend(rows, size, n, m, f_seconds, digits)
    return Comparison(
        function=getattr(f, "__name__", "f"), operator=name, point=x, points=len(task.points),
        f_value=y, f_seconds=f_seconds, inputs=n, outputs=m, truth=truth, uncertified=reason,
        yardstick=yardstick, rows=tuple(rows), recommended=best, recommendation=why,
        threads=threads.most(),
    )  # fmt: skip


def _all() -> Iterable[str]:
    return [name for name, backend in backends().items() if backend]


def _suitable(x: Any, y: Any) -> str:
    if np.ndim(x) == 0:
        return "derivative"
    return "jacobian" if np.ndim(y) else "gradient"


def _vectors(operator: str, x: Any, y: Any) -> tuple[Any, ...]:
    if operator in ("jvp", "hvp"):
        return (np.ones(np.shape(x))[()],)
    return (np.ones(np.shape(y))[()],) if operator == "vjp" else ()


# Accuracy


def _truths(task: _Task) -> tuple[list[Any], str]:
    """The certified derivative at each point, or None; and why not."""
    found: list[Any] = []
    reason = ""
    for point in task.points:
        try:
            from .measure.reference import reference

            arguments = (point, *task.vectors, *task.args)
            found.append(reference(task.f, *arguments, operator=task.name, max_bits=1024))
        except ModuleNotFoundError:
            found.append(None)
            reason = "nothing is certified: the certified reference is not installed"
        except Exception as error:  # f may do anything to what it is called with
            found.append(None)
            text = " ".join(str(error).split()).split(";")[0][:100]
            reason = f"nothing is certified: {text}"
    return found, reason


def _row(task: _Task, backend: Backend, truths: Sequence[Any]) -> Row:
    row, ulps, errors, failures = Row(backend.name, "ok"), [], [], 0
    for k, (point, truth) in enumerate(zip(task.points, truths, strict=True)):
        found = _answer(task, backend, point)
        failures += found.value is None
        if k == 0:
            row = found
        elif found.status != "ok" and row.status == "ok":
            row = replace(row, status=found.status, reason=f"at a further point: {found.reason}")
        if truth is not None and found.value is not None:
            ulps.append(_largest(truth.ulps(found.value)))
            errors.append(_largest(truth.absolute(found.value)))
    estimated = _estimated(task, backend) if row.value is not None else None
    return replace(
        row,
        ulps=_largest(ulps) if ulps else None,
        error=_largest(errors) if errors else None,
        estimated=estimated,
        failures=failures,
        size=_size(task, backend) if row.value is not None else None,
    )


def _largest(values: Any) -> float:
    """The largest; NaN if any is."""
    return float(np.max(np.asarray(values, dtype=float), initial=0.0))


def _answer(task: _Task, backend: Backend, point: Any) -> Row:
    calls = 0

    def counted(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        return task.f(*args)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DerivativeWarning)
        try:
            value = task.answer(backend, counted, point)
        except DiffkitError as error:
            status = "unsupported" if isinstance(error, NotImplementedError) else "error"
            return Row(backend.name, status, reason=str(error))
        except Exception as error:
            return Row(backend.name, "error", reason=f"{type(error).__name__}: {error}")
    doubts = [str(w.message) for w in caught if issubclass(w.category, DerivativeWarning)]
    status, reason = ("doubtful", doubts[0]) if doubts else ("ok", "")
    return Row(backend.name, status, value=value, evaluations=calls, reason=reason)


def _estimated(task: _Task, backend: Backend) -> float | None:
    """The backend's own estimate of its error, if it gives one for this operator."""
    estimate = getattr(backend, "estimate", None)
    orders = {"derivative": 1, "gradient": 1, "jacobian": 1, "second_derivative": 2}
    if estimate is None or task.name not in orders:
        return None
    options = {"elementwise": True} if task.name == "derivative" else {}
    try:
        found = estimate(
            lambda t: task.f(t, *task.args), task.points[0], derivative=orders[task.name], **options
        )
    except (DiffkitError, TypeError):  # another backend's may take other options
        return None
    return _largest(found.error)


# Size


def _size(task: _Task, backend: Backend) -> int | None:
    """Operations of the derivative, for the backends that make a program of it."""
    if task.name not in ("derivative", "gradient"):
        return None
    try:
        return _SIZES[backend.name](task) if backend.name in _SIZES else None
    except Exception:  # what cannot be counted is left blank
        return None


def _tape(task: _Task) -> Any:
    from .tape.tape import trace

    tape = trace(task.f, task.points[0], *task.args)
    if len(tape) > _LONGEST_TAPE:
        raise ShapeError("the tape is too long to be differentiated for a count")
    return tape


def _expression_size(task: _Task) -> int:
    from ._backends.symbolic import Symbolic

    found = Symbolic().expression(task.f, task.points[0], *task.args, operator=task.name)
    return found.count.dag


_SIZES: dict[str, Callable[[_Task], int]] = {
    "symbolic": _expression_size,
    "reverse": lambda task: len(_tape(task).gradient()),
    "forward": lambda task: len(_tape(task).tangent()),
}


# Cost


def _costs(task: _Task, chosen: Sequence[Backend], rows: Sequence[Row]) -> tuple[list[Row], float]:
    calls: list[Callable[[], Any]] = [partial(task.f, task.points[0], *task.args)]
    out, places = list(rows), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k, (backend, row) in enumerate(zip(chosen, rows, strict=True)):
            if row.value is None:
                continue
            began = time.perf_counter()
            call = task.prepared(backend)
            ready = time.perf_counter()
            call()
            done = time.perf_counter()
            out[k] = replace(row, prepare=ready - began, first=done - ready)
            if done - ready < 1.0:
                out[k] = replace(out[k], memory=peak_memory(call))
                calls.append(call)
                places.append(k)
        f_samples, *samples = interleaved(calls, budget=_TIMING)
    for k, taken in zip(places, samples, strict=True):
        ratios = [t / f for t, f in zip(taken, f_samples, strict=True)]
        out[k] = replace(out[k], time=Spread.of(ratios), seconds=float(np.median(taken)))
    return out, float(np.median(f_samples))


def _deviations(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """The rows with their differences from reverse mode: it makes no truncation error."""
    answers = [r for r in rows if r.value is not None]
    yardstick = next(
        (r for r in answers if r.backend == "reverse"), answers[0] if answers else None
    )
    if yardstick is None:
        return list(rows), "none"

    def against(row: Row) -> Row:
        if row.value is None:
            return row
        difference = np.abs(np.asarray(row.value) - np.asarray(yardstick.value))
        return replace(row, deviation=_largest(difference))

    return [against(row) for row in rows], yardstick.backend
