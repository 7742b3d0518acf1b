"""Expressions: read from text, and as SymPy graphs counted, differentiated and evaluated."""

from . import show
from .dag import SMALL, Dag, dag, is_small
from .derivative import differentiate, jacobian
from .evaluate import evaluator
from .graph import OperationCount, count_operations, postorder
from .operations import OperationGraph, Size, add_expressions, to_expressions
from .text import Formula, constant, formula

__all__ = [
    "SMALL",
    "Dag",
    "Formula",
    "OperationCount",
    "OperationGraph",
    "Size",
    "add_expressions",
    "constant",
    "count_operations",
    "dag",
    "differentiate",
    "evaluator",
    "formula",
    "is_small",
    "jacobian",
    "postorder",
    "show",
    "to_expressions",
]
