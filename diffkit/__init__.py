"""diffkit: every way of differentiating a function, side by side, and how wrong each one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import errors
from ._backends import Backend, backends
from ._function import Function, function
from .operators import (
    derivative,
    gradient,
    hessian,
    hvp,
    jacobian,
    jvp,
    prepare,
    second_derivative,
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

if TYPE_CHECKING:
    from ._backends.complex_step import ComplexStep
    from ._backends.estimate import Estimate
    from ._backends.finite_difference import FiniteDifference
    from ._backends.reverse import Reverse
    from ._backends.symbolic import Symbolic
    from ._compare import Comparison, compare
    from ._problems import problems
    from .measure.reference import Reference, reference
    from .tape.custom import checkpoint, primitive
    from .tape.tape import Tape, trace

__version__ = "0.1.0"

# Loaded when first asked for, so that `import diffkit` costs little more than NumPy.
_LAZY = {
    "Comparison": "_compare",
    "ComplexStep": "_backends.complex_step",
    "Estimate": "_backends.estimate",
    "FiniteDifference": "_backends.finite_difference",
    "Reference": "measure.reference",
    "Reverse": "_backends.reverse",
    "Symbolic": "_backends.symbolic",
    "Tape": "tape.tape",
    "checkpoint": "tape.custom",
    "compare": "_compare",
    "primitive": "tape.custom",
    "problems": "_problems",
    "reference": "measure.reference",
    "testing": "testing",
    "trace": "tape.tape",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'diffkit' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f".{_LAZY[name]}", __name__)
    value = module if name == "testing" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "Backend",
    "Comparison",
    "ComplexStep",
    "Estimate",
    "FiniteDifference",
    "Function",
    "Reference",
    "Reverse",
    "Symbolic",
    "Tape",
    "backends",
    "checkpoint",
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
