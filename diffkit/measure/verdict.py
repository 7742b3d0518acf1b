"""Checks that claims are made of: each says whether the data bear it out, and shows the numbers.

A check takes measured numbers and what they are claimed to be, and returns ``(held, evidence)``.
NaN never bears anything out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .fit import growth, rms, slope

Verdict = tuple[bool, str]


def near(pairs: Mapping[str, tuple[float, float]], tolerance: float) -> Verdict:
    """Whether each measured number is within ``tolerance`` of the expected one."""
    held = all(abs(measured - expected) <= tolerance for measured, expected in pairs.values())
    found = [f"{name}: {m:.3f} (expected {e:g})" for name, (m, e) in pairs.items()]
    return bool(held), "; ".join(found) + f"; tolerance {tolerance:g}."


def has_slope(
    x: Any, y: Any, expected: float, tolerance: float, *, log: str = "xy", names: str = "x y"
) -> Verdict:
    """Whether a line through the data, on log axes where ``log`` says so, has that slope.

    ``names`` are those of the two axes, for the evidence.
    """
    axes = [f"log |{n}|" if a in log else n for a, n in zip("xy", names.split(), strict=True)]
    measured = slope(x, np.abs(y), log=log)
    return near({f"slope of {axes[1]} against {axes[0]}": (measured, expected)}, tolerance)


def all_equal(expected: Mapping[Any, Any], *routes: Mapping[Any, Any], key: str = "key") -> Verdict:
    """Whether by each route every expected value was found, exactly; at least one is expected."""
    same = [k for k, value in expected.items() if all(r.get(k) == value for r in routes)]
    shown = "; ".join(f"{key} = {k}: {routes[0].get(k)}" for k in expected)
    how = f" by each of {len(routes)} routes. By the first" if len(routes) > 1 else ""
    return bool(same) and len(same) == len(expected), (
        f"{len(same)} of {len(expected)} are as expected{how}: {shown}."
    )


def follows(n: Any, formula: Callable[[int], int], *columns: Any) -> Verdict:
    """Whether in each column the value at each n is exactly that of a formula."""
    expected = {int(k): formula(int(k)) for k in n}
    return all_equal(expected, *[dict(zip(expected, c, strict=True)) for c in columns], key="n")


def within(pairs: Mapping[str, tuple[float, float]], factor: float) -> Verdict:
    """Whether each measured number is within ``factor`` of the expected one."""
    held = all(e / factor <= m <= e * factor for m, e in pairs.values())
    found = [f"{name}: {m:.2g} ({m / e:.2g} × {e:.2g})" for name, (m, e) in pairs.items()]
    return bool(held), "; ".join(found) + " (measured, as a multiple of the prediction)."


def zero(ulps: Any) -> Verdict:
    """Whether each error is zero to the last bit: at most half a unit in the last place."""
    size = np.abs(np.asarray(ulps, dtype=float))
    return bool(np.all(size <= 0.5)), (
        f"{np.sum(size <= 0.5)} of {size.size} errors are zero to the last bit; half of them are "
        f"larger than {np.median(size):.2g} units in the last place."
    )


def flat(x: Any, y: Any, edges: Sequence[float], factor: float) -> Verdict:
    """Whether the RMS of y is the same, within ``factor``, in every band of x between edges."""
    x, y = np.asarray(x), np.asarray(y)
    bands = [rms(y[(a <= x) & ((x < b) | (b == edges[-1]))]) for a, b in pairwise(edges)]
    return bool(np.max(bands) <= factor * np.min(bands)), (
        f"RMS in {len(bands)} bands: {', '.join(f'{value:.2e}' for value in bands)}."
    )


def has_mean(values: Any, expected: float, sigmas: float = 4.0) -> Verdict:
    """Whether the mean is the expected one, give or take ``sigmas`` standard errors of it."""
    values = np.asarray(values, dtype=float)
    mean, chance = values.mean(), sigmas * values.std(ddof=1) / np.sqrt(values.size)
    return bool(abs(mean - expected) <= chance), (
        f"Mean of {values.size} values: {mean:+.2e} ± {chance:.1e} ({sigmas:g} standard errors); "
        f"expected {expected:+.2e}."
    )


def grows_by_at_least(x: Any, y: Any, factor: float) -> Verdict:
    """Whether each step multiplies y by at least ``factor`` > 1.

    That is what tells exponential growth from a power of x, whose factors tend to 1.
    """
    ratios = np.asarray(y, dtype=float)[1:] / np.asarray(y, dtype=float)[:-1]
    return bool(np.all(ratios >= factor)), (
        f"Factors from one to the next: {', '.join(f'{ratio:.2f}' for ratio in ratios)}; "
        f"fitted {growth(x, y):.2f}."
    )


def ratio_at_most(y: Any, reference: Any, factor: float) -> Verdict:
    """Whether each y is at most ``factor`` times its reference, which is not 0."""
    ratios = np.asarray(y, dtype=float) / np.asarray(reference, dtype=float)
    return bool(np.all(ratios <= factor)), (
        f"Ratios from {ratios.min():.3g} to {ratios.max():.3g} in {ratios.size} cases."
    )


def is_polynomial(y: Any, degree: int) -> Verdict:
    """Whether the differences of that order of equally spaced values are one constant, not 0."""
    values = np.array(list(y), dtype=object)  # exact: Python integers have no overflow
    if len(values) < degree + 2:
        raise ValueError(f"a degree of {degree} shows in {degree + 2} values, got {len(values)}")
    differences = list(np.diff(values, degree))
    held = differences[0] != 0 and all(d == differences[0] for d in differences)
    order = {1: "First", 2: "Second", 3: "Third"}.get(degree, f"{degree}th")
    return bool(held), (
        f"{order} differences of {', '.join(map(str, values))}: {', '.join(map(str, differences))}."
    )
