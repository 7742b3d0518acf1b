"""SymPy expressions as graphs: counted, differentiated and evaluated without walking the tree."""

from .derivative import differentiate
from .evaluate import evaluator
from .graph import OperationCount, count_operations, postorder
from .operations import OperationGraph, Size, add_expressions, to_expressions

__all__ = [
    "OperationCount",
    "OperationGraph",
    "Size",
    "add_expressions",
    "count_operations",
    "differentiate",
    "evaluator",
    "postorder",
    "to_expressions",
]
