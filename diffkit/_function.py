"""Functions with a name: a callable, a SymPy expression, text, or a problem of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ._escape import terminal
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
        symbolic: gives the SymPy expression, where it was made from one or from text.
    """

    call: Callable[..., Any]
    name: str = "f"
    variables: tuple[str, ...] = ()
    domain: tuple[Interval, ...] = ()
    points: tuple[Any, ...] = ()
    description: str = ""
    source: str = ""
    symbolic: Callable[[], Any] | None = None

    def __call__(self, x: Any, *args: Any) -> Any:
        return self.call(x, *args)

    @cached_property
    def __name__(self) -> str:  # what tools that print functions look for
        return self.name

    @cached_property
    def expression(self) -> Any:
        """The SymPy expression; None where there is none. Text is read in real symbols.

        Raises:
            UnsupportedError: the text contains a function that has no SymPy form.
        """
        return None if self.symbolic is None else self.symbolic()

    def __repr__(self) -> str:
        inside = ", ".join(self.variables) or "x"
        formula = f": {self.description}" if self.description else ""
        name = "f" if self.name == self.description else self.name
        return terminal(f"Function({name}({inside}){formula})")


def function(obj: Any, variables: Any = None) -> Function:
    """Wrap a callable, a SymPy expression or text.

    Args:
        obj: a callable, taken as it is, or an expression, of SymPy or typed, such as
            ``"exp(x)*sin(y)"``. An expression in one variable is a function of a number (and works
            elementwise); one in several takes a vector. What a text may contain is said at
            `diffkit.expression.formula`; it is read by a grammar of its own and never executed.
        variables: the order of the expression's variables, as symbols or names; by default
            alphabetical.

    Raises:
        NonNumericError: obj is none of these.
        ExpressionError: the text is not an expression; the message marks the place.
        UnsupportedError: the expression contains a function that has no NumPy form, or a symbol
            that is not among the variables.
    """
    if isinstance(obj, Function):
        return obj
    if isinstance(obj, str):
        return _from_text(obj, variables)
    if type(obj).__module__.startswith("sympy") and hasattr(type(obj), "free_symbols"):
        return _from_expression(obj, variables)
    if callable(obj):
        return Function(obj, name=getattr(obj, "__name__", type(obj).__name__))
    raise NonNumericError(
        f"a function is a callable, a SymPy expression or text, "
        f"got {type(obj).__name__} {obj!r:.60}"
    )


def _from_text(text: str, variables: Any) -> Function:
    from .expression import formula

    found = formula(text, variables)
    written = str(found)
    return Function(
        found,
        name=written,
        variables=found.variables,
        description=written,
        symbolic=found.to_sympy,
    )


def _from_expression(expr: Any, variables: Any) -> Function:
    import sympy

    from .expression import evaluator, postorder, show

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

    return Function(
        call,
        name="expression",
        variables=tuple(s.name for s in chosen),
        description=show.text(expr, lines=4).replace("\n", "; "),
        symbolic=lambda: expr,
    )
