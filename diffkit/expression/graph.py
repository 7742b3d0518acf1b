"""SymPy expressions as graphs: every distinct subexpression once.

SymPy's own walks (``count_ops``, ``free_symbols``, ``str``, ``lambdify``, ...) visit the *tree*,
in which a shared subexpression stands as often as it is used; on a derivative that can be
exponentially larger than the graph. Nothing here does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .dag import dag
from .operations import OperationGraph, add_expressions


def postorder(roots: Iterable[Any]) -> list[Any]:
    """The distinct subexpressions of some SymPy expressions, arguments before their users."""
    return dag(roots).nodes


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
    graph = dag(exprs)
    tree: list[int] = []
    for node, places in zip(graph.nodes, graph.args, strict=True):
        tree.append(operations(node) + sum([tree[p] for p in places]))
    sizes = graph.tree_sizes()
    tree_nodes = sum([sizes[r] for r in graph.roots])
    by_sympy = cse and tree_nodes <= SYMPY_CSE_NODES
    return OperationCount(
        tree=sum([tree[r] for r in graph.roots]),
        dag=sum(map(operations, graph.nodes)),
        cse=_hash_consed(exprs) if cse else None,
        sympy_cse=sum(map(operations, _after_cse(exprs))) if by_sympy else None,
        nodes=len(graph.nodes),
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
