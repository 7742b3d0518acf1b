"""Programs and expressions as graphs of scalar operations, and how large they are.

One graph can hold what several routes compute, in the same terms, so that the routes can be
compared operation by operation. Sizes are exact integers, found in time linear in the graph.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from ..errors import UnsupportedError
from ..rules import RULES, load_families
from ..tape.symbols import number

Number = int | float | Fraction
_NUMBERS = (int, float, Fraction)

# Of these the order of the operands does not matter.
_COMMUTATIVE = {"add", "multiply", "maximum", "minimum"}


@dataclass(frozen=True)
class Size:
    """The operations that some results take; operations on constants alone do not count.

    Attributes:
        tree: each subexpression counted as often as it would be written.
        dag: each operation once that a result depends on.
        cse: the same, with equal operations on equal operands taken for one (hash-consing);
            a + b and b + a are equal.
        kinds: the operations of ``cse`` by their names.
    """

    tree: int
    dag: int
    cse: int
    kinds: Counter[str]


class OperationGraph:
    """Scalar operations, each on earlier ones; it only grows.

    What does nothing is left out: adding or subtracting 0, multiplying by 1 or 0, dividing by 1,
    the powers 0 and 1, and operations on numbers alone.

    Attributes:
        in_sympys_terms: write a − b as a + (−1) b, a / b as a b^−1 and roots as powers, as SymPy
            does, so that programs can be compared with expressions.
    """

    def __init__(self, in_sympys_terms: bool = False) -> None:
        self.in_sympys_terms = in_sympys_terms
        # A leaf has no operands, and for a name that of a variable or the number itself.
        self._nodes: list[tuple[Any, tuple[int, ...]]] = []
        self._leaves: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def leaf(self, name: Any) -> Element:
        """The variable of that name; the same one each time."""
        return Element(self, self._leaf(name))

    def apply(self, name: str, *operands: Any) -> Any:
        """An operation on elements of this graph and numbers; one of the operands where the
        operation does nothing, and a number where the result is one."""
        if self.in_sympys_terms and name in _SYMPYS_TERMS:
            return _SYMPYS_TERMS[name](self, *operands)
        if not all(map(_is_element, operands)):
            simpler = _simplified(self, name, operands)
            if simpler is not None:
                return simpler
        self._nodes.append((name, tuple([self._index(operand) for operand in operands])))
        return Element(self, len(self._nodes) - 1)

    def chain(self, name: str, operands: Sequence[Any]) -> Any:
        """The operation on the first two operands, on the result and the third, and so on."""
        result = operands[0]
        nodes = self._nodes
        for operand in operands[1:]:
            if type(result) is Element and type(operand) is Element:  # ``apply``, but faster
                nodes.append((name, (result.index, operand.index)))
                result = Element(self, len(nodes) - 1)
            else:
                result = self.apply(name, result, operand)
        return result

    def size(self, *results: Any) -> Size:
        """The size of some results together; ``tree`` adds up the trees of all."""
        nodes = self._nodes
        wanted = [self._index(r) for r in results]
        needed = self._needed(wanted)
        tree = [0] * len(nodes)
        for k in needed:
            if operands := nodes[k][1]:
                tree[k] = 1 + sum([tree[p] for p in operands])
        distinct = self.distinct(*results)
        return Size(
            tree=sum(tree[k] for k in wanted),
            dag=sum(bool(nodes[k][1]) for k in needed),
            cse=len(distinct),
            kinds=Counter(name for name, _ in distinct),
        )

    def distinct(self, *results: Any) -> set[tuple[str, tuple[int, ...]]]:
        """The operations that the results take, equal ones once.

        An operation is its name with the places of its operands, equal ones at one place in the
        whole graph: the sets of different results can be compared.
        """
        needed = self._needed([self._index(r) for r in results])
        keys = self._keys()
        return {keys[k] for k in needed if keys[k][1]}

    def _keys(self) -> list[tuple[Any, tuple[int, ...]]]:
        """Each node with its operands replaced by the first nodes that are equal to them."""
        first: list[int] = []
        found: dict[Any, int] = {}
        keys: list[tuple[Any, tuple[int, ...]]] = []
        for name, operands in self._nodes:
            places = [first[p] for p in operands]
            if name in _COMMUTATIVE:
                places.sort()
            key = name, tuple(places)
            first.append(found.setdefault(key, len(keys)))
            keys.append(key)
        return keys

    def _needed(self, results: Iterable[int]) -> list[int]:
        """The operations and leaves that some depend on, in order."""
        needed = bytearray(len(self._nodes))
        for k in results:
            needed[k] = 1
        for k in range(len(self._nodes) - 1, -1, -1):
            if needed[k]:
                for p in self._nodes[k][1]:
                    needed[p] = 1
        return [k for k, is_needed in enumerate(needed) if is_needed]

    def _index(self, operand: Any) -> int:
        return operand.index if type(operand) is Element else self._leaf(operand)

    def _leaf(self, name: Any) -> int:
        if name not in self._leaves:
            self._leaves[name] = len(self._nodes)
            self._nodes.append((name, ()))
        return self._leaves[name]


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def left(self: Element, other: Any) -> Any:
        return self.graph.apply(name, self, other)

    def right(self: Element, other: Any) -> Any:
        return self.graph.apply(name, other, self)

    return left, right


class Element:
    """A scalar of an operation graph; arithmetic on it adds to the graph.

    NumPy's functions that move elements about or add them up work on arrays of these.
    """

    __slots__ = ("graph", "index")

    def __init__(self, graph: OperationGraph, index: int) -> None:
        self.graph, self.index = graph, index

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("subtract")
    __mul__, __rmul__ = _binary("multiply")
    __truediv__, __rtruediv__ = _binary("divide")
    __pow__, __rpow__ = _binary("power")

    def __neg__(self) -> Any:
        return self.graph.apply("negative", self)

    def conjugate(self) -> Element:
        """What NumPy asks of a real element."""
        return self


def _minus(graph: OperationGraph, a: Any, b: Any) -> Any:
    return graph.apply("add", a, graph.apply("multiply", -1, b))


def _over(graph: OperationGraph, a: Any, b: Any) -> Any:
    return graph.apply("multiply", a, graph.apply("power", b, -1))


_SYMPYS_TERMS: dict[str, Callable[..., Any]] = {
    "subtract": _minus,
    "negative": lambda graph, a: graph.apply("multiply", -1, a),
    "divide": _over,
    "reciprocal": lambda graph, a: graph.apply("power", a, -1),
    "square": lambda graph, a: graph.apply("power", a, 2),
    "sqrt": lambda graph, a: graph.apply("power", a, Fraction(1, 2)),
}

_ON_NUMBERS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "negative": operator.neg,
}


def _simplified(graph: OperationGraph, name: str, operands: Sequence[Any]) -> Any:
    """What an operation comes to without being done; None where it has to be done."""
    a, b = operands[0], operands[-1]
    if name in _ON_NUMBERS and all(isinstance(x, _NUMBERS) for x in operands):
        return _ON_NUMBERS[name](*operands)
    if name == "where" and isinstance(a, (bool, int)):
        return operands[1] if a else operands[2]
    if name in ("add", "multiply"):
        neutral = 0 if name == "add" else 1
        if _is(a, neutral):
            return b
        if _is(b, neutral):
            return a
        if name == "multiply" and (_is(a, 0) or _is(b, 0)):
            return 0
    elif name == "subtract":
        if _is(b, 0):
            return a
        if _is(a, 0):
            return graph.apply("negative", b)
    elif name == "divide" and (_is(b, 1) or _is(a, 0)):
        return a
    elif name == "power" and (_is(b, 0) or _is(b, 1)):
        return a if _is(b, 1) else 1
    return None


def _is_element(value: Any) -> bool:
    return type(value) is Element


def _is(value: Any, number: int) -> bool:
    return isinstance(value, _NUMBERS) and value == number


def add_expressions(graph: OperationGraph, exprs: Iterable[Any]) -> list[Any]:
    """SymPy expressions in terms of scalar operations; symbols become leaves of their names.

    A sum or product of k operands becomes a chain of k − 1 operations, from the operand that is
    nested least to the one that is nested most, and numbers last: of a nested expression, longer
    chains then go on from shorter ones.
    """
    from .dag import dag

    given = dag(exprs)
    heights, names = given.depths(), _names()
    value: list[Any] = []
    for node, args in zip(given.nodes, given.args, strict=True):
        if not args:
            value.append(_leaf_value(graph, node))
        elif node.is_Add or node.is_Mul:
            name = "add" if node.is_Add else "multiply"
            chain = sorted(args, key=lambda k: (given.nodes[k].is_Number, heights[k]))
            value.append(graph.chain(name, [value[k] for k in chain]))
        else:
            name = "power" if node.is_Pow else names.get(node.func, node.func.__name__)
            value.append(graph.apply(name, *[value[k] for k in args]))
    return [value[r] for r in given.roots]


def _leaf_value(graph: OperationGraph, node: Any) -> Any:
    if node.is_Rational:
        return Fraction(int(node.p), int(node.q))
    return float(node) if node.is_Float else graph.leaf(str(node))


def _names() -> dict[Any, str]:
    """The names that the derivative table has for SymPy's functions."""
    import sympy

    load_families()
    rules = [rule for rule in RULES.values() if isinstance(rule.sympy, str)]
    return {getattr(sympy, str(rule.sympy)): rule.name for rule in rules}


def to_expressions(results: Sequence[Any], symbols: Sequence[Any]) -> list[Any]:
    """Results of a graph in SymPy's terms as SymPy expressions, of which nothing is evaluated.

    Args:
        results: elements of one graph, and numbers.
        symbols: for each leaf the SymPy symbol of its name.

    Raises:
        UnsupportedError: an operation has no SymPy form.
    """
    import sympy

    elements = [r for r in results if type(r) is Element]
    value: dict[Any, Any] = {s.name: s for s in symbols}
    with sympy.evaluate(False):
        for graph in [e.graph for e in elements[:1]]:
            forms = _forms()
            for k in graph._needed(e.index for e in elements):
                name, operands = graph._nodes[k]
                if not operands:
                    value[k] = value[name] if isinstance(name, str) else _number(name)
                elif name not in forms:
                    raise UnsupportedError(f"{name} has no SymPy form; use another route")
                else:
                    value[k] = forms[name](*[value[p] for p in operands])
    return [value[r.index] if type(r) is Element else _number(r) for r in results]


def _number(value: Any) -> Any:
    import sympy

    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    return number(value)


def _forms() -> dict[str, Callable[..., Any]]:
    """For each operation a function of SymPy expressions."""
    import sympy

    load_families()
    forms: dict[str, Callable[..., Any]] = {}
    for rule in RULES.values():
        if isinstance(rule.sympy, str):
            forms[rule.name] = getattr(sympy, rule.sympy)
        elif rule.sympy is not None:
            forms[rule.name] = partial(rule.sympy, sympy)
    return forms | {"add": sympy.Add, "multiply": sympy.Mul, "power": sympy.Pow}
