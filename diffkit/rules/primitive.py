"""What a derivative rule is, and the table that holds them all.

A *primitive* is a function whose derivative is known. Each one is declared once, in one of the
files beside this one, with one of five constructors:

``elementwise(fn, *factors)``
    ``factor(t, y, *args)`` is ``t`` times the partial derivative in that argument. The Jacobian
    of an elementwise function is diagonal, so the same expression pushes a tangent forward and
    pulls a cotangent back.
``linear(fn, vjp)``
    Linear in its first argument: its JVP is the function itself, applied to the tangent.
``primitive(fn, jvps, vjps)``
    Everything else: ``jvp(t, y, *args, **kwargs)`` and ``vjp(g, y, *args, **kwargs)`` for each
    argument.
``locally_constant(fn)``
    The derivative is zero wherever it exists.
``composite(fn)``
    A NumPy function written in terms of others that have rules.

A primitive may return a tuple of values; its tangents and cotangents are tuples as well.

In every rule ``y`` is the value of the primitive and ``args`` are its arguments. Rules are
written in NumPy terms, so a rule can itself be recorded: that is where higher derivatives come
from. A rule never undoes broadcasting and never matches dtypes: the sweeps do.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Union

Rule = Callable[..., Any]
Rules = Union[Sequence[Rule | None], "EveryArgument"]
SymPyForm = str | Callable[..., Any] | None
BallForm = str | Callable[..., Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """A function whose derivative is known.

    Attributes:
        name: the name that tables, graphs and error messages show.
        fn: evaluates the primitive on plain values.
        jvps: a rule for each argument, ``jvp(t, y, *args, **kwargs)``; None where the derivative
            in that argument is zero. Arguments beyond the last rule are parameters, which must
            not be traced floats.
        vjps: likewise, ``vjp(g, y, *args, **kwargs)``.
        joint_jvp: pushes the tangents of all arguments at once, for primitives of any number of
            arguments; called with a list that holds None where an argument has no tangent.
        joint_vjp: pulls the cotangent back to all arguments at once; returns a cotangent for each.
        sympy: the name of the SymPy function, or ``form(sympy, *args)``; None where there is none.
        ball: how to evaluate it rigorously. The name of a method of python-flint's ``arb``, or a
            function of them; of an elementwise primitive it takes elements, of others whole arrays
            of objects, and keywords. ``"objects"`` is NumPy's own function on such arrays;
            ``"as recorded"`` keeps the recorded answer, where any answer leads to a right
            derivative. None where there is none.
        elementwise: whether element k of the value depends on element k of the arguments alone.
    """

    name: str
    fn: Callable[..., Any]
    jvps: Rules = ()
    vjps: Rules = ()
    joint_jvp: Rule | None = None
    joint_vjp: Rule | None = None
    sympy: SymPyForm = None
    elementwise: bool = False
    ball: BallForm = None

    @property
    def differentiable(self) -> bool:
        """False for functions that are constant wherever they are differentiable."""
        return bool(self.vjps)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for arg in args:
            record = getattr(type(arg), "__diffkit_apply__", None)
            if record is not None:
                return record(arg, self, args, kwargs)
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


class EveryArgument:
    """The rules of a function of any number of arguments: ``rule(k, t, y, *args, **kwargs)``."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def __getitem__(self, k: int) -> Rule:
        return lambda t, y, *args, **kwargs: self.rule(k, t, y, *args, **kwargs)

    def __iter__(self) -> Iterator[Rule]:
        return (self[k] for k in itertools.count())

    def __len__(self) -> int:
        return sys.maxsize


# Stands for "any number of arguments" beside a joint rule.
EVERY = EveryArgument(lambda *args, **kwargs: None)

RULES: dict[Callable[..., Any], Primitive] = {}
COMPOSITES: dict[Callable[..., Any], Callable[..., Any]] = {}


def _declare(fn: Callable[..., Any], rule: Primitive) -> Primitive:
    if fn in RULES:
        raise ValueError(f"{rule.name} has two rules")
    RULES[fn] = rule
    return rule


def _name(fn: Callable[..., Any]) -> str:
    return fn.__name__.strip("_")


def elementwise(
    fn: Callable[..., Any],
    *factors: Rule | None,
    sympy: SymPyForm = None,
    ball: BallForm = None,
) -> Primitive:
    """Declare an elementwise function; ``factor(t, y, *args)`` is t times a partial derivative."""
    rule = Primitive(_name(fn), fn, factors, factors, sympy=sympy, elementwise=True, ball=ball)
    return _declare(fn, rule)


def linear(
    fn: Callable[..., Any], vjp: Rule, sympy: SymPyForm = None, ball: BallForm = "objects"
) -> Primitive:
    """Declare a function that is linear in its first argument; the others are parameters."""

    def jvp(t: Any, y: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        return rule(t, *args, **kwargs)

    rule = _declare(fn, Primitive(_name(fn), fn, (jvp,), (vjp,), sympy=sympy, ball=ball))
    return rule


def primitive(
    fn: Callable[..., Any],
    jvps: Rules = (),
    vjps: Rules = (),
    joint_jvp: Rule | None = None,
    joint_vjp: Rule | None = None,
    sympy: SymPyForm = None,
    ball: BallForm = None,
) -> Primitive:
    """Declare a function with a JVP and a VJP rule for each argument, or for all of them."""
    jvps = jvps if joint_jvp is None else EVERY
    vjps = vjps if joint_vjp is None else EVERY
    rule = Primitive(_name(fn), fn, jvps, vjps, joint_jvp, joint_vjp, sympy, ball=ball)
    return _declare(fn, rule)


def locally_constant(
    *fns: Callable[..., Any], sympy: SymPyForm = None, ball: BallForm = None
) -> Primitive:
    """Declare functions whose derivative is zero wherever it exists; returns the last."""
    return [_declare(fn, Primitive(_name(fn), fn, sympy=sympy, ball=ball)) for fn in fns][-1]


_operand = Primitive("constant", lambda c, *like: c, ball=lambda c, *like: c)


def kept(c: Any, *like: Any) -> Any:
    """A constant beside traced values: c in an eager recording, and in a complete one an operand
    of the tape, so that what is computed from c alone is recorded too, and not rounded for good."""
    return c if hasattr(type(c), "__diffkit_apply__") else _operand(c, *like)


def composite(fn: Callable[..., Any]) -> Callable[[Rule], Rule]:
    """Declare a NumPy function as a composition of others that have rules."""

    def register(definition: Rule) -> Rule:
        COMPOSITES[fn] = definition
        return definition

    return register
