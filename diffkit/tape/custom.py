"""Rules of one's own: a function with hand-written derivatives, and one that is recomputed."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np

from ..errors import MissingRuleError, TracerConversionError
from ..rules.primitive import EVERY, EveryArgument, Primitive, Rule
from .dispatch import positional
from .record import record
from .recording import Tracer, apply, gather, numeric
from .sweeps import ZERO, filled, forward_sweep, reverse_sweep


class CustomPrimitive:
    """A function whose derivatives its author gives; made by ``primitive``."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self._fn = fn
        self._jvps: tuple[Rule | None, ...] = ()
        self._vjps: tuple[Rule | None, ...] = ()
        update_wrapper(self, fn)
        self._rule = self._made()

    def defvjp(self, *vjps: Rule | None) -> CustomPrimitive:
        """Give ``vjp(g, y, *args, **kwargs)`` for each argument: g times the Jacobian in it.

        ``y`` is the value of the function. None stands for a derivative of zero; arguments beyond
        the last rule are constants.
        """
        self._vjps = vjps
        self._rule = self._made()
        return self

    def defjvp(self, *jvps: Rule | None) -> CustomPrimitive:
        """Give ``jvp(t, y, *args, **kwargs)`` for each argument: the Jacobian in it times t."""
        self._jvps = jvps
        self._rule = self._made()
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(type(v) is Tracer for v in kwargs.values()):
            args, kwargs = positional(self._fn, args, kwargs)
        return self._rule(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<primitive {self._fn.__name__}>"

    def _made(self) -> Primitive:
        name = self._fn.__name__
        return Primitive(
            name,
            _on_copies(self._fn),
            jvps=self._jvps or EveryArgument(_missing(name, "defjvp", "forward")),
            vjps=self._vjps or EveryArgument(_missing(name, "defvjp", "reverse")),
        )


def _on_copies(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function, called with arrays of its own: those that it is given are on the tape."""

    def on_copies(*args: Any, **kwargs: Any) -> Any:
        return fn(*[a.copy() if type(a) is np.ndarray else a for a in args], **kwargs)

    return on_copies


def _missing(name: str, method: str, mode: str) -> Callable[..., Any]:
    def rule(*args: Any, **kwargs: Any) -> Any:
        raise MissingRuleError(f"{name} has no rule for {mode} mode; give it one with {method}")

    return rule


def primitive(fn: Callable[..., Any]) -> CustomPrimitive:
    """Make a function a primitive: it is not traced, and differentiated by the rules given to it.

    Use it for functions that call compiled code, or whose derivative is better known than found::

        @dk.primitive
        def log1pexp(x):
            return np.logaddexp(0, x)

        log1pexp.defvjp(lambda g, y, x: g / (1 + np.exp(-x)))
        log1pexp.defjvp(lambda t, y, x: t / (1 + np.exp(-x)))

    Rules are written in NumPy terms; then they can be differentiated again. Broadcasting need not
    be undone.
    """
    return CustomPrimitive(fn)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Trade memory for recomputation: the operations inside f are not kept on the tape.

    The tape keeps the arguments of f alone, and f runs a second time in the backward sweep
    (Griewank & Walther 2008, chapter 12). A chain of n equal steps, cut into about sqrt(n)
    checkpointed pieces, needs memory for about 2 sqrt(n) steps and one more evaluation.

    Args:
        f: takes numbers and arrays by position and returns one. What it depends on must come in
            as an argument.

    Raises:
        TracerConversionError: f uses a traced value that is not among its arguments.
    """

    # Not by way of the rule, which would be a cycle, and memory that waits for the collector.
    name = getattr(f, "__name__", "f")

    def forward(*args: Any) -> Any:
        y = gather(_on_copies(f)(*args))
        if type(y) is Tracer and not any(type(a) is Tracer for a in args):
            raise TracerConversionError(
                f"{name} is checkpointed but uses a traced value that is not among its "
                f"arguments; pass it as an argument"
            )
        return y

    forward.checkpointed = f  # type: ignore[attr-defined]  # its sparsity is found inside

    def joint_vjp(g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        rows, _, k = record(f, [numeric(a) for a in args])
        adjoints = reverse_sweep(rows, len(args), k, g) if k >= 0 else [ZERO] * len(args)
        return tuple(filled(a, x) for a, x in zip(adjoints, args, strict=True))

    def joint_jvp(tangents: Any, y: Any, *args: Any) -> Any:
        rows, y, k = record(f, [numeric(a) for a in args])
        seeds = [ZERO if t is None else t for t in tangents]
        return filled(forward_sweep(rows, seeds, k) if k >= 0 else ZERO, y)

    rule = Primitive(
        name,
        forward,
        jvps=EVERY,
        vjps=EVERY,
        joint_jvp=joint_jvp,
        joint_vjp=joint_vjp,
    )

    def checkpointed(*args: Any) -> Any:
        return apply(rule, args, {})

    return update_wrapper(checkpointed, f) if hasattr(f, "__name__") else checkpointed
