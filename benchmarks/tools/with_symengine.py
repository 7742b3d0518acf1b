"""SymEngine: expressions of scalars, differentiated one by one, compiled by LLVM or in doubles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..problems import Case, Operator, Problem
from .tool import Ready, Tool, Way, flat, leaves, like
from .with_diffkit import adapter


class Scalars:
    """NumPy on arrays of SymEngine's expressions."""

    def __init__(self) -> None:
        import symengine

        for name in ("exp", "log", "sqrt", "sin", "cos", "tanh"):
            scalar = getattr(symengine, name)
            ufunc = np.frompyfunc(scalar, 1, 1)
            setattr(self, name, lambda a, u=ufunc, s=scalar: u(a) if np.ndim(a) else s(a))
        self._max = np.frompyfunc(symengine.Max, 2, 1)
        self._matrix = symengine.DenseMatrix
        self.linalg = self

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def det(self, a: Any) -> Any:
        return self._matrix(a.tolist()).det()

    def max(self, a: Any, axis: int, keepdims: bool = False) -> Any:
        return self._max.reduce(a, axis=axis, keepdims=keepdims)


def _way(backend: str, fallback: str) -> Way:
    def prepare(problem: Problem, case: Case) -> list[Ready]:
        import symengine

        arrays = leaves(case.x)
        symbols = [
            np.array(symengine.symbols(f"x{k}_0:{np.size(v)}")).reshape(np.shape(v))
            for k, v in enumerate(arrays)
        ]
        point = like(case.x, [s if np.ndim(s) else s[()] for s in symbols])
        y = case.make(Scalars())(point)
        names = [s for array in symbols for s in np.ravel(array).tolist()]
        g = symengine.Lambdify(names, [y.diff(s) for s in names], backend=backend, cse=True)
        return [Ready(g, flat, flat, f"Lambdify, {backend}")]

    return Way(f"Lambdify, {backend}", prepare, grows=True, fallback=fallback)


def _ways(problem: Problem, case: Case) -> Iterable[Way]:
    if problem.operator is not Operator.BLOCKS:
        import symengine

        if symengine.have_llvm:
            yield _way("llvm", fallback="")
        yield _way("lambda", fallback="any" if symengine.have_llvm else "")
        yield from adapter("symengine", problem)


TOOLS = (Tool("symengine", "symengine", ("symengine",), _ways),)
