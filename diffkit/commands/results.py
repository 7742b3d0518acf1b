"""diffkit results: what a store knows of every cell, to read or for other programs."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit._escape import terminal
from diffkit.commands.experiments import out_option, statuses, store_of, stores
from diffkit.commands.output import as_json, print_table
from diffkit.errors import UnknownNameError

if TYPE_CHECKING:
    from diffkit.runner import Results
    from diffkit.runner.store import Store

_SHOWN = 20  # cells without a result


@click.command()
@click.argument("name")
@out_option
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the table to this file: .csv, .jsonl or .parquet.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    help="The format, where the name of the file does not tell it; without a file, print.",
)
@click.option("--attempts", is_flag=True, help="All attempts at each cell, not only the latest.")
@click.option("--json", "json_", is_flag=True, help="Print the summary as JSON.")
def results(
    name: str, out: Path, to: Path | None, format_: str | None, attempts: bool, json_: bool
) -> None:
    """Show or export what is known of every cell of the experiment NAME.

    NAME is the name of a store that `diffkit list` shows, or the path of its file. Each row is a
    result with the parameters of its cell, status, reason, seconds, attempt, host and time.

    \b
    Examples:
      diffkit results fd_error_exp
      diffkit results fd_error_exp --to errors.csv
      diffkit results fd_error_exp --format jsonl
      diffkit results fd_error_exp --attempts --to all.parquet
    """
    from diffkit.runner import export
    from diffkit.runner.store import read_store

    with read_store(_path(name, out)) as store:
        if to is None and format_ is None:
            _show(store, json_)
            return
        table = store.exported(every_attempt=attempts)
    if to is not None:
        export.write(table, to, format_)
        click.echo(terminal(f"{len(table)} rows -> {to}"))
    elif format_ == "parquet":
        raise click.UsageError("Parquet is not for a terminal; give a file with --to")
    else:
        export.WRITERS[format_ or "csv"](table, sys.stdout)


def _path(name: str, out: Path) -> Path:
    if name.endswith(".sqlite"):
        return Path(name)
    known = stores(out)
    if name not in known:
        raise UnknownNameError("store of results", name, known)
    return store_of(name, out)


def _show(store: Store, json_: bool) -> None:
    table = store.exported()
    counts: Counter[str] = sum(store.counts().values(), Counter())
    if json_:
        summary = {"path": str(store.path), "statuses": dict(counts), "last": store.last()}
        click.echo(as_json(summary | {"rows": len(table), "columns": list(table.columns)}))
        return
    click.echo(f"{statuses(counts) or 'empty'}\n")
    click.echo(terminal(repr(table), keep="\n"))
    click.echo()
    _show_failures(table)


def _show_failures(table: Results) -> None:
    from diffkit.runner.results import OK, RESERVED

    bad = [row for row in table if row["status"] != OK]
    if not bad:
        return
    rows: list[tuple[Any, ...]] = [
        (
            row["status"],
            ", ".join(f"{k} = {v}" for k, v in row.items() if k not in RESERVED),
            row["reason"] or "",
        )
        for row in bad[:_SHOWN]
    ]
    more = f", the first {_SHOWN} of {len(bad)}" if len(bad) > _SHOWN else ""
    print_table(f"cells without a result{more}", rows)
