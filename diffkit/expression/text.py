"""Functions typed as text.

A text is read by a grammar of its own into a straight-line program of NumPy calls. No text is
ever executed: there is no eval, no compile, no sympify on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ExpressionError, ShapeError, UnsupportedError
from . import limits
from .grammar import Step, parse, variables
from .vocabulary import ATOM, CONSTANTS, POWER, SIGN, Operation, refusal


def formula(text: str, order: Iterable[Any] | None = None) -> Formula:
    """Read a typed expression such as ``"exp(x)*sin(y)"``.

    Args:
        text: the expression, in ASCII. It is made of numbers (1, 1.5, .5, 1e-3), variables, ``pi``
            and ``e``, parentheses, ``+ - * / **`` with Python's precedence, the functions of
            `vocabulary`, and ``where(condition, a, b)``, whose condition compares with
            ``< <= > >= == !=`` and joins with ``and``, ``or`` and ``not``. Any name of letters,
            digits and underscores that means nothing else is a variable. Its size is bounded, as
            `limits` says.
        order: the names of the variables in their order; by default they are sorted.

    Raises:
        ExpressionError: the text is not such an expression; the message marks the place.
        UnsupportedError: a variable of the text is missing from the order.
        MissingPackageError: a function needs SciPy, which is not installed.
    """
    program = parse(text)
    found = variables(program)
    return Formula(text, found if order is None else _ordered(found, order), program)


def constant(text: str) -> float:
    """The value of a typed expression without variables, such as ``"-1e-3"`` or ``"pi/2"``.

    Raises:
        ExpressionError: it has variables, or its value is not finite.
    """
    found = formula(text)
    if found.variables:
        name = found.variables[0]
        raise ExpressionError(f"{name} is not a number", text, text.find(name))
    with np.errstate(all="ignore"):
        value = float(found(0.0))
    if not np.isfinite(value):
        raise ExpressionError("the value is not finite", text, 0)
    return value


def _ordered(found: tuple[str, ...], order: Iterable[Any]) -> tuple[str, ...]:
    names = tuple(str(name) for name in ([order] if isinstance(order, str) else order))
    for name in names:
        refused = refusal(name) if name else ("a variable has a name", "")
        if refused:
            raise ExpressionError(f"among the variables, {refused[0]}", name, 0, refused[1])
    if len(set(names)) < len(names) or len(names) > limits.VARIABLES:
        raise ExpressionError(
            f"{limits.VARIABLES} variables at most, each of them once", ", ".join(names), 0
        )
    missing = [name for name in found if name not in names]
    if missing:
        raise UnsupportedError(
            f"the expression contains {missing[0]}, which is not among its variables "
            f"{', '.join(names)}"
        )
    return names


@dataclass(frozen=True)
class Formula:
    """A typed expression as a function; ``str`` gives it back in a normal form.

    Attributes:
        text: what was typed.
        variables: the names of the variables, in the order of the elements of x.
        program: the operations, operands before their users.
    """

    text: str
    variables: tuple[str, ...]
    program: tuple[Step, ...]

    def __call__(self, x: Any, *args: Any) -> Any:
        """The value at x: a number or an array (elementwise) for one variable; for several, a
        vector of their values, or an array with a row for each.

        Integers are taken as floats. Without variables, the constant in the shape of x.

        Raises:
            ShapeError: x has not an element for each variable.
        """
        count = len(self.variables)
        if args or (count > 1 and (not np.ndim(x) or np.shape(x)[0] != count)):
            raise ShapeError(
                f"the function takes one point with its {count} variables "
                f"({', '.join(self.variables)}), got "
                + (f"{1 + len(args)} arguments" if args else f"shape {np.shape(x)}")
            )
        inputs = [x[k] for k in range(count)] if count > 1 else [x]
        y = self._evaluated([_floating(value) for value in inputs])
        if count <= 1 and not self._depends:
            return np.full(np.shape(x), y)[()]
        return y

    def _evaluated(self, inputs: list[Any]) -> Any:
        values: list[Any] = []
        for call, operands in self._line:
            if call is None:
                values.append(operands)
            elif call is _input:
                values.append(inputs[operands])
            else:
                values.append(call(*[values[k] for k in operands]))
        return values[-1]

    @cached_property
    def _line(self) -> list[tuple[Callable[..., Any] | None, Any]]:
        """The program with its NumPy functions, places of inputs, and constants (call None)."""
        line: list[tuple[Callable[..., Any] | None, Any]] = []
        for operation, operands in self.program:
            if isinstance(operation, Operation):
                line.append((operation.function(), operands))
            elif isinstance(operation, float):
                line.append((None, operation))
            elif operation in CONSTANTS:
                line.append((None, CONSTANTS[operation]))
            else:
                line.append((_input, self.variables.index(operation)))
        return line

    @cached_property
    def _depends(self) -> bool:
        return any(call is _input for call, _ in self._line)

    def to_sympy(self) -> Any:
        """The SymPy expression, in real symbols and as it was typed: nothing is evaluated.

        Sums and products are flat, as SymPy walks expressions recursively.

        Raises:
            UnsupportedError: a function has no SymPy form.
        """
        import sympy

        nodes: list[Any] = []
        with sympy.evaluate(False):
            for operation, operands in self.program:
                args = [nodes[k] for k in operands]
                nodes.append(_node(operation, args, sympy))
        return nodes[-1]

    def __str__(self) -> str:
        """The expression with its functions' own names, and no more parentheses than it needs."""
        written: list[tuple[str, int]] = []
        for operation, operands in self.program:
            written.append(_written(operation, [written[k] for k in operands]))
        return written[-1][0]

    def __reduce__(self) -> tuple[Any, ...]:
        return formula, (self.text, self.variables)


def _input() -> None:
    """Marks the lines that are variables."""


def _floating(x: Any) -> Any:
    """x, with integers as floats: an integer power would wrap around, or be refused."""
    if isinstance(x, (bool, int, np.integer, np.bool_)):
        return float(x)
    if isinstance(x, (list, tuple)) or (isinstance(x, np.ndarray) and x.dtype.kind in "iub"):
        return np.asarray(x, dtype=float)
    return x


def _node(operation: Operation | str | float, args: list[Any], sympy: Any) -> Any:
    if isinstance(operation, float):
        from ..tape.symbols import number

        return number(operation)
    if isinstance(operation, str):
        named = {"pi": sympy.pi, "e": sympy.E}
        return named[operation] if operation in named else sympy.Symbol(operation, real=True)
    if operation.infix and len(args) == 2 and operation.name in "+-":
        first, second = args
        return _flat(sympy.Add, first, sympy.Mul(-1, second) if operation.name == "-" else second)
    if operation.infix and len(args) == 2 and operation.name in "*/":
        first, second = args
        return _flat(sympy.Mul, first, sympy.Pow(second, -1) if operation.name == "/" else second)
    return operation.sympy(*args)


def _flat(join: Any, first: Any, second: Any) -> Any:
    terms = first.args if isinstance(first, join) else (first,)
    return join(*terms, second)


def _written(operation: Operation | str | float, parts: list[tuple[str, int]]) -> tuple[str, int]:
    """A part as text, and how tightly it binds."""
    if isinstance(operation, str):
        return operation, ATOM
    if isinstance(operation, float):
        return repr(operation).removesuffix(".0"), ATOM
    name, binding = operation.name, operation.infix
    if not binding:
        return f"{name}({', '.join(text for text, _ in parts)})", ATOM
    if len(parts) == 1:
        text = _enclosed(parts[0], binding)
        return (f"{name} {text}" if name.isalpha() else f"{name}{text}"), binding
    # Of equals, powers group from the right and all others from the left.
    if binding == POWER:
        left, right = _enclosed(parts[0], ATOM), _enclosed(parts[1], SIGN)
    else:
        left, right = _enclosed(parts[0], binding), _enclosed(parts[1], binding + 1)
    return (f"{left}{name}{right}" if name in "*/**" else f"{left} {name} {right}"), binding


def _enclosed(part: tuple[str, int], least: int) -> str:
    text, binding = part
    return text if binding >= least else f"({text})"
