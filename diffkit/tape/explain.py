"""Which line of the user's code an operation on a tape comes from.

Keeping the line of every operation would cost more than recording it. When a sweep fails, the
function is recorded once more, by a recording that looks up the stack at the operation in question.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from .recording import Recording

_INSIDE = Path(__file__).parent.parent


class _Locating(Recording):
    """A recording that remembers the stack at which one row was added."""

    __slots__ = ("found", "wanted")

    def __init__(self, wanted: int, complete: bool) -> None:
        super().__init__(complete)
        self.wanted = wanted
        self.found: traceback.FrameSummary | None = None

    def append(self, row: tuple[Any, ...]) -> None:
        if len(self) == self.wanted:
            frames = traceback.extract_stack()
            outside = [f for f in frames if _INSIDE not in Path(f.filename).parents]
            self.found = outside[-1] if outside else None
        super().append(row)


def add_note(error: BaseException, rows: Recording, index: int, sweep: str) -> None:
    """Say in a note on the error which operation a sweep failed at, and where it was recorded."""
    note = f"in the {sweep} sweep, at the derivative of {rows[index][0].name}"
    frame = _locate(rows, index)
    if frame is not None:
        note += f", recorded at\n  {frame.filename}:{frame.lineno}: {frame.line}"
    error.add_note(note)


def _locate(rows: Recording, index: int) -> traceback.FrameSummary | None:
    f, inputs = rows.program
    again = _Locating(index, rows.complete)
    try:
        f(*[again.input(value) for value in inputs])
    except Exception:  # the note is a help, and must not hide the error that it explains
        return None
    return again.found
