"""SymEngine's functions, and the derivatives of its expressions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...errors import UnsupportedError

LONGEST = 50_000  # operands of all expressions together; they take SymEngine some seconds
DEEPEST = 2_000  # levels: SymEngine recurses on the C stack
STEEPEST = 2_000_000  # parts of an expression times the symbols that it is differentiated in
# Nodes of a derivative as a tree, where others are taken too or it is differentiated again: parts
# that are equal but were not made together are compared by walking the tree.
AS_TREE = 1e8
INVERTED = 4  # rows of a matrix whose inverse is expanded

Exprs = Sequence[Any]


@cache
def functions() -> Any:
    """SymEngine's functions as ``forms.form`` and ``elements.operation`` want them.

    SymEngine does not differentiate the functions with kinks and jumps, but it does choices.
    """
    import symengine as se

    def piecewise(*pairs: Any) -> Any:
        return se.Piecewise(*[(number(e), condition(c)) for e, c in pairs])

    def sign(x: Any) -> Any:
        return piecewise((-1, se.Lt(x, 0)), (1, se.Lt(0, x)), (0, True))

    def absolute(x: Any) -> Any:
        return piecewise((-x, se.Lt(x, 0)), (x, se.Lt(0, x)), (0, True))

    def larger(a: Any, b: Any) -> Any:
        return piecewise((a, se.Lt(b, a)), (b, se.Lt(a, b)), ((a + b) / 2, True))

    def smaller(a: Any, b: Any) -> Any:
        return piecewise((a, se.Lt(a, b)), (b, se.Lt(b, a)), ((a + b) / 2, True))

    def log(x: Any, base: Any = None) -> Any:
        return se.log(x) if base is None else se.log(x) / se.log(base)

    def slogdet(a: Any) -> tuple[Any, Any]:
        det = _determinant(a)
        logarithm = lambda d: se.log(absolute(d))  # noqa: E731
        return np.frompyfunc(sign, 1, 1)(det), np.frompyfunc(logarithm, 1, 1)(det)

    same = (
        "exp sqrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh floor ceiling "
        "gamma loggamma erf erfc And Or Not Xor Eq Ne Lt Le Gt Ge pi"
    )
    return SimpleNamespace(
        **{name: getattr(se, name) for name in same.split()},
        Piecewise=piecewise,
        sign=sign,
        Abs=absolute,
        Max=larger,
        Min=smaller,
        log=log,
        hypot=lambda a, b: se.sqrt(a**2 + b**2),
        re=lambda x: x,
        im=lambda x: 0 * x,
        conjugate=lambda x: x,
        number=number,
        condition=condition,
        plain=plain,
        add=lambda terms: se.Add(*terms),
        own={},
        of_arrays={
            "inv": _inverse,
            "transposed_inverse": _transposed_inverse,
            "det": _determinant,
            "solve_columns": _solution,
            "slogdet": slogdet,
        },
    )


def number(e: Any) -> Any:
    """A number, an expression, or 1 and 0 for a truth value."""
    import symengine as se

    if isinstance(e, (float, np.floating)):
        value = float(e)
        is_exact = value.is_integer() and abs(value) < 2**53
        return se.Integer(int(value)) if is_exact else se.RealDouble(value)
    if isinstance(e, (bool, int, np.integer, np.bool_)):
        return se.Integer(int(e))
    if not _is_truth(e):
        return e
    if e.is_Boolean:  # true or false itself
        return se.Integer(int(bool(e)))
    return se.Piecewise((1, e), (0, True))


def plain(e: Any) -> Any:
    """The number that an element is, or None."""
    if isinstance(e, (bool, int, float)):
        return e
    is_real = getattr(e, "is_Number", False) and not e.is_complex
    return float(e) if is_real else None


def condition(e: Any) -> Any:
    """A truth value, of a number whether it is not 0."""
    import symengine as se

    if isinstance(e, (bool, int, float, np.generic)):
        return se.true if e else se.false
    return e if _is_truth(e) else se.Ne(e, 0)


def _is_truth(e: Any) -> bool:
    from symengine.lib.symengine_wrapper import Boolean

    return isinstance(e, Boolean)


# Matrices


def _matrix(a: Any) -> Any:
    import symengine as se

    return se.DenseMatrix(*a.shape, [number(e) for e in a.ravel()])


def _array(m: Any) -> Any:
    return np.array([m[i, j] for i in range(m.rows) for j in range(m.cols)], object).reshape(
        m.rows, m.cols
    )


def _stacked(fn: Any) -> Any:
    def stacked(*matrices: Any) -> Any:
        stack = np.broadcast_shapes(*[m.shape[:-2] for m in matrices])
        parts = [np.broadcast_to(m, stack + m.shape[-2:]) for m in matrices]
        if max(p.shape[-2] for p in parts) > INVERTED:
            raise UnsupportedError(
                "SymEngine is given matrices up to 4 by 4; use backend='reverse'"
            )
        found = [fn(*[_matrix(p[index]) for p in parts]) for index in np.ndindex(stack)]
        y = np.empty((len(found), *np.shape(found[0])), object)
        for k, value in enumerate(found):
            y[k] = value
        return y.reshape(stack + y.shape[1:])[()]

    return stacked


_inverse = _stacked(lambda a: _array(a.inv("LU")))
_transposed_inverse = _stacked(lambda a: _array(a.inv("LU").T))
_determinant = _stacked(lambda a: a.det())
_solution = _stacked(lambda a, b: _array(a.LUsolve(b)))


# Sizes


def survey(exprs: Iterable[Any], most: float = inf) -> list[Any]:
    """The distinct parts of expressions.

    Args:
        exprs: the expressions.
        most: how large they may be as trees, where what is shared is counted each time.

    Raises:
        UnsupportedError: they are larger than that, or have too many operands or levels.
    """
    sizes: dict[Any, tuple[int, int]] = {}  # of each part the levels and the size as a tree
    operands = 0
    stack = list(exprs)
    while stack:
        args = stack[-1].args
        waiting = [a for a in args if a not in sizes]
        if waiting:
            stack.extend(waiting)
            continue
        e = stack.pop()
        if e in sizes:
            continue
        its = [sizes[a] for a in args]
        depth, size = 1 + max([d for d, _ in its], default=0), 1 + sum([n for _, n in its])
        sizes[e] = depth, size
        operands += len(args)
        if operands > LONGEST or depth > DEEPEST or size > most:
            raise UnsupportedError(
                f"SymEngine's expressions become too large ({operands} operands, {depth} levels, "
                f"{size:.0e} nodes as a tree); use backend='reverse'"
            )
    return list(sizes)


# Derivatives of ys in xs; the vector of jvp, vjp and hvp is made of symbols too

Row = dict[int, Any]  # partial derivatives that are not 0, by the place of the symbol


def _partials(expr: Any, xs: Exprs, alone: bool = False) -> Row:
    """The partial derivatives of an expression, each of the terms that have the symbol.

    Args:
        expr: the expression.
        xs: the symbols.
        alone: whether no other derivative is taken beside these.
    """
    import symengine as se

    places = {x: j for j, x in enumerate(xs)}
    every = expr.args if isinstance(expr, se.Add) else (expr,)
    terms: dict[int, list[Any]] = defaultdict(list)
    for term in every:
        for x in term.free_symbols:
            if x in places:
                terms[places[x]].append(term)
    if sum(map(len, terms.values())) / len(every) * len(survey([expr])) > STEEPEST:
        raise UnsupportedError(
            f"SymEngine's expressions become too large to be differentiated in {len(terms)} "
            f"symbols; use backend='reverse'"
        )
    row = {j: _without_steps(se.Add(*mine).diff(xs[j])) for j, mine in terms.items()}
    if not alone or len(row) > 1:
        for e in row.values():
            survey([e], most=AS_TREE)
    return row


def _without_steps(expr: Any) -> Any:
    """The derivative of a step is 0 where it has one; SymEngine leaves it standing."""
    import symengine as se

    steps = {}
    for e in survey([expr]):
        if isinstance(e, se.Derivative):
            if not isinstance(e.args[0], (se.floor, se.ceiling)):
                raise UnsupportedError(
                    f"SymEngine does not differentiate {type(e.args[0]).__name__}; "
                    f"use backend='reverse'"
                )
            steps[e] = 0
        elif isinstance(e, se.Subs):
            steps[e] = 0  # of one of those
    return expr.xreplace(steps) if steps else expr


def _dense(row: Row, n: int) -> list[Any]:
    return [row.get(j, 0) for j in range(n)]


def _second(row: Row, xs: Exprs) -> dict[int, Row]:
    return {j: _partials(expr, xs) for j, expr in row.items()}


def _gradient(ys: Exprs, xs: Exprs, vs: Exprs) -> list[Any]:
    return _dense(_partials(ys[0], xs, alone=True), len(xs))


def _jacobian(ys: Exprs, xs: Exprs, vs: Exprs) -> list[Any]:
    return [e for y in ys for e in _dense(_partials(y, xs, len(ys) == 1), len(xs))]


def _second_derivative(ys: Exprs, xs: Exprs, vs: Exprs) -> list[Any]:
    return [_second(_partials(y, xs), xs).get(0, {}).get(0, 0) for y in ys]


def _hessian(ys: Exprs, xs: Exprs, vs: Exprs) -> list[Any]:
    rows = _second(_partials(ys[0], xs), xs)
    return [e for j in range(len(xs)) for e in _dense(rows.get(j, {}), len(xs))]


def _jvp(ys: Exprs, xs: Exprs, vs: Exprs) -> list[Any]:
    return [_along(_partials(y, xs, len(ys) == 1), vs) for y in ys]


def _along(row: Row, vs: Exprs) -> Any:
    import symengine as se

    return se.Add(*[e * vs[j] for j, e in row.items()])


def _vjp(ys: Exprs, xs: Exprs, vs: Exprs) -> list[Any]:
    import symengine as se

    return _gradient([se.Add(*[u * y for u, y in zip(vs, ys, strict=True)])], xs, ())


def _hvp(ys: Exprs, xs: Exprs, vs: Exprs) -> list[Any]:
    return _dense(_partials(_along(_partials(ys[0], xs), vs), xs), len(xs))


DERIVATIVES = {
    "derivative": _jacobian,
    "second_derivative": _second_derivative,
    "gradient": _gradient,
    "jacobian": _jacobian,
    "hessian": _hessian,
    "jvp": _jvp,
    "vjp": _vjp,
    "hvp": _hvp,
}
