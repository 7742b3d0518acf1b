"""A finished recording, to be read: replayed, differentiated again, turned into symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from keyword import iskeyword
from typing import Any, Self

import numpy as np

from .._escape import terminal
from ..errors import ShapeError, StaleTapeError, UnsupportedError
from ..rules import Primitive
from .record import record
from .recording import CONSTANT, GUARD, Recording, numeric, plain
from .sweeps import ZERO, filled, forward_sweep, reverse_sweep
from .symbols import number, symbols_for


@dataclass(frozen=True)
class Operation:
    """One row of a tape.

    Attributes:
        index: its place on the tape.
        primitive: what it computes.
        parents: for each argument the row that it comes from, or -1 for a constant.
        args: the values of the arguments at the recorded point.
        kwargs: parameters.
        value: the value at the recorded point.
    """

    index: int
    primitive: Primitive
    parents: tuple[int, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Any


@dataclass(frozen=True, repr=False)
class Tape:
    """A straight-line program (a Wengert list) that computes f on one branch.

    Attributes:
        f: the function that was recorded.
        inputs: the values of the independent variables, which are the first rows.
        rows: the recording.
        output: the row of the result; -1 where the result is a constant.
        value: the result at the recorded point.
        name: a name for tables.
    """

    f: Callable[..., Any]
    inputs: tuple[Any, ...]
    rows: Recording
    output: int
    value: Any
    name: str = "f"

    @classmethod
    def record(
        cls, f: Callable[..., Any], inputs: tuple[Any, ...], name: str = "f", **more: Any
    ) -> Self:
        """Record f of several inputs; ``more`` are attributes of a class made from this one."""
        rows, y, k = record(f, inputs, complete=True)
        return cls(f, inputs, rows, k, y, name, **more)

    def __len__(self) -> int:
        """The number of operations; inputs and recorded branches do not count."""
        return sum(op.primitive is not GUARD for op in self.operations)

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The rows after the inputs."""
        return tuple(_operations(self.rows, len(self.inputs)))

    def __call__(self, *inputs: Any) -> Any:
        """Replay the recorded operations at another point.

        Raises:
            ShapeError: an input has another shape than the recorded one.
            StaleTapeError: the function takes another branch there.
        """
        values = [numeric(x) for x in inputs]
        if [np.shape(v) for v in values] != [np.shape(v) for v in self.inputs]:
            raise ShapeError(
                f"the tape was recorded for shapes {[np.shape(v) for v in self.inputs]}, "
                f"got {[np.shape(v) for v in values]}; record it again with diffkit.trace"
            )
        for op in self.operations:
            args = [a if p < 0 else values[p] for p, a in zip(op.parents, op.args, strict=True)]
            constant = op.primitive is CONSTANT
            values.append(op.value if constant else plain(op.primitive.fn(*args, **op.kwargs)))
            if op.primitive is GUARD and values[-1] != op.value:
                raise StaleTapeError(
                    f"operation {op.index} decided a branch that the function does not take at "
                    f"this point; record it again with diffkit.trace"
                )
        return values[self.output] if self.output >= 0 else self.value

    def to_sympy(self, conditions: bool = False, evaluate: bool = True) -> Any:
        """The result as a SymPy expression, or an object array of them, for the branch taken.

        Symbols are x, or x1, x2, ... for the elements of a vector and x1_1, x1_2, ... for those
        of a matrix; where there are several inputs they are called x1, x2, ... and an element
        x1_1. The expression of ``tape.gradient()`` is reverse mode with symbols for numbers.

        Args:
            conditions: return the pair of the result and the conditions of the branch as well: a
                list of SymPy relations, all of which hold where the function takes it.
            evaluate: have SymPy evaluate sums and products as they are made: they are flattened
                and sorted, and numbers distributed over sums. That reads well, but loses what
                subexpressions share, so that deep programs grow. Otherwise there is a node or two
                for each recorded operation, which is what bounds the size of a gradient by a
                small multiple of that of the function.

        Raises:
            UnsupportedError: a recorded operation has no SymPy form.
        """
        from ..expression.reading import read  # late, and the one look upward: it loads SymPy

        names = ["x"] if len(self.inputs) == 1 else [f"x{k + 1}" for k in range(len(self.inputs))]
        several = len(self.inputs) > 1
        symbols = [
            symbols_for(v, f"{n}_" if several and np.ndim(v) else n)
            for v, n in zip(self.inputs, names, strict=True)
        ]
        reading = read(self.rows, symbols, self.output, evaluate)
        result = reading.result if self.output >= 0 else np.frompyfunc(number, 1, 1)(self.value)
        return (result, reading.conditions) if conditions else result

    def to_source(self, name: str = "f") -> str:
        """The recorded operations as the source of a plain NumPy function.

        What does not matter to the result is left out, and what is computed twice is computed
        once. On another branch than the recorded one the function raises ValueError.

        Raises:
            UnsupportedError: an operation has no name in NumPy, a constant array is too large, or
                the name is not one that a function can have.
        """
        if not name.isidentifier() or iskeyword(name):
            raise UnsupportedError(f"{name!r:.80} cannot be the name of a Python function")
        from .replay.listing import listing
        from .replay.program import program

        inputs = ["x"] if len(self.inputs) == 1 else [f"x{k + 1}" for k in range(len(self.inputs))]
        return listing(program(self.rows, [self.value], [self.output]), name, inputs)

    def gradient(self) -> Self:
        """The tape of the gradient: the reverse sweep, recorded like any other function.

        It computes the cotangent of the first input for a cotangent of ones.
        """

        def gradient(*inputs: Any) -> Any:
            rows, y, k = record(self.f, inputs)
            seed = np.ones_like(y)[()] if np.ndim(y) else 1.0
            adjoint = reverse_sweep(rows, len(inputs), k, seed)[0] if k >= 0 else ZERO
            return filled(adjoint, inputs[0])

        return self.record(gradient, self.inputs, f"gradient of {self.name}")

    def tangent(self) -> Self:
        """The tape of the directional derivative: a forward sweep, recorded.

        It takes the inputs and then a tangent for each of them.
        """
        n = len(self.inputs)

        def tangent(*values: Any) -> Any:
            rows, y, k = record(self.f, values[:n])
            return filled(forward_sweep(rows, values[n:], k) if k >= 0 else ZERO, y)

        ones = tuple(np.ones_like(v)[()] if np.ndim(v) else 1.0 for v in self.inputs)
        return self.record(tangent, self.inputs + ones, f"tangent of {self.name}")

    def __repr__(self) -> str:
        return f"<Tape of {terminal(self.name)}: {len(self.inputs)} inputs, {len(self)} operations>"


def _operations(rows: Recording, inputs: int) -> Iterator[Operation]:
    for index in range(inputs, len(rows)):
        rule, value, i, a, j, b = rows[index]
        if j is None:
            yield Operation(index, rule, i, a, b, value)
        elif b is None:
            yield Operation(index, rule, (i,), (a,), {}, value)
        else:
            yield Operation(index, rule, (i, j), (a, b), {}, value)


def trace_inputs(f: Callable[..., Any], inputs: tuple[Any, ...], name: str) -> Tape:
    """Record f of several inputs."""
    return Tape.record(f, inputs, name)


def trace(f: Callable[..., Any], x: Any, *args: Any) -> Tape:
    """Record ``f(x, *args)`` as a tape.

    Args:
        f: the function.
        x: the point: a number or an array.
        args: constants.

    Raises:
        NonNumericError: x, or what f returns, is not made of numbers.
    """
    name = getattr(f, "__name__", "f")
    return trace_inputs(lambda t: f(t, *args), (numeric(x),), name)
