"""Results: an immutable, tidy table, one row a result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diffkit._escape import terminal
from diffkit.errors import NonNumericError, UnknownNameError

if TYPE_CHECKING:
    import pandas
    import polars

OK, UNSUPPORTED, REFUSED, NONFINITE = "ok", "unsupported", "refused", "nonfinite"
ERROR, TIMEOUT, MEMORY, CRASHED = "error", "timeout", "memory", "crashed"

# What a cell can end with. The first four are results; the others are failures.
STATUSES = (OK, UNSUPPORTED, REFUSED, NONFINITE, ERROR, TIMEOUT, MEMORY, CRASHED)
FAILED = (ERROR, TIMEOUT, MEMORY, CRASHED)

# What the runner adds to every row, and what an export from a store adds to that; a cell or a
# measure cannot use these names.
BOOKKEEPING = ("status", "reason", "seconds")
RESERVED = (*BOOKKEEPING, "attempt", "host", "finished")

# What JSON has as it is; floats it has if they are finite.
_LITERALS = frozenset({str, int, bool, type(None)})

# Python refuses to print integers of more than 4300 digits.
_LARGEST_INTEGER_BITS = 14_000


def plain(value: Any) -> Any:
    """The value as None, bool, int, float, str or a tuple of these; integers stay exact.

    Raises NonNumericError for anything else (complex numbers, arrays of more than one
    dimension, objects), because a table of those could be neither written nor compared.
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return _printable_integer(value)
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1):
        return tuple(plain(item) for item in value)
    raise NonNumericError(
        f"a value of type {type(value).__name__} cannot stand in a table of results; "
        "give numbers, strings, booleans or None (for a complex number, its two parts)"
    )


def _printable_integer(value: int) -> int:
    if value.bit_length() > _LARGEST_INTEGER_BITS:
        raise NonNumericError(
            f"an integer of {value.bit_length()} bits is too large to be written; "
            "give its logarithm"
        )
    return int(value)


def jsonable(value: Any) -> Any:
    """The value in JSON's terms; NaN and the infinities become "NaN", "Infinity", "-Infinity"."""
    kind = type(value)
    if kind in _LITERALS or (kind is float and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


@dataclass(frozen=True)
class Results:
    """Rows of cell parameters and results, with ``status``, ``reason`` and ``seconds``.

    ``status`` is one of STATUSES: "ok"; "unsupported" (what was asked for does not exist, and
    that is the result), "refused" (the method declines to answer there) and "nonfinite" (the
    function is NaN or infinite there); "error", "timeout", "memory" and "crashed". ``reason``
    says why it is not "ok"; ``seconds`` is the time of the cell that gave the row.
    """

    rows: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Results:
        """A table of these rows. Raises NonNumericError for values a table cannot hold."""
        return cls(tuple(MappingProxyType({k: plain(v) for k, v in r.items()}) for r in rows))

    @classmethod
    def of_plain(cls, rows: Iterable[dict[str, Any]]) -> Results:
        """A table of rows that came from one, by way of JSON: lists were tuples."""
        return cls(tuple(MappingProxyType(_with_tuples(row)) for row in rows))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns: what rows contain, in order, then the bookkeeping."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return (
            *(name for name in names if name not in RESERVED),
            *(name for name in RESERVED if name in names),
        )

    def column(self, name: str) -> NDArray[Any]:
        """The values of one column.

        Numbers make a float or integer array, where a row without the value has NaN.
        Anything else, integers beyond 64 bits included, makes an object array, where such
        a row has None. Raises UnknownNameError where no row has the column.
        """
        self._require(name)
        return _array([row.get(name) for row in self.rows])

    def where(self, **equal: Any) -> Results:
        """The rows that have these values. Raises UnknownNameError for an unknown column."""
        for name in equal:
            self._require(name)
        wanted = {name: plain(value) for name, value in equal.items()}
        return Results(tuple(r for r in self.rows if all(r.get(k) == v for k, v in wanted.items())))

    @property
    def ok(self) -> Results:
        """The rows whose status is "ok"; a row without a status counts as such."""
        return Results(tuple(row for row in self.rows if row.get("status", OK) == OK))

    def count(self, status: str) -> int:
        """The number of rows with this status."""
        return sum(row.get("status", OK) == status for row in self.rows)

    @property
    def failed(self) -> Results:
        """The rows whose cells failed: an error, or a limit of time or memory, or a crash."""
        return Results(tuple(row for row in self.rows if row.get("status", OK) in FAILED))

    def pair(
        self, x: str, y: str, *, start: float = -math.inf, until: float = math.inf
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Two columns of the rows that have both, where ``start`` <= x < ``until``."""
        self._require(x)
        self._require(y)
        both = [(row[x], row[y]) for row in self.rows if None not in (row.get(x), row.get(y))]
        kept = [(a, b) for a, b in both if start <= a < until]
        return _array([a for a, _ in kept]), _array([b for _, b in kept])

    def series(self, x: str, columns: Mapping[str, str]) -> dict[str, tuple[Any, Any]]:
        """Columns over column ``x`` by the names of their series, as `report.figures.plot` takes.

        ``columns`` gives the name of a series for each column.
        """
        return {name: self.pair(x, column) for column, name in columns.items()}

    def to_dict(self) -> dict[str, Any]:
        """Columns and rows in JSON's terms (see `jsonable`)."""
        return {"columns": list(self.columns), "rows": [jsonable(row) for row in self.rows]}

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame of pandas (see `runner.frames`). Raises MissingPackageError without it."""
        from diffkit.runner.frames import to_pandas

        return to_pandas(self)

    def to_polars(self) -> polars.DataFrame:
        """A data frame of polars (see `runner.frames`). Raises MissingPackageError without it."""
        from diffkit.runner.frames import to_polars

        return to_polars(self)

    def _require(self, name: str) -> None:
        if name not in self.columns:
            raise UnknownNameError("column", name, self.columns)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __reduce__(self) -> tuple[Any, ...]:  # a mapping proxy cannot be pickled
        return Results.of, ([dict(row) for row in self.rows],)

    def __repr__(self) -> str:
        bad = len(self) - len(self.ok)
        head = f"Results: {len(self)} rows" + (f", {bad} not ok" if bad else "")
        return "\n".join(
            [f"{head}; columns {', '.join(map(terminal, self.columns))}", *_preview(self)]
        )


def _with_tuples(row: dict[str, Any]) -> dict[str, Any]:
    for name, value in row.items():
        if type(value) is list:
            row[name] = plain(value)
    return row


def _array(values: list[Any]) -> NDArray[Any]:
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return np.array(values, dtype=bool)
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values):
        return np.array(values, dtype=np.int64)
    if float in kinds and kinds <= {int, float, type(None)}:
        return np.array([math.nan if v is None else float(v) for v in values])
    if kinds == {int, type(None)} and all(v is None or abs(v) <= 2**53 for v in values):
        return np.array([math.nan if v is None else float(v) for v in values])
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _preview(results: Results, limit: int = 6) -> list[str]:
    columns = [name for name in results.columns if name not in RESERVED]
    lines = [[terminal(name) for name in columns]] + [
        [_short(row.get(c)) for c in columns] for row in results.rows[:limit]
    ]
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    table = ["  " + "  ".join(map(str.rjust, line, widths)) for line in lines]
    return table + (["  …"] if len(results) > limit else [])


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else "" if value is None else terminal(value)
    return text if len(text) <= 24 else text[:23] + "…"
