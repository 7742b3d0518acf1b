"""The loops of ``gathering``, which Numba compiles once and keeps."""

# mypy: ignore-errors
from __future__ import annotations

from numba import types

from ..numbers.loops import _SIGNATURES, _compiled


@_compiled()
def add_rows(rows, places, out):
    """Write zeros, and add each row in its place."""
    out[:, :] = 0.0
    for k in range(len(places)):
        place = places[k]
        for i in range(rows.shape[1]):
            out[place, i] += rows[k, i]


@_compiled()
def take_rows(table, places, out):
    """Write the row of each place."""
    for k in range(len(places)):
        place = places[k]
        for i in range(table.shape[1]):
            out[k, i] = table[place, i]


_OF_TABLES = types.void(types.float64[:, ::1], types.int64[::1], types.float64[:, ::1])
_SIGNATURES[add_rows] = _SIGNATURES[take_rows] = _OF_TABLES
