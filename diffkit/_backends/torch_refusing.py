"""Functions written for PyTorch, watched for what would lose a derivative."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from ..errors import TracerConversionError


class Refusing(torch.overrides.TorchFunctionMode):
    """Inside it, no derivative is lost unnoticed.

    PyTorch lets ``float(x)``, ``torch.tensor([x])``, ``torch.linspace(0, x, 3)`` or
    ``torch.special.bessel_j0(x)`` drop it, with a warning at most.

    Where gradients are switched off, by ``torch.no_grad`` or in the code of a
    ``torch.autograd.Function``, it is what was asked for, as it is of ``detach``.

    Raises:
        TracerConversionError: a derivative would have been lost.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        given = args[1:] if func is Tensor.new_tensor else (args, *kwargs.values())
        watched = (
            torch.is_grad_enabled()
            and not torch.compiler.is_compiling()
            and func not in _MEANT
            and not kwargs.get("create_graph")
            and _is_differentiated(given)
        )
        if watched and (func in _TO_NUMBERS or (func in _OF_LISTS and type(args[0]) is not Tensor)):
            raise _lost(func)
        result = func(*args, **kwargs)
        if watched and _is_inexact(result) and not _is_differentiated(result):
            raise _lost(func)
        return result


_TO_NUMBERS = {
    Tensor.__float__, Tensor.__int__, Tensor.__complex__, Tensor.__array__, Tensor.item,
    Tensor.tolist, Tensor.numpy, Tensor.new_tensor, torch.tensor,
}  # fmt: skip
_OF_LISTS = {torch.as_tensor, torch.asarray}  # to which a tensor stays the tensor that it is
# What is asked for the shape of its argument alone, or to forget the derivative
_MEANT = {
    torch.detach, torch.zeros_like, torch.ones_like, torch.empty_like, torch.full_like,
    torch.rand_like, torch.randn_like, torch.randint_like, Tensor.detach, Tensor.data.__get__,
    Tensor.grad.__get__, Tensor.new_zeros, Tensor.new_ones, Tensor.new_empty, Tensor.new_full,
}  # fmt: skip


def _is_differentiated(value: Any) -> bool:
    """Whether there is a derivative to keep; inside ``torch.func.grad`` and its kin, where tensors
    stand for others, there always may be."""
    if isinstance(value, (list, tuple)):
        return any(map(_is_differentiated, value))
    return isinstance(value, Tensor) and (
        value.requires_grad or bool(is_functorch_wrapped_tensor(value))
    )


def _is_inexact(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_inexact, value))
    return isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex())


def _lost(func: Any) -> TracerConversionError:
    return TracerConversionError(
        f"{func.__name__.strip('_')}() gives the numbers in a tensor without their derivative; use "
        f"functions of torch that keep it, or detach() where that is meant"
    )
