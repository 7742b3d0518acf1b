"""diffkit: every way of differentiating a function, side by side, and how wrong each one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import errors
    from ._backends import Backend, backends
    from ._backends.autograd import Autograd
    from ._backends.casadi import CasADi
    from ._backends.complex_step import ComplexStep
    from ._backends.estimate import Estimate
    from ._backends.finite_difference import FiniteDifference
    from ._backends.forward import Forward
    from ._backends.jacobi import Jacobi
    from ._backends.jax import JAX
    from ._backends.numdifftools import Numdifftools
    from ._backends.reverse import Reverse
    from ._backends.scipy import SciPy
    from ._backends.symbolic import Symbolic
    from ._backends.symengine import SymEngine
    from ._backends.torch import Torch
    from ._check import check_gradient
    from ._compare import Comparison, compare
    from ._function import Function, function
    from ._problems import problems
    from ._trace import Trace, trace
    from ._verdict import Verdict
    from .interop import as_jax_function, as_torch_function
    from .measure.reference import Reference, reference
    from .measure.swell import Swell, swell
    from .operators import (
        derivative,
        gradient,
        hessian,
        hvp,
        jacobian,
        jvp,
        prepare,
        second_derivative,
        sparsity,
        value_and_derivative,
        value_and_gradient,
        value_and_hessian,
        value_and_hvp,
        value_and_jacobian,
        value_and_jvp,
        value_and_second_derivative,
        value_and_vjp,
        vjp,
    )
    from .sparse.coloring import Coloring, coloring
    from .tape.custom import checkpoint, primitive
    from .tape.tape import Tape

__version__ = "0.1.0"

# Everything is loaded when it is first asked for: `import diffkit` costs next to nothing, and a
# program pays for what it uses.
_MODULES = ("errors", "testing")
_HOME = {
    "Autograd": "_backends.autograd",
    "Backend": "_backends",
    "CasADi": "_backends.casadi",
    "Comparison": "_compare",
    "Coloring": "sparse.coloring",
    "ComplexStep": "_backends.complex_step",
    "Estimate": "_backends.estimate",
    "FiniteDifference": "_backends.finite_difference",
    "Forward": "_backends.forward",
    "Function": "_function",
    "JAX": "_backends.jax",
    "Jacobi": "_backends.jacobi",
    "Numdifftools": "_backends.numdifftools",
    "Reference": "measure.reference",
    "Reverse": "_backends.reverse",
    "SciPy": "_backends.scipy",
    "Swell": "measure.swell",
    "SymEngine": "_backends.symengine",
    "Symbolic": "_backends.symbolic",
    "Tape": "tape.tape",
    "Torch": "_backends.torch",
    "Trace": "_trace",
    "Verdict": "_verdict",
    "as_jax_function": "interop",
    "as_torch_function": "interop",
    "backends": "_backends",
    "check_gradient": "_check",
    "checkpoint": "tape.custom",
    "coloring": "sparse.coloring",
    "compare": "_compare",
    "derivative": "operators",
    "function": "_function",
    "gradient": "operators",
    "hessian": "operators",
    "hvp": "operators",
    "jacobian": "operators",
    "jvp": "operators",
    "prepare": "operators",
    "primitive": "tape.custom",
    "problems": "_problems",
    "reference": "measure.reference",
    "second_derivative": "operators",
    "sparsity": "operators",
    "swell": "measure.swell",
    "trace": "_trace",
    "value_and_derivative": "operators",
    "value_and_gradient": "operators",
    "value_and_hessian": "operators",
    "value_and_hvp": "operators",
    "value_and_jacobian": "operators",
    "value_and_jvp": "operators",
    "value_and_second_derivative": "operators",
    "value_and_vjp": "operators",
    "vjp": "operators",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module 'diffkit' has no attribute {name!r}")
    home = _HOME[name]
    try:
        value = getattr(import_module(f".{home}", __name__), name)
    except ModuleNotFoundError as error:
        from ._backends.registry import absence

        raise absence(home.rpartition(".")[2]) or error from None
    globals()[name] = value  # the next time it is found without this function
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "JAX",
    "Autograd",
    "Backend",
    "CasADi",
    "Coloring",
    "Comparison",
    "ComplexStep",
    "Estimate",
    "FiniteDifference",
    "Forward",
    "Function",
    "Jacobi",
    "Numdifftools",
    "Reference",
    "Reverse",
    "SciPy",
    "Swell",
    "SymEngine",
    "Symbolic",
    "Tape",
    "Torch",
    "Trace",
    "Verdict",
    "as_jax_function",
    "as_torch_function",
    "backends",
    "check_gradient",
    "checkpoint",
    "coloring",
    "compare",
    "derivative",
    "errors",
    "function",
    "gradient",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "prepare",
    "primitive",
    "problems",
    "reference",
    "second_derivative",
    "sparsity",
    "swell",
    "testing",
    "trace",
    "value_and_derivative",
    "value_and_gradient",
    "value_and_hessian",
    "value_and_hvp",
    "value_and_jacobian",
    "value_and_jvp",
    "value_and_second_derivative",
    "value_and_vjp",
    "vjp",
]
