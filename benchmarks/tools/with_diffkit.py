"""diffkit's own backends, and plain f, with which all are compared."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from ..problems import Case, Operator, Problem
from .tool import Ready, Tool, Way, size, units


def _f(problem: Problem, case: Case) -> Iterable[Way]:
    yield Way("f(x)", lambda problem, case: [Ready(case.make(np))])


def prepared(backend: str, problem: Problem, case: Case, plan: str | None = None) -> list[Ready]:
    """dk.prepare with a backend, called like a user would."""
    import diffkit as dk

    f = case.make(np)
    if problem.operator is Operator.BLOCKS:
        return [_prepared_blocks(backend, problem, case, f, plan)]
    operator: Any = getattr(dk, problem.operator.value)
    g = dk.prepare(operator, f, case.x, backend=backend, plan=plan)
    return [Ready(g, note=_plan(g))]


def _prepared_blocks(backend: str, problem: Problem, case: Case, f: Any, plan: str | None) -> Ready:
    """One pull for each component of a row's value: rows do not depend on one another."""
    import diffkit as dk

    seeds = units(problem, case)
    g = dk.prepare(dk.vjp, f, case.x, seeds[0], backend=backend, plan=plan)
    return Ready(lambda rows: np.stack([g(rows, u) for u in seeds], axis=1), note=_plan(g))


def _sparse(problem: Problem, case: Case) -> list[Ready]:
    """The whole Jacobian, of which the blocks are all that is stored."""
    import diffkit as dk

    g = dk.prepare(dk.jacobian, case.make(np), case.x, sparse=True)
    return [Ready(g, found=partial(_blocks_of, case), note="sparse=True")]


def _blocks_of(case: Case, jacobian: Any) -> Any:
    rows, width = case.x.shape
    entries = jacobian.tocoo()
    height = jacobian.shape[0] // rows
    blocks = np.zeros((rows, height, width))
    blocks[entries.row // height, entries.row % height, entries.col % width] = entries.data
    return blocks


def _plan(g: Any) -> str:
    return f"plan {g.plan.name}, {g.plan.operations} operations"


def _pushed_blocks(backend: str, problem: Problem, case: Case) -> list[Ready]:
    """One push for each parameter of a row, all rows at once."""
    import diffkit as dk

    f, x = case.make(np), case.x
    seeds = [np.broadcast_to(e, x.shape).copy() for e in np.eye(x.shape[1])]
    g = dk.prepare(dk.jvp, f, x, seeds[0], backend=backend)
    return [Ready(lambda rows: np.stack([g(rows, v) for v in seeds], axis=2))]


def eager(backend: str, problem: Problem, case: Case) -> list[Ready]:
    """The operator itself, which records or calls f anew each time."""
    import diffkit as dk

    f = case.make(np)
    if problem.operator is Operator.BLOCKS:
        seeds = units(problem, case)
        return [
            Ready(
                lambda rows: np.stack([dk.vjp(f, rows, u, backend=backend) for u in seeds], axis=1)
            )
        ]
    operator: Any = getattr(dk, problem.operator.value)
    return [Ready(lambda x: operator(f, x, backend=backend))]


def _reverse_prepared(problem: Problem, case: Case) -> Iterable[Way]:
    yield Way("dk.prepare", partial(prepared, "reverse"))
    if problem.operator is Operator.BLOCKS:
        yield Way("dk.prepare(dk.jacobian, sparse=True)", _sparse)
    # What the first comes to by itself after many calls, where it operates on numbers.
    yield Way('dk.prepare, plan="machine"', partial(prepared, "reverse", plan="machine"))


def _reverse(problem: Problem, case: Case) -> Iterable[Way]:
    yield Way("dk.gradient", partial(eager, "reverse"))


def _pushing(backend: str, least: int, problem: Problem, case: Case) -> Iterable[Way]:
    """Backends that take one derivative after the other, in each direction."""
    if problem.operator is Operator.BLOCKS:
        columns = case.x.shape[1]
        yield Way("dk.prepare(dk.jvp)", partial(_pushed_blocks, backend), least * columns)
    else:
        yield Way("dk.prepare", partial(prepared, backend), least * size(case.x))


def _symbolic(problem: Problem, case: Case) -> Iterable[Way]:
    if problem.operator is not Operator.BLOCKS:
        yield Way("dk.prepare", partial(prepared, "symbolic"), grows=True)


def adapter(backend: str, problem: Problem) -> Iterable[Way]:
    """diffkit's adapter of a peer, where there is one."""
    import diffkit as dk

    if backend in dk.backends():
        yield Way("through diffkit", partial(prepared, backend), grows=problem.loops)


def _numbers(x: Any) -> Any:
    for _ in range(100):
        x = np.sin(x) * x
    return x


class _Diffkit(Tool):
    def load(self, way: str) -> None:
        super().load(way)
        import diffkit as dk

        # The loops over operations are compiled once for an installation, and kept in a cache.
        dk.prepare(dk.derivative, _numbers, 0.5)(0.5)
        dk.prepare(dk.gradient, lambda x: np.sum(np.sin(x) * x), np.ones(3))(np.ones(3))


_BASE = ("diffkit", ("diffkit", "numpy"))

TOOLS = (
    Tool("f", "numpy", ("numpy",), _f, ranked=False),
    _Diffkit("reverse_prepared", *_BASE, _reverse_prepared),
    Tool("reverse", *_BASE, _reverse),
    _Diffkit("forward", *_BASE, partial(_pushing, "forward", 0)),
    _Diffkit("symbolic", *_BASE, _symbolic),
    Tool("complex_step", *_BASE, partial(_pushing, "complex_step", 1)),
    Tool("finite_difference", *_BASE, partial(_pushing, "finite_difference", 2)),
)
