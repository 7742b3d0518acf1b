"""From a NumPy function that met a tracer to the rule for it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import MissingRuleError
from ..rules import COMPOSITES, RULES, load_families


def is_traced(value: Any) -> bool:
    """Whether a value is a tracer, which records what is applied to it."""
    return hasattr(type(value), "__diffkit_apply__")


def no_rule(name: str) -> MissingRuleError:
    """The error for a function without a rule, which says what can be done."""
    return MissingRuleError(
        f"{name} has no derivative rule; write it in terms of functions that have one, give "
        f"it a rule of your own (see diffkit.primitive), or use a backend that calls the function "
        f"as a black box, such as backend='finite_difference'"
    )


def positional(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Move tracers that were passed by keyword into the positional arguments."""
    parameters = inspect.signature(fn).parameters
    bound = inspect.signature(fn).bind(*args, **kwargs)
    names = [n for n, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    traced = [i for i, n in enumerate(names) if is_traced(bound.arguments.get(n))]
    moved = names[: max([i + 1 for i in traced] + [len(args)])]
    given = tuple(bound.arguments.get(n, parameters[n].default) for n in moved)
    rest = {n: v for n, v in kwargs.items() if n not in moved}
    left = [n for n, v in rest.items() if is_traced(v)]
    if left:
        raise no_rule(f"{fn.__name__} with a traced {left[0]}")
    return given, rest


def more_rules(fn: Any) -> bool:
    """Whether a function that was not in the table is there once all of it is loaded: the rest of
    the families, and SciPy's functions in a program that uses SciPy."""
    load_families()
    if "scipy.special" in sys.modules:
        from ..rules import special  # noqa: F401
    return fn in RULES or fn in COMPOSITES


def ufunc_method(ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """``ufunc.reduce`` and its kin, by way of the function that does the same."""
    if method == "outer" and not kwargs and len(inputs) == 2:
        a, b = inputs
        return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)
    reduction = _REDUCTIONS.get((ufunc, method))
    if reduction is None or kwargs.get("out") is not None:
        call = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        raise no_rule(f"numpy.{call}" + (f" with {', '.join(kwargs)}" if kwargs else ""))
    return reduction(*inputs, **{"axis": 0, **kwargs})


_REDUCTIONS: dict[tuple[Any, str], Callable[..., Any]] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "accumulate"): np.cumprod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.logical_and, "reduce"): np.all,
    (np.logical_or, "reduce"): np.any,
}
