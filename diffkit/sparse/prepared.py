"""Prepared sparse derivatives: the pattern and its colouring once, then compressed replays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .._backends import Backend
from .._prepare import Plan, Prepared
from ..errors import StaleTapeError, UnknownNameError, UnsupportedError
from ..tape.replay.entry import MISS
from ..tape.replay.signature import Argument, leaves_of, signature_of, unflatten
from .coloring import Coloring
from .compressed import Compression, compression, found_pattern, is_pattern, require_plain

KEPT = 8  # patterns that are kept, for branches and shapes that come back


class PreparedSparse:
    """A sparse Jacobian or Hessian of one function, prepared for many points.

    A pattern holds on one branch of the function. Where a point is on another, or its arguments
    have other shapes, dtypes or structures, the function is recorded again and its pattern found
    and coloured. Arguments that are not differentiated may change from call to call, so nothing
    but their shape is taken for granted: zeros in a matrix that is passed as an argument count as
    numbers, and only those of a matrix that the function has from elsewhere as zeros.

    A backend that prepares derivatives in a way of its own prepares the products. With one whose
    derivatives cannot be replayed at all, the pattern is found at each point, and coloured again
    only where it differs.

    Attributes:
        on_change: "record", or "raise" to raise StaleTapeError instead of recording again.
    """

    def __init__(
        self,
        operator: str,
        backend: Backend,
        bind: Callable[..., Any],
        multiply: Callable[..., Prepared],
        arguments: Sequence[Any],
        active: set[int],
        given: Any,
        with_value: bool,
        plan: str | None,
        on_change: str,
    ) -> None:
        if on_change not in ("record", "raise"):
            raise UnknownNameError("on_change", on_change, ("record", "raise"))
        self.__name__ = f"prepared_{operator}"
        self.on_change = on_change
        self._operator = operator
        self._backend = backend
        self._bind = bind
        self._multiply = multiply
        self._active = active
        self._given = given
        self._with_value = with_value
        self._forced = plan
        self._known: list[_Known] = []
        self._anew(arguments)

    def __call__(self, *arguments: Any) -> Any:
        """The sparse matrix at a point, ``g(x, *args)``; the value before it if that was asked."""
        for known in self._known:
            y = known[1].replay(*arguments)
            if y is not MISS:
                self._use(known)
                return self._result(known[0], arguments, y)
        if self.on_change == "raise" and self.recordings:
            raise StaleTapeError(
                "what was recorded does not hold for these arguments: the function takes another "
                "branch, or a shape, dtype, structure or constant differs; prepare it for them, "
                "or use on_change='record'"
            )
        return self._anew(arguments)

    @property
    def pattern(self) -> Any:
        """The pattern that was used last, a Boolean csr_array."""
        return self._known[0][0].pattern.copy()

    @property
    def coloring(self) -> Coloring | None:
        """Its colouring; None where the backend gives no products."""
        return self._known[0][0].coloring

    @property
    def plan(self) -> Plan:
        """How the products are computed."""
        return self._known[0][1].plan

    @property
    def recordings(self) -> int:
        """The number of recordings that are kept."""
        return sum(prepared.recordings for _, prepared in self._known)

    def __repr__(self) -> str:
        return f"<{self.__name__}: {self.coloring}; {self.plan}>"

    def _use(self, known: _Known) -> None:
        if self._known[0] is not known:
            self._known = [known, *(other for other in self._known if other is not known)][:KEPT]

    def _anew(self, arguments: Sequence[Any]) -> Any:
        """The answer where no recording holds."""
        call = self._bind(*arguments)
        require_plain(call.x)
        known = self._entry(arguments, call)
        self._use(known) if known in self._known else self._known.insert(0, known)
        del self._known[KEPT:]
        return self._result(known[0], arguments, known[1](*arguments))

    def _entry(self, arguments: Sequence[Any], call: Any) -> _Known:
        """The pattern and the recordings for these arguments; those at hand where it is known."""
        own = is_pattern(self._given)
        if own and self._known:
            return self._known[0]
        pattern = self._given if own else self._found(arguments, call)
        for known in self._known:
            if _same(known[0].pattern, pattern):
                return known
        made = compression(self._operator, self._backend, pattern, own)
        if made.coloring is not None and type(self._backend).compiled is not Backend.compiled:
            return made, _Products(made, self._backend, self._bind, self._multiply)

        def value_and_data(*inputs: Any) -> tuple[Any, Any]:
            bound = self._bind(*inputs)
            y, data = made.data(self._backend, bound.f, bound.x)
            return bound.number(y), data

        replayed = value_and_data if self._backend.replayable else None
        return made, Prepared(
            value_and_data,
            replayed,
            None,
            None,
            self._active,
            with_value=True,
            plan=self._forced,
            on_change="record",
            name=self._operator,
        )

    def _found(self, arguments: Sequence[Any], call: Any) -> Any:
        """The pattern, whatever the numbers in the arguments that are not differentiated."""
        try:
            signature = signature_of(arguments, self._active, others=True)
        except TypeError:  # an argument that is no number and may change unnoticed
            return found_pattern(self._operator, call.f, call.x, zeros=False)
        others = [
            value
            for k, (argument, given) in enumerate(zip(signature.arguments, arguments, strict=True))
            if k not in self._active
            for leaf, value in zip(argument.leaves, leaves_of(given), strict=True)
            if not leaf.constant
        ]

        def f(point: Any, *inputs: Any) -> Any:
            remaining = iter(inputs)
            rebuilt = [
                given if k in self._active else _with(remaining, argument)
                for k, (argument, given) in enumerate(
                    zip(signature.arguments, arguments, strict=True)
                )
            ]
            return self._bind(*rebuilt).f(point)

        try:
            return found_pattern(self._operator, f, call.x, others)
        except UnsupportedError:  # a number may be needed as it is, for the steps of a loop say
            return found_pattern(self._operator, call.f, call.x, zeros=False)

    def _result(self, made: Compression, arguments: Sequence[Any], found: Any) -> Any:
        y, data = found
        x = self._bind(*arguments).x if made.checked else None
        matrix = made.matrix(self._backend, x, data)
        return (y, matrix) if self._with_value else matrix


class _Products:
    """Takes the place of a ``Prepared`` for a backend that prepares in a way of its own: one
    prepared product, called for each colour."""

    def __init__(
        self,
        made: Compression,
        backend: Backend,
        bind: Callable[..., Any],
        multiply: Callable[..., Prepared],
    ) -> None:
        self._made = made
        self._backend = backend
        self._bind = bind
        self._multiply = multiply
        self._prepared: Prepared | None = None
        self._value: Any = 0.0  # an example, of which the shape counts

    def __call__(self, *arguments: Any) -> Any:
        call = self._bind(*arguments)
        self._value, data = self._made.data(self._backend, call.f, call.x)
        example = self._vectors(call)[:1]
        if self._prepared is None and example:
            self._prepared = self._multiply(self._made.product, arguments, *example)
        elif self._prepared is not None and self._prepared.recordings:
            self._prepared(arguments[0], *example, *arguments[1:])  # which records what is new
        return call.number(self._value), data

    def replay(self, *arguments: Any) -> Any:
        call = self._bind(*arguments)
        if self._prepared is None or np.size(call.x) != self._made.pattern.shape[1]:
            return MISS
        products = []
        for v in self._vectors(call):
            found = self._prepared.replay(arguments[0], v, *arguments[1:])
            if found is MISS:
                return MISS
            products.append(np.concatenate([np.ravel(leaf) for leaf in leaves_of(found[1])]))
        return found[0], self._made.elements(self._backend, call.x, products)

    @property
    def plan(self) -> Plan:
        return Plan("eager", 0, "") if self._prepared is None else self._prepared.plan

    @property
    def recordings(self) -> int:
        return 0 if self._prepared is None else self._prepared.recordings

    def _vectors(self, call: Any) -> list[Any]:
        """The vectors in the structure of what they are multiplied with."""
        vectors = self._made.vectors(self._backend, call.x, self._value)
        if call.join is None or self._made.product == "vjp":
            return vectors
        return [call.join(v) for v in vectors]


_Known = tuple[Compression, Prepared | _Products]


def _with(inputs: Iterator[Any], argument: Argument) -> Any:
    """An argument with other numbers in it."""
    values = [leaf.value if leaf.constant else next(inputs) for leaf in argument.leaves]
    return values[0] if argument.structure is None else unflatten(argument.structure, values)


def _same(a: Any, b: Any) -> bool:
    return bool(
        a.shape == b.shape
        and np.array_equal(a.indptr, b.indptr)
        and np.array_equal(a.indices, b.indices)
    )
