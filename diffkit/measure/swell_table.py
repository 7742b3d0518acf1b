"""How sizes are shown: as a table in the terminal and in a notebook."""

from __future__ import annotations

from html import escape
from math import floor, log10
from typing import TYPE_CHECKING, Any

from .. import _rendering

if TYPE_CHECKING:
    from .swell import Swell

_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

# The columns: their titles, the attributes of a row, and the width from which on they are shown.
_COLUMNS = (
    ("tree", "tree", 0),
    ("DAG", "dag", 0),
    ("CSE", "cse", 0),
    ("sympy.cse", "sympy_cse", 70),
    ("executed", "executed", 0),
    ("SymPy's nodes", "nodes", 90),
    ("in the tree", "tree_nodes", 90),
)


def short(count: int | None) -> str:
    """A count with all its digits up to nine of them, and with two beyond: 6.2·10¹¹."""
    if count is None:
        return ""
    if count < 10**9:
        return f"{count:,}"
    digits = log10(count)  # of an integer of any length
    exponent = floor(digits)
    mantissa = f"{10 ** (digits - exponent):.1f}"
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa}·10{str(exponent).translate(_SUPERSCRIPT)}"


def columns(swell: Swell, width: int) -> list[tuple[str, list[str]]]:
    """The titles and cells of the columns that have anything to show."""
    found = [(t, [short(getattr(r, a)) for r in swell.rows]) for t, a, w in _COLUMNS if width >= w]
    routes = ("", [row.route for row in swell.rows])
    return [routes, *((title, cells) for title, cells in found if any(cells))]


class Sheet:
    """The table, with the columns that the terminal has room for."""

    def __init__(self, swell: Swell) -> None:
        self.swell = swell

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(self.swell.title))
        shown = columns(self.swell, options.max_width)
        for k, (title, _) in enumerate(shown):
            table.add_column(title, justify="right" if k else "left", no_wrap=True)
        for row in zip(*(cells for _, cells in shown), strict=True):
            table.add_row(*map(Text, row))
        yield table
        for note in (*self.swell.notes, self.swell.definition):
            yield Text(note)


def html(swell: Swell) -> str:
    """The table with its notes."""
    shown = columns(swell, width=1000)
    rows = zip(*(cells for _, cells in shown), strict=True)
    table = _rendering.table([title for title, _ in shown], rows, words=("",))
    notes = "".join(f"<p>{escape(note)}</p>" for note in (*swell.notes, swell.definition))
    return f"<p><strong>{escape(swell.title)}</strong></p>{table}{notes}"
