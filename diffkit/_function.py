"""Functions with a name: a callable, a SymPy expression, or a problem of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .errors import NonNumericError

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Function:
    """A function to differentiate, and what is known about it.

    Attributes:
        call: ``call(x, *args)``; x is a number, or one vector of all variables.
        name: a short name.
        variables: the names of the elements of x, in order; empty where they have none.
        domain: an open interval for each variable, or one for all, inside which f is finite, and
            smooth but for the kinks that the description or the source names.
        points: points at which the function is usually looked at.
        description: the formula, or one line on what is special about it.
        source: where it comes from.
        expression: the SymPy expression, where it was made from one.
    """

    call: Callable[..., Any]
    name: str = "f"
    variables: tuple[str, ...] = ()
    domain: tuple[Interval, ...] = ()
    points: tuple[Any, ...] = ()
    description: str = ""
    source: str = ""
    expression: Any = None

    def __call__(self, x: Any, *args: Any) -> Any:
        return self.call(x, *args)

    @cached_property
    def __name__(self) -> str:  # what tools that print functions look for
        return self.name

    def __repr__(self) -> str:
        inside = ", ".join(self.variables) or "x"
        formula = f": {self.description}" if self.description else ""
        return f"Function({self.name}({inside}){formula})"


def function(obj: Any, variables: Any = None) -> Function:
    """Wrap a callable or a SymPy expression.

    Args:
        obj: a callable, taken as it is, or a SymPy expression. An expression in one variable is a
            function of a number (and works elementwise); one in several takes a vector.
        variables: the order of the expression's variables, as symbols or names; by default
            alphabetical.

    Raises:
        NonNumericError: obj is neither.
        UnsupportedError: the expression contains a function that has no NumPy form, or a symbol
            that is not among the variables.
    """
    if isinstance(obj, Function):
        return obj
    if type(obj).__module__.startswith("sympy") and hasattr(obj, "free_symbols"):
        return _from_expression(obj, variables)
    if callable(obj):
        return Function(obj, name=getattr(obj, "__name__", type(obj).__name__))
    raise NonNumericError(
        f"a function is a callable or a SymPy expression, got {type(obj).__name__} {obj!r:.60}"
    )


def _from_expression(expr: Any, variables: Any) -> Function:
    import sympy

    from .expression import count_operations, evaluator, postorder

    expr = sympy.sympify(expr)
    free = sorted((n for n in postorder([expr]) if n.is_Symbol), key=lambda s: s.name)
    by_name = {s.name: s for s in free}
    chosen = free if variables is None else [
        by_name.get(str(v), sympy.Symbol(str(v))) for v in variables
    ]  # fmt: skip
    evaluate = evaluator([expr], chosen)

    def call(x: Any) -> Any:
        values = [x] if len(chosen) <= 1 else [x[k] for k in range(len(chosen))]
        return evaluate(*values[: len(chosen)])[0]

    small = count_operations(expr, cse=False).tree <= 60  # writing it out walks the tree
    return Function(
        call,
        name="expression",
        variables=tuple(s.name for s in chosen),
        description=str(expr) if small else f"a SymPy expression in {len(chosen)} variables",
        expression=expr,
    )
