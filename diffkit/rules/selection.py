"""Choosing between values: where, maximum, clip, and the comparisons that decide."""

from __future__ import annotations

import numpy as np

from . import balls
from .primitive import RULES, composite, elementwise, locally_constant, primitive
from .shape import getitem, scatter


def _share(t, y, tie, wins):
    """The tangent goes to the winner; a tie shares it equally, the middle of the subgradient."""
    if type(y) is float:
        return t * (0.5 if tie else wins)
    return t * np.where(tie, 0.5, wins)


elementwise(
    np.maximum,
    lambda t, y, a, b: _share(t, y, a == b, a > b),
    lambda t, y, a, b: _share(t, y, a == b, b > a),
    sympy="Max",
    ball=balls.maximum,
)
elementwise(
    np.minimum,
    lambda t, y, a, b: _share(t, y, a == b, a < b),
    lambda t, y, a, b: _share(t, y, a == b, b < a),
    sympy="Min",
    ball=balls.minimum,
)
# These pass over NaN: the winner is the one that the value equals.
for _fn, _name, _ball in ((np.fmax, "Max", balls.maximum), (np.fmin, "Min", balls.minimum)):
    elementwise(
        _fn,
        lambda t, y, a, b: _share(t, y, a == b, a == y),
        lambda t, y, a, b: _share(t, y, a == b, b == y),
        sympy=lambda sp, a, b, name=_name: getattr(sp, name)(a, b),
        ball=_ball,
    )


@composite(np.clip)
def clip(
    a, a_min=np._NoValue, a_max=np._NoValue, out=None, min=np._NoValue, max=np._NoValue, **kwargs
):
    """At a bound, a and the bound share the derivative equally."""
    for bound in (a_min, min):
        if bound is not np._NoValue and bound is not None:
            a = np.maximum(a, bound)
    for bound in (a_max, max):
        if bound is not np._NoValue and bound is not None:
            a = np.minimum(a, bound)
    return a


primitive(
    np.nan_to_num,
    jvps=(lambda t, y, x, *args, **kwargs: np.where(np.isfinite(x), t, 0.0),),
    vjps=(lambda g, y, x, *args, **kwargs: np.where(np.isfinite(x), g, 0.0),),
)


# Selecting, rather than multiplying by 0 and 1, keeps a NaN of the branch not taken out.
def _where(c, a, b):
    return np.where(c, a, b)


where = primitive(
    _where,
    jvps=(
        None,
        lambda t, y, c, a, b: np.where(c, t, 0.0),
        lambda t, y, c, a, b: np.where(c, 0.0, t),
    ),
    vjps=(
        None,
        lambda g, y, c, a, b: np.where(c, g, 0.0),
        lambda g, y, c, a, b: np.where(c, 0.0, g),
    ),
    sympy=lambda sp, c, a, b: sp.Piecewise((a, c), (b, True)),
    ball=balls.where,
)


@composite(np.where)
def _(condition, *branches):
    """With the condition alone, the indices where it holds, which are constant."""
    return where(condition, *branches) if branches else np.nonzero(condition)


@composite(np.select)
def select(condlist, choicelist, default=0):
    """The choice of the first condition that holds."""
    out = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        out = np.where(condition, choice, out)
    return out


@composite(np.choose)
def choose(a, choices, out=None, mode="raise"):
    """Element by element, the choice whose number stands in a."""
    last = len(choices) - 1
    if mode == "wrap":
        a = np.remainder(a, last + 1)
    elif mode == "clip":
        a = np.clip(a, 0, last)
    elif np.any(np.less(a, 0) | np.greater(a, last)):
        raise ValueError(f"numpy.choose: an index is outside 0 ... {last}")
    y = choices[last]
    for k in range(last - 1, -1, -1):
        y = np.where(np.equal(a, k), choices[k], y)
    return y


@composite(np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    """Each function is called on its elements alone; of conditions that overlap the last counts."""
    conditions = [condlist] if np.shape(condlist) == np.shape(x) else list(condlist)
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(np.stack(conditions), axis=0))
    if np.ndim(x) == 0:
        return piecewise(np.reshape(x, 1), np.reshape(conditions, (-1, 1)), funclist, *args, **kw)[
            0
        ]
    y = np.zeros_like(x)
    for condition, piece in zip(conditions, funclist, strict=True):
        part = piece(getitem(x, condition), *args, **kw) if callable(piece) else piece
        y = np.where(condition, scatter(part, np.shape(x), condition), y)
    return y


# Comparisons and logic
locally_constant(np.greater, sympy=lambda sp, a, b: sp.Gt(a, b), ball=balls.greater)
locally_constant(np.greater_equal, sympy=lambda sp, a, b: sp.Ge(a, b), ball=balls.greater_equal)
locally_constant(np.less, sympy=lambda sp, a, b: sp.Lt(a, b), ball=balls.less)
locally_constant(np.less_equal, sympy=lambda sp, a, b: sp.Le(a, b), ball=balls.less_equal)
locally_constant(np.equal, sympy=lambda sp, a, b: sp.Eq(a, b), ball=balls.equal)
locally_constant(np.not_equal, sympy=lambda sp, a, b: sp.Ne(a, b), ball=balls.not_equal)
locally_constant(np.logical_and, sympy=lambda sp, a, b: sp.And(a, b), ball=balls.logical_and)
locally_constant(np.logical_or, sympy=lambda sp, a, b: sp.Or(a, b), ball=balls.logical_or)
locally_constant(np.logical_xor, sympy=lambda sp, a, b: sp.Xor(a, b), ball=balls.logical_xor)
locally_constant(np.logical_not, sympy=lambda sp, a: sp.Not(a), ball=balls.logical_not)
locally_constant(np.bitwise_and, sympy=lambda sp, a, b: sp.And(a, b), ball=balls.logical_and)
locally_constant(np.bitwise_or, sympy=lambda sp, a, b: sp.Or(a, b), ball=balls.logical_or)
locally_constant(np.bitwise_xor, sympy=lambda sp, a, b: sp.Xor(a, b), ball=balls.logical_xor)
locally_constant(np.invert, sympy=lambda sp, a: sp.Not(a), ball=balls.logical_not)
locally_constant(np.isfinite, ball=balls.finite)
locally_constant(np.isnan, np.isinf, np.isposinf, np.isneginf, ball=balls.not_finite)
locally_constant(np.isclose, np.allclose, np.array_equal, np.array_equiv, np.isin)
locally_constant(np.any, ball=balls.anywhere)
locally_constant(np.all, ball=balls.everywhere)

# Positions
locally_constant(np.argmax, np.nanargmax, ball=balls.by_order(np.argmax))
locally_constant(np.argmin, np.nanargmin, ball=balls.by_order(np.argmin))
locally_constant(np.argsort, ball=balls.by_order(np.argsort))
locally_constant(np.searchsorted, ball=balls.searchsorted)
locally_constant(np.argpartition, np.digitize)
locally_constant(np.nonzero, ball=balls.by_truth(np.nonzero))
locally_constant(np.flatnonzero, ball=balls.by_truth(np.flatnonzero))
locally_constant(np.argwhere, ball=balls.by_truth(np.argwhere))
locally_constant(np.count_nonzero, ball=balls.by_truth(np.count_nonzero))


def _lexsort(keys, axis=-1):
    return np.lexsort(keys, axis)


locally_constant(_lexsort)


@composite(np.lexsort)
def lexsort(keys, axis=-1):
    """The order by the last key, then by the one before."""
    return RULES[_lexsort](np.stack(list(keys)), axis)
