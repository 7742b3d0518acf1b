"""CasADi: graphs of scalars (SX), and of matrices and mapped functions (MX)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, reduce
from typing import Any

import numpy as np

from ..problems import Case, Operator, Problem
from .tool import Ready, Tool, Way, leaves, like
from .with_diffkit import adapter

# Compiled C, as in the section "Using the generated code" of CasADi's documentation.
JIT = {"jit": True, "compiler": "shell", "jit_options": {"flags": ["-O3"], "verbose": False}}


class Scalars:
    """NumPy on arrays of CasADi's scalars: elementwise functions one by one, the rest NumPy's."""

    def __init__(self) -> None:
        import casadi

        for name in ("exp", "log", "sqrt", "sin", "cos", "tanh"):
            setattr(self, name, _elementwise(getattr(casadi, name)))
        self._fmax = casadi.fmax
        self.linalg = _Determinant()

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def max(self, a: Any, axis: int, keepdims: bool = False) -> Any:
        top = reduce(np.frompyfunc(self._fmax, 2, 1), np.moveaxis(a, axis, 0))
        return np.expand_dims(top, axis) if keepdims else top


class _Determinant:
    def det(self, a: Any) -> Any:
        import casadi

        rows = [casadi.horzcat(*row) for row in a]
        return casadi.det(casadi.vertcat(*rows))


def _elementwise(scalar: Any) -> Any:
    ufunc = np.frompyfunc(scalar, 1, 1)
    return lambda a: ufunc(a) if isinstance(a, np.ndarray) else scalar(a)


def _columns(v: Any) -> tuple[int, int]:
    """CasADi's shape of an array: vectors are columns."""
    shape = np.shape(v)
    return (shape[0] if shape else 1, shape[1] if len(shape) == 2 else 1)


def _scalars(problem: Problem, case: Case, options: dict[str, Any]) -> Any:
    """The gradient as a graph of scalars."""
    import casadi

    arrays = leaves(case.x)
    symbols = [casadi.SX.sym(f"x{k}", *_columns(v)) for k, v in enumerate(arrays)]
    point = like(case.x, [_objects(s, np.shape(v)) for s, v in zip(symbols, arrays, strict=True)])
    y = case.make(Scalars())(point)
    return casadi.Function("g", symbols, [casadi.gradient(y, s) for s in symbols], options)


def _objects(symbol: Any, shape: tuple[int, ...]) -> Any:
    if not shape:
        return symbol
    array = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        array[index] = symbol[index]
    return array


def _matrices(make: Callable[[Any], Any], problem: Problem, case: Case, options: Any) -> Any:
    """The gradient as a graph of matrices, or the blocks."""
    import casadi

    symbols = [casadi.MX.sym(f"x{k}", *_columns(v)) for k, v in enumerate(leaves(case.x))]
    y = make(casadi)(like(case.x, symbols))
    outputs = (
        [y] if problem.operator is Operator.BLOCKS else [casadi.gradient(y, s) for s in symbols]
    )
    return casadi.Function("g", symbols, outputs, options)


def _called(function: Any, problem: Problem, case: Case, note: str) -> Ready:
    """The function as it is called ordinarily."""
    call = (lambda x: function(*x)) if isinstance(case.x, tuple) else function
    return Ready(call, found=partial(_found, problem, case), note=note)


def _found(problem: Problem, case: Case, result: Any) -> Any:
    arrays = [np.array(v) for v in leaves(result)]
    if problem.operator is Operator.BLOCKS:
        rows, width = case.x.shape
        return arrays[0].reshape(width, rows, -1).transpose(1, 2, 0).ravel()
    pairs = zip(arrays, leaves(case.x), strict=True)
    return np.concatenate([a.reshape(np.shape(v), order="C").ravel() for a, v in pairs])


def _through_buffers(function: Any, problem: Problem, case: Case, note: str) -> Ready:
    """The function on memory that it is given once: nothing is converted."""
    buffer, evaluate = function.buffer()
    held = [np.zeros(function.nnz_in(k)) for k in range(function.n_in())]
    results = [np.zeros(function.nnz_out(k)) for k in range(function.n_out())]
    for k, array in enumerate(held):
        buffer.set_arg(k, memoryview(array))
    for k, array in enumerate(results):
        buffer.set_res(k, memoryview(array))

    def given(x: Any) -> Any:
        for array, v in zip(held, leaves(x), strict=True):
            array[:] = np.ravel(v, order="F")

    def found(_: Any) -> Any:
        import casadi

        entries = [casadi.DM(function.sparsity_out(k), r) for k, r in enumerate(results)]
        return _found(problem, case, tuple(entries))

    def call(_: Any, alive: Any = (function, buffer)) -> None:
        evaluate()  # reads and writes memory that the others own

    return Ready(call, given, found, note)


def _way(name: str, build: Any, finish: Any, **options: Any) -> Way:
    def prepare(problem: Problem, case: Case) -> list[Ready]:
        return [finish(build(problem, case), problem, case, name)]

    return Way(name, prepare, **options)


def _ways(finish: Any, problem: Problem, case: Case) -> Iterable[Way]:
    for name, make in case.forms.get("casadi", {}).items():
        yield from _both(name, partial(_matrices, make), finish)
    if problem.operator is not Operator.BLOCKS:
        yield from _both("SX", _scalars, finish, grows=True)
        if finish is _called:
            yield from adapter("casadi", problem)


def _both(name: str, build: Any, finish: Any, **options: Any) -> Iterable[Way]:
    """Compiled C, and CasADi's virtual machine where that cannot be had."""
    yield _way(f"{name}, jit", partial(build, options=JIT), finish, **options)
    yield _way(name, partial(build, options={}), finish, fallback="any", **options)


TOOLS = (
    Tool("casadi", "casadi", ("casadi",), partial(_ways, _called)),
    Tool(
        "casadi_buffers", "casadi", ("casadi",), partial(_ways, _through_buffers),
        ranked=False, follows="casadi", why_none="there is nothing that CasADi does in its own way",
    ),
)  # fmt: skip
