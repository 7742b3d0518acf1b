"""The derivative table: one file a family of primitives.

The families that the tape itself needs are loaded with it; the others are loaded when a function
is first met that is not in the table.
"""

from importlib import import_module

from . import arithmetic, indexing, shape
from .primitive import (
    COMPOSITES,
    RULES,
    Primitive,
    composite,
    elementwise,
    linear,
    locally_constant,
    primitive,
)

_FAMILIES = [
    "complex_numbers",
    "elementary",
    "fft",
    "joins",
    "linalg",
    "products",
    "reductions",
    "selection",
    "signal",
    "sorting",
]


def load_families() -> bool:
    """Complete the table; whether anything was still to be loaded."""
    waiting = _FAMILIES[:]
    for family in waiting:
        import_module(f".{family}", __name__)
    _FAMILIES.clear()
    return bool(waiting)


__all__ = [
    "COMPOSITES",
    "RULES",
    "Primitive",
    "arithmetic",
    "composite",
    "elementwise",
    "indexing",
    "linear",
    "load_families",
    "locally_constant",
    "primitive",
    "shape",
]
