"""SymPy expressions as graphs: counted, differentiated and evaluated without walking the tree."""

from .derivative import differentiate
from .evaluate import evaluator
from .graph import OperationCount, count_operations, postorder

__all__ = ["OperationCount", "count_operations", "differentiate", "evaluator", "postorder"]
