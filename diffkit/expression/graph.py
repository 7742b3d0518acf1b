"""SymPy expressions as graphs: every distinct subexpression once.

SymPy's own walks (``count_ops``, ``free_symbols``, ``str``, ``lambdify``, ...) visit the *tree*,
in which a shared subexpression stands as often as it is used; on a derivative that can be
exponentially larger than the graph. Nothing here does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .operations import OperationGraph, add_expressions


def postorder(roots: Iterable[Any]) -> list[Any]:
    """The distinct subexpressions of some SymPy expressions, arguments before their users."""
    done: dict[Any, None] = {}
    stack = [(root, False) for root in roots]
    while stack:
        node, expanded = stack.pop()
        if node in done:
            continue
        if expanded or not node.args:
            done[node] = None
        else:
            stack.append((node, True))
            stack.extend((arg, False) for arg in node.args if arg not in done)
    return list(done)


def depends_on(nodes: Iterable[Any], symbol: Any) -> set[Any]:
    """Those of the nodes, given in postorder, in which the symbol occurs."""
    found: set[Any] = set()
    for node in nodes:
        if node == symbol or any(arg in found for arg in node.args):
            found.add(node)
    return found


# sympy.cse walks the tree to find the symbols; so many nodes take it half a second.
SYMPY_CSE_NODES = 500_000


@dataclass(frozen=True)
class OperationCount:
    """The size of an expression in operations; an operator on k operands counts k - 1.

    Attributes:
        tree: each subexpression counted as often as it is written.
        dag: each distinct subexpression counted once.
        cse: after common subexpression elimination by hash-consing: sums and products are taken
            apart into operations on two operands, and equal ones count once. Linear in the graph.
            None where it was not asked for.
        sympy_cse: after ``sympy.cse``, which looks for common parts of every two sums and of every
            two products; None where it was not asked for, or the tree has too many nodes for it.
        nodes: the distinct subexpressions, leaves included.
        tree_nodes: the nodes of the tree, leaves included.
    """

    tree: int
    dag: int
    cse: int | None
    sympy_cse: int | None
    nodes: int
    tree_nodes: int

    def to_dict(self) -> dict[str, int | None]:
        return dict(vars(self))


def operations(node: Any) -> int:
    """The operations that one node stands for: k - 1 for a sum or product, 1 for a function."""
    if not node.args:
        return 0
    return len(node.args) - 1 if node.is_Add or node.is_Mul else 1


def count_operations(*exprs: Any, cse: bool = True) -> OperationCount:
    """Count the operations of SymPy expressions, exactly, in time linear in their graph.

    Args:
        exprs: the expressions; what they share is counted once in ``dag``, ``cse`` and
            ``sympy_cse``.
        cse: whether to eliminate common subexpressions too, which is slower; by ``sympy.cse`` up
            to ``SYMPY_CSE_NODES`` nodes of the tree.
    """
    nodes = postorder(exprs)
    tree: dict[Any, int] = {}
    size: dict[Any, int] = {}
    for node in nodes:
        tree[node] = operations(node) + sum(tree[arg] for arg in node.args)
        size[node] = 1 + sum(size[arg] for arg in node.args)
    tree_nodes = sum(size[e] for e in exprs)
    by_sympy = cse and tree_nodes <= SYMPY_CSE_NODES
    return OperationCount(
        tree=sum(tree[e] for e in exprs),
        dag=sum(operations(node) for node in nodes),
        cse=_hash_consed(exprs) if cse else None,
        sympy_cse=sum(map(operations, _after_cse(exprs))) if by_sympy else None,
        nodes=len(nodes),
        tree_nodes=tree_nodes,
    )


def _hash_consed(exprs: Iterable[Any]) -> int:
    graph = OperationGraph()
    return graph.size(*add_expressions(graph, exprs)).cse


def _after_cse(exprs: Iterable[Any]) -> Iterator[Any]:
    import sympy

    replacements, reduced = sympy.cse(list(exprs))
    # A replaced subexpression is a symbol wherever it is used, so the graphs do not overlap.
    for expr in [*(e for _, e in replacements), *reduced]:
        yield from postorder([expr])
