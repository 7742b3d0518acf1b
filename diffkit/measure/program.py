"""Tapes taken apart into scalar operations: what they execute, and what their result is made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..expression import OperationGraph, differentiate, postorder, to_expressions
from ..rules import Primitive
from ..rules.selection import where
from ..tape.careful import general_form
from ..tape.record import record
from ..tape.recording import CONSTANT, GUARD, OUTPUT
from ..tape.sweeps import ZERO, filled, forward_sweep, reverse_sweep
from ..tape.symbols import symbols_for
from ..tape.tape import Operation, Tape, trace_inputs

# From each n elements these make one with n − 1 operations.
_REDUCTIONS = {"sum", "prod", "max", "min", "amax", "amin"}
# Putting elements in order is not an operation on them.
_ORDERINGS = {"sort", "partition"}


def executed(tape: Tape) -> int:
    """The scalar operations that a tape executes.

    One for each element of an elementwise operation, 2mnk − mk for the product of matrices of
    m × n and n × k, n − 1 for each sum of n elements; none for moving, choosing and ordering
    elements, and for constants. Other array operations count what NumPy does on one element at a
    time.

    Raises:
        UnsupportedError: an operation (the solution of equations, say) does not consist of
            operations on its elements.
    """
    count = 0
    for row in tape.rows:
        if row[4] is not None:  # an operation on numbers
            count += _is_elementwise(row[0])
        else:
            rule, value, _, args, kwargs = general_form(row)
            count += _work(rule, value, args, kwargs)
    return count


def _work(rule: Primitive, value: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> int:
    if rule in (GUARD, CONSTANT, OUTPUT):
        return 0
    if _is_elementwise(rule):
        return _count(value)
    if not rule.differentiable or rule.name in _ORDERINGS:
        return 0
    if rule.name in _REDUCTIONS:
        return _count(args[0]) - _count(value)
    if rule.name == "matmul":
        return _count(value) * (2 * np.shape(args[0])[-1] - 1)
    return _work_on_elements(rule, args, kwargs)


def _is_elementwise(rule: Any) -> bool:
    is_ufunc = isinstance(rule.fn, np.ufunc) and rule.fn.signature is None  # not so is matmul
    return rule.elementwise or is_ufunc or rule is where


def _count(value: Any) -> int:
    return prod(np.shape(value))


class _Tally:
    """Stands for any number, and counts what is done with it."""

    def __init__(self) -> None:
        self.operations = 0

    def _count(self, *others: Any) -> _Tally:
        if others != (0,):  # with which NumPy begins some of its sums
            self.operations += 1
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _count
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __neg__ = sqrt = _count

    def conjugate(self) -> _Tally:
        return self


def _work_on_elements(rule: Primitive, args: Sequence[Any], kwargs: dict[str, Any]) -> int:
    tally = _Tally()

    def stand_in(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return np.full(value.shape, tally, dtype=object)
        return tally if isinstance(value, float) else value

    _run_on_objects(rule, [stand_in(a) for a in args], kwargs)
    return tally.operations


def _run_on_objects(rule: Primitive, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    kwargs = {name: value for name, value in kwargs.items() if name != "dtype"}
    try:
        value = rule.fn(*args, **kwargs)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        raise UnsupportedError(
            f"{rule.name} is not made of operations on single elements ({error})"
        ) from None
    is_scalar = isinstance(value, np.ndarray) and not value.ndim
    return value.item() if is_scalar else value


def add_tape(graph: OperationGraph, tape: Tape, *names: str) -> list[Any]:
    """Enter a tape into a graph of scalar operations.

    Args:
        graph: where its operations go.
        tape: the program.
        names: for each input a name; a vector's elements are named x1, x2, ..., a matrix's x1_1,
            as in ``Tape.to_sympy``.

    Returns:
        The elements of the result: elements of the graph, and numbers.

    Raises:
        UnsupportedError: an operation does not consist of operations on its elements.
    """
    values: list[Any] = [
        _leaves(graph, value, name) for value, name in zip(tape.inputs, names, strict=True)
    ]
    if tape.output < 0:
        return np.ravel(tape.value).tolist()
    for op in tape.operations[: tape.output + 1 - len(values)]:
        args = [a if p < 0 else values[p] for p, a in zip(op.parents, op.args, strict=True)]
        values.append(_enter(graph, op, args))
    return list(np.ravel(values[tape.output]))


def _leaves(graph: OperationGraph, value: Any, name: str) -> Any:
    if not np.ndim(value):
        return graph.leaf(name)
    out = np.empty(np.shape(value), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = graph.leaf(name + "_".join(str(k + 1) for k in index))
    return out


def _enter(graph: OperationGraph, op: Operation, args: list[Any]) -> Any:
    rule = op.primitive
    if rule in (GUARD, CONSTANT):
        return op.value
    if not any(_has_elements(a) for a in args):
        return op.value
    if _is_elementwise(rule):
        apply = partial(graph.apply, rule.name)
        if not any(np.ndim(a) for a in args):
            return apply(*args)
        return np.frompyfunc(apply, len(args), 1)(*args)
    if rule is OUTPUT:
        return args[0][args[1]]
    if not rule.differentiable:
        return op.value  # an order or a place, as on the recorded branch
    return _run_on_objects(rule, [_as_objects(a) for a in args], op.kwargs)


def _has_elements(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return any(map(_has_elements, value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "O"
    return hasattr(value, "graph")


def _as_objects(value: Any) -> Any:
    """NumPy would try to turn elements into doubles to put them into an array of those."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(object)
    return value


def symbols_of(tape: Tape) -> list[Any]:
    """The symbols of the elements of a tape's only input, named as by ``Tape.to_sympy``."""
    return list(np.ravel(symbols_for(tape.inputs[0])))


# The sweeps, recorded for a result of any shape


def forward_tape(tape: Tape) -> Tape:
    """The tape of all derivatives by forward mode: f once, and one sweep for each element of x."""

    def sweeps(x: Any) -> Any:
        rows, y, k = record(tape.f, [x])
        columns = [
            filled(forward_sweep(rows, [seed], k) if k >= 0 else ZERO, y)
            for seed in _unit_seeds(tape.inputs[0])
        ]
        return np.stack(columns, axis=-1) if np.ndim(tape.inputs[0]) else columns[0]

    return trace_inputs(sweeps, tape.inputs, f"forward derivative of {tape.name}")


def reverse_tape(tape: Tape) -> Tape:
    """The tape of all derivatives by reverse mode: f once, and one sweep for each element of f."""

    def sweeps(x: Any) -> Any:
        rows, _, k = record(tape.f, [x])
        adjoints = [
            filled(reverse_sweep(rows, 1, k, seed)[0] if k >= 0 else ZERO, x)
            for seed in _unit_seeds(tape.value)
        ]
        return np.stack(adjoints) if np.ndim(tape.value) else adjoints[0]

    return trace_inputs(sweeps, tape.inputs, f"reverse derivative of {tape.name}")


def _unit_seeds(value: Any) -> Any:
    if not np.ndim(value):
        return [1.0]
    return np.eye(np.size(value)).reshape(-1, *np.shape(value))


def unevaluated_derivatives(tape: Tape, symbols: Sequence[Any]) -> list[Any]:
    """The partial derivatives of a tape's result as SymPy expressions: one derivative for each
    distinct subexpression, by SymPy's rules, and nothing evaluated.

    Args:
        tape: the program, of one input.
        symbols: those of its elements, as ``symbols_for`` gives them.

    Raises:
        UnsupportedError: an operation has no SymPy form, or SymPy no derivative for it.
    """
    graph = OperationGraph(in_sympys_terms=True)
    results = to_expressions(add_tape(graph, tape, "x"), symbols)
    return [d for s in symbols for d in differentiate(results, s, evaluate=False)]


def unevaluated_adjoints(tape: Tape, symbols: Sequence[Any]) -> list[Any]:
    """The same derivatives of a number, found from the result back to the symbols: the chain rule
    taken in the other order (Laue 2019). The partial derivative of each operation is SymPy's.

    Raises:
        UnsupportedError: an operation has no SymPy form, or SymPy no derivative for it.
    """
    import sympy

    graph = OperationGraph(in_sympys_terms=True)
    (result,) = to_expressions(add_tape(graph, tape, "x"), symbols)
    adjoints: dict[Any, Any] = {result: sympy.S.One}
    with sympy.evaluate(False):
        for node in reversed(postorder([result])):
            for k, arg in enumerate(node.args):
                if node in adjoints and not arg.is_Number:
                    slope = _partial(node, k)
                    term = sympy.Mul(adjoints[node], slope) if slope != 1 else adjoints[node]
                    adjoints[arg] = sympy.Add(adjoints[arg], term) if arg in adjoints else term
    return [adjoints.get(s, sympy.S.Zero) for s in symbols]


def _partial(node: Any, k: int) -> Any:
    """The partial derivative of one operation in its k-th operand."""
    import sympy

    if node.is_Add:
        return sympy.S.One
    if node.is_Mul:
        rest = [arg for n, arg in enumerate(node.args) if n != k]
        return rest[0] if len(rest) == 1 else sympy.Mul(*rest)
    # The rule is asked for with a stand-in for the operand, as SymPy would walk all of it.
    stand_in = sympy.Dummy(real=True)
    args = [stand_in if n == k else arg for n, arg in enumerate(node.args)]
    with sympy.evaluate(True):
        slope = node.func(*args).diff(stand_in)
    return slope.xreplace({stand_in: node.args[k]})
