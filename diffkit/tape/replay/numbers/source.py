"""Programs on numbers as Python source: one expression an operation, or a few of them in one.

No name and no text of the user's reaches the source. Slots are named v0, v1, ..., functions by
their place in the derivative table, and constants that are not plain floats are bound by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ....rules import arithmetic, selection
from ...recording import GUARD, plain
from .scalars import ScalarProgram, ScalarStep

_NUMBERED = re.compile(r"\{(\d)\}")
DEPTH = 6  # operations that are written within each other
Function = Callable[..., Any]

INFIX: dict[Function, str] = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.divide: "{} / {}",
    np.less: "{} < {}",
    np.less_equal: "{} <= {}",
    np.greater: "{} > {}",
    np.greater_equal: "{} >= {}",
    np.equal: "{} == {}",
    np.not_equal: "{} != {}",
    np.negative: "-{}",
    np.reciprocal: "1.0 / {}",
}
_ON_NUMBERS: dict[Function, str] = INFIX | {
    np.positive: "+{}",
    np.absolute: "abs({})",
    selection.where.fn: "{1} if {0} else {2}",
    np.logical_and: "bool({}) and bool({})",
    np.logical_or: "bool({}) or bool({})",
    np.logical_not: "not {}",
    np.square: "{0} * {0}",
    # NaN wins, as in NumPy.
    np.maximum: "{0} if {0} > {1} or {0} != {0} else {1}",
    np.minimum: "{0} if {0} < {1} or {0} != {0} else {1}",
}
# What Python gives as it is, and what it computes without floats where there are none.
SELECTIONS = {selection.where.fn, np.maximum, np.minimum}
WITHOUT_FLOATS = {
    np.add,
    np.subtract,
    np.multiply,
    np.negative,
    np.positive,
    np.absolute,
    np.square,
}
_MATH: dict[Function, Function] = {
    np.sqrt: math.sqrt,
    np.sin: math.sin,
    np.cos: math.cos,
    np.tan: math.tan,
    np.exp: math.exp,
    np.expm1: math.expm1,
    np.log: math.log,
    np.log1p: math.log1p,
    np.sinh: math.sinh,
    np.cosh: math.cosh,
    np.tanh: math.tanh,
    np.arctan: math.atan,
}


class Expression(NamedTuple):
    """One operation, or a few within each other.

    Attributes:
        text: a format of as many names as there are slots.
        slots: what it is made of, in the order of the text.
        depth: the operations within each other.
    """

    text: str
    slots: tuple[int, ...]
    depth: int


class Form(NamedTuple):
    """How one operation is written.

    Attributes:
        text: a format of its operands.
        order: the operands, in the order in which they stand there.
    """

    text: str
    order: tuple[int, ...]

    @property
    def repeats(self) -> bool:
        """Whether an operand stands twice, and must have a name."""
        return len(set(self.order)) < len(self.order)


@dataclass
class Body:
    """Statements of a function, before its variables have names.

    Attributes:
        lines: the slot that is assigned, and an expression; for a guard the branch, True or False,
            instead of a slot.
        bound: the functions and constants that the source names.
    """

    lines: list[tuple[Any, Expression]] = field(default_factory=list)
    bound: dict[str, Any] = field(default_factory=dict)


@cache
def math_twin(fn: Function) -> Function | None:
    """The function of ``math`` that computes the very bits of a NumPy function, three times as
    fast on a number; None where it does not, which depends on NumPy's build and the processor."""
    twin = _MATH.get(fn)
    if twin is None:
        return None
    points = np.random.default_rng(0).normal(size=4096) * np.repeat([1.0, 30.0], 2048)
    points = np.abs(points) if fn in (np.sqrt, np.log, np.log1p) else points
    return twin if [twin(v) for v in points.tolist()] == fn(points).tolist() else None


def on_numbers(program: ScalarProgram) -> Body:
    """The program as statements on Python floats."""
    return _body(program, _numbers_form)


def on_columns(program: ScalarProgram) -> Body:
    """The program as statements on arrays of one element a point."""
    return _body(program, _columns_form)


Written = Callable[[ScalarStep, Any], tuple[str, Any]]


def _body(program: ScalarProgram, written_as: Written) -> Body:
    body = Body()
    body.bound.update(inf=math.inf, nan=math.nan, plain=plain)
    uses = _uses(program)
    inner = {k: Expression(literal(v), (), 0) for k, v in program.constants.items()}
    forms: dict[Any, Form] = {}
    for rule, operands, slot, value in program.steps:
        if rule is GUARD:
            k = operands[0]
            body.lines.append((bool(value), inner.get(k) or Expression("{}", (k,), 0)))
            continue
        key: Any = (rule, type(value))
        if rule is arithmetic.raised:
            key = (*key, program.constants.get(operands[1]))
        form = forms.get(key)
        if form is None:
            step = ScalarStep(rule, operands, slot, value)
            form = forms[key] = _form(*written_as(step, program.constants), len(operands), body)
        if form.repeats:
            body.lines += [
                (k, inner.pop(k)) for k in set(operands) if k in inner and inner[k].depth
            ]
        parts: list[str] = []
        slots: list[int] = []
        depth = 0
        for n in form.order:
            k = operands[n]
            part = inner.get(k)
            if part is None:
                parts.append("{}")
                slots.append(k)
            else:
                parts.append(f"({part.text})" if part.depth else part.text)
                slots += part.slots
                depth = max(depth, part.depth)
        expression = Expression(form.text.format(*parts), tuple(slots), depth + 1)
        if uses[slot] == 1 and depth + 1 < DEPTH:
            inner[slot] = expression
        else:
            body.lines.append((slot, expression))
    return body


def _uses(program: ScalarProgram) -> list[int]:
    """How often each slot is read; a result counts twice, as it must have a name."""
    uses = [0] * program.slots
    for _, operands, _, _ in program.steps:
        for k in operands:
            uses[k] += 1
    for table in program.outputs:
        for k in table.ravel().tolist():
            uses[k] += 2
    return uses


def _form(text: str, function: Any, count: int, body: Body) -> Form:
    """The format with the function's name in it, and its operands in the order of the text."""
    order = tuple([int(n) for n in _NUMBERED.findall(text)]) or tuple(range(count))
    text = _NUMBERED.sub("{}", text)
    if function is not None:
        text = text.format(*["{}"] * count, f=_bind(body.bound, function))
    return Form(text, order)


def literal(value: Any) -> str:
    """A constant as source."""
    text = repr(bool(value) if type(value) is np.bool_ else value)
    return f"({text})" if text[0] == "-" else text


def _bind(bound: dict[str, Any], fn: Function) -> str:
    """The name under which the source calls a function."""
    given = str(getattr(fn, "__name__", "")).strip("_")
    # The underscore keeps it apart from variables, and from what surrounds the statements.
    name = f"{given if given.isidentifier() and given.isascii() else 'function'}_"
    while bound.get(name, fn) is not fn:
        name += "_"
    bound[name] = fn
    return name


def _numbers_form(step: ScalarStep, constants: dict[int, Any]) -> tuple[str, Any]:
    """How an operation is written, and the function that it calls."""
    fn = step.rule.fn
    if step.rule is arithmetic.raised:
        exponent = constants.get(step.operands[1])
        if exponent is not None and _is_whole(exponent):
            return "{} ** {}", None
    if fn in _ON_NUMBERS:
        return _ON_NUMBERS[fn], None
    places = ", ".join("{}" for _ in step.operands)
    if (twin := math_twin(fn)) is not None:
        return f"{{f}}({places})", twin
    if isinstance(fn, np.ufunc):
        kind = "bool" if type(step.value) is np.bool_ else type(step.value).__name__
        return f"{kind}({{f}}({places}))", fn
    return f"plain({{f}}({places}))", fn


def _is_whole(number: Any) -> bool:
    return type(number) is not float or number.is_integer()


def _columns_form(step: ScalarStep, constants: dict[int, Any]) -> tuple[str, Any]:
    if step.rule.fn in INFIX:
        return INFIX[step.rule.fn], None
    if step.rule is arithmetic.raised:
        return "{} ** {}", None
    return f"{{f}}({', '.join('{}' for _ in step.operands)})", step.rule.fn


def statements(
    body: Body, program: ScalarProgram, miss: Sequence[str], reuse: bool = True
) -> tuple[list[str], list[str]]:
    """The lines of the body, and the name of each slot that is an input or a result.

    Args:
        body: what to write.
        program: what it came from.
        miss: formats of the lines for a guard on a condition: of one that must hold, and of one
            that must not.
        reuse: whether a variable's name is used again once its value is no longer needed. The
            interpreter is fastest on functions of few variables.
    """
    last = {}
    for at, (_, expression) in enumerate(body.lines):
        for k in expression.slots:
            last[k] = at
    names = [""] * program.slots
    for k, value in program.constants.items():
        names[k] = literal(value)
    forever = {int(k) for table in program.outputs for k in table.ravel()}
    inputs = sum(math.prod(shape) for shape in program.shapes)
    free: list[str] = []
    count = inputs
    for k in range(inputs):
        names[k] = f"v{k}"
    lines = []
    for at, (target, expression) in enumerate(body.lines):
        text = expression.text.format(*[names[k] for k in expression.slots])
        if reuse:
            free += [names[k] for k in dict.fromkeys(expression.slots)
                     if last[k] == at and k not in forever]  # fmt: skip
        if type(target) is bool:
            lines.append(miss[not target].format(text))
            continue
        if free:
            names[target] = free.pop()
        else:
            names[target] = f"v{count}"
            count += 1
        lines.append(f"{names[target]} = {text}")
        if target not in last and target not in forever and reuse:
            free.append(names[target])
    return lines, names
