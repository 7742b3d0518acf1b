"""Find the experiments: diffkit's own, and those that other packages offer.

Every file in the `experiments` folder that defines EXPERIMENT is one. Another package offers one by
an entry point of the group ``diffkit.experiments``, which has its name and leads to it, as in
``squares = "a_package.squares:EXPERIMENT"``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from diffkit._entry_points import offers, others, package
from diffkit.errors import ExperimentError, UnknownNameError
from diffkit.runner.cell import describe
from diffkit.runner.experiment import Experiment

GROUP = "diffkit.experiments"


def folder() -> Path:
    """Where the experiments are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "experiments"
    return installed if installed.is_dir() else package.parent / "experiments"


def names(where: Path | None = None) -> tuple[str, ...]:
    """The names of all experiments, or of those in a folder, without importing any."""
    return tuple(sorted({*_files(where), *_offers(where)}))


def load(name: str, where: Path | None = None) -> Experiment:
    """The experiment of that name, or that in a folder.

    Raises UnknownNameError where there is none, and ExperimentError where its file or its package
    cannot be imported, or does not define an experiment of that name.
    """
    files = _files(where)
    if name in files:
        return _checked(name, getattr(_import(files[name]), "EXPERIMENT", None), "the file")
    entries = _offers(where).get(name)
    if entries is None:
        raise UnknownNameError("experiment", name, names(where))
    if taken := others(entries, entries[0]):
        raise _refusal(name, entries[0], f"{taken} offers one as well")
    return _of_package(name, entries[0])


def clashes() -> dict[str, ExperimentError]:
    """The experiments of other packages that have the name of one of diffkit's own.

    By the name and the package, as in ``"fd_error_exp (a_package)"``.
    """
    own, reason = _files(None), "diffkit has an experiment of that name itself"
    taken = [(n, e) for n, entries in offers(GROUP).items() if n in own for e in entries]
    return {f"{n} ({package(e)})": _refusal(n, e, reason) for n, e in taken}


def _offers(where: Path | None) -> dict[str, list[Any]]:
    return offers(GROUP) if where is None else {}


def _of_package(name: str, entry: Any) -> Experiment:
    try:
        found = entry.load()
    except (Exception, SystemExit) as error:  # the code of somebody else may raise anything
        raise _refusal(name, entry, describe(error)) from error
    return _checked(name, found, f"{entry.value}, of the package {package(entry)},")


def _refusal(name: str, entry: Any, reason: str) -> ExperimentError:
    return ExperimentError(
        f"experiment {name!r} of the package {package(entry)} cannot be used: {reason}"
    )


def _checked(name: str, found: Any, what: str) -> Experiment:
    if not isinstance(found, Experiment):
        raise ExperimentError(f"{name}: {what} does not define EXPERIMENT = Experiment(...)")
    if found.name != name:
        raise ExperimentError(f"{name}: its EXPERIMENT is named {found.name!r}; use {name!r}")
    return found


def _files(where: Path | None) -> dict[str, Path]:
    paths = (where or folder()).glob("*.py")
    return {path.stem: path for path in paths if not path.stem.startswith("_")}


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"diffkit_experiment_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ExperimentError(f"{path.stem}: the file cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look a module up by its name.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise ExperimentError(f"{path.stem}: {describe(error)}") from error
    return module
