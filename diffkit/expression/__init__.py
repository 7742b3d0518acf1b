"""Expressions: read from text, and as SymPy graphs counted, differentiated and evaluated."""

from .derivative import differentiate
from .evaluate import evaluator
from .graph import OperationCount, count_operations, postorder
from .operations import OperationGraph, Size, add_expressions, to_expressions
from .text import Formula, constant, formula

__all__ = [
    "Formula",
    "OperationCount",
    "OperationGraph",
    "Size",
    "add_expressions",
    "constant",
    "count_operations",
    "differentiate",
    "evaluator",
    "formula",
    "postorder",
    "to_expressions",
]
