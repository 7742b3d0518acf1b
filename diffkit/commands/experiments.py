"""What the commands know of experiments and of where their results are kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.errors import ExperimentError

if TYPE_CHECKING:
    from diffkit.runner import Experiment

# With the names of experiments, which are plain words, this meets no folder of a report.
_STORE = ".sqlite"

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="The folder of the reports and of the stores of results.",
)


def load_all(
    names: Iterable[str] = (),
) -> tuple[dict[str, Experiment], dict[str, ExperimentError]]:
    """The experiments that load, and the errors of those that do not.

    Raises UnknownNameError for a name that is that of no experiment.
    """
    from diffkit.runner import discovery

    loaded, broken = {}, {}
    names = tuple(names)
    for name in dict.fromkeys(names or discovery.names()):
        try:
            loaded[name] = discovery.load(name)
        except ExperimentError as error:
            broken[name] = error
    if not names:
        broken |= discovery.clashes()
    return loaded, broken


def store_of(name: str, out: Path) -> Path:
    """Where the results of an experiment are kept."""
    return out / f"{name}{_STORE}"


def stores(out: Path) -> dict[str, Path]:
    """The stores in a folder by their names, those put aside included."""
    found = sorted(out.glob(f"*{_STORE}")) if out.is_dir() else []
    return {path.name.removesuffix(_STORE): path for path in found}


def statuses(counts: Any) -> str:
    """How many cells have which status, as "40 ok, 2 timeout"."""
    return ", ".join(f"{number} {status}" for status, number in counts.items())
