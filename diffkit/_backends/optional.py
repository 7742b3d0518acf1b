"""Libraries that a backend needs and diffkit does not: imported when used, and not before."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import MissingPackageError


def library(module: str, extra: str) -> Any:
    """The module of that name.

    Args:
        module: as it is imported, ``"scipy.differentiate"``.
        extra: diffkit's extra that installs it, which is the name of the backend.

    Raises:
        MissingPackageError: it is not installed, or too old a version of its package is.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        absent = error.name or ""
        if f"{module}.".startswith(f"{absent}."):
            raise MissingPackageError(f"backend {extra!r}", absent, extra) from None
        raise  # the library is there, and lacks something itself


def with_library(version: str, package: str) -> str:
    """The version of a backend, with that of the package that does the work."""
    from importlib import metadata  # late, as it takes long to import

    return f"{version}, {package} {metadata.version(package)}"


def is_installed(module: str) -> bool:
    """Whether a module is there to be imported, as far as that can be told without importing."""
    top, *inner = module.split(".")
    if top in sys.modules and sys.modules[top] is None:  # Python's mark of what must not load
        return False
    try:
        spec = find_spec(top)
    except ValueError:  # it was put into sys.modules by hand
        return not inner
    # A folder of that name without an __init__.py is no library.
    if spec is None or spec.origin is None:
        return False
    return not inner or any(_has(Path(p), inner) for p in spec.submodule_search_locations or ())


def _has(package: Path, inner: list[str]) -> bool:
    path = package.joinpath(*inner)
    return (path / "__init__.py").is_file() or path.with_suffix(".py").is_file()
