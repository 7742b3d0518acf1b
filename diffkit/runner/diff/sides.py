"""What two runs have left on disk, as cells that can be matched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diffkit.errors import DiffkitError, StoreError
from diffkit.guard import wire
from diffkit.runner.description import canonical
from diffkit.runner.results import OK, RESERVED

_RESULTS = "results.json"
_FORMAT = "diffkit-report/1"
_WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


@dataclass(frozen=True)
class Side:
    """One cell of one run.

    version: of the experiment: declared, or the digest of its file; None where it is not known.
    host: the machine; None where it is not known.
    threads: to which libraries were pinned; None where they were not, or it is not known.
    rows: the results, without parameters.
    """

    parameters: Mapping[str, Any]
    status: str
    reason: str | None
    rows: tuple[Mapping[str, Any], ...]
    version: str | None = None
    host: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None


Cells = dict[str, Side]


def read(path: Path) -> dict[str, Cells]:
    """The cells of every experiment of a run, by the name and by what identifies a cell.

    path: a store, a ``results.json``, the folder of a report, or a folder of stores or reports.

    Raises StoreError where there is nothing of that kind.
    """
    found: dict[str, Cells] = {}
    for file in _files(path):
        for name, cells in (_store if file.suffix == ".sqlite" else _document)(file).items():
            found.setdefault(name, {}).update(cells)
    return found


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    # What a run has put aside has another dot in its name.
    stores = [file for file in sorted(path.glob("*.sqlite")) if "." not in file.stem]
    files = stores or [path / _RESULTS] * (path / _RESULTS).is_file()
    files = files or sorted(path.glob(f"*/{_RESULTS}"))
    if not files:
        raise StoreError(
            f"there are no results at {path}; give a store (NAME.sqlite), a {_RESULTS}, or a "
            "folder of them, as diffkit run --out has written it"
        )
    return files


def _store(path: Path) -> dict[str, Cells]:
    from diffkit.runner.store import read_store

    found: dict[str, Cells] = {}
    with read_store(path) as store:
        runs = store.provenance()
        for stored in store.stored().values():
            told = json.loads(stored.description)
            identity = canonical({k: told.get(k) for k in ("parameters", "dtype", "seed")})
            rows = wire.decode(stored.rows)
            names = set(told["parameters"])
            found.setdefault(stored.experiment, {})[identity] = Side(
                parameters={k: v for k, v in rows[0].items() if k in names},
                status=stored.status,
                reason=stored.reason,
                rows=tuple({k: v for k, v in row.items() if k not in names} for row in rows),
                version=told.get("version"),
                host=stored.host or None,
                versions=runs.get(stored.run, {}).get("versions", {}),
                threads=runs.get(stored.run, {}).get("threads"),
            )
    return found


def _document(path: Path) -> dict[str, Cells]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise StoreError(f"{path} is not a {_RESULTS} that diffkit has written")
    name = found["experiment"]["name"]
    names = _parameters(name, path)
    rows = [{k: _number(v) for k, v in row.items()} for row in found["rows"]]
    cells: Cells = {}
    for row in rows:
        parameters = {k: v for k, v in row.items() if k in names}
        results = {k: v for k, v in row.items() if k not in names and k not in RESERVED}
        identity = canonical({"parameters": parameters, "seed": found["provenance"]["seed"]})
        before = cells[identity].rows if identity in cells else ()
        cells[identity] = Side(
            parameters=parameters,
            status=row.get("status", OK),
            reason=row.get("reason"),
            rows=(*before, results),
            versions=found["provenance"]["versions"],
        )
    return {name: cells}


def _parameters(name: str, path: Path) -> set[str]:
    """Which columns are parameters, of which a results.json says nothing."""
    from diffkit.runner import discovery

    try:
        return {parameter for cell in discovery.load(name).cells() for parameter in cell}
    except DiffkitError as error:
        raise StoreError(
            f"{path} does not say which columns are parameters, and there is no experiment {name} "
            "here that would; compare the stores (.sqlite) instead"
        ) from error


def _number(value: Any) -> Any:
    return _WORDS.get(value, value) if isinstance(value, str) else value
