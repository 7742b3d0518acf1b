"""A function of arrays with its derivatives, in the form that another library can call.

Such a library asks for three things: the value, products of the Jacobian with tangents, and
products of cotangents with it. The products are functions of arrays as well, and may have to be
differentiated again. So each is an operation like the one it came from, made when it is needed,
and a derivative of any order is one more step along the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal

import numpy as np

from .._backends import Backend, resolve
from ..errors import ShapeError, UnsupportedError
from ..operators import jvp, prepare, vjp
from ..tape import gather, untraced

Arrays = Sequence[Any]
Constants = tuple[Any, ...]
Function = Callable[[Arrays, Constants], Any]
Kind = Literal["value", "push", "pull"]


class Operation:
    """A function of arrays and constants that returns one array, or one of its derivatives.

    Attributes:
        function: ``function(arrays, constants)``; the arrays may be traced.
        count: the number of arrays.
        backend: differentiates it.
        kind: "value"; "push" for the product of the Jacobian with tangents; "pull" for the product
            of a cotangent with it, a vector of its parts one after another.
        parent: what it is the derivative of. It takes the tangents, or the cotangent, and after
            them the arrays of the parent.
        active: the arrays of the parent by which it differentiates.
    """

    def __init__(
        self,
        function: Function,
        count: int,
        backend: str | Backend,
        kind: Kind = "value",
        parent: Operation | None = None,
        active: tuple[int, ...] = (),
    ) -> None:
        self.function = function
        self.count = count
        self.backend = resolve(backend)
        self.kind = kind
        self.parent = parent
        self.active = active
        self._derivatives: dict[tuple[Kind, tuple[int, ...]], Operation] = {}

    def __call__(self, arrays: Arrays, constants: Constants) -> Any:
        """The value: a new array.

        Args:
            arrays: real and complex ones in double precision. Arrays of an operation that is no
                derivative must be the function's own, as it may write into them.
            constants: everything else.
        """
        return np.array(gather(self.function([a[()] for a in arrays], constants)))

    def over(self, levels: int, arrays: Arrays, constants: Constants) -> Any:
        """The values for all indices of the first axes, of which all arrays have as many.

        Raises:
            ShapeError: there are none, or they are of different shapes.
        """
        if not levels:
            return self(arrays, constants)
        batch = arrays[0].shape[:levels]
        if not prod(batch):
            raise ShapeError(f"there are no samples to map over: axes of lengths {batch}")
        values = [
            self([a[index] for a in map(np.asarray, arrays)], constants)
            for index in np.ndindex(batch)
        ]
        shapes = {y.shape for y in values}
        if len(shapes) > 1:
            raise ShapeError(f"f returns arrays of different shapes for samples: {shapes}")
        return np.stack(values).reshape(batch + values[0].shape)

    def __repr__(self) -> str:
        return f"<{self.kind} in {self.active} of {self.parent}>" if self.parent else "<f>"

    def push(self, active: tuple[int, ...]) -> Operation:
        """``(tangents of the active arrays, arrays) -> J v``."""
        return self._derivative("push", active)

    def pull(self, active: tuple[int, ...]) -> Operation:
        """``(cotangent, arrays) -> u J`` in the active arrays."""
        return self._derivative("pull", active)

    def _derivative(self, kind: Kind, active: tuple[int, ...]) -> Operation:
        if (kind, active) not in self._derivatives:
            if self.parent and not self.backend.composable:
                raise UnsupportedError(
                    f"backend {self.backend.name!r} cannot differentiate its own derivatives; "
                    f"use backend='reverse' or backend='forward'"
                )
            function, more = (
                (_pushed(self, active), len(active))
                if kind == "push"
                else (_pulled(self, active), 1)
            )
            self._derivatives[kind, active] = Operation(
                function, more + self.count, self.backend, kind, self, active
            )
        return self._derivatives[kind, active]


def _pushed(operation: Operation, active: tuple[int, ...]) -> Function:
    product = _Product(jvp, operation, active)
    many = len(active)

    def pushed(arrays: Arrays, constants: Constants) -> Any:
        tangents, others = arrays[:many], arrays[many:]
        return product(others, tuple(tangents) if many > 1 else tangents[0], constants)

    return pushed


def _pulled(operation: Operation, active: tuple[int, ...]) -> Function:
    product = _Product(vjp, operation, active)

    def pulled(arrays: Arrays, constants: Constants) -> Any:
        cotangent, *others = arrays
        found = product(others, cotangent, constants)
        parts = found if len(active) > 1 else (found,)
        return np.concatenate([
            np.reshape(_like(part, others[k]), -1) for k, part in zip(active, parts, strict=True)
        ])  # fmt: skip

    return pulled


def _like(part: Any, x: Any) -> Any:
    """The part of a product that belongs to x: real where x is."""
    return part if np.iscomplexobj(untraced(x)) else np.real(part)


class Wrapped:
    """A function of arguments that may be nests, and in which another library's arrays may stand.

    Attributes:
        f: the function.
        backend: differentiates it.
    """

    def __init__(self, f: Any, backend: str | Backend) -> None:
        if not callable(f):
            raise TypeError(f"f must be callable, got {type(f).__name__}; see diffkit.function")
        self.f = f
        self.backend = resolve(backend)
        self._operations: dict[Any, Operation] = {}

    def operation(self, structure: Any, places: tuple[int, ...]) -> Operation:
        """f as a function of some leaves of its arguments, with all others as constants.

        Args:
            structure: that of the arguments: an object with ``num_leaves`` and ``unflatten``.
            places: where the arrays stand among the leaves.
        """
        if (structure, places) not in self._operations:
            order = places + tuple([k for k in range(structure.num_leaves) if k not in places])

            def function(arrays: Arrays, constants: Constants) -> Any:
                leaves = dict(zip(order, (*arrays, *constants), strict=True))
                return self.f(*structure.unflatten([leaves[k] for k in range(len(order))]))

            self._operations[structure, places] = Operation(function, len(places), self.backend)
        return self._operations[structure, places]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {getattr(self.f, '__name__', self.f)}>"


class _Product:
    """``jvp`` or ``vjp`` in some of the arrays of an operation, prepared when it is first used."""

    def __init__(
        self, operator: Callable[..., Any], operation: Operation, active: tuple[int, ...]
    ) -> None:
        self.operator = operator
        self.operation = operation
        self.active = active
        self.inactive = tuple([k for k in range(operation.count) if k not in active])
        self.prepared: Callable[..., Any] | None = None

    def __call__(self, arrays: Arrays, vector: Any, constants: Constants) -> Any:
        chosen = tuple([arrays[k] for k in self.active])
        point = chosen if len(chosen) > 1 else chosen[0]
        given = (point, vector, *[arrays[k] for k in self.inactive], *constants)
        if self.prepared is None:
            backend = self.operation.backend
            self.prepared = prepare(self.operator, self._of_point, *given, backend=backend)
        return self.prepared(*given)

    def _of_point(self, point: Any, *others: Any) -> Any:
        """The function of the active arrays, in one argument, and of all others."""
        active = point if len(self.active) > 1 else (point,)
        split = len(self.inactive)
        arrays: list[Any] = [None] * self.operation.count
        for k, x in zip(self.active + self.inactive, (*active, *others[:split]), strict=True):
            arrays[k] = x
        return self.operation.function(arrays, others[split:])
