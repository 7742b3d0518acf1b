"""One helper that tests any derivative rule.

A rule is tested through the public way in: the function is recorded and swept. The references are
independent of the rules: a difference of order eight for the first derivative, the identity
<u, J v> = <u J, v> between the two modes, and a difference of the (then tested) reverse sweep for
the second derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diffkit.tape import ZERO, Tracer, filled, forward_sweep, record, reverse_sweep

# Central weights of order 8 for the first derivative (Fornberg 1988, table 1).
WEIGHTS = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}


@dataclass(frozen=True)
class Case:
    """A call whose derivative is tested.

    Attributes:
        fn: the function.
        args: its arguments; those in ``active`` are differentiated.
        active: positions of float or complex arrays or numbers among args.
        kwargs: parameters.
        step: the step of the difference; smaller near the edge of a domain.
        second: whether the second derivative is tested too.
        tolerance: relative tolerance of the comparison with the difference.
        key: the table entry that the case covers, where that is not fn.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    active: tuple[int, ...] = (0,)
    kwargs: dict[str, Any] = field(default_factory=dict)
    step: float = 1e-2
    second: bool = True
    tolerance: float = 1e-7
    key: Any = None

    def __str__(self) -> str:
        shapes = ",".join(str(np.shape(self.args[k])) for k in self.active)
        extra = ",".join(f"{k}={v}" for k, v in self.kwargs.items())
        name = getattr(self.key or self.fn, "__name__", "f")
        return f"{name}[{shapes}{';' + extra if extra else ''}]"


def check_rule(case: Case) -> None:
    """Assert that both modes, to second order, give the derivative of the case's function."""
    rng = np.random.default_rng(7)
    xs = [np.asarray(case.args[k])[()] for k in case.active]
    xs = [float(x) if isinstance(x, np.float64) else x for x in xs]
    f = _of_active(case)
    expected = _flat(f(*xs))
    rows, y, k = record(f, xs)
    assert k >= 0, f"{case}: the result does not depend on the traced inputs"
    assert type(y) is not Tracer
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-13, err_msg=f"{case}: value")
    assert np.shape(y) == np.shape(expected), f"{case}: shape of the value"

    vs = [_random_like(rng, x) for x in xs]
    jvp = filled(forward_sweep(rows, vs, k), y)
    along = _difference(lambda t: _flat(f(*[x + t * v for x, v in zip(xs, vs, strict=True)])),
                        case.step)  # fmt: skip
    _close(jvp, along, case.tolerance, f"{case}: forward mode against differences")

    u = _random_like(rng, y)
    vjps = [filled(g, x) for g, x in zip(reverse_sweep(rows, len(xs), k, u), xs, strict=True)]
    for g, x in zip(vjps, xs, strict=True):
        assert np.shape(g) == np.shape(x), f"{case}: shape of the cotangent"
        assert np.iscomplexobj(g) <= np.iscomplexobj(x), f"{case}: cotangent of a real is complex"
    pulled = sum(np.real(np.sum(g * v)) for g, v in zip(vjps, vs, strict=True))
    _close(pulled, np.real(np.sum(u * jvp)), 1e-10, f"{case}: reverse mode against forward mode")
    if case.second:
        _check_second(case, f, xs, vs, u)
    if all(np.asarray(x).dtype == np.float64 for x in xs):
        _check_float32(case, f, xs, vjps, u)


def _check_second(case: Case, f: Any, xs: list[Any], vs: list[Any], u: Any) -> None:
    """Forward over reverse, and reverse over forward, against differences of reverse."""

    def pullback(*points: Any) -> Any:
        rows, _, k = record(f, points)
        gs = reverse_sweep(rows, len(points), k, u)
        return _flat(tuple(filled(g, x) for g, x in zip(gs, points, strict=True)))

    def slope(*points: Any) -> Any:
        rows, y, k = record(f, points)
        return np.real(np.sum(u * filled(forward_sweep(rows, vs, k), y)))

    def moved(t: float) -> Any:
        return pullback(*[x + t * v for x, v in zip(xs, vs, strict=True)])

    numeric = _difference(moved, case.step)
    rows, y, k = record(pullback, xs)
    over_reverse = filled(forward_sweep(rows, vs, k) if k >= 0 else ZERO, y)
    _close(over_reverse, numeric, case.tolerance * 10, f"{case}: forward over reverse")
    if any(np.iscomplexobj(x) for x in xs):
        return
    rows, y, k = record(slope, xs)
    adjoints = reverse_sweep(rows, len(xs), k, 1.0) if k >= 0 else [ZERO] * len(xs)
    over_forward = _flat(tuple(filled(g, x) for g, x in zip(adjoints, xs, strict=True)))
    _close(over_forward, over_reverse, 1e-8, f"{case}: reverse over forward")


def _check_float32(case: Case, f: Any, xs: list[Any], vjps: list[Any], u: Any) -> None:
    """Single precision in, single precision out."""
    singles = [np.asarray(x, np.float32)[()] for x in xs]
    rows, y, k = record(f, singles)
    if k < 0 or np.asarray(y).dtype != np.float32:
        return  # the function itself works in double precision
    u32 = np.asarray(u, np.float32)[()]
    for g, x, want in zip(reverse_sweep(rows, len(xs), k, u32), singles, vjps, strict=True):
        g = filled(g, x)
        assert np.asarray(g).dtype == np.float32, f"{case}: float32 in, {np.asarray(g).dtype} out"
        scale = np.max(np.abs(want), initial=1.0)
        assert np.allclose(g, want, rtol=2e-2, atol=2e-3 * scale), f"{case}: float32"


def _of_active(case: Case) -> Callable[..., Any]:
    def f(*active: Any) -> Any:
        args = list(case.args)
        for k, value in zip(case.active, active, strict=True):
            args[k] = value
        return _flat(case.fn(*args, **case.kwargs))

    return f


def _flat(value: Any) -> Any:
    """Several outputs as one vector, so that all of them are tested."""
    if isinstance(value, (tuple, list)):
        return np.concatenate([np.ravel(v) for v in value])
    return value


def _difference(f: Callable[[float], Any], h: float) -> Any:
    return sum(w * (f(o * h) - f(-o * h)) for o, w in WEIGHTS.items()) / h


def _random_like(rng: Any, x: Any) -> Any:
    v = rng.uniform(0.3, 1.0, np.shape(x)) * rng.choice([-1.0, 1.0], np.shape(x))
    if np.iscomplexobj(x):
        v = v + 1j * rng.uniform(-1.0, 1.0, np.shape(x))
    return v[()] if np.ndim(x) else type(v[()])(v)


def _close(got: Any, want: Any, tolerance: float, what: str) -> None:
    scale = max(1.0, float(np.max(np.abs(want), initial=0.0)))
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale, err_msg=what)
