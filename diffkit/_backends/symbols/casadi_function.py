"""Derivatives by CasADi, as functions of numbers that its virtual machine evaluates."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from .casadi_columns import Column, column
from .flat import into, parted, shaped

# Derivatives of y in x, as a column


def _jacobian(y: Any, x: Any, v: Any) -> Any:
    import casadi as ca

    return ca.vec(ca.jacobian(y, x).T)


def _hessian(y: Any, x: Any, v: Any) -> Any:
    import casadi as ca

    return ca.vec(ca.hessian(y, x)[0])


def _gradient(y: Any, x: Any, v: Any) -> Any:
    import casadi as ca

    return ca.gradient(y, x)


def _jvp(y: Any, x: Any, v: Any) -> Any:
    import casadi as ca

    return ca.jtimes(y, x, v)


def _vjp(y: Any, x: Any, v: Any) -> Any:
    import casadi as ca

    return ca.jtimes(y, x, v, True) if y.numel() else 0 * x


DERIVATIVES: dict[str, Callable[..., Any]] = {
    "derivative": _jacobian,
    "second_derivative": lambda y, x, v: _jacobian(_jacobian(y, x, v), x, v),
    "gradient": _gradient,
    "jacobian": _jacobian,
    "hessian": _hessian,
    "jvp": _jvp,
    "vjp": _vjp,
    "hvp": lambda y, x, v: _jvp(_gradient(y, x, v), x, v),
}


class Evaluation:
    """A derivative as a function of CasADi's, which computes with memory of its own."""

    def __init__(
        self, operator: str, reading: Any, point: Sequence[Any], shapes: Any, kind: str
    ) -> None:
        import casadi as ca

        symbols = getattr(ca, kind)
        sizes = [[prod(shape) for shape in part] for part in shapes]
        x, v, c = (symbols.sym(n, sum(part)) for n, part in zip("xvc", sizes, strict=True))
        y, guards = reading.with_guards(_columns(x, shapes[0]), _columns(c, shapes[2]))
        y = column(y)
        flat = symbols(y.flat)
        results = [flat, DERIVATIVES[operator](flat, x, v),
                   symbols(ca.vertcat(*[column(g).flat for g in guards]))]  # fmt: skip
        self._function = ca.Function("f", [x, v, c], [ca.densify(r) for r in results])
        self._may_fail = kind == "MX"  # and then leaves its results as they were
        self._memory = threading.local()
        like = reading.value if reading.value is not None else np.empty(y.shape)
        self._value, self._derivative = parted([like]), shaped(operator, like, point)

    def __call__(self, inputs: Any) -> tuple[Any, Any, Any]:
        memory = vars(self._memory)
        if not memory:
            memory.update(self._buffer())
        for given, values in zip(memory["given"], inputs, strict=True):
            if values:
                into(given, values)
        memory["evaluate"]()
        if self._may_fail and memory["buffer"].ret():
            raise UnsupportedError(
                "casadi could not evaluate it, as where a matrix is singular; use backend='reverse'"
            )
        y, d, guards = memory["found"]
        return self._value(y.copy())[0], self._derivative(d.copy()), guards.copy()

    def _buffer(self) -> dict[str, Any]:
        """Arrays that CasADi reads and writes where they are: a call costs a microsecond."""
        f = self._function
        buffer, evaluate = f.buffer()
        given = [np.zeros(f.numel_in(k)) for k in range(f.n_in())]
        found = [np.zeros(f.numel_out(k)) for k in range(f.n_out())]
        for arrays, put in ((given, buffer.set_arg), (found, buffer.set_res)):
            for k, array in enumerate(arrays):
                if array.size:
                    put(k, memoryview(array))  # type: ignore[arg-type, call-arg]
        return {"given": given, "found": found, "evaluate": evaluate, "buffer": buffer}


def _columns(x: Any, shapes: Any) -> tuple[Column, ...]:
    ends = np.cumsum([0, *map(prod, shapes)]).tolist()
    import casadi as ca

    parts = ca.vertsplit(x, ends) if len(shapes) > 1 else [x] * len(shapes)
    return tuple([Column(p, shape) for p, shape in zip(parts, shapes, strict=True)])
