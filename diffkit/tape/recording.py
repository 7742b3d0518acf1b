"""Recording: a function of tracers becomes rows of a Wengert list.

A ``Recording`` is a list of rows, one an operation, appended as the function runs. A row is plain
data and has one of two forms, both of six columns:

    (primitive, value, i, a, j, b)                       scalar operation on Python floats
    (primitive, value, parents, args, None, kwargs)      everything else

In the first, ``i`` and ``j`` are the rows of the operands (-1 where an operand is a constant or
missing) and ``a`` and ``b`` their values. In the second, ``parents`` holds a row or -1 for each
of ``args``. The first form exists because a scalar program is all overhead: on it this module
spends a few hundred nanoseconds an operation.

Nesting needs no bookkeeping. Each recording has a level, later ones have higher levels, and an
operation is recorded by the innermost recording among its operands; that recording sees the
tracers of all others as constants. Evaluating the operation on the values then records it in the
next one. Nothing is global, so threads cannot see each other.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator
from math import isfinite
from threading import get_ident
from typing import Any

import numpy as np

from ..errors import MissingRuleError, NonNumericError, TracerConversionError
from ..rules import COMPOSITES, RULES, Primitive, arithmetic, shape
from .constants import Watched, kept
from .dispatch import more_rules, no_rule, positional, ufunc_method

_levels = itertools.count()
_new = object.__new__
FLOAT64 = np.dtype(np.float64)
float64 = np.float64  # looked up once, not at each operation
NO_KEYWORDS: dict[str, Any] = {}
_UNARY: dict[Any, Primitive] = {}  # differentiable ufuncs of one argument, once they were met
SHORT = 10_000  # vectors up to this length are read element by element through a list

ADD, SUBTRACT = arithmetic.add, arithmetic.subtract
MULTIPLY, DIVIDE = arithmetic.multiply, arithmetic.divide
NEGATIVE, POWER, GETITEM = arithmetic.negative, arithmetic.raised, shape.getitem

INPUT = Primitive("input", lambda x: x)
# Takes one value out of the tuple that a primitive of several outputs returns.
OUTPUT = Primitive("output", lambda values, k: values[k])
# An array made by np.zeros_like and the like; it is recorded so that it can be assigned to.
CONSTANT = Primitive("constant", lambda: None)
_CREATORS: set[Any] = {
    *(np.zeros_like, np.ones_like, np.empty_like, np.full_like),
    *(np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.arange),  # with like=
}
GUARD = Primitive("guard", bool)


class Recording(list[tuple[Any, ...]]):
    """The rows of one recording.

    Attributes:
        level: later recordings have higher levels; the innermost one records.
        complete: whether operations without derivative and branches are recorded as well, as a
            tape that is to be replayed needs them. A gradient taken at once does not.
        program: the function that was recorded, and its inputs.
        views: the tracers that stand for views of others; see ``assignment``.
        constants: the plain arrays that rows refer to, by identity; see ``constants``.
        replayable: whether the rows compute the same at other points. Those of a derivative that
            met a NaN do not, as that decided how it was swept, nor do they where a value was
            written as text.
        open: whether the function is still running; its tracers mean nothing afterwards.
        thread: the thread that records; rows of two threads would get into each other's way.
    """

    __slots__ = (
        "complete",
        "constants",
        "level",
        "open",
        "program",
        "replayable",
        "thread",
        "views",
    )
    program: tuple[Callable[..., Any], Any]

    def __init__(self, complete: bool = False) -> None:
        self.level = next(_levels)
        self.complete = complete
        self.views: list[weakref.ref[Tracer]] = []
        self.constants: dict[int, tuple[Any, bytes]] = Watched() if complete else {}
        self.replayable = True
        self.open = True
        self.thread = get_ident()

    def input(self, value: Any) -> Tracer:
        """Add an independent variable."""
        self.append((INPUT, value, -1, None, -1, None))
        return tracer(self, value)


def tracer(rows: Recording, value: Any) -> Tracer:
    """The tracer of the newest row."""
    out = _new(Tracer)
    out.tape = rows
    out.index = len(rows) - 1
    out.value = value
    out.items = None
    return out


def numeric(value: Any, name: str = "x") -> Any:
    """The form in which a recording holds an input: a float, or an array of floats.

    Integers are promoted to floats, 0-d arrays of doubles become floats, tracers of an outer
    recording stay as they are.

    Raises:
        NonNumericError: value is not made of real or complex numbers.
    """
    kind = type(value)
    if kind is float or kind is Tracer:
        return value
    if kind is float64:
        return float(value)
    if kind is np.ndarray and value.dtype is FLOAT64 and value.ndim:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise NonNumericError(f"{name} is a masked array; fill it first, with x.filled(0.0) say")
    array = np.asarray(value)
    if array.dtype.kind == "O" and any(type(v) is Tracer for v in array.flat):
        return regrouped(array)
    if array.dtype.kind in "iu":
        array = array.astype(float)
    if array.dtype.kind not in "fc":
        shown = repr(value)
        raise NonNumericError(
            f"{name} must be made of real or complex numbers, got {kind.__name__} "
            f"{shown if len(shown) <= 60 else shown[:57] + '...'} of dtype {array.dtype}"
        )
    return plain(array)


def _holds_tracers(value: Any) -> bool:
    if type(value) is Tracer:
        return True
    return isinstance(value, (list, tuple)) and any(map(_holds_tracers, value))


def plain(value: Any) -> Any:
    """Double scalars as Python floats, on which arithmetic is fastest; all else unchanged."""
    if type(value) is float64:
        return float(value)
    if isinstance(value, np.ndarray) and not value.ndim:
        return float(value) if value.dtype == FLOAT64 else value[()]
    return value


def gather(y: Any) -> Any:
    """The result of a user's function as one number, array or tracer.

    Raises:
        NonNumericError: it is not made of numbers.
    """
    if isinstance(y, (list, tuple)) and any(isinstance(v, (Tracer, list, tuple)) for v in y):
        try:
            return np.stack([gather(v) for v in y])
        except ValueError as error:
            raise NonNumericError(
                f"the function returned a list that does not form an array of numbers: {error}"
            ) from None
    if isinstance(y, (bool, np.bool_)) or y is None or isinstance(y, (str, bytes, dict, set)):
        raise NonNumericError(
            f"the function returned {type(y).__name__} {str(y)[:40]!r}; it must return a number or "
            f"an array of numbers" + (" (is a `return` missing?)" if y is None else "")
        )
    try:
        return plain(numeric(y, "the result of the function"))
    except (ValueError, TypeError) as error:
        if isinstance(error, NonNumericError):
            raise
        raise NonNumericError(
            f"the function returned {type(y).__name__}, which does not form an array of numbers: "
            f"{error}"
        ) from None


def innermost(args: Iterable[Any]) -> Any:
    """The recording that an operation on these arguments belongs to; None if none is traced."""
    rows: Recording | None = None
    for arg in args:
        if type(arg) is Tracer and (rows is None or arg.tape.level > rows.level):
            rows = arg.tape
    if rows is not None and (not rows.open or rows.thread != get_ident()):
        raise unusable(rows)
    return rows


def unusable(rows: Recording) -> TracerConversionError:
    """The error for a tracer that is used after its recording, or by another thread."""
    if rows.open:
        return TracerConversionError(
            "a traced value is used by another thread than the one that records it; run the "
            "function in one thread, or differentiate in each thread"
        )
    return TracerConversionError(
        "a traced value was kept beyond the call that it belongs to, in a cache or a global say, "
        "and its derivative is gone; compute it anew in each call"
    )


def apply(rule: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Evaluate a primitive and record it in the innermost recording among its arguments."""
    kinds = [*map(type, args)]
    if np.ndarray in kinds and any(type(a) is np.ndarray and a.dtype.kind == "O" for a in args):
        args = tuple(map(regrouped, args))  # np.array([tracer, ...])
    if kwargs and Tracer in map(type, kwargs.values()):
        raise no_rule(f"{rule.name} with a traced keyword argument")
    rows = innermost(args)
    if rows is None:
        return rule.fn(*args, **kwargs)
    parents = tuple([a.index if type(a) is Tracer and a.tape is rows else -1 for a in args])
    values = tuple([a.value if type(a) is Tracer and a.tape is rows else a for a in args])
    for value in values:
        if type(value) is Tracer:
            y = apply(rule, values, kwargs)
            break
    else:
        y = plain(rule.fn(*values, **kwargs))
    if not (rule.vjps or rows.complete):
        return y
    if rule.vjps and len(rule.vjps) < len(args):
        _require_constant(rule, parents, values)
    if np.ndarray in kinds or list in kinds:
        pairs = zip(parents, values, strict=True)
        values = tuple([v if p >= 0 else kept(rows.constants, v) for p, v in pairs])
    if kwargs:
        kwargs = {name: kept(rows.constants, v) for name, v in kwargs.items()}
    # Sweeps rely on numbers that no operation of the scalar form divides by zero.
    finite = type(y) is float and isfinite(y)
    if finite and rule.elementwise and not kwargs and _are_numbers(rule, values):
        i, a, j, b = parents[0], values[0], -1, None
        if len(values) == 2:
            j, b = parents[1], plain(values[1])
        rows.append((rule, y, i, plain(a), j, b))
        return tracer(rows, y)
    rows.append((rule, y, parents, values, None, kwargs))
    if isinstance(y, (tuple, list)):
        return _outputs(rows, y)
    out = tracer(rows, y)
    array = y if type(y) is np.ndarray else untraced(y)
    if getattr(array, "base", None) is not None and rule is not GETITEM:
        for arg in args:
            if type(arg) is Tracer and np.may_share_memory(array, untraced(arg)):
                _note_view(out, arg, None)
    return out


def _gathered(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, with each list that holds tracers as one tracer."""
    if list not in (kinds := [*map(type, args)]) and tuple not in kinds:
        return args
    return tuple([gather(a) if _holds_tracers(a) else a for a in args])


def _require_constant(rule: Primitive, parents: tuple[int, ...], values: Any) -> None:
    """Refuse to lose the derivative in an argument that has no rule."""
    for k in range(len(rule.vjps), len(parents)):
        if parents[k] >= 0 and np.asarray(untraced(values[k])).dtype.kind in "fc":
            raise MissingRuleError(
                f"{rule.name} has no derivative rule for argument {k + 1}; make it a constant, or "
                f"use a backend such as backend='finite_difference'"
            )


def untraced(value: Any) -> Any:
    """The plain value at the bottom of a tracer."""
    while type(value) is Tracer:
        value = value.value
    return value


def regrouped(arg: Any) -> Any:
    """An array of objects, some of which are tracers, as one tracer."""
    if type(arg) is np.ndarray and arg.dtype.kind == "O":
        return np.reshape(np.stack(list(arg.flat)), arg.shape)
    return arg


def _note_view(view: Tracer, source: Tracer, key: Any) -> None:
    """Remember that a tracer's value is a view of another's; key is None if it is not a slice.

    As in NumPy, a view keeps its source alive, and nothing keeps the view alive.
    """
    view.source = (source, key)
    view.tape.views.append(weakref.ref(view))


def _are_numbers(rule: Primitive, values: tuple[Any, ...]) -> bool:
    """Whether an operation has the scalar form: one or two numbers, with a rule for each."""
    if len(values) > 2 or None in (*rule.vjps,):
        return False
    return all(type(v) in (float, int, float64) for v in values)


def _outputs(rows: Recording, values: Any) -> Any:
    """A tracer for each value of a primitive of several outputs, in the container it returned."""
    source = len(rows) - 1
    parts = []
    for k, value in enumerate(values):
        value = plain(value)
        rows.append((OUTPUT, value, (source, -1), (values, k), None, {}))
        parts.append(tracer(rows, value))
    return type(values)(*parts) if hasattr(values, "_fields") else type(values)(parts)


class Tracer:
    """A number or array that records what is done to it.

    Attributes:
        tape: the recording that it belongs to.
        index: its row there.
        value: a float, an array, or a tracer of an outer recording.
    """

    __slots__ = ("__weakref__", "index", "items", "source", "tape", "value")
    tape: Recording
    index: int
    value: Any
    items: list[float] | None  # the elements of a vector, once one has been read
    source: tuple[Tracer, Any]  # of a view: what it is a view of, and the index

    # What NumPy's own functions come to

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = _UNARY.get(ufunc)
        if rule is not None and method == "__call__" and not kwargs:
            a = self.value
            if type(a) is float:
                y = ufunc(a)
                if type(y) is float64:
                    out = _new(Tracer)
                    out.tape = rows = self.tape
                    out.index = len(rows)
                    out.value = y = float(y)
                    rows.append((rule, y, self.index, a, -1, None))
                    return out
            elif type(a) is np.ndarray:
                y = ufunc(a)
                self.tape.append((rule, y, (self.index,), (a,), None, NO_KEYWORDS))
                return tracer(self.tape, y)
            elif type(a) is Tracer and self.tape.open and self.tape.thread == get_ident():
                y = a.__array_ufunc__(ufunc, method, a)
                self.tape.append((rule, y, (self.index,), (a,), None, NO_KEYWORDS))
                return tracer(self.tape, y)
        rule = RULES.get(ufunc)
        if rule is not None and method == "__call__" and not kwargs:
            if ufunc.nin == ufunc.nout == 1 and rule.vjps:
                _UNARY[ufunc] = rule
            return apply(rule, _gathered(inputs), kwargs)
        if method == "__call__" and ufunc in COMPOSITES and kwargs.get("out") is None:
            return COMPOSITES[ufunc](*inputs, **kwargs)
        if ufunc not in RULES and ufunc not in COMPOSITES and more_rules(ufunc):
            return self.__array_ufunc__(ufunc, method, *inputs, **kwargs)
        return ufunc_method(ufunc, method, inputs, kwargs)

    def __array_function__(self, fn: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if fn in _CREATORS:
            return self._create(fn, args, kwargs)
        if kwargs.get("out") is not None:
            raise no_rule(f"numpy.{fn.__name__} with out")
        rule = RULES.get(fn)
        if rule is not None:
            if any(type(v) is Tracer for v in kwargs.values()):
                args, kwargs = positional(fn, args, kwargs)
            return apply(rule, _gathered(args), kwargs)
        if fn in COMPOSITES:
            return COMPOSITES[fn](*args, **kwargs)
        if more_rules(fn):
            return self.__array_function__(fn, types, args, kwargs)
        raise no_rule(f"numpy.{fn.__name__}")

    def _create(self, fn: Any, args: Any, kwargs: Any) -> Any:
        """An array that does not depend on the values of the inputs, but can be assigned to."""
        given: dict[Any, Any] = {**kwargs, **dict(enumerate(args))}
        template = 0 if fn.__name__.endswith("_like") else None
        if any(type(v) is Tracer for k, v in given.items() if k != template):
            if fn not in (np.full_like, np.full):
                raise no_rule(f"numpy.{fn.__name__} of a traced value")
            size = given.get("shape", self.shape) if template == 0 else args[0]
            fill: Any = given.get("fill_value", given.get(1))
            return np.broadcast_to(fill, size) * 1.0
        y = plain(fn(*[a.value if type(a) is Tracer else a for a in args], **kwargs))
        if not getattr(y, "shape", ()):
            return y
        self.tape.append((CONSTANT, y, (), (), None, {}))
        return tracer(self.tape, y)

    def __diffkit_apply__(self, rule: Primitive, args: Any, kwargs: Any) -> Any:
        return apply(rule, args, kwargs)

    # What it looks like

    @property
    def shape(self) -> tuple[int, ...]:
        return getattr(self.value, "shape", ())

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return getattr(self.value, "size", 1)

    @property
    def dtype(self) -> Any:
        return getattr(self.value, "dtype", FLOAT64)

    @property
    def T(self) -> Any:
        return np.transpose(self)

    @property
    def real(self) -> Any:
        return np.real(self)

    @property
    def imag(self) -> Any:
        return np.imag(self)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a traced scalar has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        return f"Tracer({self.value!r})"

    def __format__(self, spec: str) -> str:
        value: Any = self
        while type(value) is Tracer:  # what becomes of the text cannot be replayed
            value.tape.replayable = False
            value = value.value
        return format(untraced(self), spec)

    def __copy__(self) -> Any:
        return np.copy(self) if self.shape else self

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()

    def __reduce__(self) -> Any:
        raise TypeError("a traced value cannot be pickled; it lives in one call of one process")

    # Operators; those of arithmetic are in arithmetic.py

    def __neg__(self) -> Any:
        if type(a := self.value) is float:
            rows = self.tape
            rows.append((NEGATIVE, -a, self.index, a, -1, None))
            return tracer(rows, -a)
        return apply(NEGATIVE, (self,), {})

    def __pos__(self) -> Any:
        return np.positive(self)

    def __abs__(self) -> Any:
        return np.absolute(self)

    def __matmul__(self, other: Any) -> Any:
        return np.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return np.matmul(other, self)

    def __mod__(self, other: Any) -> Any:
        return np.remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return np.remainder(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return np.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return np.floor_divide(other, self)

    def __rdivmod__(self, other: Any) -> Any:
        return np.floor_divide(other, self), np.remainder(other, self)

    def __xor__(self, other: Any) -> Any:
        return np.logical_xor(self, other)

    __rxor__ = __xor__

    def __divmod__(self, other: Any) -> Any:
        return np.floor_divide(self, other), np.remainder(self, other)

    def __round__(self, digits: int = 0) -> Any:
        return np.round(self, digits)

    def __getitem__(self, index: Any) -> Any:
        if type(index) is int:
            try:
                items = self.items
            except AttributeError:  # a number's tracer is made without
                raise TypeError("a traced scalar cannot be indexed") from None
            if items is not None:
                y = items[index]
                out = _new(Tracer)
                out.tape = rows = self.tape
                out.index = len(rows)
                out.value = y
                rows.append((GETITEM, y, self.index, self.value, -1, index))
                return out
            if self._list_items():
                return self[index]
        elif type(index) is slice and type(a := self.value) is np.ndarray:
            rows = self.tape
            part = a[index]
            rows.append((GETITEM, part, (self.index, -1), (a, index), None, NO_KEYWORDS))
            out = tracer(rows, part)
            _note_view(out, self, (index,))
            return out
        elif type(index) is tuple and not index:
            return self
        key = index if type(index) is tuple else (index,)
        out = apply(GETITEM, (self, *key), {})
        if type(out) is Tracer and getattr(untraced(out.value), "base", None) is not None:
            _note_view(out, self, key)
        return out

    def _list_items(self) -> bool:
        """Keep the elements of a short vector as Python floats too, for loops over its indices."""
        a = self.value
        if type(a) is np.ndarray and a.ndim == 1 and a.dtype is FLOAT64 and a.size <= SHORT:
            self.items = a.tolist()
            return True
        return False

    # Comparisons. The branch that they decide is constant around the point.

    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> Any:
        return _compare(np.equal, self, other)

    def __ne__(self, other: Any) -> Any:
        return _compare(np.not_equal, self, other)

    def __lt__(self, other: Any) -> Any:
        return _compare(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return _compare(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return _compare(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return _compare(np.greater_equal, self, other)

    def __and__(self, other: Any) -> Any:
        return np.logical_and(self, other)

    def __or__(self, other: Any) -> Any:
        return np.logical_or(self, other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Any:
        return np.logical_not(self)

    # Conversions that would lose the derivative

    def __bool__(self) -> bool:
        if self.size != 1:
            raise TracerConversionError(
                f"the truth value of an array of shape {self.shape} is ambiguous; "
                f"use np.where(condition, a, b), or .any() or .all()"
            )
        truth = bool(self.value)
        if self.tape.complete:
            self.tape.append((GUARD, truth, (self.index,), (self.value,), None, {}))
        return truth

    def __float__(self) -> float:
        raise _conversion("float()", "use np.sin for math.sin and so on; to fill an array, make "
                          "it with np.zeros_like(x), or np.zeros(shape, like=x), instead of "
                          "np.zeros(shape)")  # fmt: skip

    def __int__(self) -> int:
        raise _conversion("int()", "a whole number has no derivative; use np.floor, or take the "
                          "number from an argument that is not differentiated")  # fmt: skip

    def __index__(self) -> int:
        raise _conversion("an index", "indices are not differentiated; take them from an "
                          "argument that is not, or from np.argmax and the like")  # fmt: skip

    def __complex__(self) -> complex:
        raise _conversion("complex()", "write a + 1j * b instead")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if (dtype is None or np.dtype(dtype).kind == "O") and self.size <= SHORT:
            return self._objects()
        raise _conversion("a NumPy array", "use np.stack([...]) or np.concatenate([...]) "
                          "rather than np.array([...], dtype=float)")  # fmt: skip

    def _objects(self) -> Any:
        """An array of one tracer an element, which is what np.array([tracer, ...]) becomes."""
        out = np.empty(self.shape, dtype=object)
        for index in np.ndindex(self.shape):
            out[index] = self[index]
        return out


def _conversion(what: str, hint: str) -> TracerConversionError:
    return TracerConversionError(
        f"a traced value would have become {what}, and its derivative would be lost; {hint}"
    )


def _compare(ufunc: Any, a: Tracer, b: Any) -> Any:
    if a.tape.complete or type(b) is Tracer:
        return ufunc(a, b)
    return ufunc(a.value, b)
