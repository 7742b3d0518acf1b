"""How results show themselves: the same text everywhere, and tables for notebooks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import Any

ROOM = "padding:.25em .6em"  # between the columns of a table


def text(result: Any, width: int = 110) -> str:
    """What Rich prints of a result, as plain text.

    Rich would rather display it where it finds itself in a notebook, and return nothing; and the
    kernels of notebooks ask for colours, which are no part of a text.
    """
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    plain = Console(
        file=out, width=width, highlight=False, force_jupyter=False, force_terminal=False
    )
    plain.print(result)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().split("\n"))


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], words: Collection[str] = ()
) -> str:
    """An HTML table, with columns of words to the left and those of numbers to the right.

    Notebooks break lines wherever a column is narrow, between digits as well; here none is broken.
    Some leave no room between columns.
    """
    styles = [f"text-align:{'left' if name in words else 'right'};{ROOM}" for name in headings]

    def line(cells: Sequence[str], tag: str, more: str) -> str:
        return "<tr>" + "".join(
            f'<{tag} style="{style}{more}">{escape(cell)}</{tag}>'
            for cell, style in zip(cells, styles, strict=True)
        ) + "</tr>"  # fmt: skip

    head = line(headings, "th", "")
    body = "".join(line(row, "td", ";white-space:nowrap") for row in rows)
    return f'<div style="overflow-x:auto"><table>{head}{body}</table></div>'
