"""Drawing a directed graph in layers.

The three steps of Sugiyama, Tagawa and Toda 1981 ("Methods for visual understanding of
hierarchical system structures"): layers by longest path, an order in each layer by barycentres,
and coordinates. For these each layer is brought, again and again, as near to the middle of its
neighbours as the order and the sizes allow; that is a least-squares problem under an order, which
pooling adjacent violators solves exactly (Barlow et al. 1972, section 1.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Edge = tuple[int, int]
Point = tuple[float, float]

_ROUNDS = 16  # of the barycentre method, which rarely improves after ten
_STRAIGHT = 4.0  # how much more the bends of a long edge count than its ends


@dataclass(frozen=True)
class Layout:
    """Where everything stands.

    Attributes:
        centres: the middle of each node.
        routes: for each edge the points that it goes through, from the lower side of its first
            node to the upper side of its second.
        width: of the whole drawing.
        height: likewise.
    """

    centres: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def layered(
    sizes: Sequence[Point], edges: Sequence[Edge], gap: float = 28.0, rise: float = 46.0
) -> Layout:
    """Place the nodes of an acyclic graph whose edges lead from lower to higher numbers.

    Args:
        sizes: width and height of each node.
        edges: pairs of nodes; one that stands twice is drawn twice.
        gap: the distance of neighbours in a layer.
        rise: the distance of layers.
    """
    if not sizes:
        return Layout((), (), 0.0, 0.0)
    layer = _layers(len(sizes), edges)
    net = _Net(sizes, edges, layer, gap)
    net.order()
    x = net.coordinates()
    tops, height = _heights(sizes, layer, rise)
    middle = [tops[k] + max(h for (_, h), m in zip(sizes, layer, strict=True) if m == k) / 2
              for k in range(len(tops))]  # fmt: skip
    left = min(x[n] - net.widths[n] / 2 for n in range(len(x)))
    right = max(x[n] + net.widths[n] / 2 for n in range(len(x)))
    centres = [(x[n] - left, middle[layer[n]]) for n in range(len(sizes))]
    bends = [[(x[d] - left, middle[net.layer[d]]) for d in chain[1:-1]] for chain in net.chains]
    routes = _routes(centres, sizes, edges, bends)
    return Layout(tuple(centres), tuple(routes), right - left, height)


def _layers(n: int, edges: Sequence[Edge]) -> list[int]:
    """The longest path to each node; a node without a way in stands right before its first use."""
    layer, first = [0] * n, [n] * n
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        layer[b] = max(layer[b], layer[a] + 1)
    for a, b in edges:
        first[a] = min(first[a], layer[b])
    entered = {b for _, b in edges}
    return [first[k] - 1 if k not in entered and first[k] < n else layer[k] for k in range(n)]


class _Net:
    """The nodes, and a bend in each layer that an edge passes."""

    def __init__(
        self, sizes: Sequence[Point], edges: Sequence[Edge], layer: Sequence[int], gap: float
    ) -> None:
        self.layer = list(layer)
        self.widths = [width for width, _ in sizes]
        self.gap = gap
        self.real = len(sizes)
        self.chains: list[list[int]] = []
        for a, b in edges:
            bends = []
            for between in range(layer[a] + 1, layer[b]):
                bends.append(len(self.layer))
                self.layer.append(between)
                self.widths.append(4.0)
            self.chains.append([a, *bends, b])
        self.above: list[list[int]] = [[] for _ in self.layer]
        self.below: list[list[int]] = [[] for _ in self.layer]
        for chain in self.chains:
            for a, b in pairwise(chain):
                self.above[b].append(a)
                self.below[a].append(b)
        self.rows: list[list[int]] = [[] for _ in range(max(self.layer) + 1)]
        for n, k in enumerate(self.layer):
            self.rows[k].append(n)

    def order(self) -> None:
        """Order every layer so that few edges cross."""
        best, fewest = [row[:] for row in self.rows], self.crossings()
        for step in range(_ROUNDS):
            down = step % 2 == 0
            rows = self.rows[1:] if down else self.rows[-2::-1]
            neighbours = self.above if down else self.below
            place = self.places()
            for row in rows:
                means = {n: _mean(neighbours[n], place, n) for n in row}
                row.sort(key=means.__getitem__)
                for k, n in enumerate(row):
                    place[n] = float(k)
            self.transpose()
            if (now := self.crossings()) < fewest:
                best, fewest = [row[:] for row in self.rows], now
        self.rows = best

    def places(self) -> list[float]:
        place = [0.0] * len(self.layer)
        for row in self.rows:
            for k, n in enumerate(row):
                place[n] = float(k)
        return place

    def transpose(self) -> None:
        """Swap neighbours where that removes crossings."""
        place = self.places()
        for row in self.rows:
            for k in range(len(row) - 1):
                a, b = row[k], row[k + 1]
                if self.crossed(a, b, place) > self.crossed(b, a, place):
                    row[k], row[k + 1] = b, a
                    place[a], place[b] = place[b], place[a]

    def crossed(self, a: int, b: int, place: Sequence[float]) -> int:
        """How often the edges of a and b cross where a stands left of b."""
        return sum(
            place[p] > place[q]
            for near in (self.above, self.below)
            for p in near[a]
            for q in near[b]
        )

    def crossings(self) -> int:
        place = self.places()
        total = 0
        for row in self.rows[1:]:
            ends = [place[p] for n in row for p in sorted(self.above[n], key=place.__getitem__)]
            total += sum(p > q for k, p in enumerate(ends) for q in ends[k + 1 :])
        return total

    def coordinates(self) -> list[float]:
        """The horizontal place of each node and bend."""
        x = [0.0] * len(self.layer)
        for row in self.rows:
            offsets = self.offsets(row)
            for n, offset in zip(row, offsets, strict=True):
                x[n] = offset - offsets[-1] / 2
        for step in range(2 * _ROUNDS):
            rows = self.rows if step % 2 == 0 else self.rows[::-1]
            for row in rows:
                wanted, weights = [], []
                for n in row:
                    near = [(x[m], self.pull(n, m)) for m in self.above[n] + self.below[n]]
                    total = sum(w for _, w in near)
                    wanted.append(sum(v * w for v, w in near) / total if near else x[n])
                    weights.append(total if near else 0.1)
                offsets = self.offsets(row)
                free = [v - o for v, o in zip(wanted, offsets, strict=True)]
                for n, v, o in zip(row, increasing(free, weights), offsets, strict=True):
                    x[n] = v + o
        return x

    def pull(self, n: int, m: int) -> float:
        return _STRAIGHT if n >= self.real and m >= self.real else 1.0

    def offsets(self, row: Sequence[int]) -> list[float]:
        """Where each node of a row stands if it is as far left as can be."""
        out = [0.0]
        for a, b in pairwise(row):
            out.append(out[-1] + (self.widths[a] + self.widths[b]) / 2 + self.gap)
        return out


def _mean(near: Sequence[int], place: Sequence[float], n: int) -> float:
    return sum(place[m] for m in near) / len(near) if near else place[n]


def increasing(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to values in weighted least squares."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        mean, total, length = value, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, other, more = blocks.pop()
            mean = (mean * total + before * other) / (total + other)
            total, length = total + other, length + more
        blocks.append((mean, total, length))
    return [mean for mean, _, length in blocks for _ in range(length)]


def _heights(
    sizes: Sequence[Point], layer: Sequence[int], rise: float
) -> tuple[list[float], float]:
    """The upper side of each layer, and the height of all."""
    tops, y = [], 0.0
    for k in range(max(layer) + 1):
        tops.append(y)
        y += max((h for (_, h), m in zip(sizes, layer, strict=True) if m == k), default=0.0) + rise
    return tops, y - rise


def _routes(
    centres: Sequence[Point],
    sizes: Sequence[Point],
    edges: Sequence[Edge],
    bends: Sequence[Sequence[Point]],
) -> list[tuple[Point, ...]]:
    """The ways of the edges; those that meet at a node keep apart."""
    towards = [[centres[b], *way, centres[a]] for (a, b), way in zip(edges, bends, strict=True)]
    firsts = [way[1][0] if len(way) > 2 else way[0][0] for way in towards]
    lasts = [way[-2][0] if len(way) > 2 else way[-1][0] for way in towards]
    starts = _ports(centres, sizes, [a for a, _ in edges], firsts)
    ends = _ports(centres, sizes, [b for _, b in edges], lasts)
    routes = []
    for k, ((a, b), way) in enumerate(zip(edges, bends, strict=True)):
        bottom = centres[a][1] + sizes[a][1] / 2
        top = centres[b][1] - sizes[b][1] / 2
        routes.append(((starts[k], bottom), *way, (ends[k], top)))
    return routes


def _ports(
    centres: Sequence[Point],
    sizes: Sequence[Point],
    nodes: Sequence[int],
    towards: Sequence[float],
) -> dict[int, float]:
    """Where on a side of its node each edge begins or ends, by where it goes."""
    by_node: dict[int, list[tuple[float, int]]] = {}
    for edge, (node, x) in enumerate(zip(nodes, towards, strict=True)):
        by_node.setdefault(node, []).append((x, edge))
    found = {}
    for node, all_ends in by_node.items():
        all_ends.sort()
        step = min(26.0, 0.7 * sizes[node][0] / len(all_ends))
        for k, (_, edge) in enumerate(all_ends):
            found[edge] = centres[node][0] + (k - (len(all_ends) - 1) / 2) * step
    return found
