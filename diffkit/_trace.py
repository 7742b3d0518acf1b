"""``dk.trace``: a tape that can be read as a table, as a graph and on a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .tape.recording import numeric
from .tape.tape import Tape

if TYPE_CHECKING:
    from .report.trace.graph import TraceGraph
    from .report.trace.lines import Lines
    from .report.trace.table import TraceTable


@dataclass(frozen=True, repr=False)
class Trace(Tape):
    """A tape, and how it is shown.

    Attributes:
        variables: what the function calls the elements of its argument; may be empty.
        domain: an open interval for each of them, or one for all; may be empty.
        description: the formula of the function; may be empty.
    """

    variables: tuple[str, ...] = ()
    domain: tuple[tuple[float, float], ...] = ()
    description: str = ""

    @cached_property
    def lines(self) -> Lines:
        """The lines of the evaluation trace, as a text writes them."""
        from .report.trace.lines import read

        return read(self, self.variables)

    def table(self, names: str = "v", *, tangents: Any = None, adjoints: Any = None) -> TraceTable:
        """The evaluation trace as a table, with tangents or adjoints beside it.

        Args:
            names: "v" for v₋₁, v₀ (inputs), v₁, v₂ … (Griewank & Walther 2008, section 2.2), "w"
                for w₁, w₂ …, which numbers inputs as well.
            tangents: a direction of the shape of x; True for one along each input.
            adjoints: a cotangent of the shape of the result; True for 1, and where the function
                returns a list of numbers for one seed a number.

        Returns:
            A table that prints in a terminal, renders in a notebook, and has ``to_html``,
            ``to_latex``, ``to_markdown``, ``to_csv`` and ``to_dict``.

        Raises:
            ShapeError: a direction or a cotangent has the wrong shape.
            UnknownNameError: names is neither "v" nor "w".
        """
        from .report.trace.table import table

        return table(self.lines, self.inputs, names, tangents, adjoints)

    def graph(self, names: str = "v", *, dependency: bool = False) -> TraceGraph:
        """The computation graph; with ``dependency=True`` the graph of adjoints, arrows reversed.

        More than 60 nodes are drawn in groups.

        Returns:
            A drawing that renders in a notebook and has ``to_svg`` and ``to_dot``.

        Raises:
            UnknownNameError: names is neither "v" nor "w".
        """
        from .report.trace.graph import graph

        return graph(self.lines, names, dependency)

    def page(self, path: str | Path, names: str = "v") -> Path:
        """Write a page on which the trace can be gone through step by step.

        It is one file that opens without a network. Sliders change the inputs where every
        operation has a form that the page can compute.

        Returns:
            The path.

        Raises:
            OutputError: the file cannot be written.
            UnknownNameError: names is neither "v" nor "w".
            UnsupportedError: the trace is too long for a page.
        """
        from .report.trace.step_through import write

        return write(self, Path(path), names)

    def _repr_html_(self) -> str:
        return f"{self.graph().to_svg()}{self.table().to_html()}"


def trace(f: Callable[..., Any], x: Any, *args: Any) -> Trace:
    """Record ``f(x, *args)`` as a tape that can be shown.

    Args:
        f: the function.
        x: the point: a number or an array.
        args: constants.

    Raises:
        NonNumericError: x, or what f returns, is not made of numbers.
    """
    return Trace.record(
        lambda t: f(t, *args),
        (numeric(x),),
        getattr(f, "__name__", "f"),
        variables=tuple(getattr(f, "variables", ())),
        domain=tuple(getattr(f, "domain", ())),
        description=str(getattr(f, "description", "")),
    )
