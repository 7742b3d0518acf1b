"""Searches conducted side by side, so that one call of f serves as many of them as it can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..tape import gather
from .estimate import Estimate
from .judgement import Finding, judge
from .lines import Line
from .search import Search

Sampler = Callable[[list[Sequence[float]]], list[Sequence[float]]]


def estimate_along(f: Any, y: Any, line: Line, derivative: int = 1) -> Estimate:
    """The derivative of f along a line, in the shape of y = f(x).

    Elements of the result are searched for one by one, and share the values of f.
    """
    searches = [Search(line, c, derivative) for c in components(y).tolist()]
    known: dict[float, Any] = {}

    def sample(requests: list[Sequence[float]]) -> list[Sequence[float]]:
        for t in {t for asked in requests for t in asked} - known.keys():
            known[t] = sampled(f, line.at(t), y)
        return [[known[t][k] for t in asked] for k, asked in enumerate(requests)]

    findings = _conduct(searches, sample)
    return _assemble(findings, y, len(known) + 1)


def estimate_pointwise(f: Any, x: Any, y: Any, bounds: tuple[Any, Any]) -> Estimate:
    """The derivatives of an elementwise function at the elements of x; one call serves all."""
    unit = unit_roundoff(y)
    low, high = (np.broadcast_to(b, x.shape).ravel() for b in bounds)
    lines = [
        Line(_number(t), 1.0, unit, (a, b)) for t, a, b in zip(x.ravel(), low, high, strict=True)
    ]
    copies = 2 if np.iscomplexobj(y) else 1
    searches = [
        Search(lines[k // copies], c) for k, c in enumerate(components(y).tolist())
    ]  # fmt: skip
    calls = 1

    def sample(requests: list[Sequence[float]]) -> list[Sequence[float]]:
        nonlocal calls
        answers: list[list[float]] = [[] for _ in requests]
        for slot in range(max(map(len, requests))):
            # Parts of one element may ask for different points: they take turns.
            for part in range(copies):
                asked = {
                    k: r[slot]
                    for k, r in enumerate(requests)
                    if len(r) > slot and k % copies == part
                }
                moved = x.copy().ravel()
                for k, t in asked.items():
                    moved[k // copies] = lines[k // copies].at(t)
                if asked:
                    calls += 1
                    values = sampled(f, moved.reshape(x.shape), y)
                    for k in asked:
                        answers[k].append(values[k])
        return list(answers)

    findings = _conduct(searches, sample)
    return _assemble(findings, y, calls)


def _number(t: Any) -> Any:
    return float(t) if t.dtype == np.float64 else t


def _conduct(searches: list[Search], sample: Sampler) -> list[Finding]:
    """Run the searches in step: what they ask for is sampled together."""
    running = {k: search.run() for k, search in enumerate(searches)}
    asked: list[Sequence[float]] = [()] * len(searches)
    replies: dict[int, Any] = dict.fromkeys(running)
    while running:
        for k in list(running):
            try:
                asked[k] = running[k].send(replies[k])
            except StopIteration:
                del running[k]
                asked[k] = ()
        if running:
            answers = sample(asked)
            replies = {k: answers[k] for k in running}
    return [judge(search) for search in searches]


def components(y: Any) -> Any:
    """The real numbers that y is made of, as a flat array."""
    flat = np.ravel(np.asarray(y))
    if np.iscomplexobj(flat):
        return flat.astype(complex).view(float)
    return flat.astype(float)


def unit_roundoff(y: Any) -> float:
    """The unit round-off of the dtype of y."""
    dtype = np.asarray(y).dtype
    return float(np.finfo(dtype).eps) / 2


def sampled(f: Any, point: Any, like: Any) -> list[float]:
    """The components of f(point); NaN where there is no finite value."""
    try:
        with np.errstate(all="ignore"):
            y = gather(f(point))
    except (ArithmeticError, ValueError):  # what the functions of ``math`` do outside their domain
        return [nan] * components(like).size
    if np.shape(y) != np.shape(like):
        raise ShapeError(f"f(x) has shape {np.shape(like)}, but near x it has shape {np.shape(y)}")
    if np.iscomplexobj(y) and not np.iscomplexobj(like):  # a power of a negative number
        return [nan] * components(like).size
    if np.iscomplexobj(like):
        y = np.asarray(y, dtype=complex)
    flat = components(y)
    return list(np.where(np.isfinite(flat), flat, nan).tolist())


def _assemble(findings: list[Finding], y: Any, evaluations: int) -> Estimate:
    """An estimate of the shape of y."""
    value, error, step = (
        np.array([getattr(f, name) for f in findings], dtype=float)
        for name in ("value", "error", "step")
    )
    status = np.array([f.status for f in findings], dtype="<U14")
    if np.iscomplexobj(y):
        value, error, step = (
            value.view(complex),
            *(np.hypot(e[::2], e[1::2]) for e in (error, step)),
        )
        pairs = zip(status[::2], status[1::2], strict=True)
        status = np.array([im if re == "ok" else re for re, im in pairs], dtype="<U14")
    shape = np.shape(y)
    if np.asarray(y).dtype.itemsize < 8:
        value = value.astype(np.asarray(y).dtype)
    if not shape:
        number = value[0] if value.dtype != float else float(value[0])
        return Estimate(number, float(error[0]), float(step[0]), evaluations, str(status[0]))
    fields = (np.reshape(v, shape) for v in (value, error, step))
    value, error, step = fields
    return Estimate(value, error, step, evaluations, np.reshape(status, shape))
