"""A derivative as SymPy expressions, with what is needed to evaluate, check and show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..tape import Tracer
from ..tape.symbols import number
from . import show
from .dag import SMALL, is_small
from .evaluate import evaluator
from .graph import OperationCount, count_operations


@dataclass(frozen=True, eq=False, repr=False)
class SymbolicDerivative:
    """A derivative as SymPy expressions.

    Attributes:
        operator: which derivative.
        value: f at the recorded point.
        symbols: the symbol of x, or an array of them.
        shape: the shape of the derivative.
        entries: the expressions by their places in the flattened derivative; zeros are left out.
        conditions: what holds on the branch that was recorded, as SymPy relations.
        evaluated: whether SymPy evaluated sums and products as they were made.
        frozen: functions whose result was taken as recorded, without a condition.
        parameters: further symbols, of constant arrays of an elementwise function, with these.
    """

    operator: str
    value: Any
    symbols: Any
    shape: tuple[int, ...]
    entries: dict[int, Any]
    conditions: tuple[Any, ...]
    evaluated: bool
    frozen: tuple[str, ...] = ()
    parameters: tuple[tuple[Any, Any], ...] = ()

    @property
    def expressions(self) -> Any:
        """A SymPy expression, or an object array of them in the shape of the derivative."""
        zero = number(0)
        size = int(np.prod(self.shape))
        flat = np.empty(size, dtype=object)
        flat[:] = [self.entries.get(k, zero) for k in range(size)]
        return np.reshape(flat, self.shape)[()]

    @cached_property
    def count(self) -> OperationCount:
        """The size of the derivative, its expressions taken together."""
        return count_operations(*self.entries.values(), cse=False)

    @cached_property
    def evaluate(self) -> Callable[..., list[Any]]:
        """The values of the entries, for the elements of x and the parameters."""
        return evaluator(list(self.entries.values()), self._arguments)

    @cached_property
    def _tests(self) -> Callable[..., list[Any]]:
        return evaluator(self.conditions, self._arguments)

    @property
    def _arguments(self) -> list[Any]:
        return [*np.ravel(self.symbols), *[symbol for symbol, _ in self.parameters]]

    def program(self, x: Any) -> Any:
        """The derivative at x, in the shape of the operator."""
        with np.errstate(all="ignore"):
            if self.operator == "derivative" and np.ndim(x):
                (d,) = self.evaluate(x, *[value for _, value in self.parameters])
                return d if np.shape(d) == np.shape(x) else d + np.zeros(np.shape(x))
            return _dense(self.evaluate(*_elements(x)), list(self.entries), self.shape)

    def holds(self, x: Any) -> bool:
        """Whether f takes the recorded branch at x as well."""
        with np.errstate(all="ignore"):
            return all(map(bool, self._tests(*_elements(x)))) if self.conditions else True

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with expressions as texts; long ones as a straight line."""
        return {
            "operator": self.operator,
            "shape": list(self.shape),
            "evaluated": self.evaluated,
            "expressions": show.text(*self.entries.values()).splitlines(),
            "conditions": show.text(*self.conditions).splitlines(),
            "count": self.count.to_dict(),
        }

    def __repr__(self) -> str:
        count = self.count
        lines = [f"{self.operator}: {count.dag} operations ({count.tree} as a tree)"]
        lines.append(show.text(*self._shown))
        if self.conditions:
            lines.append("where " + show.text(*self.conditions).replace("\n", "\n      "))
        return "\n".join(lines)

    @property
    def _shown(self) -> list[Any]:
        return list(np.ravel(self.expressions)) if np.prod(self.shape) <= SMALL else list(
            self.entries.values()
        )  # fmt: skip

    def _repr_latex_(self) -> str | None:
        """For notebooks; None where the expression is too large to be typeset."""
        import sympy

        if not is_small(*self._shown, *self.conditions):
            return None
        shown = self.expressions
        body = sympy.Matrix(shown) if np.ndim(shown) in (1, 2) else shown
        if np.ndim(shown) > 2:
            return None
        text = sympy.latex(body)
        if self.conditions:
            text += r"\quad\text{where } " + r",\; ".join(map(sympy.latex, self.conditions))
        return f"$\\displaystyle {text}$"


def _elements(x: Any) -> list[Any]:
    """The elements of a point, plain doubles as Python's floats."""
    if type(x) is np.ndarray and x.dtype.kind == "f":
        return list(map(float, x.flat))
    if not np.ndim(x):
        return [x]
    flat = np.ravel(x)
    return [flat[k] for k in range(int(np.prod(np.shape(x))))]


def _dense(values: Sequence[Any], places: Sequence[int], shape: tuple[int, ...]) -> Any:
    """Values at some places of an array of zeros."""
    if not shape and values:
        return values[0][()] if isinstance(values[0], np.ndarray) else values[0]
    size = int(np.prod(shape))
    if any(type(v) is Tracer for v in values):
        flat: list[Any] = [0.0] * size
        for place, value in zip(places, values, strict=True):
            flat[place] = value
        return np.reshape(np.stack(flat), shape)
    kind = complex if any(np.iscomplexobj(v) for v in values) else float
    out = np.zeros(size, dtype=kind)
    out[list(places)] = values
    return np.reshape(out, shape)[()]
