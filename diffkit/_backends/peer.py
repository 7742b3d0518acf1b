"""Other libraries that differentiate: what their backends have in common.

A plain NumPy function is recorded, and the tape read with the library's own operations; a function
that was written for the library, which cannot be recorded, is called with the library's arrays.
What differentiates is the library either way. An adapter says what its operations are called, and
how the library takes each kind of derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import (
    DiffkitError,
    MissingRuleError,
    TracerConversionError,
    UnknownNameError,
    UnsupportedError,
)
from ..rules import Primitive
from ..tape import Tracer, gather, plain, record_many
from ..tape.replay.elsewhere import Elsewhere, Operation
from ..tape.replay.program import Program, program
from .base import (
    OPERATORS,
    Backend,
    Compiled,
    Function,
    Linear,
    Point,
    Value,
    require_finite,
    require_scalar,
)
from .optional import library, with_library

WRITTEN_FOR = ("auto", "numpy", "library")
_OF_NUMBERS = ("gradient", "hessian", "hvp")
Leaves = tuple[Any, ...]
# (x, vector, others) -> (value, derivative, truth values of the guards)
Run = Callable[[Leaves, Any, Leaves], tuple[Any, Any, Sequence[Any]]]


class Reading:
    """f in the library's terms: ``reading(x, others)`` is f on the library's arrays.

    Attributes:
        value: f at the point that it was read at, as NumPy has it.
        taken: the branch that was taken at each guard.
        operations: how many operations were recorded; 0 for a function of the library's own.
        unchanged: whether the arrays that f takes from elsewhere are what they were.
        obstacle: why f could not be recorded, where it was tried.
        program: what was recorded; None for a function of the library's own.
    """

    def __init__(
        self, on_arrays: Callable[[Leaves], tuple[Any, list[Any]]], value: Any,
        taken: Sequence[bool] = (), operations: int = 0,
        unchanged: Callable[[], bool] | None = None, obstacle: Exception | None = None,
        program: Program | None = None,
    ) -> None:  # fmt: skip
        self._on_arrays = on_arrays
        self.value = value
        self.taken = list(taken)
        self.operations = operations
        self.unchanged = unchanged
        self.obstacle = obstacle
        self.program = program

    def __call__(self, x: Leaves, others: Leaves = ()) -> Any:
        return self._on_arrays((*x, *others))[0]

    def with_guards(self, x: Leaves, others: Leaves = ()) -> tuple[Any, list[Any]]:
        """The value and the truth values that decide the branch, on the library's arrays."""
        return self._on_arrays((*x, *others))

    def guards(self, x: Leaves, others: Leaves = ()) -> list[Any]:
        """The truth values that decide the branch, on the library's arrays."""
        return self._on_arrays((*x, *others))[1] if self.taken else []


@dataclass(frozen=True, repr=False)
class Peer(Backend):
    """A backend that has another library differentiate.

    An adapter gives ``operation``, ``constant``, ``numpy`` and ``run``, and says in ``natively``
    which operators the library has an algorithm of its own for; ``run`` is asked for these only.

    Attributes:
        functions: what functions are written in. ``"numpy"``: plain NumPy, to be recorded;
            ``"library"``: the library's own operations; ``"auto"`` records, and where that fails
            calls the function with the library's arrays.
    """

    functions: str = "auto"

    natively: ClassVar[frozenset[str]] = frozenset()
    nests = True

    @property
    def version(self) -> str:  # type: ignore[override]
        """Other versions of the library may give other numbers."""
        return with_library("1", self.name)

    def __post_init__(self) -> None:
        if self.functions not in WRITTEN_FOR:
            raise UnknownNameError("kind of functions", self.functions, WRITTEN_FOR)

    # What an adapter provides

    def operation(self, rule: Primitive) -> Operation:
        """The library's function for a primitive.

        Raises:
            UnsupportedError: the library has none.
        """
        raise NotImplementedError

    def constant(self, value: Any) -> Any:
        """The library's form of an array or NumPy scalar."""
        raise NotImplementedError

    def numpy(self, value: Any) -> Any:
        """An array of the library's as NumPy has it, in memory of its own."""
        raise NotImplementedError

    def run(self, operator: str, reading: Reading, x: Leaves, compiled: bool) -> Run:
        """A derivative, to be computed by the library.

        Args:
            operator: one of ``natively``.
            reading: f.
            x: an example point; what is returned is for points of its shapes and dtypes.
            compiled: whether it is worth compiling, because many points will follow.

        Returns:
            A function of the leaves of x, of the vector (of jvp and hvp, leaves as x has them; of
            vjp a cotangent like f(x); else None) and of arguments that are not differentiated, all
            as NumPy has them. It gives f(x); the derivative, which for gradient, vjp and hvp is a
            tuple of leaves; and the guards' truth values. A Jacobian has shape f(x).shape +
            x.shape and is asked for one leaf only, as is a Hessian.
        """
        raise NotImplementedError

    def accept(self, program: Program) -> None:
        """Refuse a recorded program that the library cannot take as a whole.

        Raises:
            UnsupportedError: it is too large, or its numbers are not for the library.
            TypeError: it holds numbers of the library's own; the function was written for it.
        """

    # Reading functions

    def read(self, f: Callable[..., Any], x: Leaves, others: Leaves = ()) -> Reading:
        """f of these arguments in the library's terms.

        Raises:
            MissingPackageError: the library is not installed.
            UnsupportedError: f does what the library has no operation for.
        """
        library(self.name, extra=self.name)
        if any(type(v) is Tracer for v in (*x, *others)):
            raise UnsupportedError(
                f"backend {self.name!r} cannot be differentiated again by diffkit; use "
                f"backend='reverse'"
            )
        if self.functions == "library":
            return self._own(f, (*x, *others))
        try:
            return self._recorded(f, (*x, *others))
        except Exception as error:
            if self.functions == "numpy" or not _may_be_own(error):
                raise
            try:
                return self._own(f, (*x, *others), error)
            except Exception as second:
                raise self._either(error, second) from None

    def _either(self, error: Exception, second: Exception) -> Exception:
        if isinstance(second, DiffkitError) and not isinstance(error, DiffkitError):
            return second  # it knows what is the matter
        error.add_note(f"As a function written for {self.name} it fails, too: {second}")
        return error

    def _recorded(self, f: Callable[..., Any], inputs: Leaves) -> Reading:
        rows, values, places = record_many(lambda *leaves: [f(*leaves)], inputs)
        made = program(rows, values, places).watching()
        self.accept(made)
        there = Elsewhere(made, self.operation, self.constant)
        unchanged = made.unchanged if made.noted else None
        return Reading(there, values[0], there.taken, max(len(made), 1), unchanged, program=made)

    def _own(
        self, f: Callable[..., Any], inputs: Leaves, obstacle: Exception | None = None
    ) -> Reading:
        def on_arrays(leaves: Leaves) -> tuple[Any, list[Any]]:
            return self.together(f(*leaves)), []

        y = self.together(f(*map(self.argument, inputs)))
        return Reading(on_arrays, gather(self.numpy(y)), obstacle=obstacle)

    def argument(self, value: Any) -> Any:
        """What a function of the library's own is called with for a number or an array."""
        return value if type(value) is float else self.constant(value)

    def together(self, y: Any) -> Any:
        """What a function of the library's own returned, as one array of the library's."""
        return y

    @contextmanager
    def naming(self, reading: Reading) -> Iterator[None]:
        """Where the library fails on a function that was recorded, it is for the library's reasons;
        errors of a function of its own are the user's, and pass.

        Raises:
            UnsupportedError: the library failed on a function that was recorded.
        """
        try:
            yield
        except DiffkitError:
            raise
        except Exception as error:
            if reading.obstacle is not None:
                raise self._either(reading.obstacle, error) from None
            if not reading.operations:
                raise
            raise UnsupportedError(
                f"{self.name} cannot do this: {type(error).__name__}: {error}; "
                f"use backend='reverse'"
            ) from error

    # Operators

    def _derived(self, operator: str, f: Function, x: Point, v: Any = None) -> tuple[Value, Any]:
        several = type(x) is tuple
        leaves = x if several else (x,)
        reading = self.read(f if not several else lambda *parts: f(parts), leaves)
        require_finite(reading.value, x)
        if operator in _OF_NUMBERS:
            require_scalar(reading.value, operator)
        v = v(reading.value) if callable(v) else v
        if operator in ("jvp", "hvp") and not several:
            v = (v,)
        with self.naming(reading):
            y, d, _ = self.run(operator, reading, leaves, compiled=False)(leaves, v, ())
        if operator in ("gradient", "vjp", "hvp") and not several:
            d = d[0]
        return y, d

    def compiled(
        self, operator: str, f: Callable[..., Any], x: Leaves, others: Leaves
    ) -> Compiled | None:
        by_leaves = operator in ("gradient", "jvp", "vjp", "hvp")
        if operator not in self.natively or not (by_leaves or len(x) == 1):
            return None
        if operator == "derivative" and np.ndim(x[0]):
            return None  # whether f is elementwise is to be seen at each point
        reading = self.read(f, x, others)
        run = self.run(operator, reading, x, compiled=True)

        def call(x: Leaves, v: Leaves, others: Leaves) -> list[Any] | None:
            y, d, guards = run(x, v[0] if operator == "vjp" else v or None, others)
            if reading.taken and [bool(g) for g in guards] != reading.taken:
                return None
            return [y, *d] if isinstance(d, tuple) else [y, d]

        how = "read from a recording" if reading.operations else "a function of its own"
        return Compiled(call, reading.operations, f"{how}, by {self.name}", reading.unchanged)

    def pushforward(self, f: Function, x: Point) -> tuple[Value, Linear]:
        self._require("jvp")
        y, _ = self._derived("jvp", f, x, _zeros(x))
        return y, lambda v: self._derived("jvp", f, x, v)[1]

    def pullback(self, f: Function, x: Point) -> tuple[Value, Linear]:
        self._require("vjp")
        y, _ = self._derived("vjp", f, x, np.zeros_like)
        return y, lambda u: self._derived("vjp", f, x, u)[1]

    def value_and_jvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        if "jvp" not in self.natively:
            return super().value_and_jvp(f, x, v)
        return self._derived("jvp", f, x, v)

    def value_and_vjp(self, f: Function, x: Point, u: Any) -> tuple[Value, Any]:
        if "vjp" not in self.natively:
            return super().value_and_vjp(f, x, u)
        return self._derived("vjp", f, x, u if callable(u) else lambda y: u)

    def value_and_products(
        self, operator: str, f: Function, x: Point, vectors: Callable[[Value], Sequence[Any]]
    ) -> tuple[Value, list[Any]]:
        if operator not in self.natively:
            return super().value_and_products(operator, f, x, vectors)
        reading = self.read(f, (x,))
        y = reading.value
        require_finite(y, x)
        if operator == "hvp":
            require_scalar(y, operator)
        with self.naming(reading):
            run = self.run(operator, reading, (x,), compiled=False)
            products = [run((x,), v if operator == "vjp" else (v,), ())[1] for v in vectors(y)]
        return y, [p[0] if operator != "jvp" else p for p in products]

    def value_and_gradient(self, f: Function, x: Point) -> tuple[Value, Any]:
        if "gradient" not in self.natively:
            return super().value_and_gradient(f, x)
        return self._derived("gradient", f, x)

    def value_and_jacobian(self, f: Function, x: Point) -> tuple[Value, Any]:
        if "jacobian" not in self.natively:
            return super().value_and_jacobian(f, x)
        return self._derived("jacobian", f, x)

    def value_and_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        if np.ndim(x) or "derivative" not in self.natively:
            return super().value_and_derivative(f, x)
        return self._derived("derivative", f, x)

    def value_and_second_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        self._require("second_derivative")
        return self._derived("second_derivative", f, x)

    def value_and_hessian(self, f: Function, x: Point) -> tuple[Value, Any]:
        self._require("hessian")
        return self._derived("hessian", f, x)

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        self._require("hvp")
        return self._derived("hvp", f, x, v)

    def support(self, operator: str) -> str:
        if operator in self.natively:
            return "native"
        second_order = operator in ("second_derivative", "hessian", "hvp")
        return "unsupported" if second_order or not self.natively else "derived"

    def _has(self, method: str) -> bool:
        hook = {"pushforward": "jvp", "pullback": "vjp"}.get(method)
        return super()._has(method) if hook is None else hook in self.natively

    def _require(self, operator: str) -> None:
        if operator not in self.natively:
            able = ", ".join(o for o in OPERATORS if o in self.natively)
            raise UnsupportedError(
                f"backend {self.name!r} does not support {operator} (it does {able}); "
                f"use backend='reverse' or backend='finite_difference'"
            )


def _may_be_own(error: Exception) -> bool:
    """Whether a function that cannot be recorded may be one of the library's own."""
    return isinstance(error, (TracerConversionError, MissingRuleError)) or not isinstance(
        error, DiffkitError
    )


def _zeros(x: Point) -> Any:
    return tuple(map(np.zeros_like, x)) if type(x) is tuple else plain(np.zeros_like(x))
