"""What ball forms are made of: decisions that are proved, and forms longer than a line.

A ball (python-flint's ``arb``) is an interval that holds a real number. A comparison of balls that
overlap has no answer, and neither has one of numbers that are equal: there the branch, the jump or
the kink is exactly at the point, and what is true of one side is not true of the function. Both are
``Undecided``, which is an error as soon as anything depends on it. A ball compared with itself is
one number, though, whatever it is.

Nothing here imports python-flint before it is used.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np


class UndecidedError(Exception):
    """A decision that depends on more digits; ``tie`` if no number of digits would settle it."""

    def __init__(self, what: str, tie: bool = False) -> None:
        super().__init__(what)
        self.tie = tie


class Undecided:
    """The truth value of a comparison that could not be settled; using it is an error."""

    def __init__(self, what: str, tie: bool) -> None:
        self.what, self.tie = what, tie

    def _refuse(self, *_: Any) -> Any:
        raise UndecidedError(self.what, self.tie)

    __bool__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = _refuse
    __truediv__ = __rtruediv__ = __int__ = __index__ = __float__ = _refuse

    def __and__(self, other: Any) -> Any:
        return _and(self, other)

    def __or__(self, other: Any) -> Any:
        return _or(self, other)

    def __invert__(self) -> Any:
        return self

    __rand__, __ror__ = __and__, __or__


def ball(value: Any) -> Any:
    """A number as a ball that holds it exactly."""
    from flint import arb

    if type(value) is arb:
        return value
    if isinstance(value, (int, np.integer, np.bool_)):
        return arb(int(value))
    if isinstance(value, np.ndarray):  # float() would round the ball in an array of one
        return ball(value.item())
    number = float(value)
    if math.isinf(number):  # arb(inf) would be the whole line
        return arb.pos_inf() if number > 0 else arb.neg_inf()
    return arb(number)


def each(form: Any) -> Any:
    """A function of elements as one of numbers and arrays of objects, which broadcast."""

    def on_arrays(*args: Any) -> Any:
        if not any(type(a) is np.ndarray for a in args):
            return form(*args)
        return np.frompyfunc(form, len(args), 1)(*args)

    return on_arrays


# Comparisons


def _is_truth(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_, Undecided))


def _compared(relation: Any, symbol: str, reflexive: bool) -> Any:
    def compare(a: Any, b: Any) -> Any:
        if a is b:
            return reflexive
        if _is_truth(a):  # a truth value where a number is due
            return bool(relation(bool(a), b))
        if isinstance(a, int) and isinstance(b, int):  # counts and places, which are constant
            return bool(relation(a, b))
        x, y = ball(a), ball(b)
        if x.overlaps(y):
            tie = x.is_exact() and y.is_exact()
            shown = f"{x.str(6)} {symbol} {y.str(6)}"
            return Undecided(f"{shown}, numbers that are equal" if tie else shown, tie)
        return bool(relation(x, y))

    return each(compare)


less = _compared(operator.lt, "<", False)
less_equal = _compared(operator.le, "<=", True)
greater = _compared(operator.gt, ">", False)
greater_equal = _compared(operator.ge, ">=", True)
equal = _compared(operator.eq, "==", True)
not_equal = _compared(operator.ne, "!=", False)


def _and(a: Any, b: Any) -> Any:
    if type(a) is not Undecided:
        return b if a else False
    return a if type(b) is Undecided or b else False


def _or(a: Any, b: Any) -> Any:
    if type(a) is not Undecided:
        return True if a else b
    return a if type(b) is Undecided or not b else True


logical_and, logical_or = each(_and), each(_or)
logical_not = each(lambda a: a if type(a) is Undecided else not a)
logical_xor = each(lambda a, b: bool(a) != bool(b))


def _chosen(c: Any, a: Any, b: Any) -> Any:
    return a if c is True or a is b or bool(c) else b


where = each(_chosen)


def anywhere(x: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    return _joined(_or, False, x, axis, keepdims)


def everywhere(x: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    return _joined(_and, True, x, axis, keepdims)


def _joined(connective: Any, start: bool, x: Any, axis: Any, keepdims: Any) -> Any:
    x = np.asarray(x, dtype=object)
    x = x if axis is not None else x.ravel()
    join = np.frompyfunc(connective, 2, 1)
    return join.reduce(x, axis=axis or 0, keepdims=keepdims is True, initial=start)


def by_truth(fn: Any) -> Any:
    """A NumPy function that looks at the truth of its first argument's elements alone."""

    def form(x: Any, *args: Any, **kwargs: Any) -> Any:
        truth = np.frompyfunc(lambda v: bool(not_equal(v, 0)), 1, 1)
        return fn(np.asarray(truth(x), dtype=bool), *args, **kwargs)

    return form


@each
def finite(x: Any) -> bool:
    """True; a ball that is not finite may be so for want of digits."""
    if not ball(x).is_finite():
        raise UndecidedError("isfinite of a number without a finite enclosure")
    return True


def not_finite(x: Any) -> Any:
    """False for each element."""
    return logical_not(finite(x))


# Steps and kinks


def step(whole: str, what: str) -> Any:
    """A function with a jump at each whole number; ``whole`` is arb's name of it."""

    def form(x: Any) -> Any:
        x = ball(x)
        if x.contains_integer():
            raise UndecidedError(f"{what}({x.str(6)}), which may be at a jump", x.is_exact())
        return getattr(x, whole)()

    return form


floor, ceil = step("floor", "floor"), step("ceil", "ceil")


def trunc(x: Any) -> Any:
    """Towards zero, where it has no jump."""
    x = ball(x)
    if abs(x) < 1:
        return x * 0
    return floor(x) if sign(x) > 0 else ceil(x)


def rint(x: Any) -> Any:
    """To the nearest whole number, whose jumps are half-way between."""
    return floor(ball(x) + 0.5)


def rounded(x: Any, decimals: int = 0) -> Any:
    """np.round."""
    scale = ball(10) ** int(decimals)
    return each(lambda v: rint(ball(v) * scale) / scale)(x)


def sign(x: Any) -> Any:
    """-1 or 1."""
    x = ball(x)
    if x.contains(0):
        raise UndecidedError(f"the sign of {x.str(6)}", x.is_exact())
    return x.sgn()


def absolute(x: Any) -> Any:
    """|x|, which is defined without knowing the sign."""
    return abs(ball(x))


def maximum(a: Any, b: Any) -> Any:
    """The larger one itself, so that comparing it with either is decided."""
    return a if a is b or bool(greater(a, b)) else b


def minimum(a: Any, b: Any) -> Any:
    """The smaller one itself."""
    return a if a is b or bool(less(a, b)) else b


def floor_divide(a: Any, b: Any) -> Any:
    return floor(ball(a) / ball(b))


def remainder(a: Any, b: Any) -> Any:
    return a - ball(b) * floor_divide(a, b)


def fmod(a: Any, b: Any) -> Any:
    return a - ball(b) * trunc(ball(a) / ball(b))


def binary_exponent(x: Any) -> Any:
    """The exponent of np.frexp: its jumps are at the powers of two."""

    def form(v: Any) -> int:
        v = abs(ball(v))
        guess = math.frexp(float(v.mid()))[1]
        if not (v > ball(2) ** (guess - 1) and v < ball(2) ** guess):
            raise UndecidedError(f"the binary exponent of {v.str(6)}", v.is_exact())
        return guess

    return each(form)(x)


# Order


@functools.total_ordering
class Ordered:
    """A ball that NumPy can sort."""

    __slots__ = ("ball",)

    def __init__(self, value: Any) -> None:
        self.ball = value

    def __lt__(self, other: Any) -> bool:
        return bool(less(self.ball, other.ball))

    def __eq__(self, other: Any) -> bool:
        return bool(equal(self.ball, other.ball))

    __hash__ = object.__hash__


def by_order(fn: Any) -> Any:
    """A NumPy function that looks at the order of its first argument alone."""

    def form(x: Any, *args: Any, **kwargs: Any) -> Any:
        keys = np.frompyfunc(Ordered, 1, 1)(np.asarray(x, dtype=object))
        return fn(keys, *args, **kwargs)

    return form


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """np.searchsorted; it says left or right of equal ones, which are ties here."""
    keys = np.asarray(a, dtype=object)
    keys = keys if sorter is None else keys[sorter]
    return _places(each(lambda x: sum(bool(less(key, x)) for key in keys))(v))


def piece(x: Any, xp: Any) -> Any:
    """The number of the piece of a table in which x lies; a break point is a kink."""
    xp = np.asarray(xp, dtype=object)

    def form(v: Any) -> int:
        return min(max(sum(bool(less(p, v)) for p in xp) - 1, 0), max(len(xp) - 2, 0))

    found = each(form)(x)
    return _places(found)


def _places(found: Any) -> Any:
    return found.astype(int) if type(found) is np.ndarray else found


def median(x: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False,
           keepdims: Any = False) -> Any:  # fmt: skip
    """The middle element, or the mean of the two."""
    x = np.asarray(x, dtype=object)
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % x.ndim)
    last = np.moveaxis(x, axes, range(-len(axes), 0)).reshape(
        *(n for k, n in enumerate(x.shape) if k not in axes), -1
    )
    order = by_order(np.argsort)(last, axis=-1)
    ranked = np.take_along_axis(last, order, -1)
    n = ranked.shape[-1]
    middle = ranked[..., n // 2] if n % 2 else (ranked[..., n // 2 - 1] + ranked[..., n // 2]) / 2
    return np.expand_dims(middle, axes) if keepdims else middle


# Zeros that a rule looks for


def _is_exact_zero(x: Any) -> bool:
    """Whether a number is zero by construction."""
    x = ball(x)
    if x.contains(0) and not x.is_exact():
        raise UndecidedError(f"whether {x.str(6)} is zero")
    return x.is_exact() and bool(x == 0)


def is_zero(*arrays: Any) -> bool:
    """Whether all elements are zero by construction."""
    return all(_is_exact_zero(v) for a in arrays for v in np.ravel(np.asarray(a, object)))


def has_zero(a: Any) -> bool:
    """Whether an element is zero by construction."""
    return any(_is_exact_zero(v) for v in np.ravel(np.asarray(a, object)))


# Elementary functions that arb has under another name, or not at all


def cbrt(x: Any) -> Any:
    """The real root, also of negative numbers."""
    return x.root(3) if x >= 0 else -((-x).root(3)) if x < 0 else x * x.nan()


def hypot(a: Any, b: Any) -> Any:
    return (a * a + b * b).sqrt()


def logaddexp(a: Any, b: Any) -> Any:
    """log(e^a + e^b), by the larger one if it is known."""
    if not (a.is_finite() and b.is_finite()):
        return (a.exp() + b.exp()).log()
    return a + (b - a).exp().log1p()


def logaddexp2(a: Any, b: Any) -> Any:
    two = a.const_log2()
    return a + ((b - a) * two).exp().log1p() / two


def power(a: Any, b: Any) -> Any:
    """a ** b; a whole exponent may have a negative base."""
    return a**b


def atan2(a: Any, b: Any) -> Any:
    """The angle of (b, a), which jumps on the negative half of the first axis."""
    if a.contains(0) and not b > 0:
        raise UndecidedError(f"arctan2({a.str(6)}, {b.str(6)}), on its cut", a.is_exact())
    return a.atan2(a, b)


def hyp2f1(a: Any, b: Any, c: Any, z: Any) -> Any:
    """Gauss's hypergeometric function."""
    return z.hypgeom_2f1(ball(a), ball(b), ball(c))


def zeta(s: Any, q: Any) -> Any:
    """Hurwitz's zeta function; for q < 0 and whole s by its recurrence (DLMF 25.11.4)."""
    total = ball(0)
    while q <= 0 and s.is_integer():
        total, q = total + 1 / q**s, q + 1
    return total + s.zeta(q)


def copysign(a: Any, b: Any) -> Any:
    return abs(a) * sign(b)


def heaviside(x: Any, h: Any) -> Any:
    """The middle value h plays no part away from the jump."""
    return (1 + sign(x)) / 2


def sinc_derivative(x: Any, k: Any) -> Any:
    """The k-th derivative of sin(pi x) / (pi x): the Taylor coefficient, k! times."""
    from flint import arb, arb_series, ctx

    k = int(ball(k).unique_fmpz())
    with _series_length(ctx, k + 2):
        if x.is_exact() and x == 0:  # sin(pi h) / (pi h), of which one coefficient more is known
            with _series_length(ctx, k + 3):
                h = arb_series([0, arb.pi()], prec=k + 3)
                coefficients = list(h.sin().coeffs())[1:]
                value = coefficients[k] / arb.pi() if k < len(coefficients) else arb(0)
        else:
            z = arb_series([x * arb.pi(), arb.pi()], prec=k + 2)
            value = (z.sin() / z)[k]
        return value * arb(k).gamma() * (k or 1) if k else value


def _series_length(ctx: Any, n: int) -> Any:
    """arb's power series are cut at a length that is global."""
    import contextlib

    @contextlib.contextmanager
    def length() -> Any:
        before, ctx.cap = ctx.cap, max(ctx.cap, n)
        try:
            yield
        finally:
            ctx.cap = before

    return length()


def i0_derivative(x: Any, k: Any) -> Any:
    """2**-k times the sum of binom(k, j) I_{k-2j} (DLMF 10.29.5)."""
    k = int(ball(k).unique_fmpz())
    terms = [math.comb(k, j) * x.bessel_i(ball(abs(k - 2 * j))) for j in range(k + 1)]
    return functools.reduce(operator.add, terms) / 2**k


# Reductions over arrays of balls


def extreme(largest: bool) -> Any:
    """np.max or np.min by decided comparisons; the winner itself is returned."""
    pick = np.frompyfunc(maximum if largest else minimum, 2, 1)

    def form(x: Any, axis: Any = None, out: Any = None, keepdims: Any = False,
             initial: Any = None, where: Any = True) -> Any:  # fmt: skip
        if initial is not None or where is not True:
            raise TypeError("with initial= or where=")
        x = np.asarray(x, dtype=object)
        axes = range(x.ndim) if axis is None else np.atleast_1d(axis) % x.ndim
        for k in sorted(axes, reverse=True):
            x = pick.reduce(x, axis=k, keepdims=keepdims is True)
            x = np.asarray(x, dtype=object)
        return x

    return form


def mean(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
         where: Any = True) -> Any:  # fmt: skip
    counted = np.broadcast_to(where, np.shape(x)).astype(int)
    number = np.sum(counted, axis=axis, keepdims=keepdims is True)
    return np.sum(x, axis=axis, keepdims=keepdims is True, where=where) / number


def variance(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
             keepdims: Any = False, where: Any = True, correction: Any = None,
             mean: Any = None) -> Any:  # fmt: skip
    keepdims = keepdims is True
    counted = np.broadcast_to(where, np.shape(x)).astype(int)
    number = np.sum(counted, axis=axis, keepdims=True)
    deviations = x - np.sum(x, axis=axis, keepdims=True, where=where) / number
    squares = np.sum(deviations * deviations, axis=axis, keepdims=keepdims, where=where)
    freedom = np.sum(counted, axis=axis, keepdims=keepdims)
    return squares / (freedom - ball(ddof if correction is None else correction))


def deviation(x: Any, *args: Any, **kwargs: Any) -> Any:
    return each(lambda v: ball(v).sqrt())(variance(x, *args, **kwargs))


def p_norm(x: Any, p: Any, axis: Any = None, keepdims: Any = False) -> Any:
    p = ball(p)
    powers = each(lambda v: ball(v) ** 2 if p == 2 else abs(ball(v)) ** p)(np.asarray(x, object))
    total = np.sum(powers, axis=axis, keepdims=keepdims)
    return each(lambda v: ball(v).sqrt() if p == 2 else ball(v) ** (1 / p))(total)


def logsumexp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    exp, log = each(lambda v: ball(v).exp()), each(lambda v: ball(v).log())
    return log(np.sum(exp(np.asarray(a, dtype=object)), axis=axis, keepdims=keepdims))


def log_softmax(x: Any, axis: Any = None) -> Any:
    return x - logsumexp(x, axis, keepdims=True)


def softmax(x: Any, axis: Any = None) -> Any:
    return each(lambda v: ball(v).exp())(log_softmax(x, axis))


# Matrices


def on_matrices(form: Any, results: int = 1) -> Any:
    """A function of ``arb_mat`` on stacks of square matrices."""

    def stacked(a: Any, *others: Any) -> Any:
        a = np.asarray(a, dtype=object)
        stack = np.broadcast_shapes(*(np.shape(m)[:-2] for m in (a, *others)))
        parts = [np.broadcast_to(m, stack + np.shape(m)[-2:]) for m in (a, *others)]
        found = [_solved(form, [matrix(m[index]) for m in parts]) for index in np.ndindex(stack)]
        shape = np.shape(found[0]) if found else ()
        out = np.empty((len(found), *shape), dtype=object)
        for k, value in enumerate(found):
            out[k] = value
        return out.reshape(stack + shape)

    return stacked


def _solved(form: Any, matrices: list[Any]) -> Any:
    try:
        return form(*matrices)
    except ZeroDivisionError:
        raise UndecidedError("whether a matrix is singular") from None


def matrix(a: Any) -> Any:
    """An array of balls as an ``arb_mat``."""
    from flint import arb_mat

    return arb_mat([[ball(v) for v in row] for row in a])


def array(m: Any) -> Any:
    """An ``arb_mat`` as an array of balls."""
    out = np.empty((m.nrows(), m.ncols()), dtype=object)
    for i, row in enumerate(m.tolist()):
        out[i] = row
    return out


inverse = on_matrices(lambda a: array(a.inv()))
determinant = on_matrices(lambda a: a.det())
solution = on_matrices(lambda a, b: array(a.solve(b)))


def slogdet(a: Any) -> Any:
    """The sign, which must be known, and the logarithm of the size."""
    d = determinant(a)
    return each(sign)(d), each(lambda v: abs(v).log())(d)


def cholesky(a: Any) -> Any:
    """The lower factor, by the lower triangle of the matrix, row by row."""
    a = np.asarray(a, dtype=object)
    out = np.zeros_like(a)
    for index in np.ndindex(a.shape[:-2]):
        _factor(a[index], out[index])
    return out


def _factor(a: Any, lower: Any) -> None:
    for i in range(len(a)):
        for j in range(i + 1):
            rest = ball(a[i, j]) - (lower[i, :j] @ lower[j, :j] if j else 0)
            lower[i, j] = rest.sqrt() if i == j else rest / lower[j, j]


__all__ = ["Undecided", "UndecidedError", "ball", "each"]
