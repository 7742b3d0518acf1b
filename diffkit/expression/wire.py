"""SymPy expressions as flat lists of plain data, to be sent to another process and back.

The list has an entry for each distinct subexpression, which names what it is and the places of its
arguments. Functions are named by a list of those that are known here, and nothing is executed from
text. Numbers are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from ..errors import UnsupportedError
from .construct import raw
from .dag import dag

Wire = dict[str, list[Any]]


def encode(exprs: Sequence[Any], symbols: Sequence[Any]) -> Wire:
    """Expressions in some symbols as lists, texts and integers.

    Raises:
        UnsupportedError: they hold something that is not on the list of known functions, or
            another symbol.
    """
    graph = dag(exprs)
    place = {symbol: k for k, symbol in enumerate(symbols)}
    nodes = []
    for node, args in zip(graph.nodes, graph.args, strict=True):
        if args:
            nodes.append([_name(node), *args])
        elif node.is_Symbol:
            if node not in place:
                raise UnsupportedError(f"the expression contains {node}, which is no variable")
            nodes.append(["symbol", place[node]])
        else:
            nodes.append(_leaf(node))
    return {"nodes": nodes, "roots": graph.roots, "symbols": [_described(s) for s in symbols]}


def decode(wire: Wire, symbols: Sequence[Any] | None = None) -> tuple[list[Any], list[Any]]:
    """The expressions, with the structure that they were sent with, and their symbols.

    Args:
        wire: what ``encode`` gave.
        symbols: those to put in place; by default new ones of the same names and assumptions.
    """
    import sympy

    if symbols is None:
        made = [sympy.Dummy if dummy else sympy.Symbol for _, dummy, _ in wire["symbols"]]
        symbols = [
            make(name, **assumptions)
            for make, (name, _, assumptions) in zip(made, wire["symbols"], strict=True)
        ]
    heads, nodes = _heads(), list[Any]()
    for name, *rest in wire["nodes"]:
        if name == "symbol":
            nodes.append(symbols[rest[0]])
        elif name in heads:
            nodes.append(raw(heads[name], [nodes[p] for p in rest]))
        else:
            nodes.append(_number(name, rest))
    return [nodes[r] for r in wire["roots"]], list(symbols)


def _described(symbol: Any) -> list[Any]:
    assumptions = {k: v for k, v in symbol._assumptions_orig.items() if isinstance(v, bool)}
    return [symbol.name, symbol.is_Dummy, assumptions]


def _name(node: Any) -> str:
    name = node.func.__name__
    if _heads().get(name) is not node.func:
        raise UnsupportedError(f"SymPy's {name} is not among the functions that are known here")
    return str(name)


def _leaf(node: Any) -> list[Any]:
    if node.is_Rational:
        return ["rational", hex(int(node.p)), hex(int(node.q))]
    if node.is_Float:
        sign, mantissa, exponent, _ = node._mpf_
        return ["float", int(sign), hex(int(mantissa)), int(exponent), int(node._prec)]
    for name, constant in _constants().items():
        if node is constant:
            return [name]
    raise UnsupportedError(f"SymPy's {type(node).__name__} is not among the numbers known here")


def _number(name: str, rest: list[Any]) -> Any:
    import sympy

    if name == "rational":
        return sympy.Rational(int(rest[0], 16), int(rest[1], 16))
    if name == "float":
        sign, mantissa, exponent, precision = rest
        man = int(mantissa, 16)
        return sympy.Float._new((sign, man, exponent, man.bit_length()), precision, zero=False)
    return _constants()[name]


@cache
def _constants() -> dict[str, Any]:
    import sympy

    names = ("Pi", "Exp1", "EulerGamma", "Catalan", "GoldenRatio", "ImaginaryUnit", "Infinity",
             "NegativeInfinity", "ComplexInfinity", "NaN", "true", "false")  # fmt: skip
    return {name: getattr(sympy.S, name) for name in names}


@cache
def _heads() -> dict[str, Any]:
    """The functions that may be named."""
    import sympy
    from sympy.functions.elementary.piecewise import ExprCondPair
    from sympy.functions.special.hyper import TupleArg

    from .evaluate import known_functions

    structure = (sympy.Add, sympy.Mul, sympy.Pow, sympy.Piecewise, ExprCondPair, TupleArg)
    return {head.__name__: head for head in (*structure, sympy.hyper, *known_functions())}
