"""Find the experiments: every file in the `experiments` folder that defines EXPERIMENT."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from diffkit.errors import ExperimentError, UnknownNameError
from diffkit.runner.cell import describe
from diffkit.runner.experiment import Experiment


def folder() -> Path:
    """Where the experiments are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "experiments"
    return installed if installed.is_dir() else package.parent / "experiments"


def names(where: Path | None = None) -> tuple[str, ...]:
    """The names of all experiments, without importing any."""
    return tuple(sorted(_files(where)))


def load(name: str, where: Path | None = None) -> Experiment:
    """The experiment of that name.

    Raises UnknownNameError where there is no such file and ExperimentError where the file
    cannot be imported or does not define an EXPERIMENT of its own name.
    """
    files = _files(where)
    if name not in files:
        raise UnknownNameError("experiment", name, files)
    experiment = getattr(_import(files[name]), "EXPERIMENT", None)
    if not isinstance(experiment, Experiment):
        raise ExperimentError(f"{name}: the file does not define EXPERIMENT = Experiment(...)")
    if experiment.name != name:
        raise ExperimentError(f"{name}: its EXPERIMENT is named {experiment.name!r}; use {name!r}")
    return experiment


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
