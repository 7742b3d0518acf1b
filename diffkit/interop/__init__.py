"""NumPy functions as functions of other libraries, with diffkit's derivatives inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import MissingPackageError

if TYPE_CHECKING:
    from .._backends import Backend


def as_torch_function(f: Any, *, backend: str | Backend = "reverse") -> Callable[..., Any]:
    """A NumPy function as a function of PyTorch tensors, through which gradients flow.

    Its value is computed by f itself, and its derivatives by prepared ones of diffkit, so that it
    can stand anywhere in a PyTorch program: before and after other layers, under
    ``torch.autograd.grad`` and ``backward`` to any order, in forward mode, and under
    ``torch.func.grad``, ``jacrev``, ``jacfwd``, ``hessian``, ``jvp`` and ``vmap``, which calls f
    once a sample.

    Args:
        f: takes numbers and arrays by position, or nests of them, and returns a number or an array.
            It is called outside of PyTorch. It must depend on its arguments alone, as what it takes
            from elsewhere is that of the first derivative, and may change nothing but its own
            variables.
        backend: the name of a backend of diffkit, or a configured one. Second derivatives need one
            that is composable, such as "reverse" or "forward".

    Returns:
        A function of the arguments of f, in which tensors may stand for arrays. Tensors of floats
        are differentiated where PyTorch asks for it; tensors of whole numbers, arrays and all other
        arguments are constants. It computes in double precision on the CPU and returns a tensor of
        the dtype and on the device of the tensors that it was given. It can be pickled if f can.

    Raises:
        MissingPackageError: PyTorch is not installed.
        UnknownNameError: there is no backend of that name.
        UnsupportedError: when called, a derivative is asked for that the backend does not have.
        ShapeError: when called, samples under ``torch.vmap`` give results of different shapes.
        NonFiniteError, DomainError: when called, a derivative is asked for at a point, or for a
            cotangent, that is not finite. The value of f there is what f returns.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingPackageError("as_torch_function", "torch", extra="torch") from error
    from .torch import TorchFunction

    return TorchFunction(f, backend)


def as_jax_function(
    f: Any, *, result: Any = None, backend: str | Backend = "reverse"
) -> Callable[..., Any]:
    """A NumPy function as a function of JAX arrays, which JAX can transform.

    Its value is computed by f itself, and its derivatives by prepared ones of diffkit, so that it
    can stand anywhere in a JAX program: under ``jax.jit``, ``grad``, ``jvp``, ``vjp``, ``jacfwd``,
    ``jacrev``, ``hessian`` and ``vmap``, which calls f once a sample, and in any nesting of them.
    Compiled code calls back into Python.

    Args:
        f: takes numbers and arrays by position, or nests of them, and returns a number or an array.
            It is called outside of JAX, and must not call JAX. It must depend on its arguments
            alone, as what it takes from elsewhere is that of the first derivative, and may change
            nothing but its own variables.
        result: anything of the shape that f returns: a number, an array or a
            ``jax.ShapeDtypeStruct``. ``jax.jit`` must know it before there are numbers. Without it,
            a shape that was not met before is found by calling f at made-up points in (0, 1).
        backend: the name of a backend of diffkit, or a configured one. Second derivatives need one
            that is composable, such as "reverse" or "forward".

    Returns:
        A function of the arguments of f, in which JAX arrays may stand for arrays. Those of floats
        are differentiated where JAX asks for it; those of whole numbers, NumPy's arrays and all
        other arguments are constants. It computes in double precision and returns an array of the
        precision of those that it was given: without ``jax_enable_x64``, 32 bits.

    Raises:
        MissingPackageError: JAX is not installed.
        UnknownNameError: there is no backend of that name.
        UnsupportedError: the backend is "jax"; or, when called, a derivative is asked for that the
            backend does not have.
        ShapeError: when called, f returns another shape than was expected, or its shape cannot be
            found. Errors in compiled code come as JAX's own error with these in its text.
        NonFiniteError, DomainError: when called, a derivative is asked for at a point, or for a
            cotangent, that is not finite. The value of f there is what f returns.
    """
    try:
        import jax  # noqa: F401
    except ImportError as error:
        raise MissingPackageError("as_jax_function", "jax", extra="jax") from error
    from .jax import JaxFunction

    return JaxFunction(f, result, backend)
