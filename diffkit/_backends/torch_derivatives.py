"""How PyTorch takes each derivative, of a result ``y`` that it computed from tensors ``x``.

``v`` are the tangents, one for each of them, or the cotangent alone, or nothing.

All is reverse mode by ``torch.autograd.grad``, which is faster here than the transforms of
``torch.func`` and, unlike ``torch.autograd.forward_ad``, keeps no state that threads share. To
PyTorch the cotangent of a complex number is the conjugate of what it is to diffkit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .torch_functions import tensor

Tensors = tuple[Tensor, ...]


def _pull(y: Any, x: Tensors, u: Any, graph: bool = False, rows: bool = False) -> Tensors:
    """PyTorch's products of cotangents with the Jacobian; 0 where y does not depend on x.

    Args:
        y: a tensor or several.
        x: what y was computed from.
        u: the cotangents, like y; with ``rows`` stacked along a first axis.
        graph: whether the products are to be differentiated.
        rows: whether there are many cotangents.
    """
    ys, us = (y, u) if isinstance(y, tuple) else ((y,), (u,))
    pairs = [(a, b) for a, b in zip(ys, us, strict=True) if a.requires_grad]
    found: Any = [None] * len(x)
    if pairs:
        outputs, cotangents = zip(*pairs, strict=True)
        found = torch.autograd.grad(
            outputs, x, cotangents, create_graph=graph, retain_graph=True, allow_unused=True,
            is_grads_batched=rows,
        )  # fmt: skip
    stack = us[0].shape[:1] if rows else ()
    return tuple(
        [a.new_zeros((*stack, *a.shape)) if g is None else g for g, a in zip(found, x, strict=True)]
    )


def _push(y: Tensor, x: Tensors, v: Tensors, graph: bool = False, columns: bool = False) -> Tensor:
    """The Jacobian times tangents: the pullback is linear in u, and its own pullback takes v there.

    With ``columns`` there are many tangents, stacked along a first axis.
    """
    u = torch.zeros_like(y).requires_grad_()
    return _pull(_pull(y, x, u, graph=True), (u,), v, graph, columns)[0]


def _like(value: Tensor, x: Tensor) -> Tensor:
    return value.to(x.dtype)


def _gradient(y: Tensor, x: Tensors, v: Tensors = (), graph: bool = False) -> Tensors:
    return tuple([g.conj() for g in _pull(y, x, torch.ones_like(y), graph)])


def _pullback(y: Tensor, x: Tensors, u: Tensors) -> Tensors:
    return tuple([g.conj() for g in _pull(y, x, _like(u[0], y).conj())])


def _pushforward(y: Tensor, x: Tensors, v: Tensors) -> Tensor:
    return _push(y, x, tuple(map(_like, v, x)))


def _derivative(y: Tensor, x: Tensors, v: Tensors = (), graph: bool = False) -> Tensor:
    if y.ndim or y.is_complex():
        return _push(y, x, (torch.ones_like(x[0]),), graph)
    return _gradient(y, x, graph=graph)[0]


def _second_derivative(y: Tensor, x: Tensors, v: Tensors = ()) -> Tensor:
    return _derivative(_derivative(y, x, graph=True), x)


def _jacobian(y: Tensor, x: Tensors, v: Tensors = ()) -> Tensor:
    shape = y.shape + x[0].shape
    if 0 in shape:
        return y.new_zeros(shape)
    if y.numel() > x[0].numel() or y.is_complex():
        columns = _push(y, x, (_units(x[0]),), columns=True)
        return columns.movedim(0, -1).reshape(shape)
    return _pull(y, x, _units(y), rows=True)[0].conj().reshape(shape)


def _units(like: Tensor) -> Tensor:
    n = like.numel()
    return tensor(np.eye(n)).to(like.dtype).reshape(n, *like.shape)


def _hessian(y: Tensor, x: Tensors, v: Tensors = ()) -> Tensor:
    return _jacobian(_gradient(y, x, graph=True)[0], x)


def _hvp(y: Tensor, x: Tensors, v: Tensors) -> Tensors:
    return _pull(_gradient(y, x, graph=True), x, tuple(map(_like, v, x)))


DERIVATIVES: dict[str, Callable[[Tensor, Tensors, Tensors], Tensor | Tensors]] = {
    "derivative": _derivative,
    "second_derivative": _second_derivative,
    "gradient": _gradient,
    "jacobian": _jacobian,
    "hessian": _hessian,
    "jvp": _pushforward,
    "vjp": _pullback,
    "hvp": _hvp,
}
