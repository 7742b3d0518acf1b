"""PyTorch: autograd as it is, and with torch.compile."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from ..problems import Case, Operator, Problem
from .tool import Ready, Tool, Way, flat, leaves, like
from .with_diffkit import adapter


class Names:
    """torch under NumPy's names, where they differ."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        self.linalg = torch.linalg

    def __getattr__(self, name: str) -> Any:
        return getattr(self._torch, name)

    def asarray(self, array: Any) -> Any:
        return self._torch.tensor(array)

    def zeros(self, shape: Any) -> Any:
        return self._torch.zeros(shape, dtype=self._torch.float64)

    def sum(self, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self._torch.sum(a) if axis is None else self._torch.sum(a, axis, keepdims)

    def mean(self, a: Any) -> Any:
        return self._torch.mean(a)

    def max(self, a: Any, axis: int, keepdims: bool = False) -> Any:
        return self._torch.amax(a, axis, keepdims)

    def dot(self, a: Any, b: Any) -> Any:
        return self._torch.matmul(a, b)

    def concatenate(self, parts: Any, axis: int = 0) -> Any:
        return self._torch.cat(parts, axis)

    def stack(self, parts: Any, axis: int = 0) -> Any:
        return self._torch.stack(parts, axis)


def _given(x: Any) -> Any:
    import torch

    return like(x, [torch.tensor(v, requires_grad=True) for v in leaves(x)])


def _detached(x: Any) -> Any:
    import torch

    return like(x, [torch.tensor(v) for v in leaves(x)])


def _found(g: Any) -> Any:
    return flat(tuple(v.detach().numpy() for v in leaves(g)))


def _eager(problem: Problem, case: Case) -> list[Ready]:
    return [_graph(case.make(Names()), "autograd.grad")]


def _graph(f: Any, note: str) -> Ready:
    import torch

    return Ready(lambda x: torch.autograd.grad(f(x), leaves(x)), _given, _found, note)


def _compiled(problem: Problem, case: Case) -> list[Ready]:
    import torch

    return [_graph(torch.compile(case.make(Names())), "compile(f), autograd.grad")]


def _compiled_grad(problem: Problem, case: Case) -> list[Ready]:
    import torch

    g = torch.compile(torch.func.grad(case.make(Names())))
    return [Ready(g, _detached, _found, "compile(func.grad)")]


def _blocks(problem: Problem, case: Case, compiled: bool) -> list[Ready]:
    import torch

    f, count = case.make(Names()), case.make(Names())(_detached(case.x)).shape[1]

    def pulled(rows: Any) -> Any:
        y, pull = torch.func.vjp(f, rows)
        seeds = [torch.zeros_like(y) for _ in range(count)]
        for k, u in enumerate(seeds):
            u[:, k] = 1.0
        return torch.stack([pull(u)[0] for u in seeds], 1)

    call = torch.compile(pulled) if compiled else pulled
    return [Ready(call, _detached, _found, "compile(func.vjp)" if compiled else "func.vjp")]


def _ways(problem: Problem, case: Case) -> Iterable[Way]:
    if problem.operator is Operator.BLOCKS:
        yield Way("func.vjp", lambda p, c: _blocks(p, c, False))
        yield Way("compile(func.vjp)", lambda p, c: _blocks(p, c, True))
        return
    yield Way("compile(func.grad)", _compiled_grad, grows=problem.loops)
    yield Way("compile(f)", _compiled, grows=problem.loops, fallback="error")
    yield Way("autograd.grad", _eager)
    yield from adapter("torch", problem)


class _Torch(Tool):
    def load(self, way: str) -> None:
        super().load(way)
        import torch

        torch.set_default_dtype(torch.float64)
        threads = int(os.environ.get("OMP_NUM_THREADS", 1))
        torch.set_num_threads(threads)
        torch.compiler.reset()  # or it compiles for sizes that may change, as they have
        if way.startswith("compile"):
            # The first compilation of a process looks for a compiler and starts helpers.
            torch.compile(torch.sin)(torch.zeros(2))


TOOLS = (_Torch("torch", "torch", ("torch",), _ways),)
