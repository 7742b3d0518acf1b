"""What is typed at the command line: a function by its name or formula, and a point."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._function import Function, function
from .errors import PointError, UnknownNameError
from .expression import constant

# A bare word is taken for the name of a problem, mistyped, and not for the identity.
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,}")


def named_function(text: str) -> Any:
    """A problem of the catalogue, or one's own ``module:function``, or a typed expression.

    The name of a problem wins. A text with a colon is never an expression. A word of three letters
    and more alone is a problem's name; the identity in it is written ``1*word``.

    Raises:
        UnknownNameError: there is no problem, or no function in the module, of that name.
        OwnCodeError: the module or file cannot be imported.
        ExpressionError: it is none of these, and not an expression.
    """
    import diffkit as dk

    if text in dk.problems:
        return dk.problems[text]
    if _is_own(text):
        from ._own_code import load

        return function(load(text))
    if _WORD.fullmatch(text):
        raise UnknownNameError("problem", text, dk.problems)
    return function(text)


def _is_own(text: str) -> bool:
    """Whether a text names code: a colon with a name behind it, or a file."""
    _, colon, name = text.rpartition(":")
    return bool(colon and name.isidentifier()) or text.endswith(".py")


def point(text: str, f: Any) -> tuple[Any, ...]:
    """The arguments of f as typed: the point, and for one's own function also its constants.

    Values are numbers, or constants such as pi/2. ``1.5`` is a number and ``1,2`` or ``[1,2]`` a
    vector; ``x=2,y=3`` names the variables of an expression or problem. The parameters of one's
    own function are named likewise, as ``x=[1,2],a=3``, or given in their order, one value each.

    Raises:
        PointError: the text is not a point, or not one of f.
        ExpressionError: a value is not a number.
    """
    if getattr(f, "variables", ()):
        return (in_variables(text, f.variables),)
    parameters = _parameters(getattr(f, "call", None))
    parts = split(text)
    if any(name for name, _ in parts):
        return _by_name(text, parts, parameters)
    values = [value for _, value in parts]
    required = [p for p in parameters if p.default is p.empty]
    if len(required) > 1 or (len(values) > 1 and any(map(np.ndim, values))):
        if not len(required) <= len(values) <= len(parameters):
            raise PointError(f"{text!r} where values for {_names(parameters)} are due")
        return tuple(values)
    return (_vector(text, values),)


def in_variables(text: str, variables: Sequence[str] = ()) -> Any:
    """A point in named variables, or in as many as there are numbers where they have no names.

    Raises:
        PointError: names or numbers do not match the variables.
    """
    parts = split(text)
    if any(name for name, _ in parts):
        given = dict(parts)
        if set(given) != set(variables) or len(parts) != len(variables):
            names = f"its variables are {', '.join(variables)}" if variables else "it names none"
            raise PointError(f"{text!r} does not give each variable of the function once; {names}")
        values = [given[name] for name in variables]
        if any(map(np.ndim, values)) and len(values) > 1:
            raise PointError(f"{text!r} gives a list where a number is due")
        if len(values) == 1:
            return values[0]
        return np.array(values)
    found = _vector(text, [value for _, value in parts])
    if len(variables) > 1 and np.shape(found) != (len(variables),):
        raise PointError(
            f"{text!r} where {len(variables)} numbers ({', '.join(variables)}) are due"
        )
    return found


def split(text: str) -> list[tuple[str, Any]]:
    """The parts of a point: their names (empty where there is none) and values.

    Raises:
        PointError: a part is empty, or a list has another form than a vector or a matrix.
        ExpressionError: a value is not a number.
    """
    pairs = [_name_and_value(part) for part in _commas(text)]
    return [(name, _value(value)) for name, value in pairs]


def _name_and_value(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    if not equals:
        return "", part
    if not name.strip():
        raise PointError(f"{part!r} has no name before the =")
    return name.strip(), value


def _value(text: str, depth: int = 0) -> Any:
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return constant(text)
    rows = [_value(part, depth + 1) for part in _commas(text[1:-1])] if depth < 2 else []
    if not rows or len({np.shape(row) for row in rows}) > 1:
        raise PointError(f"{text!r} is neither a vector, as [1,2], nor a matrix, as [[1,2],[3,4]]")
    return np.array(rows)


def _commas(text: str) -> list[str]:
    """The parts between commas that no bracket encloses; one comma may end them."""
    parts, depth = [""], 0
    for piece in re.split(r"([,()\[\]])", text):
        depth += (piece in ("(", "[")) - (piece in (")", "]"))
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    if not all(part.strip() for part in parts):
        raise PointError(f"{text!r} where numbers parted by commas are due")
    return parts


def _vector(text: str, values: list[Any]) -> Any:
    if len(values) == 1 and (np.ndim(values[0]) or not text.rstrip().endswith(",")):
        return values[0]
    if any(map(np.ndim, values)):
        raise PointError(f"{text!r} gives a list where a number is due")
    return np.array(values)


def _by_name(
    text: str, parts: list[tuple[str, Any]], parameters: list[inspect.Parameter]
) -> tuple[Any, ...]:
    given = dict(parts)
    unknown = [name for name in given if name not in {p.name for p in parameters}]
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in given]
    if unknown or missing or len(given) < len(parts):
        raise PointError(f"{text!r} where values for {_names(parameters)} are due, each once")
    last = max(k for k, p in enumerate(parameters) if p.name in given)
    return tuple(given.get(p.name, p.default) for p in parameters[: last + 1])


def _names(parameters: list[inspect.Parameter]) -> str:
    return ", ".join(p.name for p in parameters) or "no named parameter"


def _parameters(call: Callable[..., Any] | None) -> list[inspect.Parameter]:
    """The parameters that can be given by position; none where Python does not know them."""
    try:
        found = inspect.signature(call).parameters.values() if call is not None else ()
    except (TypeError, ValueError):
        return []
    return [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def where_to(f: Function) -> str:
    """An example of a point for a function, as an error shows it."""
    names = f.variables or [p.name for p in _parameters(f.call) if p.default is p.empty] or ["x"]
    return ",".join(f"{name}=1" for name in names)
