"""Text that a user can type or name, made harmless where it is shown.

Pages escape by themselves: every value put into a template goes through Jinja's autoescape.
"""

from __future__ import annotations

import html
import re

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection"); some take the
# full-width forms of these signs for the signs.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")


def terminal(text: object, *, keep: str = "") -> str:
    """Text in which control, format and other invisible characters stand as escapes.

    A terminal acts on such characters: it clears its screen, renames its window, or writes from
    right to left. Characters in ``keep``, such as a line's end, stay as they are.
    """
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in shown)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def csv_cell(value: object) -> object:
    """A cell of a CSV file; a text that a spreadsheet would compute gets a leading apostrophe.

    Numbers stay numbers. Infinities and NaN that are already written out are not to be passed.
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def plotly_text(text: object) -> str:
    """Text for a Plotly figure, which reads a little HTML in titles and labels."""
    return html.escape(terminal(text), quote=False)
