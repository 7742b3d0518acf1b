"""What a check of a gradient found: the verdict, its evidence, and how both are shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from . import _rendering
from ._escape import terminal
from .errors import GradientError

RIGHT, WRONG, CANNOT_TELL = "right", "wrong", "cannot tell"
_MOST_SHOWN = 6
_WORDY = ("wrong entry", "test", "finding", "detail")


@dataclass(frozen=True)
class WrongEntry:
    """An entry of a gradient that is not the derivative.

    Attributes:
        index: where it is: keys of the nest, if x is one, then the index in the array.
        given: what was given.
        expected: the derivative; None where it is not known.
        error: |given − expected|; None where that is not known.
    """

    index: tuple[Any, ...]
    given: float
    expected: float | None
    error: float | None

    def __str__(self) -> str:
        expected = "" if self.expected is None else f", expected {self.expected:.9g}"
        return f"{place(self.index)}: given {self.given:.9g}{expected}"


@dataclass(frozen=True)
class Evidence:
    """One test and what it found.

    Attributes:
        test: its name.
        finding: ``"agrees"``, ``"disagrees"``, ``"says nothing"`` or ``"not available"``.
        detail: the numbers, or the reason.
    """

    test: str
    finding: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """Whether a gradient is right.

    ``bool(verdict)`` is true only where it is right, so that ``assert check_gradient(...)`` works
    in a test; ``require()`` raises instead.

    Attributes:
        status: ``"right"``, ``"wrong"`` or ``"cannot tell"``.
        reason: what the status rests on, in a sentence.
        digits: the decimal digits that are confirmed in every entry that is not zero up to
            rounding; None where the status is not ``"right"``, or no entry has digits.
        wrong: the wrong entries, the worst first.
        guess: what the mistake may be; empty where there is no guess.
        evidence: the tests made.
        evaluations: how many times f was called.
    """

    status: str
    reason: str
    digits: float | None = None
    wrong: tuple[WrongEntry, ...] = ()
    guess: str = ""
    evidence: tuple[Evidence, ...] = ()
    evaluations: int = 0

    def __bool__(self) -> bool:
        return self.status == RIGHT

    def require(self) -> Verdict:
        """The verdict itself, if it is right.

        Raises:
            GradientError: it is not; the message is the verdict.
        """
        if not self:
            raise GradientError(str(self))
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        entries = [{**asdict(w), "index": list(w.index)} for w in self.wrong]
        return {
            **vars(self),
            "wrong": entries,
            "evidence": [asdict(e) for e in self.evidence],
        }

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        told = f", to {int(self.digits)} digits" if self.digits is not None else ""
        guess = f" Guess: {self.guess}." if self.guess else ""
        return terminal(f"{self.status}{told}: {self.reason}.{guess}", keep="\n")

    def __str__(self) -> str:
        entries = [f"  {entry}" for entry in self.wrong[:_MOST_SHOWN]]
        more = len(self.wrong) - len(entries)
        if more:
            entries.append(f"  and {more} more")
        width = max((len(e.test) for e in self.evidence), default=0)
        rows = [f"  {e.test:{width}}  {e.finding}: {terminal(e.detail)}" for e in self.evidence]
        return "\n".join([self.headline, *entries, *rows])

    # What pytest prints below a failed ``assert check_gradient(...)``.
    def __repr__(self) -> str:
        return f"<gradient {self}>"

    def __rich__(self) -> Any:
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        colour = {RIGHT: "green", WRONG: "red"}.get(self.status, "yellow")
        parts: list[Any] = [Text(self.headline, style=f"bold {colour}")]
        for table in self._tables():
            shown = Table(*table[0], box=box.SIMPLE_HEAD, pad_edge=False)
            for row in table[1:]:
                shown.add_row(*map(Text, row))
            parts.append(shown)
        return Group(*parts)

    def _repr_html_(self) -> str:
        from html import escape

        tables = [_rendering.table(t[0], t[1:], _WORDY) for t in self._tables()]
        return f"<p><strong>{escape(self.headline)}</strong></p>{''.join(tables)}"

    def _tables(self) -> list[list[tuple[str, ...]]]:
        """The wrong entries and the evidence, each with its headings first."""
        wrong = [
            (place(w.index), f"{w.given:.9g}", "" if w.expected is None else f"{w.expected:.9g}")
            for w in self.wrong[:_MOST_SHOWN]
        ]
        tests = [(e.test, e.finding, terminal(e.detail)) for e in self.evidence]
        out: list[list[tuple[str, ...]]] = []
        if wrong:
            out.append([("wrong entry", "given", "expected"), *wrong])
        if tests:
            out.append([("test", "finding", "detail"), *tests])
        return out


def place(index: tuple[Any, ...]) -> str:
    """An index as it would be written behind the gradient's name."""
    numbers: list[str] = []
    keys = ""
    for key in index:
        if isinstance(key, int):
            numbers.append(str(key))
        else:
            keys += f"[{key!r}]"
    return "g" + keys + (f"[{', '.join(numbers)}]" if numbers else "")
