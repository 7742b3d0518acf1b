"""What a tool is, the ways to call it, and what is timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..problems import Case, Operator, Problem


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, eq=False)
class Ready:
    """A prepared derivative.

    Attributes:
        call: what is timed: ``call(given(x))``.
        given: the point as the call takes it; conversions that a user would do once.
        found: what the call gave, as an array or a tuple of arrays like x; not timed.
        note: which of several, for the table.
    """

    call: Callable[[Any], Any]
    given: Callable[[Any], Any] = _same
    found: Callable[[Any], Any] = _same
    note: str = ""


@dataclass(frozen=True, eq=False)
class Way:
    """One way to call a tool.

    Attributes:
        name: for the table.
        prepare: what a user does once: build, trace, compile. Of several that it gives, the
            fastest counts.
        evaluations: the evaluations of f that one derivative takes at least, where that is known
            beforehand; 0 where it is a few.
        grows: whether preparing takes time in proportion to n at least, because the operations are
            taken in one by one.
        fallback: after which failures of the ways before it this one is tried: "" for a way that
            is always tried, "error" where they raise, "any" also where they take too long.
    """

    name: str
    prepare: Callable[[Problem, Case], Sequence[Ready]]
    evaluations: int = 0
    grows: bool = False
    fallback: str = ""


@dataclass(frozen=True, eq=False)
class Tool:
    """A tool by name.

    Attributes:
        name: for the table and the command line.
        package: the distribution that must be installed, for the version.
        modules: what is imported before anything is timed.
        ways: the ways to take this problem's derivative with it; none says that it cannot.
        ranked: whether it takes part in who is first. What is not an ordinary call of a library is
            shown, and not ranked.
        follows: another tool, whose way alone it goes: the same program, called differently.
        why_none: what to say where there is no way.
    """

    name: str
    package: str
    modules: tuple[str, ...]
    ways: Callable[[Problem, Case], Iterable[Way]]
    ranked: bool = True
    follows: str = ""
    why_none: str = "it has no such operator"

    def installed(self) -> bool:
        return all(find_spec(module.partition(".")[0]) is not None for module in self.modules)

    def version(self) -> str:
        return metadata.version(self.package)

    def load(self, way: str) -> None:
        """Import what this way of it needs, and start what is started once."""
        for module in self.modules:
            import_module(module)


def leaves(x: Any) -> tuple[Any, ...]:
    """The arrays of a point."""
    return x if isinstance(x, tuple) else (x,)


def like(x: Any, arrays: Iterable[Any]) -> Any:
    """Arrays as a point of the structure of x."""
    arrays = tuple(arrays)
    return arrays if isinstance(x, tuple) else arrays[0]


def size(x: Any) -> int:
    """How many numbers a point holds."""
    return sum(int(np.size(v)) for v in leaves(x))


def ravelled(problem: Problem, case: Case) -> tuple[Callable[[Any], Any], Any]:
    """f as a function of one vector (or number), and how to make that of a point."""
    f = case.make(np)
    if not isinstance(case.x, tuple):
        shape = np.shape(case.x)
        if len(shape) < 2:
            return f, _same
        return lambda vector: f(vector.reshape(shape)), np.ravel
    shapes = [np.shape(v) for v in case.x]
    ends = np.cumsum([int(np.prod(s)) for s in shapes])

    def of_vector(vector: Any) -> Any:
        parts = np.split(vector, ends[:-1])
        return f(tuple([part.reshape(s) for part, s in zip(parts, shapes, strict=True)]))

    return of_vector, lambda x: np.concatenate([np.ravel(v) for v in x])


def flat(found: Any) -> Any:
    """All numbers of a derivative, one after the other."""
    return np.concatenate([np.ravel(np.asarray(v, dtype=float)) for v in leaves(found)])


def units(problem: Problem, case: Case) -> list[Any]:
    """The cotangents that select each component of the rows' values, for BLOCKS."""
    assert problem.operator is Operator.BLOCKS
    shape = np.shape(case.make(np)(case.x))
    return [np.broadcast_to(np.eye(shape[1])[k], shape).copy() for k in range(shape[1])]
