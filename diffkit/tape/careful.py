"""The reverse sweep that knows which zeros are certain.

In floating point 0 * inf is NaN, and so ``where(x > 0, sqrt(x), 0)`` would have a NaN derivative at
x = -1, and ``sqrt(0 * x)`` one everywhere, although in both nothing flows back. This sweep keeps,
beside each adjoint, a mask of the elements that are zero whatever the numbers are: those of a
branch that ``where`` did not take, and those multiplied with a constant zero. They stay zero. A
zero that merely happens, such as the one in sqrt(x) * sqrt(x) at 0, is not certain, and its NaN
stays. The sweep costs more than the plain one, which calls for it only when it met a NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .recording import MULTIPLY, OUTPUT, Recording, Tracer, untraced

# Operations that move elements about: what is certain stays certain.
_MOVES = {"reshape", "ravel", "transpose", "getitem", "expand_dims", "squeeze", "concatenate"}


def careful_sweep(
    rows: Recording,
    inputs: int,
    output: int,
    seed: Any,
    term_of: Callable[..., Any],
    like: Callable[[Any, Any], Any],
    zero: Any,
) -> list[Any]:
    """``reverse_sweep`` with masks; ``term_of`` evaluates a rule and ``like`` fits a cotangent."""
    adjoints: dict[int, Any] = {output: seed}
    certain: dict[int, Any] = {}
    for k in range(output, inputs - 1, -1):
        g, zeros = adjoints.pop(k, zero), certain.pop(k, None)
        rule, y, parents, args, kwargs = general_form(rows[k])
        if g is zero or not parents:
            continue
        if rule is OUTPUT:
            parts = adjoints.setdefault(parents[0], {})
            parts[args[1]] = parts[args[1]] + g if args[1] in parts else g
            continue
        if type(g) is dict:
            g = tuple([g[n] if n in g else np.zeros_like(v) for n, v in enumerate(y)])
        vjps = rule.vjps
        if rule.joint_vjp is not None:
            terms = rule.joint_vjp(g, y, *args, **kwargs)
            vjps = [lambda *_, term=term, **__: term for term in terms]
        for n, (parent, vjp) in enumerate(zip(parents, vjps, strict=False)):
            if parent < 0 or vjp is None:
                continue
            term = term_of(vjp, g, y, args, kwargs)
            mask = _certain_zeros(rule, n, parents, args, kwargs, zeros, vjp, y)
            if mask is not None and np.shape(mask) == np.shape(term):
                term = np.where(mask, 0.0, term)
            fitted = like(term, args[n])
            mask = mask if np.shape(mask) == np.shape(fitted) else None
            if parent in adjoints:
                both = certain.get(parent)
                mask = mask & both if mask is not None and both is not None else None
                fitted = adjoints[parent] + fitted
            adjoints[parent] = fitted
            certain[parent] = mask
    return [adjoints.get(k, zero) for k in range(inputs)]


def general_form(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of either form in the general one."""
    rule, y, i, a, j, b = row
    if j is None:
        return rule, y, i, a, b
    return (rule, y, (i,), (a,), {}) if b is None else (rule, y, (i, j), (a, b), {})


def _certain_zeros(
    rule: Any, n: int, parents: Any, args: Any, kwargs: Any, zeros: Any, vjp: Any, y: Any
) -> Any:
    """The mask of an argument's cotangent, in the result's shape; None if nothing is certain."""
    mask = zeros
    if rule is MULTIPLY and parents[1 - n] < 0 and type(args[1 - n]) is not Tracer:
        mask = _either(mask, np.equal(untraced(args[1 - n]), 0), y)
    elif rule.name == "where":
        taken = np.asarray(untraced(args[0]), bool)
        mask = _either(mask, ~taken if n == 1 else taken, y)
    elif rule.name in _MOVES and mask is not None:
        plain = [untraced(a) for a in args]
        return np.asarray(vjp(1.0 - np.asarray(mask, float), untraced(y), *plain, **kwargs)) == 0
    elif not rule.elementwise:
        return None
    return mask


def _either(a: Any, b: Any, y: Any) -> Any:
    b = np.broadcast_to(b, np.shape(y))
    return b if a is None else a | b
