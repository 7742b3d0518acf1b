"""The backends by name: the built-in ones and those that other packages register.

A built-in backend that needs an optional library is listed where that is installed. Another package
offers a backend by an entry point of the group ``diffkit.backends``, which names a subclass of
``Backend`` or an instance; a package whose entry point cannot be used does no harm to any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from .._entry_points import offers, others, package
from ..errors import BackendError, MissingPackageError, UnknownNameError
from .base import Backend
from .optional import is_installed


class _BuiltIn(NamedTuple):
    """Where a backend is defined; imported when asked for, since some load large libraries.

    requires: the module of an optional library; diffkit's extra has the name of the backend.
    """

    module: str
    cls: str
    requires: str = ""


BUILT_IN = {
    "finite_difference": _BuiltIn("finite_difference", "FiniteDifference"),
    "complex_step": _BuiltIn("complex_step", "ComplexStep"),
    "symbolic": _BuiltIn("symbolic", "Symbolic"),
    "forward": _BuiltIn("forward", "Forward"),
    "reverse": _BuiltIn("reverse", "Reverse"),
    "jax": _BuiltIn("jax", "JAX", "jax"),
    "torch": _BuiltIn("torch", "Torch", "torch"),
    "autograd": _BuiltIn("autograd", "Autograd", "autograd"),
    "casadi": _BuiltIn("casadi", "CasADi", "casadi"),
    "symengine": _BuiltIn("symengine", "SymEngine", "symengine"),
    "scipy": _BuiltIn("scipy", "SciPy", "scipy.differentiate"),
    "numdifftools": _BuiltIn("numdifftools", "Numdifftools", "numdifftools"),
    "jacobi": _BuiltIn("jacobi", "Jacobi", "jacobi"),
}


def absence(name: str) -> MissingPackageError | None:
    """The error for a built-in backend whose library is not installed; None for any other."""
    requires = BUILT_IN[name].requires if name in BUILT_IN else ""
    if not requires or is_installed(requires):
        return None
    return MissingPackageError(f"backend {name!r}", requires, extra=name)


# Of other packages


def _registered() -> Iterator[tuple[str, Backend | BackendError]]:
    """The backends of other packages, or what is wrong with them."""
    for name, entries in offers("diffkit.backends").items():
        for entry in entries:
            yield name, _clash(name, entries, entry) or _made(entry)


def _clash(name: str, entries: list[Any], entry: Any) -> BackendError | None:
    if name in BUILT_IN:
        return BackendError(name, package(entry), "diffkit has a backend of that name itself")
    if taken := others(entries, entry):
        return BackendError(name, package(entry), f"{taken} offers one as well")
    return None


@cache
def _made(entry: Any) -> Backend | BackendError:
    """The backend of an entry point. It is the code of somebody else, and may raise anything."""
    try:
        found = entry.load()
        backend = found if isinstance(found, Backend) else found()
    except (Exception, SystemExit) as error:
        return BackendError(entry.name, package(entry), f"{type(error).__name__}: {error}")
    if not isinstance(backend, Backend):
        return BackendError(
            entry.name,
            package(entry),
            f"{entry.value} gives {type(backend).__name__}, which is no diffkit.Backend",
        )
    if backend.name != entry.name:
        reason = f"the backend is named {backend.name!r}; use one name for both"
        return BackendError(entry.name, package(entry), reason)
    return backend


# All of them


@cache
def _load(name: str) -> Backend:
    absent = absence(name)
    if absent is not None:
        raise absent
    module, cls, _ = BUILT_IN[name]
    made: Backend = getattr(import_module(f".{module}", __package__), cls)()
    return made


class Backends(Mapping[str, Backend]):
    """The backends that can be used, by name, each with its default settings.

    Those that need a library which is not installed are left out, see ``missing``, and so are
    those of other packages that do not work, see ``broken``. Asked for by their names these raise
    the error that says why.
    """

    def __getitem__(self, name: str) -> Backend:
        if name in BUILT_IN:
            return _load(name)
        found = [backend for other, backend in _registered() if other == name]
        if not found:
            raise UnknownNameError("backend", name, {*self, *self.missing()})
        if isinstance(found[0], BackendError):
            raise found[0]
        return found[0]

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in BUILT_IN if absence(name) is None)
        yield from (name for name, backend in _registered() if isinstance(backend, Backend))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str) and name in BUILT_IN:
            return absence(name) is None
        return name in list(self)

    def get(self, name: str, default: Any = None) -> Any:
        """The backend of that name, or the default where it cannot be used."""
        if name not in self:
            return default
        return self[name]

    def missing(self) -> dict[str, str]:
        """The built-in backends whose library is not installed, with the line that installs it."""
        absences = {name: absence(name) for name in BUILT_IN}
        return {name: a.install for name, a in absences.items() if a is not None}

    def broken(self) -> tuple[BackendError, ...]:
        """What is wrong with the backends of other packages that cannot be used."""
        return tuple(found for _, found in _registered() if isinstance(found, BackendError))

    def __repr__(self) -> str:
        lines = [f"backends: {', '.join(self)}"]
        lines += [f"not installed: {name} ({how})" for name, how in self.missing().items()]
        lines += [f"broken: {error}" for error in self.broken()]
        return f"<{'; '.join(lines)}>"


_backends = Backends()


def backends() -> Backends:
    """The backends that can be used, by name.

    ``backends().missing()`` tells how to install the others.
    """
    return _backends


def resolve(backend: str | Backend) -> Backend:
    """The backend of that name, or the configured backend itself.

    Raises:
        UnknownNameError: there is no backend of that name.
        MissingPackageError: its library is not installed.
        BackendError: another package offers it, and it cannot be used.
        TypeError: it is neither a name nor a backend.
    """
    if isinstance(backend, Backend):
        return backend
    if isinstance(backend, str):
        return _load(backend) if backend in BUILT_IN else _backends[backend]
    raise TypeError(
        f"backend must be a name or a configured backend such as dk.FiniteDifference(order=4), "
        f"got {backend!r}"
    )
