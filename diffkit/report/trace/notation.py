"""Names and numbers, as plain text and as LaTeX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

import numpy as np

from diffkit.errors import UnknownNameError

from .lines import Lines

NAMES = ("v", "w")
BAR, DOT = "bar", "dot"

_SUBSCRIPTS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_ACCENTS = {"": "", BAR: "\N{COMBINING MACRON}", DOT: "\N{COMBINING DOT ABOVE}"}
_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{c: "\\" + c for c in "&%$#_{}"},
}  # fmt: skip


@dataclass(frozen=True)
class Notation:
    """How variables are named.

    Attributes:
        letter: "v" numbers the inputs up to 0 and the operations from 1 (Griewank & Walther 2008,
            section 2.2); "w" numbers all of them from 1.
        latex: whether to write LaTeX, of which all that is returned stands in math mode.
        numbers: the number of each line in Griewank's counting; None for a decision.
        inputs: the number of inputs.
        results: the number of results.
    """

    letter: str
    latex: bool
    numbers: tuple[int | None, ...]
    inputs: int
    results: int = 1

    def variable(self, line: int, accent: str = "") -> str:
        """The name of a line; with an accent that of its adjoint or tangent."""
        number = self.numbers[line]
        if number is None:
            return ""
        return self.indexed(
            self.letter, number + (self.inputs if self.letter == "w" else 0), accent
        )

    def result(self, k: int, accent: str = "") -> str:
        """The name of a result."""
        return self.indexed("y", k + 1 if self.results > 1 else None, accent)

    def indexed(self, letter: str, number: int | None, accent: str = "") -> str:
        if self.latex:
            base = rf"\{accent}{{{letter}}}" if accent else letter
            return base if number is None else f"{base}_{{{number}}}"
        accented = normalize("NFC", letter + _ACCENTS[accent])
        return accented + ("" if number is None else subscript(number))

    def label(self, name: str) -> str:
        """A name that the user gave: the digits at its end are lowered."""
        stem = name.rstrip("0123456789")
        if len(name) == 1 and name.isascii() and name.isalpha():
            return name
        if not stem or stem == name or not stem.isalpha():
            return self.text(name)
        digits = name[len(stem) :]
        if self.latex:
            base = stem if len(stem) == 1 else rf"\mathit{{{stem}}}"
            return f"{base}_{{{digits}}}" if stem.isascii() else self.text(name)
        return stem + subscript(digits)

    def text(self, words: str) -> str:
        """Words among the formulas."""
        if not self.latex:
            return words
        return rf"\mathrm{{{self.escaped(words)}}}"

    @staticmethod
    def escaped(words: str) -> str:
        """Words as LaTeX has them; what only Unicode has is left out."""
        return "".join(_SPECIAL.get(c, c) for c in words if c.isascii() and c.isprintable())

    def number(self, value: Any) -> str:
        """A number, or what is to be seen of an array, rounded to six digits."""
        text = short(value)
        if not self.latex:
            return text
        mantissa, e, exponent = text.replace("−", "-").partition("e")
        if e and not np.ndim(value):
            return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
        if text.strip("−").replace(".", "").isdigit():
            return mantissa
        return {"∞": r"\infty", "−∞": r"-\infty"}.get(text, self.text(text.replace("−", "-")))


def notation_for(lines: Lines, names: str, latex: bool = False) -> Notation:
    """The notation of a trace.

    Raises:
        UnknownNameError: names is neither "v" nor "w".
    """
    if names not in NAMES:
        raise UnknownNameError("notation", names, NAMES)
    results = 1 if lines.whole else len(lines.outputs)
    return Notation(names, latex, tuple(lines.numbers()), lines.inputs, results)


def subscript(number: int | str) -> str:
    return str(number).translate(_SUBSCRIPTS)


def superscript(number: int | str) -> str:
    return str(number).translate(_SUPERSCRIPTS)


def short(value: Any) -> str:
    """A value in a few characters: a number with six digits, an array with its first elements."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"({', '.join(map(short, value))})"
    if np.ndim(value):
        return _short_array(np.asarray(value))
    if isinstance(value, (complex, np.complexfloating)):
        return f"{value:.6g}".replace("-", "−")
    if isinstance(value, (int, float, np.number)):
        return _short_number(float(value))
    return str(value)


def _short_number(value: float) -> str:
    if not np.isfinite(value):
        return "nan" if np.isnan(value) else "∞" if value > 0 else "−∞"
    mantissa, e, exponent = f"{value:.6g}".partition("e")
    text = mantissa + (f"e{int(exponent)}" if e else "")
    return "0" if text == "-0" else text.replace("-", "−")


def _short_array(array: np.ndarray[Any, Any]) -> str:
    if array.size > 6 or array.ndim > 2:
        shape = "×".join(map(str, array.shape))
        flat = array.ravel()
        return (
            f"[{shape}: {short(flat[0])}, {short(flat[1])}, …]" if array.size > 1 else f"[{shape}]"
        )
    if array.ndim == 2:
        return f"[{', '.join(_short_array(row) for row in array)}]"
    return f"[{', '.join(_rounded(v) for v in array)}]"


def _rounded(value: Any) -> str:
    return short(float(f"{value:.4g}")) if isinstance(value, (float, np.floating)) else short(value)
