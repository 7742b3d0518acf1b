"""Derivatives by SymEngine, as functions of numbers that are checked for lost digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...tape.replay.elsewhere import Elsewhere
from ...tape.replay.program import Program
from .flat import into, joined, parted, shaped
from .symengine_expressions import DERIVATIVES, number, survey

OPTIMISED = 2_000  # parts of expressions that LLVM optimises within a second
ALIKE = 1e-6  # by so much of its size a value may differ: rounding, enlarged by f itself


class Evaluation:
    """A derivative in SymEngine's expressions, and their function of numbers."""

    def __init__(
        self, operator: str, reading: Any, point: Sequence[Any], shapes: Any, compiled: bool
    ) -> None:
        import symengine as se

        x, v, c = ([_symbols(f"diffkit_{n}{k}_", s) for k, s in enumerate(part)]
                   for n, part in zip("xvc", shapes, strict=True))  # fmt: skip
        y, guards = reading.with_guards(tuple(x), tuple(c))
        ys, truths = (list(map(number, np.ravel(part))) for part in (y, np.array(guards, object)))
        survey([*ys, *truths])
        ds = list(map(number, DERIVATIVES[operator](ys, list(joined(x)), list(joined(v)))))
        parts = survey([*ys, *ds, *truths])
        like = reading.value if reading.value is not None else np.empty(np.shape(y))
        self._value, self._derivative = parted([like]), shaped(operator, like, point)
        self._ends = len(ys), len(ys) + len(ds)
        self._size = 0.0 if reading.program is None else _largest(reading.program)
        symbols = [s for part in (x, v, c) for s in joined(part)]
        how: dict[str, Any] = {"backend": "lambda"}
        if compiled and se.have_llvm:
            how = {"backend": "llvm", "opt_level": 3 if len(parts) < OPTIMISED else 0}
        self._evaluate = _lambdified(symbols, [*ys, *ds, *truths], np.float64, **how)
        self._wide = _wide(symbols, [*ys, *ds])

    def __call__(self, inputs: Any) -> tuple[Any, Any, Any]:
        found = self._evaluate(inputs)
        m, n = self._ends
        y, d, guards = found[:m], found[m:n], found[n:]
        if self._wide is not None:
            wide = self._wide(inputs).astype(float)
            own = found[:n]
            if not (np.abs(own - wide) <= ALIKE * np.abs(wide)).all():
                self._require_digits(y, d, wide, inputs[0])
        return self._value(y)[0], self._derivative(d), guards

    def _require_digits(self, y: Any, d: Any, wide: Any, x: Sequence[Any]) -> None:
        """Refuse values that are not those in extended precision, by the size of the parts."""
        size = max(self._size, np.max(np.abs(y), initial=0.0))
        _require_alike(y, wide[: len(y)], 1e-12 * size, "f(x)")
        size /= max(1.0, np.max(np.abs(joined(x)), initial=0.0))
        _require_alike(d, wide[len(y) :], 1e-10 * size, "the derivative")

    def require_same(self, program: Program, inputs: Any) -> None:
        """Refuse an expression whose value at this point is not that of f.

        Raises:
            UnsupportedError: it differs by more than rounding errors of its parts' size.
        """
        x, _, others = inputs
        f = Elsewhere(program, lambda rule: rule.fn, lambda value: value)
        with np.errstate(all="ignore"):
            expected = np.ravel(f([*x, *others])[0])
        y = self._evaluate(inputs)[: self._ends[0]]
        _require_alike(y, expected, 1e-12 * self._size, "f(x)")


def _symbols(name: str, shape: tuple[int, ...]) -> Any:
    import symengine as se

    found = np.array([se.Symbol(f"{name}{k}") for k in range(prod(shape))], dtype=object)
    return found.reshape(shape)[()]


def _lambdified(symbols: Any, exprs: Any, dtype: Any, **how: Any) -> Callable[[Any], Any]:
    import symengine as se

    # SymEngine wants at least one symbol and one expression.
    given = [*symbols, se.Symbol("unused")]
    try:
        function = se.Lambdify(given, [*exprs, 0], cse=True, dtype=dtype, **how)
    except RuntimeError as error:
        raise UnsupportedError(
            f"SymEngine has no numbers for what f or its derivative is made of ({error}); "
            f"use backend='reverse'"
        ) from None

    def evaluate(inputs: Any) -> Any:
        point, out = np.zeros(len(given), dtype), np.empty(len(exprs) + 1, dtype)
        into(point[:-1], [v for part in inputs for v in part])
        function.unsafe_real(point, out)
        return out[:-1]

    return evaluate


def _wide(symbols: Any, exprs: Any) -> Callable[[Any], Any] | None:
    """The function of numbers with more digits; None where there are no more."""
    import symengine as se

    more = np.finfo(np.longdouble).eps < np.finfo(float).eps
    if not more or not getattr(se, "have_llvm_long_double", False):
        return None
    return _lambdified(symbols, exprs, np.longdouble, backend="llvm", opt_level=0)


def _largest(program: Program) -> float:
    values = [v for node in program.nodes if (v := np.asarray(node.value)).dtype.kind == "f"]
    return max([float(np.max(np.abs(v), initial=0.0, where=np.isfinite(v))) for v in values])


def _require_alike(found: Any, expected: Any, least: float, what: str) -> None:
    size = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
    with np.errstate(invalid="ignore"):  # of infinities
        close = np.abs(found - expected) <= ALIKE * size + least
    if not np.all(close | (found == expected)):
        raise UnsupportedError(
            f"SymEngine's expressions lose the digits of {what}: {found} for {expected}; "
            f"use backend='reverse'"
        )
