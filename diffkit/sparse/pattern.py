"""The sparsity pattern of a Jacobian or Hessian: a sweep that pushes index sets along a tape.

A recording knows who depends on whom, and that holds wherever the function takes the recorded
branch. So one sweep gives a pattern that is right at all those points, and not a count of zeros
at one of them. The pattern of a Hessian is that of the Jacobian of the gradient, whose tape is the
recorded reverse sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from .._backends.reverse import Reverse
from ..errors import MissingRuleError, TracerConversionError, UnsupportedError
from ..rules import Primitive
from ..tape import Recording, Tracer, record
from ..tape.recording import GETITEM, OUTPUT
from .dependence import Use, on_everything, shape_of, size_of
from .index_sets import Dependence, Rows, as_rows, elements, joined, rows_from
from .table import rule_of

Function = Callable[..., Any]


def jacobian_pattern(f: Function, x: Any, others: Sequence[Any] = (), zeros: bool = True) -> Rows:
    """Which elements of f(x, *others) depend on which elements of x, on the branch taken at x.

    Args:
        f: the function.
        x: a float or an array.
        others: floats and arrays, of which nothing but the shape is taken for granted.
        zeros: take it for granted that a zero in a constant of f stays one.

    Returns:
        A Boolean csr_array of shape (f(x).size, x.size).

    Raises:
        UnsupportedError: f cannot be recorded, or nearly everything depends on everything.
    """
    try:
        with np.errstate(all="ignore"):
            rows, y, output = record(f, (x, *others), complete=True)
    except (TracerConversionError, MissingRuleError, TypeError, AttributeError) as error:
        raise UnsupportedError(
            f"the sparsity pattern is found by recording f, which failed: {error}. Give the "
            f"pattern yourself, as a Boolean array or a SciPy sparse array: sparse=pattern"
        ) from error
    width = size_of(x)
    identity = rows_from(np.arange(width + 1), np.arange(width), width)
    start = identity if shape_of(x) else frozenset((0,))
    found: Any = dependences(rows, [start, *(None for _ in others)], output, width, zeros)
    if found is None:
        return sparse.csr_array((size_of(y), width), dtype=bool)
    pattern: Any = as_rows(found, width)
    pattern.sum_duplicates()  # and sort
    dtype = np.int32 if max(pattern.nnz, width) < 2**31 else np.int64
    return rows_from(pattern.indptr.astype(dtype), pattern.indices.astype(dtype), width)


def hessian_pattern(f: Function, x: Any, others: Sequence[Any] = (), zeros: bool = True) -> Rows:
    """Which second derivatives of f(x, *others) may be other than zero; see jacobian_pattern.

    Returns:
        A symmetric Boolean csr_array of shape (x.size, x.size).
    """
    reverse = Reverse()

    def gradient(t: Any, *rest: Any) -> Any:
        return reverse.value_and_gradient(lambda s: f(s, *rest), t)[1]

    pattern = jacobian_pattern(gradient, x, others, zeros)
    both = pattern + pattern.T.tocsr()
    both.sum_duplicates()
    return both


def dependences(
    rows: Recording,
    inputs: Sequence[Dependence],
    output: int,
    width: int,
    zeros: bool = True,
) -> Dependence:
    """What the value of a row depends on, given what the inputs depend on."""
    if output < 0:
        return None
    last = _last_uses(rows, len(inputs), output)
    depends: list[Dependence] = [*inputs, *[None] * (output + 1 - len(inputs))]
    items: dict[int, list[Any]] = {}  # of arrays that are read element by element
    ending: dict[int, list[int]] = {}
    for k, at in enumerate(last):
        if at > k:
            ending.setdefault(at, []).append(k)
    for n in range(len(inputs), output + 1):
        if last[n] < 0:
            continue
        rule, _, i, a, j, b = rows[n]
        if j is None and rule is GETITEM and _is_of_vector(a):
            i, j, b = i[0], -1, a[1]
        if j is None:
            depends[n] = _of_row(rows[n], depends, width, zeros)
        elif rule is GETITEM:
            if depends[i] is not None:
                if i not in items:
                    items[i] = elements(depends[i])
                depends[n] = items[i][b]
        else:
            depends[n] = joined(depends[i] if i >= 0 else None, depends[j] if j >= 0 else None)
        for done in ending.get(n, ()):
            depends[done] = None
            items.pop(done, None)
    return depends[output]


def _is_of_vector(args: tuple[Any, ...]) -> bool:
    """Whether one element of a vector is read, by a constant number."""
    return len(args) == 2 and type(args[1]) is int and len(shape_of(args[0])) == 1


def _last_uses(rows: Recording, inputs: int, output: int) -> list[int]:
    """For each row the last one that needs it; -1 for rows that the output does not need."""
    last = [-1] * (output + 1)
    last[output] = output
    for n in range(output, inputs - 1, -1):
        if last[n] < 0:
            continue
        rule, _, i, _, j, _ = rows[n]
        for p in _needed(rule, i) if j is None else (i, j):
            if p >= 0 and last[p] < 0:
                last[p] = n
    return last


def _needed(rule: Primitive, parents: Sequence[int]) -> Sequence[int]:
    if rule is OUTPUT:
        return parents
    return [p for k, p in enumerate(parents) if _flows(rule, k)]


def _flows(rule: Primitive, k: int) -> bool:
    """Whether a derivative flows through an argument: parameters and conditions have none."""
    if not rule.differentiable or k >= len(rule.vjps):
        return False
    if rule.joint_jvp is not None or rule.joint_vjp is not None:
        return True
    return rule.vjps[k] is not None or (k < len(rule.jvps) and rule.jvps[k] is not None)


def _of_row(row: tuple[Any, ...], depends: list[Dependence], width: int, zeros: bool) -> Dependence:
    rule, y, parents, args, _, kwargs = row
    if rule is OUTPUT:
        parts = depends[parents[0]]
        return None if parts is None else parts[args[1]]
    of_args = tuple(
        [depends[p] if p >= 0 and _flows(rule, k) else None for k, p in enumerate(parents)]
    )
    if all(d is None for d in of_args):
        return None
    use = Use(rule, y, parents, args, kwargs, of_args, width, zeros)
    inside = getattr(rule.fn, "checkpointed", None)
    if inside is not None:
        return _inside(inside, use)
    return rule_of(rule)(use)


def _inside(f: Function, use: Use) -> Dependence:
    """Of a checkpointed function: its own operations tell."""
    if any(type(a) is Tracer for a in use.args):
        return on_everything(use)
    rows, _, output = record(f, use.args, complete=True)
    return dependences(rows, use.depends, output, use.width, use.zeros)
