"""A program evaluated with the operations of another library, on its arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...rules import Primitive
from .. import custom
from ..recording import CONSTANT, GUARD, INPUT, OUTPUT, Tracer
from .program import Program

Operation = Callable[..., Any]


class Elsewhere:
    """A program, ready to be evaluated by another library.

    Attributes:
        program: what it computes: one result.
        taken: the branch that was taken at each guard.
    """

    def __init__(
        self,
        program: Program,
        operation: Callable[[Primitive], Operation],
        constant: Callable[[Any], Any],
    ) -> None:
        """
        Args:
            program: a program of one result.
            operation: gives the library's function for a primitive; it takes the arguments of the
                primitive's own and raises UnsupportedError where the library has none.
            constant: makes the library's array of a constant of the program. Numbers, truth
                values, slices and text stay what they are.
        """
        self.program = program
        self.taken = [bool(program.nodes[k].value) for k in program.guards]
        self._constants = {
            k: _lifted(node.value, constant)
            for k, node in enumerate(program.nodes)
            if node.rule is CONSTANT
        }
        self._operations = {
            node.rule: _operation(node.rule, operation)
            for node in program.nodes
            if node.rule not in (INPUT, CONSTANT)
        }

    def __call__(self, inputs: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The result, and the truth value at each guard, on the library's arrays."""
        values: list[Any] = [*inputs]
        guards = []
        for k in range(len(inputs), len(self.program.nodes)):
            rule, operands, kwargs, _ = self.program.nodes[k]
            if rule is CONSTANT:
                values.append(self._constants[k])
                continue
            values.append(self._operations[rule](*[values[n] for n in operands], **kwargs))
            if rule is GUARD:
                guards.append(values[-1])
        return values[self.program.outputs[0]], guards


def _lifted(value: Any, constant: Callable[[Any], Any]) -> Any:
    if type(value) is Tracer:
        raise UnsupportedError(
            "the function depends on a variable that is differentiated outside, which another "
            "library cannot follow; use backend='reverse', or make that variable an argument"
        )
    if isinstance(value, (np.ndarray, np.generic)):
        return constant(value)
    return value


def _operation(rule: Primitive, operation: Callable[[Primitive], Operation]) -> Operation:
    if rule is GUARD:
        return lambda truth: truth
    if rule is OUTPUT:
        return lambda values, k: values[k]
    if getattr(rule.fn, "__module__", "") == custom.__name__:
        raise UnsupportedError(
            f"{rule.name} is a primitive of the user's own or a checkpoint, which other libraries "
            f"do not have whatever its name is; use backend='reverse'"
        )
    return operation(rule)
