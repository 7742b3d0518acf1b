"""Item assignment and in-place operators on traced arrays.

A tape holds values that never change, so an assignment records a new value, and the tracer then
stands for that one. NumPy's views are kept: an assignment to a slice of an array reaches the array
and the other slices of it that are still in use. Views that are not slices (a transpose, say)
are refused, since following them silently wrong would be worse.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..errors import TracerConversionError
from ..rules import Primitive, linear
from .constants import kept
from .recording import GETITEM, Tracer, gather, innermost, regrouped, tracer


def _assigned(x: Any, value: Any, *index: Any) -> Any:
    """A copy of x with x[index] = value."""
    out = np.array(x)
    _require_real(out, value)
    out[index] = value
    return out


def _require_real(array: Any, value: Any) -> None:
    if array.dtype.kind == "f" and np.iscomplexobj(value):
        raise TypeError("a complex value cannot be assigned to a real array; use x.astype(complex)")


def _cleared(g: Any, *index: Any) -> Any:
    """A copy of g with zeros at index."""
    return _assigned(g, 0.0, *index)


cleared: Primitive = linear(_cleared, lambda g, y, x, *index: cleared(g, *index))


def _joint_jvp(tangents: Any, y: Any, x: Any, value: Any, *index: Any) -> Any:
    t, s = tangents[:2]
    base = np.zeros_like(y) if t is None else t
    return SETITEM(base, 0.0 if s is None else s, *index)


SETITEM = Primitive(
    "setitem",
    _assigned,
    vjps=(
        lambda g, y, x, value, *index: cleared(g, *index),
        lambda g, y, x, value, *index: _read_back(g, y, index),
    ),
    jvps=(None, None),
    joint_jvp=_joint_jvp,
    ball="objects",
)


def _read_back(g: Any, y: Any, index: tuple[Any, ...]) -> Any:
    """The cotangent of what was assigned: where an element was named twice, the last one wins."""
    part = GETITEM(g, *index)
    lists = [k for k in index if isinstance(k, (list, np.ndarray)) and np.asarray(k).dtype != bool]
    if not lists:
        return part
    numbers = np.arange(np.size(part)).reshape(np.shape(part))
    seen = np.zeros(np.shape(y), int)
    seen[index] = numbers
    return np.where(seen[index] == numbers, part, 0.0)


def setitem(target: Tracer, index: Any, value: Any) -> None:
    """target[index] = value."""
    if not target.shape:
        raise TypeError("a traced scalar does not support item assignment")
    key = index if type(index) is tuple else (index,)
    if isinstance(value, (list, tuple)):
        value = gather(value)
    value = regrouped(value)
    if np.dtype(target.dtype).kind in "biu" and type(value) is Tracer and value.dtype.kind in "fc":
        raise TracerConversionError(
            "a traced value is assigned to an array of whole numbers, which would cut it off; make "
            "the array with dtype=float"
        )
    _become(target, _store(target, value, key), changed_by=None)


def in_place(target: Tracer, new: Any) -> Any:
    """What ``target op= other`` binds: NumPy changes an array in place, and replaces a scalar."""
    if not target.shape:
        return new
    if new.shape != target.shape:
        raise ValueError(
            f"non-broadcastable output operand with shape {target.shape} doesn't match the "
            f"broadcast shape {new.shape}"
        )
    _become(target, new, changed_by=None)
    return target


def _store(target: Tracer, value: Any, key: tuple[Any, ...]) -> Tracer:
    """Record the assignment. A vector that nobody else has seen is changed where it is, so that
    filling it element by element takes time linear in its length."""
    rows = innermost((target, value))
    array = target.value
    plain = value.value if type(value) is Tracer and value.tape is rows else value
    nested = Tracer in map(type, (array, plain, *key))
    if rows is not target.tape or rows.complete or nested:
        return SETITEM(target, value, *key)
    # Held by target.value, by the name here, and by the argument of getrefcount.
    if rows[target.index][0] is not SETITEM or sys.getrefcount(array) > 3:
        array = np.array(array)
    _require_real(array, plain)
    array[key] = plain
    # The rules need the shape and dtype of the array alone, so the row must not keep it.
    shell = np.broadcast_to(array.dtype.type(0), array.shape)
    key = tuple([kept(rows.constants, k) for k in key])
    plain = kept(rows.constants, plain)
    parents = (target.index, value.index if type(value) is Tracer else -1, *(-1 for _ in key))
    rows.append((SETITEM, shell, parents, (shell, plain, *key), None, {}))
    return tracer(rows, array)


def _become(target: Tracer, new: Tracer, changed_by: Tracer | None) -> None:
    """Make the tracer stand for a new value, and bring its views and its source up to date."""
    views = [(v, s, key) for v, s, key in _live(target) if v is not changed_by]
    for _, _, key in views:
        if key is None:
            raise TracerConversionError(
                "an array is assigned to while a view of it that is not a slice (a transpose or "
                "reshape, say) is in use; take a .copy() of one of them"
            )
    if views and new.tape is not target.tape:
        raise TracerConversionError(
            "a traced value is assigned to an array of an outer differentiated function of which "
            "slices are in use; take a .copy() of the array"
        )
    target.tape, target.index, target.value = new.tape, new.index, new.value
    target.items = None
    for view, source, key in views:
        if view is target and source is not changed_by:
            _become(source, SETITEM(source, target, *key), changed_by=target)
        elif source is target:
            _become(view, GETITEM(target, *key), changed_by=target)


def _live(target: Tracer) -> list[tuple[Tracer, Tracer, Any]]:
    """The views that involve a tracer and are still in use, with their sources and indices."""
    refs = target.tape.views
    refs[:] = [ref for ref in refs if ref() is not None]
    views = [view for ref in refs if (view := ref()) is not None]
    return [(v, *v.source) for v in views if v is target or v.source[0] is target]
