"""Expression swell: how much larger a derivative is than what it is the derivative of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .. import _rendering
from .._escape import terminal
from .._function import Function, function
from ..errors import ShapeError, UnknownNameError, UnsupportedError
from ..expression import (
    OperationGraph,
    add_expressions,
    count_operations,
    differentiate,
    evaluator,
    postorder,
)
from ..tape.tape import Tape, trace
from .program import (
    add_tape,
    executed,
    forward_tape,
    reverse_tape,
    symbols_of,
    unevaluated_derivatives,
)
from .swell_table import Sheet, html

OPERATORS = ("derivative", "gradient", "jacobian")
ROUTES = ("sympy", "graph", "forward", "reverse")

# Beyond these the rows say so instead of numbers; each is about a second of work.
SCALAR_OPERATIONS = 200_000  # of a tape that is taken apart into scalar operations
EVALUATED_OPERATIONS = 1_000  # of a function that SymPy writes out by its automatic rules
FLATTENED_TERMS = 100_000  # of the products that SymPy's product rule makes, and flattens

SMALL_TREE = 1_000  # nodes of an expression that sympy.diff, which walks its tree, is called on

DEFINITION = (
    "An operation is one on numbers. Expressions in SymPy's terms: a sum or product of k operands "
    "is k − 1 operations, anything else one, so a − b and a / b are two. Tapes: each arithmetic "
    "operation and function is one, an elementwise one on an array one for each element, a product "
    "of matrices of m × n and n × k is 2mnk − mk, a sum of n elements n − 1; moving, choosing and "
    "ordering elements is none. "
    "Tree: counted as often as written out. DAG: each once that the result depends on. CSE: sums "
    "and products taken apart into operations on two operands, and equal ones counted once. "
    "Executed: what is computed when it runs, f included. In the first three, tapes are counted "
    "without what does nothing (adding 0, multiplying by 0 or 1), and operations on constants "
    "alone do not count."
)

_BUILT = {
    "f": "the function, as recorded on its tape",
    "f in SymPy": "SymPy's automatic rules evaluated it when it was built",
    "given": "the expression, as it was given",
    "sympy": "sympy.diff; evaluated by SymPy's automatic rules",
    "memoised": "what sympy.diff gives, up to the order in which SymPy evaluates products; found "
    "by differentiating each distinct subexpression once by SymPy's rules, as sympy.diff walks the "
    "tree; evaluated by SymPy's automatic rules",
    "graph": "one derivative for each distinct subexpression by SymPy's rules; nothing evaluated",
    "forward": "f recorded once, and a tangent sweep for each element of x, seeded with 1",
    "reverse": "f recorded once, and an adjoint sweep for each element of f, seeded with 1",
}


@dataclass(frozen=True)
class Row:
    """The size of f, or of its derivative by one route, in operations.

    Attributes:
        route: ``"f"``, ``"f in SymPy"``, or one of ROUTES.
        status: ``"ok"``, or ``"unsupported"`` where there is no such expression or it is too large.
        tree: counted as often as written out.
        dag: each operation once.
        cse: after common subexpression elimination by hash-consing.
        sympy_cse: after ``sympy.cse``; None where it would take too long, and for tapes.
        executed: what is computed when it runs; an expression by ``expression.evaluator``.
        nodes, tree_nodes: SymPy's own nodes, leaves included: distinct ones, and of the tree.
        built: how the expression or the tape was made.
        reason: why a number is missing.
    """

    route: str
    status: str = "ok"
    tree: int | None = None
    dag: int | None = None
    cse: int | None = None
    sympy_cse: int | None = None
    executed: int | None = None
    nodes: int | None = None
    tree_nodes: int | None = None
    built: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Swell:
    """The sizes of a function and of its derivative by several routes.

    ``swell["reverse"].tree`` is an exact integer, of any length.

    Attributes:
        function: the name of the function.
        operator: what was differentiated.
        inputs, outputs: the numbers that f takes and gives.
        rows: f, then a row for each route.
        definition: what is counted as an operation, and in which ways.
    """

    function: str
    operator: str
    inputs: int
    outputs: int
    rows: tuple[Row, ...]
    definition: str = DEFINITION

    def __getitem__(self, route: str) -> Row:
        for row in self.rows:
            if row.route == route:
                return row
        raise UnknownNameError("route", route, [row.route for row in self.rows])

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "rows": [row.to_dict() for row in self.rows]}

    @property
    def title(self) -> str:
        return f"size of the {self.operator} of {terminal(self.function)}, in operations"

    @property
    def notes(self) -> list[str]:
        """How each row was built, and why numbers are missing."""
        return [f"{r.route}: {r.built}." for r in self.rows] + [
            terminal(f"{r.route}: {r.reason}") for r in self.rows if r.reason
        ]

    def __rich__(self) -> Any:
        return Sheet(self)

    def __str__(self) -> str:
        return _rendering.text(self, width=100)

    def _repr_html_(self) -> str:
        return html(self)


def swell(
    f: Any,
    x: Any = None,
    *args: Any,
    operator: str | None = None,
    routes: Iterable[str] | None = None,
) -> Swell:
    """Count the operations of a function and of its first derivative, exactly, by each route.

    Counting is linear in the distinct operations, and nothing is written out.

    Args:
        f: a function of numbers or arrays, a ``Function``, or a SymPy expression.
        x: the point at which f is recorded: the branch it takes there is counted. For an
            expression it may be left out, or be its variables in order.
        args: constants.
        operator: ``"derivative"`` (of a number), ``"gradient"`` or ``"jacobian"``; by default the
            one that x and f(x) call for.
        routes: some of ``"sympy"``, ``"graph"``, ``"forward"`` and ``"reverse"``; all by default.

    Raises:
        NonNumericError: f is no function, or x not made of numbers.
        ShapeError: x or f(x) does not have the shape that the operator asks for.
        UnknownNameError: there is no such operator or route.
    """
    wanted = _known("route", ROUTES if routes is None else _as_tuple(routes), ROUTES)
    subject = _Subject.of(f, x, args)
    operator = _operator(operator, subject.tape)
    rows = [_tape_row("f", lambda: subject.tape)]
    expressions = _Expressions(subject)
    if "sympy" in wanted:
        rows.append(_expression_row("f in SymPy", subject, lambda: expressions.f, expressions))
    rows += [_row(route, subject, expressions) for route in wanted]
    tape = subject.tape
    return Swell(
        subject.name, operator, int(np.size(tape.inputs[0])), int(np.size(tape.value)), tuple(rows)
    )


def _row(route: str, subject: _Subject, expressions: _Expressions) -> Row:
    if route == "sympy":
        return _expression_row(route, subject, lambda: expressions.derivative, expressions)
    if route == "graph":
        return _graph_row(subject)
    sweeps = forward_tape if route == "forward" else reverse_tape
    return _tape_row(route, lambda: _swept(sweeps, route, subject.tape))


# What is given


@dataclass(frozen=True)
class _Subject:
    """The function, recorded, and its expression where it was given as one."""

    name: str
    tape: Tape
    symbols: tuple[Any, ...]
    expression: Any = None

    @classmethod
    def of(cls, f: Any, x: Any, args: tuple[Any, ...]) -> _Subject:
        variables = _variables(x)
        wrapped = function(f, variables)
        if wrapped.expression is not None:
            return cls._of_expression(wrapped, None if variables else x)
        if x is None:
            raise ShapeError("swell needs a point x at which to record a function of numbers")
        tape = trace(wrapped, x, *args)
        return cls(wrapped.name, tape, tuple(symbols_of(tape)))

    @classmethod
    def _of_expression(cls, f: Function, x: Any) -> _Subject:
        by_name = {n.name: n for n in postorder([f.expression]) if n.is_Symbol}
        if missing := [v for v in f.variables if v not in by_name]:
            import sympy

            by_name |= {v: sympy.Symbol(v) for v in missing}
        if x is None:
            x = _some_point(len(f.variables))
        with np.errstate(all="ignore"):  # any numbers do, as no value is used
            tape = trace(f, x)
        return cls(f.name, tape, tuple(by_name[v] for v in f.variables), f.expression)


def _variables(x: Any) -> list[Any] | None:
    """The symbols that x consists of, if it does."""
    given = list(x) if isinstance(x, (list, tuple)) else [x]
    return given if given and all(getattr(v, "is_Symbol", False) for v in given) else None


def _some_point(n: int) -> Any:
    point = np.linspace(0.3, 0.7, max(n, 1))
    return point if n > 1 else float(point[0])


def _as_tuple(routes: Iterable[str]) -> tuple[str, ...]:
    return (routes,) if isinstance(routes, str) else tuple(routes)


def _known(kind: str, names: Sequence[str], known: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known)
    return names


def _operator(operator: str | None, tape: Tape) -> str:
    scalar_x, scalar_y = not np.ndim(tape.inputs[0]), not np.ndim(tape.value)
    if operator is None:
        return "derivative" if scalar_x else "gradient" if scalar_y else "jacobian"
    _known("operator", [operator], OPERATORS)
    if operator == "derivative" and not scalar_x:
        raise ShapeError(
            f"the derivative is that of a function of one number, and x has shape "
            f"{np.shape(tape.inputs[0])}; give one of its elements, or use operator='jacobian'"
        )
    if operator == "gradient" and not scalar_y:
        raise ShapeError(
            f"the gradient is that of a function with one number for a value, and f(x) has shape "
            f"{np.shape(tape.value)}; use operator='jacobian'"
        )
    return operator


# Tapes


def _tape_row(route: str, tape_of: Callable[[], Tape]) -> Row:
    counts: dict[str, Any] = {}
    try:
        tape = tape_of()
        counts["executed"] = executed(tape)
        if counts["executed"] > SCALAR_OPERATIONS:
            raise UnsupportedError(_too_many(counts["executed"]))
        graph = OperationGraph()
        size = graph.size(*add_tape(graph, tape, "x"))
    except UnsupportedError as error:
        return Row(route, "unsupported", built=_BUILT[route], reason=str(error), **counts)
    counts |= {"tree": size.tree, "dag": size.dag, "cse": size.cse}
    return Row(route, built=_BUILT[route], **counts)


def _swept(sweeps: Callable[[Tape], Tape], route: str, tape: Tape) -> Tape:
    """The recorded sweeps, unless they are too many."""
    number = np.size(tape.inputs[0]) if route == "forward" else np.size(tape.value)
    if (rows := int(number) * len(tape)) > SCALAR_OPERATIONS:
        raise UnsupportedError(_too_many(rows))
    return sweeps(tape)


def _too_many(operations: int) -> str:
    return (
        f"{operations:,} operations are too many to be taken apart, which is done up to "
        f"{SCALAR_OPERATIONS:,}; count a smaller instance of the function"
    )


# Expressions


class _Expressions:
    """SymPy's expressions of f and of its derivative, evaluated as SymPy does; made once."""

    def __init__(self, subject: _Subject) -> None:
        self.subject = subject
        self._f: list[Any] | None = None

    @property
    def f(self) -> list[Any]:
        if self._f is None:
            if self.subject.expression is not None:
                self._f = [self.subject.expression]
            else:
                _require_few_operations(self.subject.tape)
                self._f = _elements(self.subject.tape.to_sympy())
        return self._f

    @property
    def derivative(self) -> list[Any]:
        if self.are_small:
            return [e.diff(s) for s in self.subject.symbols for e in self.f]
        _require_few_terms(self.f, len(self.subject.symbols))
        return [d for s in self.subject.symbols for d in differentiate(self.f, s)]

    @property
    def are_small(self) -> bool:
        """Whether the tree of f may be walked."""
        return count_operations(*self.f, cse=False).tree_nodes <= SMALL_TREE


def _elements(result: Any) -> list[Any]:
    import sympy

    return [sympy.sympify(e) for e in np.ravel(np.asarray(result, dtype=object))]


def _require_few_operations(tape: Tape) -> None:
    if (n := executed(tape)) > EVALUATED_OPERATIONS:
        raise UnsupportedError(
            f"SymPy's automatic rules are not run on {n:,} operations; they flatten products, "
            f"and the limit is {EVALUATED_OPERATIONS:,}"
        )


def _require_few_terms(exprs: list[Any], variables: int) -> None:
    """The product rule makes k products of k factors, each of which SymPy sorts."""
    terms = variables * sum(len(n.args) ** 2 for n in postorder(exprs) if n.is_Mul)
    if terms > FLATTENED_TERMS:
        raise UnsupportedError(
            f"SymPy's product rule would sort {terms:,} factors here, which takes long; the "
            f"limit is {FLATTENED_TERMS:,}"
        )


def _expression_row(
    route: str, subject: _Subject, exprs_of: Callable[[], list[Any]], expressions: _Expressions
) -> Row:
    try:
        exprs = exprs_of()
        built = _BUILT[_how(route, subject, expressions)]
    except UnsupportedError as error:
        return Row(route, "unsupported", built=_BUILT[route], reason=str(error))
    size = count_operations(*exprs)
    reason = "" if size.sympy_cse is not None else "the tree is too large for sympy.cse"
    done, why_not = _executed_by_evaluator(exprs, subject.symbols, subject)
    reasons = "; ".join(filter(None, (reason, why_not)))
    counts: dict[str, Any] = size.to_dict()
    return Row(route, executed=done, built=built, reason=reasons, **counts)


def _how(route: str, subject: _Subject, expressions: _Expressions) -> str:
    """What in _BUILT says how the expression was made."""
    if route == "sympy":
        return route if expressions.are_small else "memoised"
    return route if subject.expression is None else "given"


def _executed_by_evaluator(
    exprs: list[Any], symbols: Sequence[Any], subject: _Subject
) -> tuple[int | None, str]:
    """What evaluating the expressions executes, seen by recording it."""
    try:
        evaluate = evaluator(exprs, symbols)
        point = subject.tape.inputs[0]

        def run(x: Any) -> Any:
            flat = [np.ravel(x)[k] for k in range(np.size(point))] if np.ndim(point) else [x]
            return np.stack(evaluate(*flat))

        with np.errstate(all="ignore"):
            return executed(trace(run, point)), ""
    except UnsupportedError as error:
        return None, str(error)


def _graph_row(subject: _Subject) -> Row:
    graph = OperationGraph(in_sympys_terms=True)
    symbols = symbols_of(subject.tape)
    try:
        if (n := executed(subject.tape) * len(symbols)) > SCALAR_OPERATIONS:
            raise UnsupportedError(_too_many(n))
        derivatives = unevaluated_derivatives(subject.tape, symbols)
        size = graph.size(*add_expressions(graph, derivatives))
    except UnsupportedError as error:
        return Row("graph", "unsupported", built=_BUILT["graph"], reason=str(error))
    done, reason = _executed_by_evaluator(derivatives, symbols, subject)
    return Row(
        "graph", tree=size.tree, dag=size.dag, cse=size.cse, executed=done, reason=reason,
        built=_BUILT["graph"],
    )  # fmt: skip
