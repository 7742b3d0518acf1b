"""The atlas: two heat maps of all methods at all points, and what is claimed of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from diffkit.measure import silence
from diffkit.report.heat_map import Sign, heat_map
from diffkit.runner.experiment import Claim, Figure
from diffkit.runner.results import Results

SIGNS = {
    silence.SILENT: Sign("✗", "#D55E00", "#ffffff"),
    silence.CRASHED: Sign("†", "#7a1f5c", "#ffffff"),
    silence.MADE_UP: Sign("○", "#E69F00"),
    silence.NOT_A_NUMBER: Sign("NaN", "#CC79A7"),
    silence.WARNED: Sign("?", "#bfe3d3"),
    silence.REFUSED: Sign("⊘", "#c9ced4"),
    silence.UNSUPPORTED: Sign("–", "#e3e6ea"),
}
MARKS = {silence.WARNED: " ?"}
# The methods that are not exact up to rounding.
DIFFERENCES = ("finite_difference", "scipy", "numdifftools", "jacobi")
ORDINARY = (
    "The error in units in the last place of the truth, of the worst element where there are "
    "several. The darker, the more digits are lost: 10^3 is three of them. The exact methods "
    "lose a digit at most, but where f itself loses some, as the logistic map does; finite "
    "differences lose one to three."
)
HARD = (
    "Orange with a cross is what must not happen: wrong by more than 1e-3, and no word of it. "
    "Where f cancels, every exact method differentiates the rounding errors as well, while finite "
    "differences take longer steps, on which they matter less. At `if_problem` the methods that "
    "record f follow a branch that is constant. A ring is a number where there is no derivative: "
    "one of the slopes at a kink, or their mean. ? is a value that came with a warning."
)


def figures(results: Results) -> list[Figure]:
    """``ordinary`` and ``hard``, from columns point, group, backend, outcome and ulps."""
    hard, ordinary = (draw(results.where(group=group)) for group in ("hard", "ordinary"))
    return [
        Figure("hard", "Hard points", HARD, hard),
        Figure("ordinary", "Ordinary points", ORDINARY, ordinary),
    ]


def draw(results: Results) -> Any:
    """The heat map of these results."""
    return heat_map(
        results,
        list(dict.fromkeys(results.column("point").tolist())),
        list(dict.fromkeys(results.column("backend").tolist())),
        row="point",
        column="backend",
        value="ulps",
        status="outcome",
        signs=SIGNS,
        marks=MARKS,
        limits=(0, 16),
        label="error in ulps",
        names={name: name.replace("_", " ") for name in results.column("backend").tolist()},
    )


def claims(exact: Iterable[str] = ("forward", "reverse")) -> tuple[Claim, ...]:
    """What should hold of every method, and what is known not to."""
    exact = tuple(exact)
    return (
        Claim(
            "Forward and reverse mode are right within 20 ulps at all ordinary points but one: the "
            "logistic map after 8 steps, which amplifies a relative change of x by x f′/f = −179.",
            lambda r: within(r, "ordinary", exact, 20, but=("logistic map 8 at 0.2",)),
        ),
        Claim(
            "Finite differences keep at least 12 of 16 digits at every ordinary point.",
            lambda r: within(r, "ordinary", ("finite_difference",), 1e4),
        ),
        Claim(
            "Automatic differentiation is exact up to rounding, so forward and reverse mode are "
            "nowhere wrong beyond 1e-3 without a status (as it is often put).",
            lambda r: never(r, exact, silence.SILENT),
        ),
        Claim(
            "It is not immune: on (1 − cos x) / x^2 at x = 1e-4 every exact method is off by 5 to "
            "8 times the derivative.",
            lambda r: relative_between(r, "(1−cos x)/x² at 1e−4", 5, 8),
        ),
        Claim(
            "There `finite_difference` is more accurate than each of them, and warns as well.",
            lambda r: best_and_warned(r, "(1−cos x)/x² at 1e−4"),
        ),
        Claim(
            "`finite_difference` is nowhere wrong beyond 1e-3 without a status.",
            lambda r: never(r, ("finite_difference",), silence.SILENT),
        ),
        Claim(
            "`complex_step` refuses the functions that are not analytic (abs, real, conj), and "
            "gives a wrong number for none of them.",
            lambda r: never(r, ("complex_step",), silence.SILENT, why="not analytic"),
        ),
        Claim(
            "Apart from cancellation, which it shares with all exact methods, `complex_step` is "
            "nowhere wrong beyond 1e-3 without a status.",
            lambda r: never(r, ("complex_step",), silence.SILENT, but="cancellation"),
        ),
        Claim(
            "Where there is no derivative, finite differences and the complex step never give a "
            "number without a status.",
            lambda r: never(r, ("finite_difference", "complex_step"), silence.MADE_UP),
        ),
        Claim("No method crashes anywhere.", lambda r: never(r, None, silence.CRASHED)),
    )


def within(
    results: Results, group: str, backends: Iterable[str], ulps: float, but: Iterable[str] = ()
) -> tuple[bool, str]:
    """Whether the errors of these backends are all that small."""
    errors = {
        f"{row['point']}, {row['backend']}": row["ulps"]
        for row in results.where(group=group)
        if row["backend"] in set(backends) and row["point"] not in set(but)
    }
    missing = [name for name, e in errors.items() if e is None or np.isnan(e)]
    if missing or not errors:
        return False, f"{len(missing)} of {len(errors)} have no error: {_list(missing)}."
    worst = max(errors, key=lambda name: errors[name])
    return errors[worst] <= ulps, (
        f"{len(errors)} errors: half of them below {np.median(list(errors.values())):.2g} ulps, "
        f"the largest {errors[worst]:.3g} ({worst})."
    )


def never(
    results: Results,
    backends: Iterable[str] | None,
    outcome: str,
    why: str | None = None,
    but: str | None = None,
) -> tuple[bool, str]:
    """Whether no result of these backends has that outcome, for ``why``, or for all ``but`` one."""
    part = [
        row
        for row in results
        if (backends is None or row["backend"] in set(backends))
        and why in (None, row["why"])
        and row["why"] != but
    ]
    found = [f"{row['point']} ({row['backend']})" for row in part if row["outcome"] == outcome]
    shown = f": {_list(found)}" if found else ""
    return bool(part) and not found, f"“{outcome}” in {len(found)} of {len(part)} cases{shown}."


def relative_between(results: Results, point: str, low: float, high: float) -> tuple[bool, str]:
    """Whether the relative errors of the exact methods lie between limits."""
    errors = _relative(results, point, but=DIFFERENCES)
    held = bool(errors) and all(low <= e <= high for e in errors.values())
    return held, "; ".join(f"{name}: {e:.3g} × the derivative" for name, e in errors.items()) + "."


def best_and_warned(results: Results, point: str) -> tuple[bool, str]:
    """Whether finite differences have less error there than the exact methods, and a warning."""
    errors = _relative(results, point, but=DIFFERENCES)
    own = _relative(results, point)["finite_difference"]
    (row,) = results.where(point=point, backend="finite_difference")
    held = own < min(errors.values()) and row["outcome"] == silence.WARNED
    return held, f"Relative error {own:.1e}, against {min(errors.values()):.1e}: {row['words']}."


def _relative(results: Results, point: str, but: Iterable[str] = ()) -> dict[str, float]:
    part = [row for row in results.where(point=point) if row["backend"] not in set(but)]
    return {row["backend"]: row["relative"] for row in part if row["relative"] is not None}


def _list(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
