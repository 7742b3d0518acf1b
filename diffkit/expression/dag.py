"""SymPy expressions as plain lists: every distinct subexpression once, by its place.

SymPy's objects compare and hash structurally, in recursion over the tree. Two equal expressions
that were built apart are compared in time exponential in their depth, and a deep one is more than
Python's stack holds. Here subexpressions are told apart by the identity of their arguments, from
the leaves up, so that a tower of thousands of levels costs what its distinct nodes cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

# The one limit of this package: what walks the tree (str, latex, subs, lambdify, evalf, SymPy's
# automatic evaluation of functions, ...) is done to expressions of at most so many tree nodes, and
# of at most so many levels, as it recurses.
SMALL = 1000
SHALLOW = 80


@dataclass(frozen=True, eq=False)
class Dag:
    """The distinct subexpressions of some expressions.

    Attributes:
        nodes: SymPy objects, arguments before their users.
        args: for each node the places of its arguments.
        roots: the places of the expressions.
    """

    nodes: list[Any]
    args: list[tuple[int, ...]]
    roots: list[int]

    def users(self) -> list[list[int]]:
        """For each node the places of those that it is an argument of."""
        users: list[list[int]] = [[] for _ in self.nodes]
        for k, places in enumerate(self.args):
            for p in set(places):
                users[p].append(k)
        return users

    def tree_sizes(self) -> list[int]:
        """The nodes of the tree under each node, exactly."""
        sizes: list[int] = []
        for places in self.args:
            sizes.append(1 + sum([sizes[p] for p in places]))
        return sizes

    def depths(self) -> list[int]:
        """The levels of each node, itself included."""
        depths: list[int] = []
        for places in self.args:
            depths.append(1 + max([depths[p] for p in places], default=0))
        return depths

    def small(self) -> list[bool]:
        """Whether walking the tree under each node takes few steps."""
        return [
            size <= SMALL and depth <= SHALLOW
            for size, depth in zip(self.tree_sizes(), self.depths(), strict=True)
        ]

    def constant(self) -> list[bool]:
        """Whether each node is without symbols."""
        found: list[bool] = []
        for node, places in zip(self.nodes, self.args, strict=True):
            if places:
                found.append(all(found[p] for p in places))
            else:
                found.append(not node.is_Symbol)
        return found


def dag(exprs: Iterable[Any]) -> Dag:
    """The distinct subexpressions of SymPy expressions; linear in their number."""
    out = Dag([], [], [])
    places: dict[Any, int] = {}  # by head and arguments
    by_identity: dict[int, int] = {}
    roots = list(exprs)
    stack = roots[::-1]
    while stack:
        node = stack[-1]
        if id(node) in by_identity:
            stack.pop()
            continue
        waiting = [a for a in node.args if id(a) not in by_identity]
        if waiting:
            stack.extend(waiting[::-1])
            continue
        stack.pop()
        args = tuple([by_identity[id(a)] for a in node.args])
        key = (node.func, args) if args else (type(node), node)
        place = places.setdefault(key, len(out.nodes))
        if place == len(out.nodes):
            out.nodes.append(node)
            out.args.append(args)
        by_identity[id(node)] = place
    out.roots.extend([by_identity[id(root)] for root in roots])
    return out


class SmallExpressions:
    """Whether expressions that grow from one another are small.

    Asked for new expressions, it looks at what is new in them alone.
    """

    def __init__(self) -> None:
        # Tree nodes and levels by identity; with the node, so that its id stays in use.
        self._known: dict[int, tuple[Any, int, int]] = {}

    def __call__(self, exprs: Sequence[Any]) -> bool:
        """Whether walking the trees of all of these takes few steps."""
        found = [self._measured(e) for e in exprs]
        return (
            sum([size for _, size, _ in found]) <= SMALL
            and max([depth for _, _, depth in found], default=0) < SHALLOW
        )

    def _measured(self, expr: Any) -> tuple[Any, int, int]:
        known = self._known
        stack = [expr]
        while stack:
            node = stack[-1]
            waiting = [a for a in node.args if id(a) not in known]
            if waiting and id(node) not in known:
                stack.extend(waiting)
                continue
            stack.pop()
            parts = [known[id(a)] for a in node.args]
            size = 1 + sum([size for _, size, _ in parts])
            known[id(node)] = (node, size, 1 + max([depth for _, _, depth in parts], default=0))
        return known[id(expr)]


def is_small(*exprs: Any) -> bool:
    """Whether walking the trees of these expressions takes few steps."""
    return SmallExpressions()(exprs)
