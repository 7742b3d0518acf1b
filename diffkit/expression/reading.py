"""Reading a recording into SymPy: one expression for each element of the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..rules import RULES, Primitive, load_families
from ..tape.careful import general_form
from ..tape.recording import CONSTANT, GUARD, INPUT, Recording, Tracer, untraced
from ..tape.symbols import number
from .construct import Construction, Template, evaluation_limited


def read(rows: Recording, inputs: Sequence[Any], output: int, evaluate: bool) -> Reading:
    """Evaluate the rows of a recording on symbols.

    Args:
        rows: the recording.
        inputs: for each input a symbol or an object array of symbols.
        output: the row of the result.
        evaluate: as in ``Tape.to_sympy``.

    Raises:
        UnsupportedError: a recorded operation has no SymPy form, or takes more than elements can
            do.
    """
    reading = Reading(evaluate)
    try:
        with np.errstate(all="ignore"), evaluation_limited():
            reading.run(rows, inputs, output)
    except TypeError as error:  # a compiled function that takes no objects
        raise UnsupportedError(
            f"the function does something that symbols cannot: {error}; use another backend"
        ) from None
    return reading


def read_pointwise(
    rows: Recording, symbol: Any, output: int, evaluate: bool
) -> tuple[Any, dict[Any, Any]] | None:
    """One expression for all elements of an elementwise function of an array.

    Args:
        rows: the recording, with one input.
        symbol: stands for an element of the input.
        output: the row of the result.
        evaluate: as in ``Tape.to_sympy``.

    Returns:
        The expression of an element of the result, and the arrays whose elements its other symbols
        stand for; None where the recording does not show that the function is elementwise. It does
        if every operation is, on arrays of the shape of the input and constants, and no branch was
        decided on the way.
    """
    shape, needed = np.shape(untraced(rows[0][1])), _needed(rows, output)
    reading, parameters = Reading(evaluate), dict[Any, Any]()
    values: list[Any] = [Term(reading, symbol, None)]
    for k in range(1, len(rows)):
        rule, y, parents, constants, kwargs = general_form(rows[k])
        values.append(None)
        if not needed[k]:
            continue
        if (
            np.shape(untraced(y)) != shape
            or kwargs
            or (rule.sympy is None and rule is not CONSTANT)
        ):
            return None
        if rule is CONSTANT:
            values[k] = _parameter(y, shape, parameters)
            continue
        args = [
            values[p] if p >= 0 else _parameter(_own(c), shape, parameters)
            for p, c in zip(parents, constants, strict=True)
        ]
        if any(a is None for a in args):
            return None
        values[k] = Term(reading, reading.apply(rule, args), None)
    return _expression(values[output]), parameters


def _parameter(value: Any, shape: tuple[int, ...], parameters: dict[Any, Any]) -> Any:
    """A constant of an elementwise operation: a number, or a symbol for the elements of an array;
    None for an array of another shape."""
    import sympy

    array = np.asarray(value)
    if not array.ndim:
        return value
    if array.dtype.kind not in "biuf" or np.broadcast_shapes(array.shape, shape) != shape:
        return None
    if array.size and np.all(array == array.flat[0]):
        return array.flat[0]
    symbol = sympy.Dummy(f"c{len(parameters) + 1}", real=True)
    parameters[symbol] = value
    return symbol


class Reading:
    """What a recording says in symbols.

    Attributes:
        result: the expression of the result, or an object array of them.
        conditions: the conditions under which the recorded branch is taken.
        frozen: the names of operations whose result is taken as it was recorded, although it
            depends on the point and no condition says when it changes (``np.rint``, say).
    """

    def __init__(self, evaluate: bool) -> None:
        self.construct = Construction(evaluate)
        self.conditions: list[Any] = []
        self.frozen: list[str] = []
        self.result: Any = None

    def run(self, rows: Recording, inputs: Sequence[Any], output: int) -> None:
        """Read the rows that the result or a branch depends on."""
        values: list[Any] = [None] * len(rows)
        for k, symbols in enumerate(inputs):
            values[k] = self._terms(symbols, rows[k][1])
        needed = _needed(rows, output)
        for k in range(len(inputs), len(rows)):
            if needed[k]:
                values[k] = self._row(rows[k], values)
        if output >= 0:
            self.result = _expressions(values[output])

    def _row(self, row: tuple[Any, ...], values: list[Any]) -> Any:
        rule, y, parents, constants, kwargs = general_form(row)
        args = [_own(c) if p < 0 else values[p] for p, c in zip(parents, constants, strict=True)]
        if rule is GUARD:
            return self._guard(args[0], bool(untraced(y)))
        if rule is CONSTANT:
            return _objects(y)
        if rule.sympy is not None:
            return self._elementwise(rule, args, y)
        if rule.elementwise:
            raise UnsupportedError(f"{rule.name} has no SymPy form; use another backend")
        if not rule.differentiable:
            return self._order(rule, args, kwargs, y)
        # Moving and adding elements up is what NumPy does with arrays of objects as well.
        found = rule.fn(*[_objects(a) for a in args], **kwargs)
        return found.item() if isinstance(found, np.ndarray) and not found.ndim else found

    def _elementwise(self, rule: Primitive, args: list[Any], y: Any) -> Any:
        on_elements = lambda *elements: self.apply(rule, elements)  # noqa: E731
        if not any(map(np.ndim, args)):
            return self._terms(on_elements(*args), y)
        return self._terms(np.frompyfunc(on_elements, len(args), 1)(*args), y)

    def apply(self, rule: Primitive, args: Sequence[Any]) -> Any:
        """The expression of an elementwise rule on terms and numbers."""
        exprs = [_expression(a) for a in args]
        if rule.elementwise:
            exprs = [self._number(e) for e in exprs]
        elif rule.name == "where":
            exprs = [self._condition(exprs[0]), *map(self._number, exprs[1:])]
        template = rule_template(rule, (None,) * len(exprs))
        if template is None:  # it takes its numbers as numbers
            template = rule_template(rule, tuple([e if e.is_Number else None for e in exprs]))
        if template is None:
            raise UnsupportedError(f"{rule.name} has no SymPy form for these arguments")
        return template(exprs, self.construct)

    def _number(self, expr: Any) -> Any:
        """A truth value as 1 or 0, as NumPy counts them in arithmetic."""
        import sympy

        if not (expr.is_Boolean or expr.is_Relational):
            return expr
        if expr in (sympy.true, sympy.false):
            return sympy.S.One if expr == sympy.true else sympy.S.Zero
        pair = sympy.functions.elementary.piecewise.ExprCondPair
        one, zero = (sympy.S.One, expr), (sympy.S.Zero, sympy.true)
        pairs = [self.construct(pair, one), self.construct(pair, zero)]
        return self.construct(sympy.Piecewise, pairs)

    def _condition(self, expr: Any) -> Any:
        import sympy

        if expr.is_Boolean or expr.is_Relational:
            return expr
        return self.construct(sympy.Ne, [expr, sympy.S.Zero])

    def _guard(self, term: Any, truth: bool) -> None:
        term = term.item() if isinstance(term, np.ndarray) else term
        if type(term) is Term:
            self.assume(self._condition(term.expr), truth)

    def assume(self, condition: Any, truth: bool) -> None:
        """Note what a branch depends on; what is plainly true is not noted, nor twice."""
        import sympy

        if not truth:
            negated = _negated().get(condition.func)
            condition = (
                sympy.Not(condition)
                if condition in (sympy.true, sympy.false)
                else self.construct(sympy.Not, [condition])
                if negated is None
                else self.construct(negated, condition.args)
            )
        known = (c is condition or (c.func, *map(id, c.args)) == (
            condition.func, *map(id, condition.args)) for c in self.conditions[-1000:])  # fmt: skip
        if condition != sympy.true and not any(known):
            self.conditions.append(condition)

    def _order(self, rule: Primitive, args: list[Any], kwargs: dict[str, Any], y: Any) -> Any:
        """An order or a place, as it is on the recorded branch; the comparisons that lead to it
        are conditions."""
        try:
            rule.fn(*[_objects(a) for a in args], **kwargs)
        except (TypeError, AttributeError, ValueError):
            self.frozen.append(rule.name)
        return untraced(y)

    def _terms(self, exprs: Any, y: Any) -> Any:
        """Expressions with the values that they have at the recorded point."""
        y = untraced(y)
        if not np.ndim(exprs):
            return Term(self, exprs, y if not np.ndim(y) else np.asarray(y).item())
        return np.frompyfunc(lambda e, v: Term(self, e, v), 2, 1)(exprs, y)


class Term:
    """An expression, and its value at the recorded point.

    Arithmetic makes larger expressions; a comparison is settled by the values and noted as a
    condition. NumPy's functions that move, add up or sort elements work on arrays of these.
    """

    __slots__ = ("expr", "reading", "value")

    def __init__(self, reading: Reading, expr: Any, value: Any) -> None:
        self.reading, self.expr, self.value = reading, expr, value

    def _apply(self, rule: Primitive, *args: Any) -> Any:
        expr = self.reading.apply(rule, args)
        return Term(self.reading, expr, rule.fn(*[np.asarray(_value(a))[()] for a in args]))

    def conjugate(self) -> Any:
        return self._apply(_rules()["conjugate"], self)

    def __neg__(self) -> Any:
        return self._apply(_rules()["negative"], self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self._apply(_rules()["absolute"], self)

    def __bool__(self) -> bool:
        self.reading.assume(self.reading._condition(self.expr), bool(self.value))
        return bool(self.value)

    def __hash__(self) -> int:
        return id(self)

    def __getattr__(self, name: str) -> Any:
        """What NumPy asks elements for in place of a ufunc: ``x.sqrt()``, ``x.exp()``, ..."""
        rule = _rules().get(name)
        if rule is None or rule.sympy is None:
            raise AttributeError(name)
        return lambda: self._apply(rule, self)


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def left(self: Term, other: Any) -> Any:
        return self._apply(_rules()[name], self, other)

    def right(self: Term, other: Any) -> Any:
        return self._apply(_rules()[name], other, self)

    return left, right


def _comparison(name: str) -> Callable[..., bool]:
    def compare(self: Term, other: Any) -> bool:
        return bool(self._apply(_rules()[name], self, other))

    return compare


for _name, _rule in (("add", "add"), ("sub", "subtract"), ("mul", "multiply"),
                     ("truediv", "divide"), ("pow", "power"), ("mod", "remainder"),
                     ("floordiv", "floor_divide")):  # fmt: skip
    _left, _right = _binary(_rule)
    setattr(Term, f"__{_name}__", _left)
    setattr(Term, f"__r{_name}__", _right)
for _name, _rule in (("lt", "less"), ("le", "less_equal"), ("gt", "greater"),
                     ("ge", "greater_equal"), ("eq", "equal"), ("ne", "not_equal")):  # fmt: skip
    setattr(Term, f"__{_name}__", _comparison(_rule))


@cache
def _rules() -> dict[str, Primitive]:
    """The rules of NumPy's ufuncs by name."""
    load_families()
    return {rule.name: rule for fn, rule in RULES.items() if isinstance(fn, np.ufunc)} | {
        "conjugate": RULES[np.conjugate]
    }


def _own(constant: Any) -> Any:
    """A constant of the recording, which must not be a variable of an outer one."""
    if type(constant) is Tracer:
        raise UnsupportedError(
            "the function depends on a variable that is differentiated outside, and symbols stand "
            "for its argument alone; use backend='reverse', or make that variable an argument"
        )
    return constant


def _expression(term: Any) -> Any:
    if type(term) is Term:
        return term.expr
    return term if hasattr(term, "args") and hasattr(term, "func") else number(term)


def _expressions(terms: Any) -> Any:
    return np.frompyfunc(_expression, 1, 1)(terms) if np.ndim(terms) else _expression(terms)


def _value(term: Any) -> Any:
    return term.value if type(term) is Term else term


def _objects(value: Any) -> Any:
    """An array of numbers that terms can be put into."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
        return value.astype(object)
    return value


def _needed(rows: Recording, output: int) -> list[bool]:
    """The rows that the result or a branch depends on."""
    needed = [row[0] is GUARD for row in rows]
    if output >= 0:
        needed[output] = True
    for k in range(len(rows) - 1, -1, -1):
        if needed[k] and rows[k][0] is not INPUT:
            for p in general_form(rows[k])[2]:
                if p >= 0:
                    needed[p] = True
    return needed


def _form(rule: Primitive) -> Callable[..., Any]:
    if callable(rule.sympy):
        return rule.sympy
    return lambda sympy, *args: getattr(sympy, str(rule.sympy))(*args)


@lru_cache(10_000)
def rule_template(rule: Primitive, numbers: tuple[Any, ...]) -> Template | None:
    """The SymPy form of a rule with places for its arguments; None where it has none.

    Args:
        rule: the rule.
        numbers: for each argument a number to be put in at once, or None.
    """
    import sympy

    places = [sympy.Dummy(f"a{k}") for k in range(len(numbers))]
    args = [place if n is None else n for place, n in zip(places, numbers, strict=True)]
    try:
        return Template(_form(rule)(sympy, *args), places)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return None


@cache
def _negated() -> dict[Any, Any]:
    import sympy

    pairs = [(sympy.Gt, sympy.Le), (sympy.Ge, sympy.Lt), (sympy.Eq, sympy.Ne)]
    return {a: b for pair in pairs for a, b in (pair, pair[::-1])}
