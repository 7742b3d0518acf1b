"""PyTorch: plain NumPy functions read into its operations, and functions written in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import NonNumericError
from ..rules import Primitive
from ..tape import plain
from .base import OPERATORS
from .peer import Leaves, Peer, Reading, Run
from .torch_derivatives import DERIVATIVES
from .torch_functions import operation, tensor
from .torch_refusing import Refusing


@dataclass(frozen=True, repr=False)
class Torch(Peer):
    """PyTorch's reverse mode, on the CPU.

    Products with tangents are pullbacks of the pullback, which is linear, and second derivatives
    are reverse over reverse. PyTorch's own settings are neither heeded nor changed.

    Attributes:
        compile: whether prepared derivatives of plain NumPy functions are compiled by
            ``torch.compile``. That needs a C++ compiler and takes from seconds to minutes, and
            evaluates faster then. A function whose values decide which operations it does is left
            as it is.
    """

    compile: bool = False

    name = "torch"
    description = "PyTorch: reverse mode by torch.autograd, on the CPU"
    natively = frozenset(OPERATORS)

    def operation(self, rule: Primitive) -> Callable[..., Any]:
        return operation(rule)

    def constant(self, value: Any) -> Any:
        return tensor(value)

    def argument(self, value: Any) -> Any:
        return tensor(value).requires_grad_()  # the function may differentiate on its own

    def numpy(self, value: Any) -> Any:
        return plain(np.array(value.detach().numpy(force=True)))

    def together(self, y: Any) -> Any:
        if isinstance(y, (list, tuple)) and y:
            return torch.stack([self.together(v) for v in y])
        if not isinstance(y, torch.Tensor):
            raise NonNumericError(
                f"a function written for torch must return a tensor, got {type(y).__name__}"
            )
        return y

    def read(self, f: Callable[..., Any], x: Leaves, others: Leaves = ()) -> Reading:
        with torch.inference_mode(False), Refusing():  # the first switches gradients on as well
            return super().read(f, x, others)

    def run(self, operator: str, reading: Reading, x: Leaves, compiled: bool) -> Run:
        derive = DERIVATIVES[operator]
        watch = nullcontext if reading.operations else Refusing

        def evaluate(x: Leaves, v: Leaves, others: Leaves) -> Any:
            leaves = tuple([a.detach().requires_grad_() for a in x])
            with watch():
                y, guards = reading.with_guards(leaves, others)
            y = _inexact(y)
            d = derive(y, leaves, v)
            return y, d if isinstance(d, tuple) else (d,), guards

        compute = evaluate
        if self.compile and compiled and reading.operations:
            compute = _compiled(evaluate)

        def run(x: Leaves, v: Any, others: Leaves) -> Any:
            vectors = () if v is None else v if isinstance(v, tuple) else (v,)
            with torch.inference_mode(False):
                given = [tuple(map(tensor, leaves)) for leaves in (x, vectors, others)]
                y, d, guards = compute(*given)
            found = tuple(map(self.numpy, d))
            return self.numpy(y), found if operator in _BY_LEAVES else found[0], guards

        return run


_BY_LEAVES = ("gradient", "vjp", "hvp")


def _inexact(y: Any) -> torch.Tensor:
    """A result of f as floating-point numbers: a constant may be of others, or no tensor."""
    y = y if isinstance(y, torch.Tensor) else tensor(y)
    return y if y.is_floating_point() or y.is_complex() else y.double()


def _compiled(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """The same, traced and compiled when it is first called."""
    ready: list[Callable[..., Any]] = []

    def call(*given: Any) -> Any:
        if ready:
            return ready[0](*given)
        compute = _traced(evaluate, given)
        with warnings.catch_warnings():  # PyTorch meets functions that it has deprecated itself
            warnings.simplefilter("ignore", DeprecationWarning)
            compute = evaluate if compute is None else torch.compile(compute)
            found = compute(*given)
        ready.append(compute)
        return found

    return call


def _traced(evaluate: Callable[..., Any], given: Any) -> Callable[..., Any] | None:
    """The operations that it does, whatever the values are; None where they decide about them.

    Tensors that have a shape and no values take the place of those given, so that nothing that
    depends on a value becomes a constant unnoticed.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    trace = make_fx(evaluate, tracing_mode="fake", _allow_non_fake_inputs=True)
    try:
        traced: Callable[..., Any] = trace(*given)
    except Exception:  # a value was asked for, for which PyTorch has errors of many kinds
        return None
    return traced
