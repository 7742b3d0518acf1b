"""What an experiment is: a question, a grid of cells, a measure, figures and claims."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from diffkit.errors import ExperimentError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

    from diffkit.runner.results import Results

Cell = Mapping[str, Any]
Row = Mapping[str, Any]

# A name becomes a folder and part of an address, so it must be harmless in both.
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _require_name(kind: str, name: object) -> None:
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise ExperimentError(
            f"{kind} name {name!r} must be lower-case letters, digits and underscores, "
            "beginning with a letter"
        )


def grid(**axes: Any) -> Iterator[Cell]:
    """A cell for each combination of values; the last axis turns fastest.

    An axis is a sequence or array of values; a number or a string is one value.
    """
    for axis, values in axes.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            axes[axis] = [values]
    for cell in product(*axes.values()):
        yield dict(zip(axes, cell, strict=True))


@dataclass(frozen=True)
class Claim:
    """A sentence that the data can contradict, and the check that lets them.

    ``check(results)`` returns ``(held, evidence)``. A check that raises leaves the claim
    unchecked; it never counts as held.
    """

    sentence: str
    check: Callable[[Results], tuple[bool, str]]


@dataclass(frozen=True)
class Figure:
    """A Plotly figure with the caption that says what to see in it.

    Consecutive figures with ``half=True`` stand side by side where the page is wide enough.
    Raises ExperimentError where ``name``, which becomes a file name, is not a plain word.
    """

    name: str
    title: str
    caption: str
    plotly_figure: PlotlyFigure
    half: bool = False

    def __post_init__(self) -> None:
        _require_name("figure", self.name)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One question put to the data.

    cells
        ``cells()`` gives the grid: one dict of plain parameters for each cell.
    measure
        ``measure(**cell)`` gives a dict of results, or a list of dicts for several rows.
        A measure with a parameter ``rng`` is given a ``numpy.random.Generator`` that depends
        only on the seed of the run and the cell's parameters; repetitions need a parameter that
        counts them.
    figures
        ``figures(results)`` gives a list of `Figure`.
    claims
        The sentences that the report says held, or did not hold, on this run's data.
    reproduce
        The few lines of Python by which a reader gets one of the numbers alone.
    reading
        Sources, one string each; an address in it becomes a link.
    chapter, order
        Where the page stands in the course that the reports make: the name of a chapter (see
        `diffkit.report.course`; any other comes after those), and a number within it.

    version
        What is declared of the measure: results are kept from run to run while it stays the
        same. Without one, any change of the file that defines the experiment counts as a change.
    methods
        Backends that every cell uses, by name, so that their versions belong to each cell. A
        backend that is the value of one of a cell's parameters is seen without this.
    seconds, megabytes
        What one cell may use (see `diffkit.guard.Limits`); None stands for no limit.
    timed
        Whether the measure takes timings, for which one cell at a time is measured.

    In texts, a blank line begins a paragraph and `backticks` mark code.
    Raises ExperimentError where ``name``, which becomes a folder, is not a plain word.
    """

    name: str
    title: str
    question: str
    cells: Callable[[], Iterable[Cell]]
    measure: Callable[..., Row | Sequence[Row]]
    figures: Callable[[Results], Sequence[Figure]] = lambda results: ()
    claims: tuple[Claim, ...] = ()
    reproduce: str = ""
    reading: tuple[str, ...] = ()
    version: str | int | None = None
    methods: tuple[str, ...] = ()
    seconds: float | None = 60.0
    megabytes: float | None = 2000.0
    timed: bool = False
    chapter: str = ""
    order: int = 0

    def __post_init__(self) -> None:
        _require_name("experiment", self.name)
        if not isinstance(self.methods, tuple):
            raise ExperimentError(f"methods={self.methods!r}: give a tuple, ({self.methods!r},)")
