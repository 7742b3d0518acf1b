"""What the right derivative is, and how it is known.

Certified, where diffkit's reference proves every digit in good time, and where the problem can be
solved in doubles at all: a program in doubles differentiates what it computes, so that where plain
f(x) is far from the proved value (a chaotic map after many steps), nobody's derivative is right.

Elsewhere by agreement: reverse mode's, where directional derivatives along random directions
agree with it that come from f alone, by the complex step (Squire & Trapp 1998) or, where f takes
no complex numbers, by central differences; in extended precision where f can be computed in it.
A derivative that is wrong in any component fails this in almost every direction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

DIRECTIONS = 3
UNSOLVABLE = 1e-9  # relative error of plain f from which no derivative in doubles is right
CERTIFIED, AGREED = "certified", "agreed"


def certify(problem: str, n: int, path: str) -> dict[str, Any]:
    """Prove the derivative at x and write it. Says whether the problem can be solved in doubles."""
    import diffkit as dk

    chosen, case, f = _case(problem, n)
    if chosen.operator.value == "blocks":
        from diffkit.measure.reference import reference

        parts = [reference(f, case.x, u, operator="vjp").value for u in _units(chosen, case)]
        value, exact = np.stack(parts, axis=1), None
    else:
        proved = dk.reference(f, case.x, operator=chosen.operator.value)
        value, exact = proved.value, proved.function.value
    computed = f(case.x)
    off = 0.0 if exact is None else abs(computed - exact) / abs(exact)
    if off > UNSOLVABLE:
        return {"solvable": False, "off": float(off)}
    _write(path, value, CERTIFIED, _reverse(chosen, case.other, f))
    return {"solvable": True, "off": float(off)}


def agree(problem: str, n: int, path: str, extended: bool) -> dict[str, Any]:
    """Confirm reverse mode's derivative at x along random directions, and write it.

    extended: whether to try extended precision, in which a chaotic map takes another path.

    Returns the largest disagreement, relative, and by which method.
    """
    chosen, case, f = _case(problem, n)
    value = _reverse(chosen, case.x, f)
    worst, method = 0.0, ""
    rng = np.random.default_rng(0)
    for _ in range(DIRECTIONS):
        v = tuple(rng.choice([-1.0, 1.0], size=np.shape(a)) for a in _leaves(case.x))
        along, scale = _contracted(chosen, value, v)
        found, method = _directional(f, case.x, v, extended)
        worst = max(worst, float(np.max(np.abs(found - along) / scale)))
    _write(path, value, AGREED, _reverse(chosen, case.other, f))
    return {"disagreement": worst, "method": method}


def read(path: Path) -> dict[str, Any]:
    """What `certify` or `agree` has written."""
    with np.load(path) as held:
        return {name: held[name] for name in held.files}


def compare(known: dict[str, Any], here: Any, there: Any) -> dict[str, Any]:
    """The errors of derivatives at x and at the other point; see ``child.prepare``."""
    value = known["value"]
    if here.shape != value.shape:
        return {"error": float("inf"), "ulps": None, "other": float("inf")}
    apart = np.abs(here - value)
    certified = str(known["how"]) == CERTIFIED
    return {
        "error": _relative(apart, value),
        "ulps": float(np.max(apart / np.spacing(np.abs(value)))) if certified else None,
        "other": _relative(np.abs(there - known["other"]), known["other"]),
    }


def _relative(apart: Any, value: Any) -> float:
    largest = float(np.max(np.abs(value)))
    return float(np.max(apart) / largest) if largest else float(np.max(apart))


def _case(problem: str, n: int) -> Any:
    from benchmarks.problems import PROBLEMS

    chosen = PROBLEMS[problem]
    case = chosen.case(n)
    return chosen, case, case.make(np)


def _reverse(problem: Any, x: Any, f: Any) -> Any:
    import diffkit as dk

    if problem.operator.value == "blocks":
        shape = np.shape(f(x))
        return np.stack([dk.vjp(f, x, np.broadcast_to(e, shape).copy())
                         for e in np.eye(shape[1])], axis=1)  # fmt: skip
    return getattr(dk, problem.operator.value)(f, x)


def _units(problem: Any, case: Any) -> Any:
    from benchmarks.tools.tool import units

    return units(problem, case)


def _leaves(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def _write(path: str, value: Any, how: str, other: Any) -> None:
    from benchmarks.tools.tool import flat

    np.savez(path, value=flat(value), how=np.array(how), other=flat(other))


def _contracted(problem: Any, value: Any, v: Any) -> tuple[Any, Any]:
    """The derivative along v, and the size of what is added up in it."""
    if problem.operator.value == "blocks":
        terms = value * v[0][:, None, :]
        return np.sum(terms, axis=2), np.sum(np.abs(terms), axis=2)
    terms = np.concatenate([np.ravel(g * w) for g, w in zip(_leaves(value), v, strict=True)])
    return np.sum(terms), np.sum(np.abs(terms))


def _directional(f: Any, x: Any, v: Any, extended: bool) -> tuple[Any, str]:
    """The derivative along v by calls of f alone, and by which method."""
    kinds = [(np.clongdouble, "complex step, extended precision"), (np.complex128, "complex step")]
    for kind, name in kinds if extended else kinds[1:]:
        try:
            with np.errstate(all="ignore"):
                h = kind(1e-30j)
                moved = _moved(x, [h * w for w in v], kind)
                found = np.imag(f(moved)) / h.imag
        except (TypeError, ValueError, NotImplementedError):
            continue
        if np.all(np.isfinite(found)):
            return np.asarray(found, dtype=float), name
    h = 1e-6
    up, down = (f(_moved(x, [s * h * w for w in v], float)) for s in (1, -1))
    return (up - down) / (2 * h), "central differences"


def _moved(x: Any, by: Any, kind: Any) -> Any:
    parts = [np.asarray(a, dtype=kind) + d for a, d in zip(_leaves(x), by, strict=True)]
    parts = [p[()] for p in parts]
    return tuple(parts) if isinstance(x, tuple) else parts[0]
