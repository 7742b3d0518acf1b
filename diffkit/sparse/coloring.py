"""Colouring: which columns of a sparse matrix one product can reveal together.

Columns that share no row can be had from one product with the sum of their unit vectors (Curtis,
Powell & Reid 1974). Grouping them is colouring a graph (Coleman & Moré 1983): for columns or rows
a partial distance-2 colouring of the bipartite graph of the matrix. Of a symmetric matrix an
element may be read from its row or from its column, and a star colouring is enough, in which no
path of four vertices has only two colours (Coleman & Moré 1984; Gebremedhin, Manne & Pothen 2005,
"What color is your Jacobian?", is the survey of all these).

The least number of colours is hard to find, so vertices are coloured greedily, in orders that do
well. Sets of colours are the bits of Python integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import ShapeError, UnknownNameError

PARTITIONS = ("columns", "rows", "symmetric")
PAIRS = 20_000_000  # pairs of columns that share a row, up to which that graph is made

NEAR = 1.5  # times the least number of colours, at which no other order is tried

Greedy = Callable[[Sequence[int]], list[int]]


@dataclass(frozen=True, eq=False)
class Coloring:
    """Columns or rows in groups, each of which one product reveals.

    Attributes:
        partition: "columns", for products J v; "rows", for products u J; or "symmetric", for
            products H v of which an element is read from its row or its column.
        colors: for each column (row) the number of its group, from 0.
        shape: the shape of the matrix.
        count: the number of colours, which is the number of products that the matrix takes.
    """

    partition: str
    colors: Any
    shape: tuple[int, int]
    count: int

    def groups(self) -> list[Any]:
        """The columns (rows) of each colour."""
        order = np.argsort(self.colors, kind="stable")
        return np.split(order, np.searchsorted(self.colors[order], np.arange(1, self.count)))

    def to_dict(self) -> dict[str, Any]:
        """The attributes, as plain data."""
        return {
            "partition": self.partition,
            "colors": self.colors.tolist(),
            "shape": list(self.shape),
            "count": self.count,
        }

    def __str__(self) -> str:
        what = "rows" if self.partition == "rows" else "columns"
        how = " of a symmetric matrix" if self.partition == "symmetric" else ""
        plural = "" if self.count == 1 else "s"
        return f"{self.count} colour{plural} for {len(self.colors)} {what}{how}"


def coloring(pattern: Any, partition: str | None = None) -> Coloring:
    """Group the columns or rows of a sparse matrix so that few products reveal it.

    Args:
        pattern: a sparse array, of which the stored elements count, or a Boolean array.
        partition: "columns"; "rows"; "symmetric" for a symmetric matrix such as a Hessian, where
            it is grouped by columns if that takes no more colours; None for columns or rows,
            whichever take fewer.

    Raises:
        UnknownNameError: there is no such partition.
        ShapeError: the pattern is not a matrix, or is to be symmetric and is not.
    """
    if partition not in (None, *PARTITIONS):
        raise UnknownNameError("partition", partition, PARTITIONS)
    pattern = as_pattern(pattern)
    if partition == "symmetric":
        require_symmetric(pattern)
        return _fewer(_by_columns(pattern), lambda: _symmetric(pattern))
    if partition == "rows":
        return _by_rows(pattern)
    columns = _by_columns(pattern)
    if partition == "columns" or columns.count <= _longest(pattern.T.tocsr()):
        return columns
    return _fewer(columns, lambda: _by_rows(pattern))


def as_pattern(given: Any) -> Any:
    """A matrix as a Boolean csr_array of its stored elements, in order.

    Raises:
        ShapeError: it is not a matrix.
    """
    if not sparse.issparse(given):
        given = np.asarray(given)
        if given.ndim != 2 or given.dtype.kind not in "biuf":
            raise ShapeError(
                f"a sparsity pattern is a matrix of two axes, a SciPy sparse array or a Boolean "
                f"array, got {given.dtype} of shape {given.shape}"
            )
        given = sparse.csr_array(given != 0)
    rows = sparse.csr_array(given)
    pattern = sparse.csr_array(
        (np.ones(len(rows.indices), bool), rows.indices.copy(), rows.indptr.copy()),
        shape=rows.shape,
    )
    pattern.sum_duplicates()
    return pattern


def require_symmetric(pattern: Any) -> None:
    """Refuse a pattern that is not symmetric.

    Raises:
        ShapeError: it is not.
    """
    m, n = pattern.shape
    if m != n or (pattern != pattern.T.tocsr()).nnz:
        raise ShapeError(
            f"the pattern of a Hessian is symmetric, but this one, of shape {pattern.shape}, is "
            f"not; use pattern + pattern.T"
        )


def _fewer(first: Coloring, second: Callable[[], Coloring]) -> Coloring:
    if first.count <= 1:
        return first
    other = second()
    return first if first.count <= other.count else other


def _by_columns(pattern: Any) -> Coloring:
    least = _longest(pattern)  # columns that share a row differ in colour
    return _best("columns", pattern, least, columns_colored(pattern))


def _by_rows(pattern: Any) -> Coloring:
    turned = pattern.T.tocsr()
    found = _best("rows", turned, _longest(turned), columns_colored(turned))
    return Coloring("rows", found.colors, pattern.shape, found.count)


def _symmetric(pattern: Any) -> Coloring:
    n = pattern.shape[0]
    edges = (pattern.nnz - np.count_nonzero(pattern.diagonal())) // 2
    # Two classes span a forest, with fewer edges than vertices; each class is in count - 1 pairs.
    least = 1 + -(-edges // max(n, 1))
    return _best("symmetric", pattern, least, star_colored(pattern))


def _longest(pattern: Any) -> int:
    return int(np.max(np.diff(pattern.indptr), initial=0))


def _best(partition: str, pattern: Any, least: int, color: Greedy) -> Coloring:
    """The best of several orders; none where the first comes near the least that is possible."""
    if not pattern.nnz:
        return Coloring(partition, np.zeros(pattern.shape[1], int), pattern.shape, 0)
    best: list[int] = []
    count = 0
    for order in _orders(pattern):
        colors = color(order)
        if not best or max(colors) + 1 < count:
            best, count = colors, max(colors) + 1
        if count <= NEAR * least:
            break
    return Coloring(partition, np.array(best), pattern.shape, count)


# Greedy colouring


def columns_colored(pattern: Any) -> Greedy:
    """Partial distance-2 colouring: a column takes the first colour that none of its rows has
    seen."""
    by_column = pattern.tocsc()
    ends, rows = by_column.indptr.tolist(), by_column.indices.tolist()

    def color(order: Sequence[int]) -> list[int]:
        seen = [0] * pattern.shape[0]
        colors = [0] * pattern.shape[1]
        for v in order:
            own = rows[ends[v] : ends[v + 1]]
            taken = 0
            for r in own:
                taken |= seen[r]
            bit = ~taken & (taken + 1)
            colors[v] = bit.bit_length() - 1
            for r in own:
                seen[r] |= bit
        return colors

    return color


def star_colored(pattern: Any) -> Greedy:
    """Star colouring: proper, and no path of four vertices has only two colours. The structure of
    two colours, which is a set of stars, tells what is forbidden (Gebremedhin, Tarafdar, Manne &
    Pothen 2007).

    A vertex must differ from its neighbours. It ends a path of two colours where a neighbour
    belongs to the centre of a star of that colour (``centres``). It is inside of one where two
    neighbours are of one colour and either has another neighbour of the colour in question.
    """
    ends, indices = pattern.indptr.tolist(), pattern.indices.tolist()
    n = pattern.shape[0]
    beside = [[w for w in indices[ends[v] : ends[v + 1]] if w != v] for v in range(n)]

    def color(order: Sequence[int]) -> list[int]:
        colors = [-1] * n
        around = [0] * n  # the colours of the neighbours
        twice = [0] * n  # those that two neighbours have
        centres = [0] * n  # of neighbours with another neighbour of the vertex's own colour
        for v in order:
            taken, pairs = around[v], twice[v]
            for w in beside[v]:
                if colors[w] >= 0:
                    taken |= centres[w]
                    if pairs >> colors[w] & 1:
                        taken |= around[w]
            bit = ~taken & (taken + 1)
            colors[v] = bit.bit_length() - 1
            for w in beside[v]:
                if colors[w] >= 0 and pairs >> colors[w] & 1:
                    centres[w] |= bit
            for w in beside[v]:
                if around[w] & bit:
                    _note_star(v, w, bit, colors, twice, centres, beside)
                    twice[w] |= bit
                around[w] |= bit
        return colors

    return color


def _note_star(
    v: int,
    w: int,
    bit: int,
    colors: list[int],
    twice: list[int],
    centres: list[int],
    beside: list[list[int]],
) -> None:
    """w has become, or is, the centre of a star whose leaves have the colour of v."""
    if colors[w] < 0:
        return
    own = 1 << colors[w]
    if twice[w] & bit:
        centres[v] |= own
    else:
        for u in beside[w]:
            if colors[u] == colors[v]:
                centres[u] |= own


# Orders


def _orders(pattern: Any) -> Iterator[Sequence[int]]:
    """As they come, which is best for bands. Then smallest last (Matula & Beck 1983) in the graph
    of columns that share a row; where that is too large, those with most neighbours first."""
    yield range(pattern.shape[1])
    shared = pattern.T.astype(float) @ np.diff(pattern.indptr).astype(float)
    if float(np.sum(shared)) <= PAIRS:
        yield _smallest_last((pattern.T.tocsr() @ pattern).tocsr())
    else:
        yield np.argsort(-shared, kind="stable").tolist()


def _smallest_last(graph: Any) -> list[int]:
    """The vertex of least degree is last, that of what is left is before it, and so on."""
    ends, indices = graph.indptr.tolist(), graph.indices.tolist()
    n = graph.shape[0]
    degrees = [ends[v + 1] - ends[v] for v in range(n)]
    of_degree: list[list[int]] = [[] for _ in range(max(degrees, default=0) + 1)]
    for v in range(n):
        of_degree[degrees[v]].append(v)
    left = [True] * n
    order: list[int] = []
    least = 0
    while len(order) < n:
        while not of_degree[least]:
            least += 1
        v = of_degree[least].pop()
        if not left[v] or degrees[v] != least:  # it has moved on to a smaller degree
            continue
        left[v] = False
        order.append(v)
        for w in indices[ends[v] : ends[v + 1]]:
            if left[w]:
                degrees[w] -= 1
                of_degree[degrees[w]].append(w)
        least = max(least - 1, 0)
    return order[::-1]
