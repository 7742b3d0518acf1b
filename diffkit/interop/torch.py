"""NumPy functions in PyTorch programs."""

from __future__ import annotations

import inspect
from functools import reduce
from typing import Any

import optree
import torch

from .operation import Operation, Wrapped


class TorchFunction(Wrapped):
    """A NumPy function that takes and returns tensors; see ``diffkit.as_torch_function``."""

    def __call__(self, *args: Any) -> torch.Tensor:
        """f at arguments among which there are tensors, alone or in nests."""
        if torch.compiler.is_compiling():  # it cannot trace f
            y: torch.Tensor = torch.compiler.disable(self._called)(*args)
            return y
        return self._called(*args)

    def _called(self, *args: Any) -> torch.Tensor:
        leaves, structure = optree.tree_flatten(args)
        places = tuple([k for k, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)])
        tensors = [leaves[k] for k in places]
        constants = tuple([v for v in leaves if not isinstance(v, torch.Tensor)])
        operation = self.operation(structure, places)
        return _out(_Apply.apply(operation, 0, constants, *map(_in_double, tensors)), tensors)

    def __reduce__(self) -> Any:  # what was prepared stays behind
        return TorchFunction, (self.f, self.backend)


class _Apply(torch.autograd.Function):
    """An operation on tensors in double precision on the CPU.

    Its derivatives apply operations again, so PyTorch can differentiate these too. PyTorch's
    gradients of complex numbers are the conjugates of diffkit's.
    """

    @staticmethod
    def forward(
        operation: Operation, levels: int, constants: tuple[Any, ...], *tensors: torch.Tensor
    ) -> torch.Tensor:
        own = operation.parent is None  # f may write into its arguments
        return torch.from_numpy(
            operation.over(levels, [_array(t, own) for t in tensors], constants)
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.operation, ctx.levels, ctx.constants, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, u: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        tensors = ctx.saved_tensors
        active = tuple([k for k, wanted in enumerate(ctx.needs_input_grad[3:]) if wanted])
        pull = ctx.operation.pull(active)
        flat = _Apply.apply(pull, ctx.levels, ctx.constants, u.conj(), *tensors).conj()
        sizes = [tensors[k].shape[ctx.levels :].numel() for k in active]
        parts = flat.split(sizes, dim=ctx.levels) if len(active) > 1 else (flat,)
        gradients: list[torch.Tensor | None] = [None] * (3 + len(tensors))
        for k, part in zip(active, parts, strict=True):
            part = part if tensors[k].is_complex() or not part.is_complex() else part.real
            gradients[3 + k] = part.reshape(tensors[k].shape)
        return tuple(gradients)

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> torch.Tensor:
        moving = {k: t for k, t in enumerate(tangents[3:]) if t is not None}
        push = ctx.operation.push(tuple(moving))
        return _Apply.apply(push, ctx.levels, ctx.constants, *moving.values(), *ctx.saved_tensors)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        operation: Operation,
        levels: int,
        constants: tuple[Any, ...],
        *tensors: torch.Tensor,
    ) -> tuple[torch.Tensor, int]:
        batched = [
            t.expand(info.batch_size, *t.shape) if axis is None else t.movedim(axis, 0)
            for t, axis in zip(tensors, in_dims[3:], strict=True)
        ]
        return _Apply.apply(operation, levels + 1, constants, *batched), 0


# At each call PyTorch looks for a signature, to bind arguments by name and default. There are none.
_Apply.forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [inspect.Parameter("inputs", inspect.Parameter.VAR_POSITIONAL)]
)


def _in_double(t: torch.Tensor) -> torch.Tensor:
    if t.is_complex():
        return t.to("cpu", torch.complex128)
    return t.to("cpu", torch.float64) if t.is_floating_point() else t.to("cpu")


def _array(t: torch.Tensor, own: bool) -> Any:
    array = t.detach().resolve_conj().resolve_neg().numpy()
    return array.copy() if own else array


def _out(y: torch.Tensor, tensors: list[torch.Tensor]) -> torch.Tensor:
    """The value in the precision and on the device of what was given."""
    dtypes = [t.dtype for t in tensors if t.is_floating_point() or t.is_complex()]
    dtype = reduce(torch.promote_types, dtypes) if dtypes else torch.get_default_dtype()
    devices = [t.device for t in tensors if t.device.type != "cpu"]
    return y.to(
        devices[0] if devices else "cpu", dtype.to_complex() if y.is_complex() else dtype.to_real()
    )
