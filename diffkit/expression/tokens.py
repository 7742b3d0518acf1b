"""A typed expression, cut into numbers, names and signs."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import ExpressionError
from . import limits

NUMBER, NAME, SIGN, END = "number", "name", "sign", "end"


class Token(NamedTuple):
    """A word of the language: its kind, its text and where it begins."""

    kind: str
    text: str
    start: int


_TOKEN = re.compile(
    r" *(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+*/(),<>]))"
)

# What each sign that the language does not have may be meant for.
_HINTS = {
    "^": "powers are written **, as in x**2",
    "%": "the remainder is written mod(a, b)",
    "=": "to compare, write ==, inside where(...)",
    "!": "the factorial is written gamma(x + 1), and 'not equal' !=",
    "[": "there is no indexing; group with parentheses ( )",
    "]": "there is no indexing; group with parentheses ( )",
    "{": "group with parentheses ( )",
    "}": "group with parentheses ( )",
    "|": "write abs(x) for |x|, and 'or' between conditions",
    "&": "write 'and' between conditions",
    "~": "write 'not' before a condition",
    ".": "there are no attributes and no modules; write sin(x), not np.sin(x)",
    ":": "an expression has no ':'; conditions are written where(x > 0, a, b)",
    ";": "write one expression",
    '"': "an expression has no text in it; give it without quotes",
    "'": "an expression has no text in it; give it without quotes",
    "`": "an expression has no text in it; give it without quotes",
    "\\": "write it in plain text, as in sqrt(x)/2, not in LaTeX",
    "$": "write it in plain text, as in sqrt(x)/2, not in LaTeX",
    "#": "there are no comments",
    "@": "products are written *",
}

_LOOKALIKES = {
    "−–—‐‑‒―﹣－": "-", "×·⋅∙•∗✕⨯": "*", "÷∕⁄": "/", "²": "**2", "³": "**3",
    "⁴": "**4", "½": "1/2", "¼": "1/4", "π𝜋": "pi", "√": "sqrt(x)", "∛": "cbrt(x)", "≤": "<=",
    "≥": ">=", "≠": "!=", "∞": "a number", "‘’“”": "no quotes", "α": "alpha", "β": "beta",
    "γ": "g", "δ": "delta", "ε": "eps", "θ": "theta", "λ": "lam", "μµ": "mu", "ρ": "rho",
    "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega",
}  # fmt: skip
_ASCII = {sign: ascii_ for signs, ascii_ in _LOOKALIKES.items() for sign in signs}


def tokens(text: str) -> list[Token]:
    """The tokens of a text, with one of kind END behind the last.

    Raises:
        ExpressionError: it is too long, or holds something that is none of them.
    """
    if len(text) > limits.LENGTH:
        raise ExpressionError(
            f"an expression has at most {limits.LENGTH} characters, this one has {len(text)}",
            text,
            limits.LENGTH,
        )
    found = []
    place = 0
    while match := _TOKEN.match(text, place):
        kind = match.lastgroup
        assert kind is not None
        found.append(Token(kind, match[kind], match.start(kind)))
        place = match.end()
    end = place + len(text[place:]) - len(text[place:].lstrip(" "))
    if end < len(text):
        raise _foreign(text, end)
    found.append(Token(END, "", len(text)))
    return found


def _foreign(text: str, place: int) -> ExpressionError:
    """The error for a character that begins no token."""
    character = text[place]
    if character.isascii() and character.isprintable():
        return ExpressionError(f"{character!r} has no meaning here", text, place,
                               _HINTS.get(character, ""))  # fmt: skip
    if character in "\t\n\r\v\f":
        return ExpressionError("an expression is one line, with spaces only", text, place)
    if character.isascii():
        return ExpressionError(f"the control character {character!r}", text, place, "leave it out")
    return _not_ascii(text, place)


def _not_ascii(text: str, place: int) -> ExpressionError:
    import unicodedata

    character = text[place]
    name = unicodedata.name(character, "a character without a name")
    plain = _ASCII.get(character) or unicodedata.normalize("NFKC", character)
    readable = plain.isascii() and plain.isprintable() and len(plain) <= 10 and plain != " "
    hint = f"type {plain}" if readable else "type it on the keyboard, in ASCII"
    if not character.isprintable():
        hint = "type a space, or nothing"
    return ExpressionError(
        f"U+{ord(character):04X} ({name}) is not ASCII, as all of an expression has to be",
        text, place, hint,
    )  # fmt: skip
