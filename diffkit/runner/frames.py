"""A table of results as a data frame of pandas or polars, nothing of it lost.

A column of booleans, of 64-bit integers, of floats, of texts, or of lists of one of the numbers is
one of that type; integers and floats together are floats where all of the integers are exact so.
NaN and the infinities are themselves. A value that a row does not have is null; pandas has none
for floats, where it is NaN as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from diffkit.errors import MissingPackageError
from diffkit.runner.results import Results, jsonable

if TYPE_CHECKING:
    import pandas
    import polars

_WORDS = "words"


def to_pandas(table: Results) -> pandas.DataFrame:
    """The table as pandas has it. Raises MissingPackageError without pandas.

    Integers and booleans that some rows do not have are of the types Int64 and boolean, which have
    a null; what is of several types stays as Python's objects.
    """
    try:
        import pandas
    except ImportError:
        raise MissingPackageError("to_pandas()", "pandas", "pandas") from None
    whole = {"bool": "bool", "int": "int64", "float": "float64"}
    holed = {"bool": "boolean", "int": "Int64", "float": "float64"}
    columns = {}
    for name in table.columns:
        values = [row.get(name) for row in table]
        types = holed if None in values else whole
        columns[name] = pandas.Series(values, dtype=types.get(kind(values), "object"))
    return pandas.DataFrame(columns)


def to_polars(table: Results) -> polars.DataFrame:
    """The table as polars has it. Raises MissingPackageError without polars.

    What is of several types, and integers beyond 64 bits, are texts: those of JSON.
    """
    try:
        import polars
    except ImportError:
        raise MissingPackageError("to_polars()", "polars", "parquet") from None
    types: dict[str, Any] = {
        "bool": polars.Boolean(),
        "int": polars.Int64(),
        "float": polars.Float64(),
        "str": polars.String(),
    }
    columns = []
    for name in table.columns:
        values = [row.get(name) for row in table]
        found = kind(values)
        if found == _WORDS:
            values = [_word(value) for value in values]
        scalar, _, is_list = found.partition(" ")
        inner = types.get(scalar, polars.String())
        columns.append(
            polars.Series(
                name, values, dtype=polars.List(inner) if is_list else inner, strict=False
            )
        )
    return polars.DataFrame(columns)


def kind(values: Iterable[Any]) -> str:
    """The type that holds all values: "bool", "int", "float", "str", one of the first three with
    " list" behind it, or "words" where only texts do."""
    present = [value for value in values if value is not None]
    if present and all(type(value) is tuple for value in present):
        inner = _scalar([item for value in present for item in value])
        return f"{inner} list" if inner in ("bool", "int", "float") else _WORDS
    return _scalar(present)


def _scalar(values: list[Any]) -> str:
    kinds = {type(value) for value in values}
    if kinds <= {str}:
        return "str"
    if kinds == {bool}:
        return "bool"
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values):
        return "int"
    numbers = kinds <= {int, float} and float in kinds
    if numbers and all(abs(value) <= 2**53 for value in values if type(value) is int):
        return "float"
    return _WORDS


def _word(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(jsonable(value), ensure_ascii=False)
