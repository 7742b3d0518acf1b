"""The mapping from names to problems, and how a problem enters it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .._function import Function, Interval
from ..errors import UnknownNameError

Call = Callable[..., Any]

REALS: Interval = (-np.inf, np.inf)
POSITIVE: Interval = (0.0, np.inf)


class Catalogue(Mapping[str, Function]):
    """Problems by name; ``problems["exp"]`` is a ``Function``.

    Raises:
        UnknownNameError: there is no problem of that name; the message has the nearest one.
    """

    def __init__(self) -> None:
        self._problems: dict[str, Function] = {}

    def __getitem__(self, name: str) -> Function:
        if name not in self._problems:
            raise UnknownNameError("problem", name, self._problems)
        return self._problems[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._problems)

    def __len__(self) -> int:
        return len(self._problems)

    def __repr__(self) -> str:
        return f"<problems: {', '.join(self)}>"

    def enter(self, problem: Function) -> None:
        """Add a problem; a name is given once."""
        if problem.name in self._problems:
            raise ValueError(f"there are two problems called {problem.name!r}")
        self._problems[problem.name] = problem


problems = Catalogue()


def enter(
    call: Call,
    *,
    name: str,
    points: Sequence[Any],
    source: str,
    description: str,
    variables: str = "",
    domain: Interval | tuple[Interval, ...] = REALS,
) -> None:
    """Add a problem to the catalogue.

    Args:
        call: the function, in plain NumPy.
        name: its name in the catalogue.
        points: numbers, or nested lists for vectors and matrices.
        source: where it comes from.
        description: its formula.
        variables: the names of its variables, parted by spaces.
        domain: an interval for each variable, or one for all.
    """
    intervals = domain if isinstance(domain[0], tuple) else (domain,)
    problems.enter(
        Function(
            call,
            name=name,
            variables=tuple(variables.split()),
            domain=intervals,
            points=tuple(map(_fixed, points)),
            description=description,
            source=source,
        )
    )


def problem(**facts: Any) -> Callable[[Call], Call]:
    """Add the decorated function, whose name and docstring are the problem's; see ``enter``."""

    def register(call: Call) -> Call:
        enter(call, name=call.__name__, description=str(call.__doc__).rstrip("."), **facts)
        return call

    return register


def _fixed(point: Any) -> Any:
    """A point that no user of the catalogue can change for the others."""
    if not isinstance(point, (list, np.ndarray)):
        return float(point)
    array = np.array(point, dtype=float)
    array.setflags(write=False)
    return array
