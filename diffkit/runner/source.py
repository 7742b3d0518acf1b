"""By which name another process can load an experiment, if it can."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from diffkit._entry_points import offers
from diffkit.runner.discovery import GROUP
from diffkit.runner.experiment import Experiment


@dataclass(frozen=True)
class Source:
    """Where an experiment is defined.

    home: a module, or the absolute path of a file.
    attribute: its name in there.
    digest: of the file's bytes, to tell another state of it.
    packages: the version of the package that offers it, by name, if one does.
    """

    home: str
    attribute: str
    digest: str
    packages: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """What tells another state of it: the file, and the package that its helpers are from."""
        return " ".join([self.digest, *(f"{name} {v}" for name, v in self.packages.items())])


def source_of(experiment: Experiment) -> Source | None:
    """The source of an experiment that is a global name of a module; None for any other.

    What was defined in a function, in a notebook or in the program itself cannot be loaded again.
    """
    for module in _candidates(experiment):
        file = getattr(module, "__file__", None)
        attribute = next((n for n, value in vars(module).items() if value is experiment), None)
        if attribute is not None and file is not None and Path(file).is_file():
            packages = _packages(module.__name__)
            return Source(_home(module, file), attribute, digest(Path(file)), packages)
    return None


def _packages(module: str) -> dict[str, str]:
    """The packages that offer experiments from the same top-level module, with their versions."""
    top = module.partition(".")[0]
    entries = (entry for found in offers(GROUP).values() for entry in found)
    dists = [e.dist for e in entries if e.dist is not None and e.module.partition(".")[0] == top]
    return {dist.name: dist.version for dist in dists}


def _candidates(experiment: Experiment) -> Iterator[ModuleType]:
    """Modules that may have the experiment as a global name: first where its functions are from,
    which may also have been imported from somewhere else."""
    likely = [_module_name(function) for function in (experiment.measure, experiment.cells)]
    for name in dict.fromkeys([*likely, *sys.modules]):
        module = sys.modules.get(name)
        if isinstance(module, ModuleType) and name != "__main__":
            yield module


def digest(file: Path) -> str:
    """32 hexadecimal digits of BLAKE2b over the bytes of a file. Raises OSError."""
    return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()


def _module_name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__module__", None) or ""


def _home(module: ModuleType, file: str) -> str:
    """Its name where that leads to the file, and otherwise the file."""
    found, where = None, None
    name = ""
    for part in module.__name__.split("."):
        name = f"{name}.{part}".lstrip(".")
        found = PathFinder.find_spec(name, where)
        if found is None:
            break
        where = found.submodule_search_locations or []
    importable = found is not None and found.origin == file
    return module.__name__ if importable else str(Path(file).resolve())
