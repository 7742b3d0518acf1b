"""Programs on numbers as Python source: one expression an operation, or a few of them in one.

No name and no text of the user's reaches the source. Slots are named v0, v1, ..., functions by
their place in the derivative table, and constants that are not plain floats are bound by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from ...rules import arithmetic, selection
from ..recording import GUARD, plain
from .scalars import ScalarProgram, ScalarStep

DEPTH = 6  # operations that are written within each other
Function = Callable[..., Any]

_INFIX: dict[Function, str] = {
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
_ON_NUMBERS: dict[Function, str] = _INFIX | {
    np.positive: "+{}",
    np.absolute: "abs({})",
    selection.where.fn: "{1} if {0} else {2}",
    np.logical_and: "bool({}) and bool({})",
    np.logical_or: "bool({}) or bool({})",
    np.logical_not: "not {}",
}
# Each operand stands twice here, so these take names. NaN wins, as in NumPy.
_ON_NAMES: dict[Function, str] = {
    np.square: "{0} * {0}",
    np.maximum: "{0} if {0} > {1} or {0} != {0} else {1}",
    np.minimum: "{0} if {0} < {1} or {0} != {0} else {1}",
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


@dataclass(frozen=True)
class Expression:
    """An operation on names and on other expressions.

    Attributes:
        form: a format of the operands.
        operands: slots, or expressions that are written out in their place.
        depth: the operations within each other.
    """

    form: str
    operands: tuple[Any, ...]
    depth: int = 1


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


Form = Callable[[ScalarStep, Any], tuple[str, bool, Any]]


def _body(program: ScalarProgram, form_of: Form) -> Body:
    uses = [0] * program.slots
    for step in program.steps:
        for k in step.operands:
            uses[k] += 1
    for table in program.outputs:
        for k in table.ravel().tolist():
            uses[k] += 2  # results have names
    body = Body()
    written: dict[int, Any] = {
        k: Expression(literal(v), (), 0) for k, v in program.constants.items()
    }
    body.bound.update(inf=math.inf, nan=math.nan, plain=plain)
    for step in program.steps:
        if step.rule is GUARD:
            k = step.operands[0]
            body.lines.append((bool(step.value), Expression("{}", (written.get(k, k),), 0)))
            continue
        form, names_only, function = form_of(step, program.constants)
        if function is not None:
            form = form.format(*["{}"] * len(step.operands), f=_bind(body.bound, function))
        operands = []
        depth = 0
        for k in step.operands:
            inner = written.get(k, k)
            if type(inner) is Expression and inner.depth:
                if names_only:
                    body.lines.append((k, written.pop(k)))
                    inner = k
                else:
                    depth = max(depth, inner.depth)
            operands.append(inner)
        expression = Expression(form, tuple(operands), depth + 1)
        if uses[step.slot] == 1 and depth + 1 < DEPTH:
            written[step.slot] = expression
        else:
            body.lines.append((step.slot, expression))
    return body


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


def _numbers_form(step: ScalarStep, constants: dict[int, Any]) -> tuple[str, bool, Any]:
    """How an operation is written, whether its operands must be names, and what it calls."""
    fn = step.rule.fn
    if step.rule is arithmetic.raised:
        exponent = constants.get(step.operands[1])
        if exponent is not None and exponent == int(exponent):
            return "{} ** {}", False, None
    if fn in _ON_NUMBERS:
        return _ON_NUMBERS[fn], False, None
    if fn in _ON_NAMES:
        return _ON_NAMES[fn], True, None
    places = ", ".join("{}" for _ in step.operands)
    if (twin := math_twin(fn)) is not None:
        return f"{{f}}({places})", False, twin
    if isinstance(fn, np.ufunc):
        kind = "bool" if type(step.value) is np.bool_ else type(step.value).__name__
        return f"{kind}({{f}}({places}))", False, fn
    return f"plain({{f}}({places}))", False, fn


def _columns_form(step: ScalarStep, constants: dict[int, Any]) -> tuple[str, bool, Any]:
    if step.rule.fn in _INFIX:
        return _INFIX[step.rule.fn], False, None
    if step.rule is arithmetic.raised:
        return "{} ** {}", False, None
    return f"{{f}}({', '.join('{}' for _ in step.operands)})", False, step.rule.fn


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
        for k in _slots(expression):
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
        text = _written(expression, names)
        if reuse:
            free += [names[k] for k in dict.fromkeys(_slots(expression))
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


def _slots(expression: Expression) -> Iterable[int]:
    for operand in expression.operands:
        if type(operand) is int:
            yield operand
        else:
            yield from _slots(operand)


def _written(expression: Expression, names: list[str]) -> str:
    operands = [
        names[k] if type(k) is int else k.form if not k.operands else f"({_written(k, names)})"
        for k in expression.operands
    ]
    return expression.form.format(*operands)
