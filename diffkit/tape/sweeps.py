"""The two sweeps over a recording: tangents forward, cotangents backward.

Both are loops over rows, so neither has a depth limit. What the rules leave out happens here: a
cotangent is summed over the axes along which its argument was broadcast, made real where the
argument is real, and given the argument's dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from ..rules.shape import sum_to_shape
from . import blocks
from .assignment import SETITEM
from .careful import careful_sweep
from .constants import require_unchanged
from .explain import add_note
from .recording import (
    ADD,
    DIVIDE,
    FLOAT64,
    GETITEM,
    MULTIPLY,
    NO_KEYWORDS,
    OUTPUT,
    POWER,
    SHORT,
    SUBTRACT,
    Recording,
    Tracer,
    plain,
    untraced,
)

# One object that stands for "nothing has flowed here". It is told by identity: a derivative that
# merely equals zero still multiplies an infinity to NaN, as it must.
ZERO = 0.0
float64, array_type = np.float64, np.ndarray  # looked up once, not at each operation


def reverse_sweep(rows: Recording, inputs: int, output: int, seed: Any) -> list[Any]:
    """Pull a cotangent of one row back to the inputs, which are the first rows.

    Args:
        rows: the recording.
        inputs: the number of inputs.
        output: the row of the result.
        seed: a cotangent of that row, of its shape.

    Returns:
        The adjoint of each input; the object ZERO where nothing depends on it.
    """
    adjoints: list[Any] = [ZERO] * (output + 1)
    adjoints[output] = seed
    if rows.constants:
        require_unchanged(rows.constants.values())
    try:
        _pull(rows, inputs, adjoints)
    except Exception as error:
        add_note(error, rows, len(adjoints), "backward")
        raise
    found = []
    for g in adjoints:
        if type(g) is not float or g != g:
            if _has_nan(g):
                _note_decision(g)
                return careful_sweep(rows, inputs, output, seed, _evaluate, like, ZERO)
            g = _joined(g) if isinstance(g, list) else g
        found.append(g)
    return found


def _pull(rows: Recording, inputs: int, adjoints: list[Any]) -> None:
    """The loop of the reverse sweep: rows leave the list of adjoints as they are dealt with."""
    owned: set[int] = set()  # rows whose adjoint is a buffer that nobody else holds
    pop = adjoints.pop
    rule: Any
    last_first = islice(reversed(rows), len(rows) - len(adjoints), len(rows) - inputs)
    for rule, y, i, a, j, b in last_first:
        g = pop()
        if g is ZERO:
            continue
        if j is None:
            _pull_general(rows, inputs, adjoints, owned, g)
        # The commonest rules stand here a second time, as a call costs more than they do.
        elif rule is MULTIPLY:
            if i >= 0:
                adjoints[i] += g * b
            if j >= 0:
                adjoints[j] += g * a
        elif rule is ADD:
            if i >= 0:
                adjoints[i] += g
            if j >= 0:
                adjoints[j] += g
        elif rule is SUBTRACT:
            if i >= 0:
                adjoints[i] += g
            if j >= 0:
                adjoints[j] -= g
        elif rule is GETITEM:
            held = adjoints[i]
            if type(held) is list and type(g) is float:
                held[b] += g
            elif held is ZERO and type(g) is float:
                adjoints[i] = held = [0.0] * len(a)
                held[b] = g
            else:
                _accumulate(adjoints, owned, i, rule.vjps[0](g, y, a, b))  # type: ignore[misc]
        elif rule is POWER and j < 0 and b == 2:
            adjoints[i] += g * (2 * a)
        elif rule is DIVIDE:  # b is not 0, or the row would have the general form
            if i >= 0:
                adjoints[i] += g / b
            if j >= 0:
                adjoints[j] -= g * y / b
        else:
            if i >= 0:
                try:
                    term = rule.vjps[0](g, y, a) if b is None else rule.vjps[0](g, y, a, b)
                except ArithmeticError:
                    term = _evaluate(rule.vjps[0], g, y, (a,) if b is None else (a, b))
                adjoints[i] += float(term) if type(term) is float64 else term
            if j >= 0:
                try:
                    term = rule.vjps[1](g, y, a, b)
                except ArithmeticError:
                    term = _evaluate(rule.vjps[1], g, y, (a, b))
                adjoints[j] += float(term) if type(term) is float64 else term


def _pull_general(
    rows: Recording, inputs: int, adjoints: list[Any], owned: set[int], g: Any
) -> None:
    """Pull the cotangent g of one row of the general form back to its parents."""
    row = len(adjoints)
    rule, y, parents, args, _, _ = rows[row]
    if rule is OUTPUT:
        _accumulate_part(adjoints, parents[0], args[1], g)
    elif rule is SETITEM and row in owned and parents[0] >= 0:
        _unassign(adjoints, owned, parents, args, g)
    elif rule is GETITEM and type(args[0]) is Tracer and _is_element(args):
        _add_element(adjoints, owned, parents[0], args, g)
    elif rule is GETITEM and type(g) in _PLAIN and _is_basic(args):
        _add_at(adjoints, owned, parents[0], args[0], args[1:], g)
    elif (
        rule.elementwise
        and type(y) is np.ndarray
        and y.size >= blocks.LARGE
        and _sweep_blocks(rows, inputs, row, g, adjoints, owned)
    ):
        return
    elif rule is MULTIPLY and parents[0] == parents[1] and type(g) is array_type is type(args[0]):
        term = like(g * args[0], args[0])  # of a square both terms are the same
        for _ in parents:
            _accumulate(adjoints, owned, parents[0], term)
    else:
        if isinstance(g, list):
            g = _joined(g)
        elif type(g) is dict:  # one cotangent for each output that was used
            g = tuple([g[k] if k in g else np.zeros_like(v) for k, v in enumerate(y)])
        if rule.joint_vjp is not None:
            _pull_jointly(adjoints, owned, rows[row], g)
        else:
            _pull_each(adjoints, owned, rows[row], g)


def _pull_jointly(adjoints: list[Any], owned: set[int], row: tuple[Any, ...], g: Any) -> None:
    rule, y, parents, args, _, kwargs = row
    for parent, term, x in zip(parents, rule.joint_vjp(g, y, *args, **kwargs), args, strict=True):
        if parent >= 0:
            _accumulate(adjoints, owned, parent, like(term, x))


def _pull_each(adjoints: list[Any], owned: set[int], row: tuple[Any, ...], g: Any) -> None:
    rule, y, parents, args, _, kwargs = row
    for parent, vjp, x in zip(parents, rule.vjps, args, strict=False):
        if parent < 0 or vjp is None:
            continue
        try:
            term = vjp(g, y, *args, **kwargs)
        except ArithmeticError:
            term = _evaluate(vjp, g, y, args, kwargs)
        t, v = term, x
        if type(t) is Tracer and type(t.value) is not Tracer:
            t, v = t.value, v.value if type(v) is Tracer else v
        same = type(t) is array_type is type(v) and t.shape == v.shape and t.dtype is v.dtype
        if not same and not type(t) is float is type(v):
            term = like(term, x)
        if adjoints[parent] is ZERO:
            adjoints[parent] = term
        else:
            _accumulate(adjoints, owned, parent, term)


def _has_nan(g: Any) -> bool:
    """Whether an adjoint holds a NaN, or infinities of both signs: the sum tells at a glance."""
    if isinstance(g, list):
        g = sum(map(untraced, g))
    elif type(g) is not float:
        g = np.add.reduce(untraced(g), axis=None)
    return bool(g != g)


def _evaluate(rule: Any, t: Any, y: Any, args: Any, kwargs: Any = NO_KEYWORDS) -> Any:
    """One rule; Python floats raise where NumPy gives inf or nan, and NumPy's answer counts."""
    try:
        return rule(t, y, *args, **kwargs)
    except ArithmeticError:
        return rule(_double(t), _double(y), *map(_double, args), **kwargs)


def _double(value: Any) -> Any:
    return np.float64(value) if type(value) is float else value


class _Elements(list[Any]):
    """The adjoint of an array of several axes that is read element by element."""

    __slots__ = ("shape",)
    shape: tuple[int, ...]


def _joined(elements: list[Any]) -> Any:
    """The adjoint of an array that was read element by element."""
    flat = np.stack(elements) if Tracer in map(type, elements) else np.array(elements)
    return np.reshape(flat, elements.shape) if type(elements) is _Elements else flat


def _note_decision(g: Any) -> None:
    """Tell the outer recording that a value has decided how a sweep goes."""
    for part in g if isinstance(g, list) else [g]:
        while type(part) is Tracer:
            part.tape.replayable = False
            part = part.value


def _accumulate(adjoints: list[Any], owned: set[int], k: int, term: Any) -> None:
    held = adjoints[k]
    if isinstance(held, list):  # the adjoint of a vector that was read element by element
        held = _joined(held)
    if held is ZERO:
        adjoints[k] = term
    elif k in owned and type(term) is not Tracer:
        held += term
    else:
        adjoints[k] = held + term
        owned.discard(k) if type(adjoints[k]) is not np.ndarray else owned.add(k)


def _unassign(
    adjoints: list[Any], owned: set[int], parents: Any, args: tuple[Any, ...], g: Any
) -> None:
    """Undo an assignment on a cotangent that nobody else holds, without copying it."""
    target, source = parents[:2]
    key = args[2:]
    if source >= 0:
        part = np.array(SETITEM.vjps[1](g, args[0], None, None, *key))  # type: ignore[misc]
        _accumulate(adjoints, owned, source, like(part, args[1]))
    g[key] = 0.0
    _accumulate(adjoints, owned, target, g)
    owned.add(target)


def _sweep_blocks(
    rows: Recording, inputs: int, end: int, g: Any, adjoints: list[Any], owned: set[int]
) -> bool:
    """Sweep a run of elementwise operations on large arrays at once; False if there is none."""
    if type(g) is not np.ndarray or g.dtype != FLOAT64 or not blocks.fits(rows[end]):
        return False
    start = blocks.run_start(rows, end, inputs)
    run = adjoints[start:end]
    if start == end or any(type(t) is not np.ndarray for t in run if t is not ZERO):
        return False
    terms = blocks.sweep_run(rows, start, end, g, adjoints, ZERO)
    for parent, term in terms.items():
        fresh = adjoints[parent] is ZERO
        _accumulate(adjoints, owned, parent, term)
        if fresh and type(term) is np.ndarray:
            owned.add(parent)
    return True


_PLAIN = {float, np.ndarray}
_BASIC = {int, slice, type(None), type(...)}


def _is_basic(args: tuple[Any, ...]) -> bool:
    """Whether an index names no element twice, and x is a plain array."""
    if len(args) == 2 and type(args[1]) is slice:
        return type(args[0]) is np.ndarray
    return type(args[0]) is np.ndarray and all(type(k) in _BASIC for k in args[1:])


def _is_element(args: tuple[Any, ...]) -> bool:
    """Whether one element of a small array is read."""
    x, *index = args
    return len(index) == x.ndim and x.size <= SHORT and all(type(k) is int for k in index)


def _add_element(adjoints: list[Any], owned: set[int], row: int, args: Any, g: Any) -> None:
    """Add a traced cotangent to one element: a whole array for each would cost n squared."""
    x, *index = args
    held = adjoints[row]
    if held is ZERO:
        held = [ZERO] * x.size
        if x.ndim > 1:
            held = _Elements(held)
            held.shape = x.shape
        adjoints[row] = held
    if not isinstance(held, list):
        _accumulate(adjoints, owned, row, GETITEM.vjps[0](g, None, x, *index))  # type: ignore[misc]
        return
    k = index[0]
    for axis in range(1, x.ndim):
        k = k * x.shape[axis] + index[axis] % x.shape[axis]
    if x.ndim > 1:
        k += x.size * (index[0] < 0)
    held[k] = g if held[k] is ZERO else held[k] + g


def _add_at(
    adjoints: list[Any], owned: set[int], row: int, x: Any, key: tuple[Any, ...], g: Any
) -> None:
    """Add a slice's cotangent in place: zeros for each slice would cost a whole array each."""
    held = adjoints[row]
    if held is ZERO:
        adjoints[row] = buffer = np.zeros(x.shape, x.dtype)
        owned.add(row)
        buffer[key] = g
        return
    if row not in owned:
        if type(held) is Tracer:
            adjoints[row] = held + GETITEM.vjps[0](g, None, x, *key)  # type: ignore[misc]
            return
        adjoints[row] = held = np.array(held)
        owned.add(row)
    held[key] += g


def _accumulate_part(adjoints: list[Any], row: int, k: int, g: Any) -> None:
    """Add to the cotangent of one of several outputs."""
    parts = adjoints[row]
    if parts is ZERO:
        parts = adjoints[row] = {}
    parts[k] = parts[k] + g if k in parts else g


def like(g: Any, value: Any) -> Any:
    """A cotangent in the shape, field and dtype of the value that it belongs to."""
    shape = getattr(value, "shape", ())
    have = getattr(g, "shape", ())
    if have != shape:
        g = sum_to_shape(g, shape) if len(have) >= len(shape) else np.broadcast_to(g, shape)
    want = getattr(value, "dtype", FLOAT64)
    got = getattr(g, "dtype", want)
    if got != want:
        if got.kind == "c" and want.kind != "c":
            g = np.real(g)
        if g.dtype != want:
            g = g.astype(want)
    elif type(g) is complex and want.kind != "c":
        g = g.real
    return plain(g)


def forward_sweep(
    rows: Recording,
    seeds: Sequence[Any],
    output: int,
    careful: bool = False,
    every: bool = False,
) -> Any:
    """Push tangents of the inputs, which are the first rows, forward to one row.

    Args:
        rows: the recording.
        seeds: a tangent for each input, of its shape, or ZERO.
        output: the row of the result.
        careful: take 0 times an infinite slope for 0 and not for NaN; a sweep that met a NaN is
            repeated so. A tangent is zero where the argument does not change, so no slope matters.
        every: return the tangents of all rows up to that one.

    Returns:
        The tangent of that row; the object ZERO where it does not depend on the inputs.
    """
    if rows.constants:
        require_unchanged(rows.constants.values())
    tangents: list[Any] = list(seeds)
    rule: Any
    for rule, y, i, a, j, b in islice(rows, len(seeds), output + 1):
        if j is None:
            try:
                tangents.append(push_row(rule, y, i, a, b, tangents, careful))
            except Exception as error:
                add_note(error, rows, len(tangents), "forward")
                raise
            continue
        operands = (a,) if b is None else (a, b)
        total = ZERO
        if i >= 0 and (t := tangents[i]) is not ZERO and not (careful and _is_zero(t)):
            total = plain(_evaluate(rule.jvps[0], t, y, operands))
        if j >= 0 and (t := tangents[j]) is not ZERO and not (careful and _is_zero(t)):
            term = plain(_evaluate(rule.jvps[1], t, y, operands))
            total = term if total is ZERO else total + term
        tangents.append(total)
    found = tangents[output]
    if not careful and not isinstance(found, tuple) and _has_nan(found):
        _note_decision(found)
        return forward_sweep(rows, seeds, output, careful=True, every=every)
    return tangents if every else found


def _is_zero(t: Any) -> bool:
    return type(t) is float and t == 0.0


def push_row(
    rule: Any, y: Any, parents: Any, args: Any, kwargs: Any, tangents: list[Any], careful: bool
) -> Any:
    active: list[Any] = [ZERO if p < 0 else tangents[p] for p in parents]
    if rule is OUTPUT:
        return ZERO if active[0] is ZERO else active[0][args[1]]
    if not rule.differentiable or all(t is ZERO for t in active):
        return ZERO
    if rule.joint_jvp is not None:
        given = [None if t is ZERO else t for t in active]
        return _like_value(rule.joint_jvp(given, y, *args, **kwargs), y)
    total = ZERO
    for t, jvp in zip(active, rule.jvps, strict=False):
        if t is not ZERO and jvp is not None:
            term = _evaluate(jvp, t, y, args, kwargs)
            if careful and rule.elementwise:
                term = np.where(np.equal(untraced(t), 0), 0.0, term)
            total = term if total is ZERO else _add(total, term)
    return ZERO if total is ZERO else _like_value(total, y)


def _add(a: Any, b: Any) -> Any:
    return tuple(map(_add, a, b)) if isinstance(a, tuple) else a + b


def _like_value(t: Any, y: Any) -> Any:
    """A tangent in the shape and dtype of the value, for each output where there are several."""
    if isinstance(y, (tuple, list)):
        return tuple([_like_value(part, value) for part, value in zip(t, y, strict=True)])
    shape = getattr(y, "shape", ())
    if getattr(t, "shape", ()) != shape:
        t = np.broadcast_to(t, shape)
    return like(t, y)


def filled(derivative: Any, value: Any) -> Any:
    """The derivative, with zeros of the value's shape and dtype for the object ZERO."""
    if derivative is not ZERO:
        return derivative
    return np.zeros_like(value) if type(value) is not float else 0.0


__all__ = ["ZERO", "Tracer", "filled", "forward_sweep", "like", "reverse_sweep"]
