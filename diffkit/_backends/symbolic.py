"""Symbolic differentiation: the tape as SymPy expressions, differentiated, then evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UnknownNameError, UnsupportedError
from ..expression import dag
from ..expression.reading import Reading, read, read_pointwise
from ..expression.routes import Partials, by_graph, by_symengine, by_sympy
from ..expression.symbolic import SymbolicDerivative
from ..tape import Recording, numeric, record, untraced
from ..tape.symbols import number, symbols_for
from .base import (
    OPERATORS,
    Backend,
    Function,
    Linear,
    Point,
    Value,
    require_finite,
    require_finite_point,
    require_same_shape,
    require_scalar,
    times_cotangent,
    times_tangent,
    to_real,
)

METHODS = ("graph", "sympy")
ENGINES = ("sympy", "symengine")
_OF_SECOND_ORDER = ("second_derivative", "hessian", "hvp")
_VECTORS = {"jvp": "v", "vjp": "u", "hvp": "v"}


@dataclass(frozen=True, repr=False)
class Symbolic(Backend):
    """SymPy's derivative rules, each distinct subexpression differentiated once.

    The function is recorded at x, so branches give the expression of the branch that x takes. An
    elementwise function of an array gives one expression, whatever the size of the array. The
    result is evaluated in double precision.

    Attributes:
        method: ``"graph"`` differentiates each distinct subexpression once, by SymPy's rules.
            ``"sympy"`` calls ``sympy.diff``, which does so once for each of its uses, in a child
            process and under limits.
        engine: ``"sympy"``, or ``"symengine"`` to have SymEngine differentiate.
        evaluate: whether SymPy evaluates sums and products as they are made, that is flattens and
            sorts them, which undoes sharing. None does so for expressions that stay small, and
            always for ``method="sympy"``.
        seconds: the time that ``sympy.diff`` may take.
        nodes: the distinct nodes that its result may have.
    """

    method: str = "graph"
    engine: str = "sympy"
    evaluate: bool | None = None
    seconds: float = 10.0
    nodes: int = 1_000_000

    name = "symbolic"
    replayable = True
    description = "SymPy expressions of the recorded function, differentiated and evaluated"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UnknownNameError("method", self.method, METHODS)
        if self.engine not in ENGINES:
            raise UnknownNameError("engine", self.engine, ENGINES)
        if self.method == "sympy" and self.engine != "sympy":
            raise ValueError("method='sympy' is sympy.diff; leave out engine='symengine'")
        if not self.seconds > 0 or not self.nodes > 0:
            raise ValueError(
                f"seconds and nodes must be positive, got {self.seconds!r} and {self.nodes!r}"
            )

    # Operators

    def pushforward(self, f: Function, x: Point) -> tuple[Value, Linear]:
        y, jacobian = self.value_and_jacobian(f, x)
        return y, lambda v: times_tangent(jacobian, v)

    def pullback(self, f: Function, x: Point) -> tuple[Value, Linear]:
        y, jacobian = self.value_and_jacobian(f, x)
        return y, lambda u: to_real(x, times_cotangent(u, jacobian))

    def value_and_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        return self._value_and("derivative", f, x)

    def value_and_jacobian(self, f: Function, x: Point) -> tuple[Value, Any]:
        return self._value_and("jacobian", f, x)

    def value_and_second_derivative(self, f: Function, x: Point) -> tuple[Value, Any]:
        return self._value_and("second_derivative", f, x)

    def value_and_hessian(self, f: Function, x: Point) -> tuple[Value, Any]:
        return self._value_and("hessian", f, x)

    def value_and_hvp(self, f: Function, x: Point, v: Any) -> tuple[Value, Any]:
        y, hessian = self.value_and_hessian(f, x)
        return y, times_tangent(hessian, v)

    def _value_and(self, operator: str, f: Function, x: Point) -> tuple[Value, Any]:
        y, found = self._expression(operator, f, x)
        if found is None:
            return super().value_and_derivative(f, x)
        if found.frozen and untraced(x) is not x:
            raise _not_followed(found)
        return y, found.program(x)

    # What it computes with

    def expression(
        self, f: Function, x: Any, *args: Any, operator: str = "gradient"
    ) -> SymbolicDerivative:
        """The derivative of f as SymPy expressions, for the branch that f takes at x.

        Args:
            f: the function, ``f(x, *args)``.
            x: a number or an array.
            args: constants.
            operator: "derivative", "second_derivative", "gradient", "jacobian" or "hessian". The
                derivative of an elementwise function of an array is the expression of one element.

        Raises:
            UnsupportedError: the function does something that has no SymPy form.
            ShapeError: f(x) has a shape that the operator cannot use.
        """
        if operator not in OPERATORS or operator in _VECTORS:
            raise UnknownNameError("operator", operator, set(OPERATORS) - set(_VECTORS))
        point = numeric(x)
        require_finite_point(point)
        _, found = self._expression(operator, lambda t: f(t, *args), point)
        if found is None:
            raise UnsupportedError(
                "the recording does not show that f is elementwise; use operator='jacobian'"
            )
        return found

    def program(self, operator: str, f: Function, x: Point) -> Program:
        """The symbolic work done once: a NumPy function of other points on the same branch.

        Args:
            operator: the name of any operator.
            f: a function of x alone.
            x: the point at which f is recorded.

        Raises:
            UnsupportedError: the function does something that has no SymPy form, or whose result
                may be another one at other points without a comparison that would tell.
        """
        of = {"jvp": "jacobian", "vjp": "jacobian", "hvp": "hessian"}.get(operator, operator)
        _, found = self._expression(of, f, x)
        if found is None:
            raise UnsupportedError("the recording does not show that f is elementwise")
        if found.frozen:
            raise _not_followed(found)
        return Program(operator, found)

    def _expression(
        self, operator: str, f: Function, x: Point
    ) -> tuple[Value, SymbolicDerivative | None]:
        """f(x) and the derivative; None for an array if f is not seen to be elementwise."""
        rows, y, k = record(f, [x], complete=True)
        require_finite(y, x)
        if operator in ("gradient", "hessian"):
            require_scalar(y, operator)
        if operator == "derivative" and np.ndim(x):
            return y, self._elementwise(rows, untraced(y), k, untraced(x))
        return y, self._by_element(operator, rows, untraced(y), k, untraced(x))

    def _by_element(
        self, operator: str, rows: Recording, y: Value, k: int, x: Point
    ) -> SymbolicDerivative:
        inputs = symbols_for(x) if not np.iscomplexobj(x) else _complex_symbols(x)
        reading, evaluated = self._read(rows, inputs, k)
        exprs = [number(v) for v in np.ravel(y)] if k < 0 else list(np.ravel(reading.result))
        symbols = list(np.ravel(inputs))
        if np.iscomplexobj(x):
            _require_holomorphic(exprs)
        order = 2 if operator in _OF_SECOND_ORDER else 1
        shape = np.shape(y) + np.shape(x) * order
        entries = {
            _flat((r, *by), len(symbols)): e
            for r, row in enumerate(self._partials(exprs, symbols, order, evaluated))
            for by, e in row.items()
        }
        return SymbolicDerivative(
            operator, y, inputs, shape, entries, tuple(reading.conditions), evaluated,
            tuple(reading.frozen),
        )  # fmt: skip

    def _elementwise(self, rows: Recording, y: Value, k: int, x: Any) -> SymbolicDerivative | None:
        require_same_shape(y, x)
        symbol = symbols_for(0.0) if not np.iscomplexobj(x) else _complex_symbols(0.0)
        found = (number(0), {}) if k < 0 else read_pointwise(rows, symbol, k, evaluate=False)
        if found is None:
            return None
        evaluated = self._evaluates([found[0]])
        if evaluated and k >= 0:
            found = read_pointwise(rows, symbol, k, evaluate=True)
            assert found is not None
        expr, parameters = found
        if np.iscomplexobj(x):
            _require_holomorphic([expr])
        symbols = [symbol, *parameters]
        slope = self._partials([expr], symbols, 1, evaluated)[0].get((0,), number(0))
        return SymbolicDerivative(
            "derivative", y, symbol, (), {0: slope}, (), evaluated, (), tuple(parameters.items())
        )

    def _read(self, rows: Recording, inputs: Any, k: int) -> tuple[Reading, bool]:
        """The expressions of f, and whether SymPy has evaluated them."""
        reading = None
        if self.evaluate is None and self.method == "graph":
            reading = read(rows, [inputs], k, evaluate=False)
        exprs = [] if reading is None or k < 0 else list(np.ravel(reading.result))
        evaluated = self._evaluates(exprs)
        if reading is None or evaluated:
            reading = read(rows, [inputs], k, evaluated)
        return reading, evaluated

    def _evaluates(self, exprs: Sequence[Any]) -> bool:
        """Whether to have SymPy evaluate these expressions, which are not evaluated."""
        if self.evaluate is not None or self.method == "sympy":
            return self.evaluate is not False
        graph = dag(exprs)
        small = graph.small()
        return all(small[r] for r in graph.roots)

    def _partials(
        self, exprs: Sequence[Any], symbols: Sequence[Any], order: int, evaluated: bool
    ) -> Partials:
        if self.method == "sympy":
            return by_sympy(exprs, symbols, order, self.seconds, self.nodes)
        if self.engine == "symengine":
            return by_symengine(exprs, symbols, order)
        return by_graph(exprs, symbols, order, evaluated)

    def __repr__(self) -> str:
        chosen = {"method": "graph", "engine": "sympy"}
        shown = [f", {k}={v!r}" for k in chosen if (v := getattr(self, k)) != chosen[k]]
        return f"<backend {self.name}{''.join(shown)}>"


def _not_followed(found: SymbolicDerivative) -> UnsupportedError:
    return UnsupportedError(
        f"the function takes {', '.join(sorted(set(found.frozen)))} of its argument, which "
        f"symbols cannot follow to other points; use another backend"
    )


def _flat(index: tuple[int, ...], count: int) -> int:
    place = 0
    for k in index:
        place = place * count + k
    return place


def _complex_symbols(x: Any) -> Any:
    import sympy

    plain = lambda s: sympy.Symbol(s.name)  # noqa: E731
    symbols = symbols_for(x)
    return np.frompyfunc(plain, 1, 1)(symbols) if np.ndim(x) else plain(symbols)


def _require_holomorphic(exprs: Sequence[Any]) -> None:
    """Refuse what has no complex derivative, and no symbol for the direction either."""
    import sympy

    split = (sympy.re, sympy.im, sympy.conjugate, sympy.Abs, sympy.arg, sympy.sign)
    for node in dag(exprs).nodes:
        if isinstance(node, split):
            raise UnsupportedError(
                f"{node.func.__name__} of a complex number has no complex derivative; use "
                f"backend='reverse'"
            )


@dataclass(frozen=True, eq=False)
class Program:
    """A derivative to be evaluated at many points: plain NumPy, which can be recorded in its turn.

    Attributes:
        operator: which operator.
        derivative: the expressions, with the conditions under which they hold.
    """

    operator: str
    derivative: SymbolicDerivative

    def __call__(self, x: Any, vector: Any = None) -> Any:
        """The derivative at x; ``vector`` is the tangent or cotangent of jvp, vjp and hvp."""
        d = self.derivative.program(x)
        if self.operator == "vjp":
            return to_real(x, times_cotangent(vector, d))
        return times_tangent(d, vector) if self.operator in _VECTORS else d

    def holds(self, x: Any) -> bool:
        """Whether f takes the recorded branch at x; elsewhere the result means nothing."""
        return self.derivative.holds(x)
