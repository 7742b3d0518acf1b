"""diffkit list: the experiments, the named test problems, the backends and the stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.commands.experiments import load_all, out_option, statuses, stores
from diffkit.commands.output import as_json, complain, print_table
from diffkit.errors import ExperimentError, StoreError

if TYPE_CHECKING:
    from diffkit.runner import Experiment


@click.command("list")
@out_option
@click.option("--json", "json_", is_flag=True, help="Print JSON, for other programs.")
def list_(out: Path, json_: bool) -> None:
    """Show the experiments, the named test problems, the backends and the stores of results.

    \b
    Examples:
      diffkit list
      diffkit list --json
    """
    import diffkit as dk

    loaded, broken = load_all()
    found = _catalogue(loaded, broken, out)
    if json_:
        click.echo(as_json(found))
    else:
        _print(found)
    errors = [*broken.values(), *dk.backends().broken()]
    for error in errors:
        complain(error)
    if errors:
        raise click.exceptions.Exit(1)


def _catalogue(
    loaded: Mapping[str, Experiment], broken: Mapping[str, ExperimentError], out: Path
) -> dict[str, list[dict[str, Any]]]:
    import diffkit as dk

    return {
        "experiments": [
            {"name": e.name, "title": e.title, "question": e.question} for e in loaded.values()
        ]
        + [{"name": name, "error": str(error)} for name, error in broken.items()],
        "problems": [
            {"name": name, "description": p.description, "source": p.source}
            | {"variables": p.variables}
            for name, p in dk.problems.items()
        ],
        "backends": [
            {"name": name, "description": _first_line(backend)}
            for name, backend in dk.backends().items()
        ],
        "missing": [
            {"name": name, "install": line} for name, line in dk.backends().missing().items()
        ],
        "results": [_store(name, path) for name, path in stores(out).items()],
    }


def _store(name: str, path: Path) -> dict[str, Any]:
    from diffkit.runner.store import read_store

    try:
        with read_store(path) as store:
            counts: Counter[str] = sum(store.counts().values(), Counter())
            last = store.last()
    except StoreError as error:
        return {"name": name, "path": str(path), "error": str(error)}
    return {"name": name, "path": str(path), "statuses": dict(counts), "last": last}


def _first_line(backend: Any) -> str:
    return (getattr(backend, "__doc__", None) or "").strip().partition("\n")[0]


def _print(found: dict[str, list[dict[str, Any]]]) -> None:
    texts = {
        "experiments": ("diffkit run NAME", "title"),
        "problems": ("diffkit compare NAME --at X; --json adds sources", "description"),
        "backends": ("--backend NAME", "description"),
    }
    for kind, (use, column) in texts.items():
        rows = [(e["name"], e.get(column) or e.get("error", "")) for e in found[kind]]
        print_table(f"{kind} ({use})", rows)
    if found["missing"]:
        rows = [(e["name"], e["install"]) for e in found["missing"]]
        print_table("backends that need a package (dk.backends().missing())", rows)
    if found["results"]:
        rows = [(e["name"], _state(e)) for e in found["results"]]
        print_table("results (diffkit results NAME)", rows)


def _state(entry: dict[str, Any]) -> str:
    if "error" in entry:
        return str(entry["error"])
    if not entry["statuses"]:
        return "empty"
    return f"{statuses(entry['statuses'])}; last {entry['last'][:16].replace('T', ' ')} UTC"
