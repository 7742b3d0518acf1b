"""What the commands print, and how: nothing that comes from outside acts on the terminal."""

from __future__ import annotations

import json
from typing import Any

import click

from diffkit._escape import terminal
from diffkit.errors import DiffkitError, ExpressionError


def complain(error: DiffkitError) -> None:
    """Print an error in one line on standard error, and below it what was typed, if that is at
    fault."""
    excerpt = error.excerpt if isinstance(error, ExpressionError) else ""
    message = " ".join(str(error).removesuffix(excerpt).split())
    click.echo(f"error: {terminal(message)}{terminal(excerpt, keep=chr(10))}", err=True)


def notice(line: str) -> None:
    """Print a line on standard error that is no error."""
    click.echo(f"note: {terminal(line)}", err=True)


def as_json(value: Any) -> str:
    """The value as JSON, with NaN and the infinities as words."""
    from diffkit.runner.results import jsonable

    # In ASCII, as the terminal may be what reads it.
    return json.dumps(jsonable(value), indent=2, allow_nan=False)


def print_table(title: str, rows: list[tuple[Any, ...]]) -> None:
    """Print rows of texts under a title; the first column is bold."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    for _ in range(max(map(len, rows), default=1) - 1):
        table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*(Text(terminal(text)) for text in row))
    click.secho(title, underline=True)
    console().print(table)
    click.echo()


def console(*, stderr: bool = False) -> Any:
    """The terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)
