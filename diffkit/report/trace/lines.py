"""A tape read as the lines of an evaluation trace, the way a text writes them.

A text has no lines for reading x[0], none for numbers that are computed from constants alone, and
none for putting the results into a list. A branch is told as the decision that was taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diffkit._escape import terminal
from diffkit.rules import Primitive
from diffkit.tape.recording import CONSTANT, GETITEM, GUARD
from diffkit.tape.tape import Operation, Tape

INPUT, OPERATION, DECISION = "input", "operation", "decision"

COMPARISONS = {
    "less": "<", "less_equal": "≤", "greater": ">", "greater_equal": "≥",
    "equal": "=", "not_equal": "≠",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of an evaluation trace.

    Attributes:
        kind: an input, an operation, or the decision for a branch.
        value: the value at the recorded point; of a decision whether its condition held.
        label: what the function calls an input.
        rule: what an operation computes, or what a decision asks.
        parents: for each argument the line that it comes from, -1 for a constant.
        args: the values of the arguments.
        kwargs: parameters.
    """

    kind: str
    value: Any
    label: str = ""
    rule: Primitive | None = None
    parents: tuple[int, ...] = ()
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value) if not isinstance(self.value, tuple) else ()

    @property
    def scalar(self) -> bool:
        """Whether it and all that it is computed from are numbers."""
        return not any(isinstance(v, tuple) or np.ndim(v) for v in (self.value, *self.args))


@dataclass(frozen=True)
class Lines:
    """An evaluation trace.

    Attributes:
        name: the name of the function.
        lines: inputs first, then operations and decisions in the order of execution.
        inputs: the number of inputs.
        outputs: the line of each result, -1 for one that is constant.
        values: the value of each result.
        whole: whether the function returns one number or array, rather than several numbers.
        point: for each input of the tape the line or lines that it became.
    """

    name: str
    lines: tuple[Line, ...]
    inputs: int
    outputs: tuple[int, ...]
    values: tuple[Any, ...]
    whole: bool
    point: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def scalar(self) -> bool:
        """Whether there are no arrays in it."""
        return all(line.scalar for line in self.lines) and not any(map(np.ndim, self.values))

    def numbers(self) -> list[int | None]:
        """How operations are counted: 1, 2, 3 ..., inputs up to 0; a decision has no number."""
        count, found = 0, []
        for k, line in enumerate(self.lines):
            count += line.kind == OPERATION
            number = k + 1 - self.inputs if k < self.inputs else count
            found.append(None if line.kind == DECISION else number)
        return found


def read(tape: Tape, variables: Sequence[str] = ()) -> Lines:
    """The lines of a tape.

    Args:
        tape: the recording.
        variables: what the function calls the elements of its argument.
    """
    return _Reader(tape, tuple(variables)).read()


class _Reader:
    """Where each row of the tape has gone: to a line, or to a constant."""

    def __init__(self, tape: Tape, variables: tuple[str, ...]) -> None:
        self.tape = tape
        self.variables = tuple(map(terminal, variables))
        self.lines: list[Line] = []
        self.place: dict[int, int] = {}  # the line of a row
        self.constant: dict[int, Any] = {}  # the value of a row that depends on no input
        self.elements: dict[int, np.ndarray] = {}  # the lines of a vector read by its elements
        self.uses = Counter(p for op in tape.operations for p in op.parents if p >= 0)
        self.guarded = {op.parents[0] for op in tape.operations if op.primitive is GUARD}
        self.by_index = {op.index: op for op in tape.operations}

    def read(self) -> Lines:
        point = tuple(self.input(k, value) for k, value in enumerate(self.tape.inputs))
        inputs = len(self.lines)
        rows, whole = self.results()
        for op in self.tape.operations:
            self.operation(op, leave_out=rows is not None and op.index in rows)
        places, values = self.outputs(whole)
        name = terminal(self.tape.name)
        return Lines(name, tuple(self.lines), inputs, places, values, whole is None, point)

    def input(self, k: int, value: Any) -> tuple[int, ...]:
        name = "x" if len(self.tape.inputs) == 1 else f"x{k + 1}"
        reads = [op for op in self.tape.operations if k in op.parents]
        if np.ndim(value) and reads and all(_is_element(op, k) for op in reads):
            shape = np.shape(value)
            self.elements[k] = np.arange(np.size(value)).reshape(shape) + len(self.lines)
            for number, index in enumerate(np.ndindex(shape)):
                label = name + "_".join(str(i + 1) for i in index)
                if len(self.variables) == np.size(value):
                    label = self.variables[number]
                self.lines.append(Line(INPUT, float(value[index]), label))
            return tuple(int(i) for i in self.elements[k].flat)
        label = self.variables[0] if len(self.variables) == 1 and not np.ndim(value) else name
        self.place[k] = len(self.lines)
        self.lines.append(Line(INPUT, value, label))
        return (self.place[k],)

    def operation(self, op: Operation, leave_out: bool) -> None:
        if leave_out:
            return
        if op.primitive is GETITEM and op.parents[0] in self.elements:
            self.place[op.index] = int(self.elements[op.parents[0]][op.args[1:]])
        elif op.primitive is GUARD:
            self.decision(op)
        elif all(p < 0 or p in self.constant for p in op.parents) or op.primitive is CONSTANT:
            self.constant[op.index] = op.value
        elif not (op.index in self.guarded and self.uses[op.index] == 1 and _compares(op)):
            self.place[op.index] = len(self.lines)
            self.lines.append(self.line(OPERATION, op, op.value))

    def decision(self, op: Operation) -> None:
        (row,) = op.parents
        if row in self.constant:
            return
        asked = op if row in self.place else self.by_index[row]
        if all(p < 0 or p in self.constant for p in asked.parents):
            return
        self.lines.append(self.line(DECISION, asked, op.value))

    def line(self, kind: str, op: Operation, value: Any) -> Line:
        parents = tuple(self.place.get(p, -1) for p in op.parents)
        return Line(kind, value, "", op.primitive, parents, op.args, op.kwargs)

    def results(self) -> tuple[set[int] | None, tuple[int, ...] | None]:
        """The rows that only put numbers into one list, and the rows of these numbers."""
        row, passed = self.tape.output, set()
        while row >= 0 and (op := self.by_index.get(row)) is not None and not self.uses[row]:
            passed.add(row)
            if op.primitive.name == "stack" and np.ndim(op.value) == np.ndim(self.tape.value) == 1:
                return passed, tuple(
                    p if p >= 0 else -1 - k for k, p in enumerate(op.parents)
                )  # fmt: skip
            if op.primitive.name != "reshape" or np.shape(op.value) != np.shape(op.args[0]):
                break
            self.uses[op.parents[0]] -= 1
            row = op.parents[0]
        return None, None

    def outputs(self, rows: tuple[int, ...] | None) -> tuple[tuple[int, ...], tuple[Any, ...]]:
        if rows is None:
            return (self.place.get(self.tape.output, -1),), (self.tape.value,)
        values = tuple(float(v) for v in self.tape.value)
        return tuple(self.place.get(row, -1) for row in rows), values


def _is_element(op: Operation, k: int) -> bool:
    """Whether an operation reads one number of input k."""
    index = op.args[1:]
    return (
        op.primitive is GETITEM
        and op.parents[0] == k
        and len(index) == np.ndim(op.args[0])
        and all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in index)
    )


def _compares(op: Operation) -> bool:
    return op.primitive.name in COMPARISONS and not np.ndim(op.value)
