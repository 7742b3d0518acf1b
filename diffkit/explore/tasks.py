"""What the explorer computes. Each task runs in a guard's child: plain data in, plain data out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit as dk

from .._backends.stencils import Stencil, stencil
from .._function import Function
from ..errors import DerivativeWarning, DiffkitError
from ..guard import report
from ..measure.steps import UNIT_ROUNDOFF

_STENCILS = (("forward", 1), ("central", 2), ("central", 4))
_STEPS_A_DECADE = 4
_DECADES = 16


def values(text: str, names: list[str], point: list[float], operator: str) -> dict[str, Any]:
    """The derivative by each backend, reported one after another, without any proof."""
    f, x = _subject(text, names, point)
    rows: list[dict[str, Any]] = []
    with np.errstate(all="ignore"):
        value = _plain(f(x))
        for name, backend in dk.backends().items():
            if backend:
                rows.append({"backend": name, **_answer(f, x, operator, backend)})
                report({"f_value": value, "rows": rows})
    return {"f_value": value, "rows": rows}


def _answer(f: Function, x: Any, operator: str, backend: Any) -> dict[str, Any]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = getattr(dk, operator)(f, x, backend=backend)
        except DiffkitError as error:
            status = "unsupported" if isinstance(error, NotImplementedError) else "error"
            return {"value": None, "status": status, "reason": str(error)}
        except Exception as error:  # a backend of somebody else's may raise anything
            reason = f"{type(error).__name__}: {error}"
            return {"value": None, "status": "error", "reason": reason}
    doubts = [str(w.message) for w in caught if issubclass(w.category, DerivativeWarning)]
    status, reason = ("doubtful", doubts[0]) if doubts else ("ok", "")
    return {"value": _plain(value), "status": status, "reason": reason}


def certified(text: str, names: list[str], point: list[float], operator: str) -> dict[str, Any]:
    """The whole comparison: certified errors, costs, and the recommendation."""
    f, x = _subject(text, names, point)
    return dk.compare(f, x, operator=operator).to_dict()


def steps(text: str, names: list[str], point: list[float], along: str) -> dict[str, Any]:
    """Certified errors of finite differences along one variable, over the step.

    Returns:
        The name, step and error of each stencil, and with it |f| and the slope |f^(p+1)| that
        E(h) takes, None where no prediction follows from them; the truth in ``derivative``.
    """
    f, x = _subject(text, names, point)
    axis = names.index(along)
    direction = np.eye(len(names))[axis] if len(names) > 1 else 1.0
    truth = dk.reference(f, x, direction, operator="jvp")
    found: list[dict[str, Any]] = []
    with np.errstate(all="ignore"):
        value = float(f(x))
        orders = _derivatives(f, x, direction, max(order for _, order in _STENCILS) + 1)
        for kind, order in _STENCILS:
            curve = _curve(f, x, direction, point[axis], stencil(kind, order), truth)
            slope = orders[order + 1]
            known = value != 0 and np.isfinite([value, slope]).all() and slope != 0
            curve |= {"kind": kind, "order": order, "slope": slope if known else None}
            found.append(curve)
            report({"done": len(found), "of": len(_STENCILS)})
    return {"curves": found, "value": value, "derivative": float(truth.value), "along": along}


def _curve(
    f: Function, x: Any, direction: Any, at: float, used: Stencil, truth: Any
) -> dict[str, Any]:
    """Steps that can be told from x, and a bound of the error at each at which f has values."""
    h = _steps(at)
    weights = [float(w) for w in used.weights]
    values = [np.array([float(f(x + o * step * direction)) for step in h]) for o in used.offsets]
    estimates = sum(w * v for w, v in zip(weights, values, strict=True)) / h
    kept = np.isfinite(estimates)
    errors = [float(truth.absolute(d)) for d in estimates[kept]]
    return {"step": h[kept].tolist(), "error": errors}


def _steps(at: float) -> Any:
    """Steps over 16 decades below the scale of x, each of them the difference of two doubles."""
    scale = 2.0 ** np.round(np.log2(abs(at))) if abs(at) > UNIT_ROUNDOFF else 1.0
    wished = scale * 10.0 ** -np.arange(0, _DECADES, 1 / _STEPS_A_DECADE)
    h = (at + wished) - at
    return np.unique(h[(h > 0) & np.isfinite(h)])


def _derivatives(f: Any, x: Any, direction: Any, highest: int) -> list[float]:
    """f and its derivatives along a direction: forward mode in forward mode, and so on."""
    found = [float(f(x))]
    for _ in range(highest):
        f = _tangent(f, direction)
        found.append(_value_or_nan(f, x))
    return found


def _tangent(f: Any, direction: Any) -> Callable[[Any], Any]:
    return lambda t: dk.jvp(f, t, direction, backend="forward")


def _value_or_nan(f: Any, x: Any) -> float:
    try:
        return float(f(x))
    except DiffkitError:  # a derivative of that order has no rule, or no value
        return float("nan")


def swell(text: str, names: list[str], point: list[float]) -> dict[str, Any]:
    """Exact sizes of f and of its derivative by each route."""
    f, x = _subject(text, names, point)
    return dk.swell(f, x).to_dict()


def trace(text: str, names: list[str], point: list[float]) -> dict[str, Any]:
    """The evaluation trace as the markup of a table."""
    from .drawings import trace_table

    f, x = _subject(text, names, point)
    return {"markup": trace_table(f, x)}


def graph(text: str, names: list[str], point: list[float]) -> dict[str, Any]:
    """The computation graph as the markup of an SVG image."""
    from .drawings import graph_image

    f, x = _subject(text, names, point)
    return {"markup": graph_image(f, x)}


def _subject(text: str, names: list[str], point: list[float]) -> tuple[Function, Any]:
    x = point[0] if len(point) == 1 else np.array(point, dtype=float)
    return dk.function(text, names), x


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()
