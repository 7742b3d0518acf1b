"""What was typed: a function, a point and the order of the derivative, checked before any use.

It may come from a page, from a shared address, or from anybody who can reach the port.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from ..errors import DiffkitError, ExpressionError, PointError
from ..expression import formula
from ..expression.limits import LENGTH, VARIABLES

EXAMPLES = (
    ("exp times sin", "exp(x)*sin(y)", {"x": 1.0, "y": 0.5}),
    (
        "Griewank's example",
        "(sin(x1/x2) + x1/x2 - exp(x2))*(x1/x2 - exp(x2))",
        {"x1": 1.5, "x2": 0.5},
    ),
    ("sigmoid", "1/(1 + exp(-x))", {"x": 0.5}),
    ("normal density", "exp(-x**2/2)/sqrt(2*pi)", {"x": 2.0}),
    ("cancellation", "(1 - cos(x))/x**2", {"x": 1e-4}),
    ("a kink", "abs(x - 1) + x**2", {"x": 1.0}),
    ("fast oscillation", "sin(1000*x)", {"x": 1.0}),
    ("Rosenbrock", "(1 - x)**2 + 100*(y - x**2)**2", {"x": -1.2, "y": 1.0}),
)

_OPERATORS = {
    (1, False): "derivative",
    (1, True): "gradient",
    (2, False): "second_derivative",
    (2, True): "hessian",
}
_DEFAULT = 1.0  # of a variable that has just been typed
_LONGEST_ADDRESS = 4 * LENGTH
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


@dataclass(frozen=True)
class Request:
    """A function and a point that can be computed with.

    Attributes:
        text: the function as typed.
        point: the value of each variable, in the order of the variables.
        order: 1 for the first derivative, 2 for the second.
        along: the variable along which finite differences take their steps.
    """

    text: str
    point: dict[str, float]
    order: int = 1
    along: str = ""

    @property
    def operator(self) -> str:
        return _OPERATORS[self.order, len(self.point) > 1]

    def to_dict(self) -> dict[str, Any]:
        """As a task takes it."""
        return {"text": self.text, "names": list(self.point), "point": list(self.point.values())}


def variables(text: Any) -> tuple[str, ...]:
    """The variables of a typed function.

    Raises:
        ExpressionError: it is no function; the message marks the place.
    """
    if not isinstance(text, str) or not text.strip():
        raise ExpressionError("no function yet", "", 0, "type one, such as exp(x)*sin(y)")
    found = formula(text).variables
    if not found:
        raise ExpressionError("no variable to differentiate in", text, len(text), "use x, say")
    return found


def request(wish: Mapping[str, Any]) -> Request:
    """What a page asks for. Variables that it has no value for are 1.

    Raises:
        ExpressionError: the text is no function.
        PointError: a value is not a finite number.
    """
    text, given = wish.get("text"), wish.get("point")
    names = variables(text)
    values = given if isinstance(given, Mapping) else {}
    point = {name: _value(name, values.get(name, _DEFAULT)) for name in names}
    along = wish.get("along")
    return Request(
        str(text),
        point,
        order=2 if wish.get("order") == 2 else 1,
        along=along if isinstance(along, str) and along in point else names[0],
    )


def _value(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PointError(f"{name} has no value; give a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise PointError(f"{name} is not finite; give a number")
    return number


def read_address(search: Any) -> dict[str, Any] | None:
    """The wish in the query of an address, None where there is none.

    What cannot be read is left out; the rest is checked like anything typed.
    """
    if not isinstance(search, str) or not search or len(search) > _LONGEST_ADDRESS:
        return None
    try:
        query = parse_qs(search.removeprefix("?"), max_num_fields=8)
    except ValueError:
        return None
    if "function" not in query:
        return None
    return {
        "text": query["function"][0][: LENGTH + 1],
        "point": dict(_pairs(query.get("at", [""])[0])),
        "order": 2 if query.get("order") == ["2"] else 1,
        "along": query.get("along", [""])[0],
    }


def _pairs(text: str) -> list[tuple[str, float]]:
    parts = [part.partition("=") for part in text.split(",")[:VARIABLES]]
    return [(name, float(number)) for name, _, number in parts if _NUMBER.fullmatch(number)]


def address(wanted: Request) -> str:
    """The query of the address at which a page opens with this request."""
    at = ",".join(f"{name}={value!r}" for name, value in wanted.point.items())
    query = {"function": wanted.text, "at": at}
    if wanted.order == 2:
        query["order"] = "2"
    if wanted.along != next(iter(wanted.point)):
        query["along"] = wanted.along
    return "?" + urlencode(query)


def example(index: int) -> dict[str, Any]:
    _, text, point = EXAMPLES[index % len(EXAMPLES)]
    return {"text": text, "point": point, "order": 1, "along": ""}


__all__ = [
    "EXAMPLES",
    "DiffkitError",
    "Request",
    "address",
    "example",
    "read_address",
    "request",
    "variables",
]
