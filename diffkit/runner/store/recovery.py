"""Read the rows of a damaged store, page by page, whatever else of the file is wrong.

SQLite reads a table from its root downwards, and one damaged page hides all that is below it. Here
every page is looked at by itself: those that hold rows of tables begin with the byte 13, and each
of their cells is a length, a row number and a record (SQLite, "Database File Format", sections 1.6
and 2.1, https://www.sqlite.org/fileformat2.html). What only looks like a row does not have the
right checksum. The pages of the write-ahead log are read in the same way (section 4.1). As rows are
only ever added, older states of a page hold no rows that would be wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diffkit.errors import StoreError
from diffkit.runner.store import schema

_LEAF = 13
_PAGE_HEADER = 8
_LOG_HEADER, _FRAME_HEADER = 32, 24
# A longer record continues on overflow pages (section 1.6, with no bytes reserved on a page).
_LARGEST = schema.PAGE - 35
_SMALLEST = (schema.PAGE - 12) * 32 // 255 - 23
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # serial type -> bytes

_SECONDS = schema.OUTCOME.index("seconds")

_Row = tuple[Any, ...]


def readable_rows(path: Path) -> tuple[list[_Row], list[_Row]]:
    """Outcomes and runs with the right checksum, each once, in the order of the file.

    Raises StoreError where the file cannot be read at all.
    """
    pages = _Pages(path)
    outcomes: dict[tuple[Any, ...], _Row] = {}
    runs: dict[Any, _Row] = {}
    for page in pages.all():
        for record in _records(page, pages):
            *values, stated = record
            if len(values) == len(schema.OUTCOME):
                _restore_float(values)
                if _is_right(values, stated):
                    outcomes.setdefault(tuple(values[:2]), (*values, stated))
            elif len(values) == len(schema.RUN) and _is_right(values, stated):
                runs.setdefault(values[0], record)
    return list(outcomes.values()), list(runs.values())


def _restore_float(values: list[Any]) -> None:
    """SQLite writes a float without a fraction as an integer."""
    if isinstance(values[_SECONDS], int):
        values[_SECONDS] = float(values[_SECONDS])


def _is_right(values: list[Any], stated: Any) -> bool:
    return bool(schema.checksum(*values) == stated)


class _Pages:
    """The pages of a file and of the log beside it, by their place and by their number."""

    def __init__(self, path: Path) -> None:
        try:
            main = path.read_bytes()
            log = path.with_name(f"{path.name}-wal")
            logged = log.read_bytes() if log.is_file() else b""
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
        self._main = [
            _whole(main[at : at + schema.PAGE]) for at in range(0, len(main), schema.PAGE)
        ]
        frame = _FRAME_HEADER + schema.PAGE
        self._logged: list[bytes] = []
        self._latest: dict[int, bytes] = {}
        for at in range(_LOG_HEADER, len(logged), frame):
            page = _whole(logged[at + _FRAME_HEADER : at + frame])
            self._logged.append(page)
            self._latest[int.from_bytes(logged[at : at + 4], "big")] = page

    def all(self) -> Iterator[bytes]:
        yield from self._main[1:]  # the first page holds the names of the tables
        yield from self._logged

    def numbered(self, number: int) -> Iterator[bytes]:
        """The states of the page of that number, counted from 1."""
        if number in self._latest:
            yield self._latest[number]
        if 1 <= number <= len(self._main):
            yield self._main[number - 1]


def _whole(page: bytes) -> bytes:
    return page.ljust(schema.PAGE, b"\0")


def _records(page: bytes, pages: _Pages) -> Iterator[_Row]:
    if page[0] != _LEAF:
        return
    cells = int.from_bytes(page[3:5], "big")
    for at in range(_PAGE_HEADER, min(_PAGE_HEADER + 2 * cells, schema.PAGE - 1), 2):
        cell = int.from_bytes(page[at : at + 2], "big")
        for payload in _payloads(page, cell, pages):
            record = _record(payload)
            if record is not None:
                yield record


def _payloads(page: bytes, cell: int, pages: _Pages) -> Iterator[bytes]:
    """The record that begins in this cell, in each state that its overflow pages are known in."""
    try:
        length, at = _varint(page, cell)
        _, at = _varint(page, at)
    except IndexError:
        return
    if length <= _LARGEST:
        yield page[at : at + length]
        return
    here = _SMALLEST + (length - _SMALLEST) % (schema.PAGE - 4)
    here = here if here <= _LARGEST else _SMALLEST
    first = int.from_bytes(page[at + here : at + here + 4], "big")
    for choose in (0, -1):
        yield (page[at : at + here] + _overflow(first, length - here, pages, choose))[:length]


def _overflow(number: int, length: int, pages: _Pages, choose: int) -> bytes:
    found = bytearray()
    while number and len(found) < length:
        states = list(pages.numbered(number))
        if not states:
            break
        page = states[choose]
        found += page[4:]
        number = int.from_bytes(page[:4], "big")
    return bytes(found)


def _record(payload: bytes) -> _Row | None:
    """The values of a record; None where it is none (section 2.1)."""
    try:
        end, at = _varint(payload, 0)
        kinds = []
        while at < end:
            kind, at = _varint(payload, at)
            kinds.append(kind)
        values = []
        for kind in kinds:
            size = _size(kind)
            if at + size > len(payload):
                return None
            values.append(_value(kind, payload[at : at + size]))
            at += size
        return tuple(values) or None
    except (IndexError, KeyError, UnicodeDecodeError):
        return None


def _size(kind: int) -> int:
    if kind >= 12:
        return (kind - 12) // 2
    return {0: 0, 7: 8, 8: 0, 9: 0}[kind] if kind not in _INTEGERS else _INTEGERS[kind]


def _value(kind: int, data: bytes) -> Any:
    if kind >= 12:
        return data.decode("utf-8") if kind % 2 else data
    if kind in _INTEGERS:
        return int.from_bytes(data, "big", signed=True)
    if kind == 7:
        return struct.unpack(">d", data)[0]
    return {0: None, 8: 0, 9: 1}[kind]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The integer that begins there, and where the next thing begins (section 1.6)."""
    value = 0
    for step in range(8):
        byte = data[at + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + step + 1
    return value << 8 | data[at + 8], at + 9
