"""The backends by name: the built-in ones and those that other packages register."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..errors import UnknownNameError
from .base import Backend

# name -> module and class; imported when asked for, since some load large libraries
_BUILT_IN = {
    "finite_difference": ("finite_difference", "FiniteDifference"),
    "complex_step": ("complex_step", "ComplexStep"),
    "symbolic": ("symbolic", "Symbolic"),
    "forward": ("forward", "Forward"),
    "reverse": ("reverse", "Reverse"),
    "jax": ("jax", "JAX"),
    "autograd": ("autograd", "Autograd"),
}
_LIBRARIES = {"jax", "autograd"}


def _registered() -> dict[str, Any]:
    """The entry points by which other packages offer backends."""
    from importlib.metadata import entry_points  # late, as it takes long to import

    return {e.name: e for e in entry_points(group="diffkit.backends")}


@cache
def _load(name: str) -> Backend:
    if name in _BUILT_IN:
        module, cls = _BUILT_IN[name]
        return getattr(import_module(f".{module}", __package__), cls)()
    return _registered()[name].load()()


class Backends(Mapping[str, Backend]):
    """All backends by name, each made with its default settings when it is first asked for."""

    def __getitem__(self, name: str) -> Backend:
        if name not in set(self):
            raise UnknownNameError("backend", name, self)
        return _load(name)

    def __iter__(self) -> Any:
        yield from (name for name in _BUILT_IN if name not in _LIBRARIES or find_spec(name))
        yield from _registered()

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return f"<backends: {', '.join(self)}>"


_backends = Backends()


def backends() -> Backends:
    """The backends that can be used, by name."""
    return _backends


def resolve(backend: str | Backend) -> Backend:
    """The backend of that name, or the configured backend itself.

    Raises:
        UnknownNameError: there is no backend of that name.
        TypeError: it is neither a name nor a backend.
    """
    if isinstance(backend, Backend):
        return backend
    if isinstance(backend, str):
        return _load(backend) if backend in _BUILT_IN else _backends[backend]
    raise TypeError(
        f"backend must be a name or a configured backend such as dk.FiniteDifference(order=4), "
        f"got {backend!r}"
    )
