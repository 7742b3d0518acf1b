"""Sets of the inputs that numbers and arrays depend on.

An array of k elements has a Boolean sparse matrix of k rows, one for each element in C order, and
a column for each input (the index domains of Griewank & Walther 2008, chapter 7). A number has
one set: a frozenset as long as it is small, and beyond that a Python integer whose bits are the
inputs, as the union of two long integers is one pass over memory. None stands for the empty set,
of numbers and of arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import UnsupportedError

Rows = Any  # a Boolean csr_array
Numbers = frozenset[int] | int
Dependence = Any  # Rows, Numbers or None; of several values a tuple of them

FEW = 64  # members up to which a frozenset is smaller and faster than a long integer
MOST = 1 << 27  # entries of a pattern, which take 5 bytes each, beyond which it is refused


# Numbers


def joined(a: Numbers | None, b: Numbers | None) -> Numbers | None:
    """The union of two sets."""
    if a is b or b is None:
        return a
    if a is None:
        return b
    if type(a) is frozenset and type(b) is frozenset:
        both = a | b
        return both if len(both) <= FEW else _bits(both)
    return _bits(a) | _bits(b)


def _bits(members: Numbers) -> int:
    if type(members) is int:
        return members
    found = sorted(members)  # type: ignore[arg-type]
    mask = np.zeros(found[-1] + 1, bool)
    mask[found] = True
    return _number(mask)


def _number(mask: Any) -> int:
    return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


def members(numbers: Numbers | None) -> Any:
    """The members of a set, in ascending order."""
    if numbers is None:
        return np.zeros(0, np.int64)
    if type(numbers) is frozenset:
        return np.array(sorted(numbers), np.int64)
    length = -(-numbers.bit_length() // 8)  # type: ignore[union-attr]
    octets = np.frombuffer(numbers.to_bytes(length, "little"), np.uint8)  # type: ignore[union-attr]
    return np.flatnonzero(np.unpackbits(octets, bitorder="little"))


def numbers_from(indices: Any) -> Numbers | None:
    """The set of those members, an ascending array."""
    if len(indices) > FEW:
        mask = np.zeros(int(indices[-1]) + 1, bool)
        mask[indices] = True
        return _number(mask)
    return frozenset(indices.tolist()) or None


# Arrays


def rows_from(indptr: Any, indices: Any, width: int) -> Rows:
    """The matrix whose k-th row has the members indices[indptr[k]:indptr[k+1]]."""
    return sparse.csr_array(
        (np.ones(len(indices), bool), indices, indptr), shape=(len(indptr) - 1, width)
    )


def stacked(sets: Sequence[Numbers | None], width: int) -> Rows:
    """Numbers as the elements of an array."""
    parts = [sorted(s) if type(s) is frozenset else members(s) for s in sets]
    indptr = np.cumsum([0, *map(len, parts)])
    _require_room(int(indptr[-1]))
    indices = np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)
    return rows_from(indptr, indices, width)


def nothing(size: int, width: int) -> Rows:
    """An array whose elements depend on nothing."""
    return sparse.csr_array((size, width), dtype=bool)


def appended(parts: Sequence[Rows]) -> Rows:
    """The elements of several arrays, one array after the other."""
    return sparse.vstack(parts, format="csr")


def element(rows: Rows, k: int) -> Numbers | None:
    """The set of one element of an array."""
    return numbers_from(np.sort(rows.indices[rows.indptr[k] : rows.indptr[k + 1]]))


def elements(rows: Rows) -> list[Numbers | None]:
    """The set of each element of an array."""
    ends, indices = rows.indptr.tolist(), rows.indices.tolist()
    found: list[Numbers | None] = []
    for k in range(len(ends) - 1):
        part = indices[ends[k] : ends[k + 1]]
        found.append(
            numbers_from(np.sort(part)) if len(part) > FEW else frozenset(part) if part else None
        )
    return found


def union(a: Rows | None, b: Rows | None) -> Rows | None:
    """The union of two arrays, element by element."""
    if a is b or b is None:
        return a
    return b if a is None else a + b


def gathered(rows: Rows, index: Any) -> Rows:
    """The rows that an array of any shape names; -1 names one that depends on nothing."""
    index = np.ravel(index)
    m = rows.shape[0]
    if len(index) == m and np.array_equal(index, np.arange(m)):
        return rows  # the very object, of which unions cost nothing
    if np.any(index < 0):
        rows = rows_from(np.append(rows.indptr, rows.indptr[-1]), rows.indices, rows.shape[1])
    _require_room(int(np.sum(np.diff(rows.indptr)[index], dtype=np.int64)))
    return rows[index]


def collected(rows: Rows, sources: Any, targets: Any, size: int) -> Rows:
    """The rows of an array of that size, into which each source row goes to its target row."""
    sources, targets = np.ravel(sources), np.ravel(targets)
    relation = sparse.csr_array(
        (np.ones(len(sources), bool), (targets, sources)), shape=(size, rows.shape[0])
    )
    found = relation @ rows
    found.sort_indices()
    return found


def all_members(rows: Rows) -> Any:
    """The members of all rows together."""
    mask = np.zeros(rows.shape[1], bool)
    mask[rows.indices] = True
    return np.flatnonzero(mask)


def repeated(indices: Any, times: int, width: int) -> Rows:
    """An array whose elements all have the same members."""
    _require_room(len(indices) * times)
    ends = np.arange(times + 1, dtype=np.int64) * len(indices)
    return rows_from(ends, np.tile(indices, times), width)


def as_rows(dependence: Dependence, width: int) -> Rows | None:
    """The set of a number as an array of one element."""
    if dependence is None or sparse.issparse(dependence):
        return dependence
    return repeated(members(dependence), 1, width)


def shaped(rows: Rows | None, shape: tuple[int, ...]) -> Dependence:
    """What stands for a value of that shape: the array, or the set of a number."""
    if rows is None or not rows.nnz:
        return None
    return rows if shape else numbers_from(np.sort(rows.indices))


def _require_room(entries: int) -> None:
    if entries > MOST:
        raise UnsupportedError(
            f"the sparsity pattern has more than {MOST} entries on the way: something depends on "
            f"nearly everything; leave sparse out, or use products (jvp, vjp, hvp)"
        )


@lru_cache(maxsize=8)  # a loop reads one array many times
def numbered(shape: tuple[int, ...]) -> Any:
    """The places of an array's elements in C order, in its shape."""
    places = np.arange(prod(shape)).reshape(shape)
    places.flags.writeable = False
    return places
