"""Tangents and adjoints of every line, each with the terms of the sum that it is.

Forward, the tangent of a line is the sum over its operands, tangent times local partial; backward,
the adjoint of a line is the sum over its consumers, adjoint times local partial (Griewank &
Walther 2008, sections 3.1 and 3.2). The rules are those of the sweeps, taken a term at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.errors import ShapeError
from diffkit.tape.recording import OUTPUT, numeric
from diffkit.tape.sweeps import ZERO, _evaluate, filled, like, push_row

from .formulas import operands, operation
from .lines import Line, Lines
from .notation import BAR, DOT, Notation
from .partials import Partial, Writer, partials

SEED = -1
# Operations that are linear in their first argument: a tangent goes through them as a value does.
_LINEAR = {
    *("getitem", "reshape", "ravel", "transpose", "sum", "cumsum", "squeeze", "expand_dims"),
    *("broadcast_to", "mean", "flip", "diagonal"),
}


@dataclass(frozen=True)
class Term:
    """One summand.

    Attributes:
        line: the line whose local partial it contains; SEED - k for the seed of result k.
        operand: the place of the operand among the arguments of that line.
        value: its value.
    """

    line: int
    operand: int
    value: Any


@dataclass(frozen=True)
class Sweep:
    """One sweep over a trace: a value for each line, and its terms in the order of the lines."""

    values: tuple[Any, ...]
    terms: tuple[tuple[Term, ...], ...]


def tangents(lines: Lines, direction: Sequence[Any]) -> Sweep:
    """Push a direction forward: a tangent for each input, of its shape."""
    with np.errstate(all="ignore"):  # what a sweep meets is shown, infinities included
        return _tangents(lines, direction)


def _tangents(lines: Lines, direction: Sequence[Any]) -> Sweep:
    values: list[Any] = list(direction)
    terms: list[tuple[Term, ...]] = [() for _ in direction]
    for k, line in enumerate(lines.lines[lines.inputs :], lines.inputs):
        found = [Term(k, n, _pushed(line, n, values)) for n, p in enumerate(line.parents)
                 if p >= 0 and _flows(line, n)]  # fmt: skip
        total: Any = ZERO
        for term in found:
            total = term.value if total is ZERO else _added(total, term.value)
        values.append(filled(total, line.value) if not isinstance(line.value, tuple) else total)
        terms.append(tuple(found))
    return Sweep(tuple(values), tuple(terms))


def _pushed(line: Line, n: int, values: list[Any]) -> Any:
    alone = [values[p] if k == n else ZERO for k, p in enumerate(line.parents)]
    places = tuple(k if k == n else -1 for k in range(len(line.parents)))
    pushed = push_row(line.rule, line.value, places, line.args, line.kwargs, alone, True)
    return filled(pushed, line.value) if not isinstance(line.value, tuple) else pushed


def _flows(line: Line, n: int) -> bool:
    """Whether a line depends differentiably on its operand n."""
    rule = line.rule
    if rule is None or line.kind != "operation":
        return False
    if rule is OUTPUT or rule.joint_vjp is not None:
        return True
    return rule.differentiable and n < len(rule.vjps) and rule.vjps[n] is not None


def adjoints(lines: Lines, seeds: Sequence[Any]) -> Sweep:
    """Pull a seed for each result back to the inputs."""
    with np.errstate(all="ignore"):
        return _adjoints(lines, seeds)


def _adjoints(lines: Lines, seeds: Sequence[Any]) -> Sweep:
    totals: list[Any] = [ZERO] * len(lines)
    terms: list[list[Term]] = [[] for _ in lines.lines]

    def flow(to: int, term: Term) -> None:
        totals[to] = term.value if totals[to] is ZERO else _added(totals[to], term.value)
        terms[to].insert(0, term)

    for k, (place, seed) in enumerate(zip(lines.outputs, seeds, strict=True)):
        if place >= 0:
            flow(place, Term(SEED - k, 0, seed))
    for k in range(len(lines) - 1, -1, -1):
        line = lines.lines[k]
        totals[k] = _whole(totals[k], line.value)
        for n, value in reversed(_pulled(line, totals[k])):
            flow(line.parents[n], Term(k, n, value))
    return Sweep(tuple(totals), tuple(map(tuple, terms)))


def _added(a: Any, b: Any) -> Any:
    if isinstance(a, dict):
        return {k: _added(a[k], b[k]) if k in a and k in b else a.get(k, b.get(k)) for k in a | b}
    return tuple(map(_added, a, b)) if isinstance(a, tuple) else a + b


def _whole(total: Any, value: Any) -> Any:
    """An adjoint in full: zeros where nothing flowed, and of several outputs one for each."""
    if isinstance(value, tuple):
        parts = total if isinstance(total, dict) else {}
        return tuple(parts.get(k, np.zeros_like(v)) for k, v in enumerate(value))
    return filled(total, value)


def _pulled(line: Line, g: Any) -> list[tuple[int, Any]]:
    """The term that a line sends to each operand that it depends on."""
    flowing = [n for n, p in enumerate(line.parents) if p >= 0 and _flows(line, n)]
    if not flowing:
        return []
    rule = line.rule
    assert rule is not None
    if rule is OUTPUT:
        return [(0, {line.args[1]: g})]
    if rule.joint_vjp is not None:
        pulled = rule.joint_vjp(g, line.value, *line.args, **line.kwargs)
    else:
        pulled = [_evaluate(rule.vjps[n], g, line.value, line.args, line.kwargs)
                  if n in flowing else None for n in range(len(line.args))]  # fmt: skip
    return [(n, _certain(like(pulled[n], line.args[n]), g)) for n in flowing]


def _certain(term: Any, g: Any) -> Any:
    """Where nothing flows into a line, nothing flows out of it, however steep it is."""
    if not isinstance(g, tuple) and np.shape(g) == np.shape(term) and np.any(np.isnan(term)):
        kept = np.where(np.equal(g, 0), 0.0, term)
        return float(kept) if not kept.ndim else kept
    return term


# --- directions and seeds as the user gives them -----------------------------------------


def directions(lines: Lines, tangent: Any, point: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Named directions: the one given, or with True one along each input.

    Raises:
        ShapeError: the tangent has another shape than the point.
    """
    if tangent is True:
        return [_along(lines, k) for k in range(lines.inputs)]
    given = tangent if len(point) > 1 and isinstance(tangent, tuple) else (tangent,)
    parts = [numeric(part, "the tangent") for part in given]
    if list(map(np.shape, parts)) != list(map(np.shape, point)):
        raise ShapeError(
            f"the tangent has shape {np.shape(parts[0])} and the point {np.shape(point[0])}; "
            f"a tangent is a direction in the space of x"
        )
    flat: list[Any] = []
    for part, places in zip(parts, lines.point, strict=True):
        split = len(places) > 1 or np.shape(part) != lines.lines[places[0]].shape
        flat += list(map(float, np.ravel(part))) if split else [part]
    return [("", flat)]


def _along(lines: Lines, k: int) -> tuple[str, list[Any]]:
    """The direction along input k; of an array along all of its elements at once."""
    found = [np.zeros(line.shape)[()] for line in lines.lines[: lines.inputs]]
    found[k] = np.ones(lines.lines[k].shape)
    return lines.lines[k].label, [float(v) if not np.ndim(v) else v for v in found]


def seeds(lines: Lines, cotangent: Any) -> list[tuple[int | None, list[Any]]]:
    """Seeds: the one given, or with True ones; of several results one seed for each of them.

    Raises:
        ShapeError: the cotangent has another shape than the result.
    """
    if cotangent is not True:
        u = numeric(cotangent, "the cotangent")
        shape = np.shape(lines.values[0]) if lines.whole else (len(lines.values),)
        if np.shape(u) != shape:
            raise ShapeError(
                f"the cotangent has shape {np.shape(u)} and the result {shape}; a cotangent has "
                f"the shape of the result"
            )
        return [(None, [u] if lines.whole else list(map(float, u)))]
    if lines.whole:
        value = lines.values[0]
        return [(None, [np.ones(np.shape(value)) if np.ndim(value) else 1.0])]
    m = len(lines.values)
    return [(k, [float(k == n) for n in range(m)]) for k in range(m)]


# --- the sums in symbols -------------------------------------------------------------------


class Sums:
    """The chain-rule sums of a trace, written out.

    Args:
        lines: the trace.
        notation: how its variables are named.
        stale: whether the sums are to be true at other points as well; a local partial for which
            there are no symbols is then not told by its number.
    """

    def __init__(self, lines: Lines, notation: Notation, stale: bool = False) -> None:
        self.lines, self.notation, self.stale = lines, notation, stale
        self._partials: dict[int, tuple[Partial | None, ...]] = {}

    def partial(self, line: int, operand: int) -> Partial:
        if line not in self._partials:
            self._partials[line] = partials(self.lines, line)
        found = self._partials[line][operand]
        return found if found is not None else Partial(None)

    def tangent(self, terms: Sequence[Term]) -> str:
        """The sum over operands: ``v̇₋₁/v₀ − v̇₀·v₁/v₀``."""
        return self._sum([self.tangent_term(t.line, t.operand) for t in terms])

    def adjoint(self, terms: Sequence[Term]) -> str:
        """The sum over consumers: ``w̄₃·cos w₁ + w̄₄·w₂``."""
        return self._sum([self.adjoint_term(t.line, t.operand) for t in terms])

    def tangent_term(self, line: int, operand: int) -> tuple[bool, str]:
        parent = self.lines.lines[line].parents[operand]
        flowing = self.notation.variable(parent, DOT)
        if self.by_itself(line, operand):
            return False, operation(self.lines, line, self.notation, {operand: flowing})
        return self._term(flowing, line, operand)

    def by_itself(self, line: int, operand: int) -> bool:
        """Whether an operation on arrays is linear, so that tangents go through it themselves."""
        found = self.lines.lines[line]
        assert found.rule is not None
        return not found.scalar and (
            found.rule.name == "matmul" or (found.rule.name in _LINEAR and operand == 0)
        )

    def adjoint_term(self, line: int, operand: int) -> tuple[bool, str]:
        if line <= SEED:
            return False, self.notation.result(SEED - line, BAR)
        flowing = self.notation.variable(line, BAR)
        found = self.lines.lines[line]
        negative, text = self._matrix(flowing, line, operand) or self._term(flowing, line, operand)
        parent = self.lines.lines[found.parents[operand]]
        if found.rule is not None and found.rule.elementwise and found.shape != parent.shape:
            word = self.notation.text("sum")  # over the axes along which it was broadcast
            text = f"{word}({text})"
        return negative, text

    def _matrix(self, flowing: str, line: int, operand: int) -> tuple[bool, str] | None:
        """The cotangent of a factor of a product of matrices, or of a matrix and a vector."""
        found = self.lines.lines[line]
        assert found.rule is not None
        if found.rule.name != "matmul" or np.ndim(found.args[0]) != 2 or np.ndim(found.args[1]) > 2:
            return None
        other = operands(self.lines, line, self.notation)[1 - operand]
        transposed, at, outer = (
            (f"{other}^{{T}}", r"\,@\,", r" \otimes ") if self.notation.latex else
            (f"{other}ᵀ", " @ ", " ⊗ ")
        )  # fmt: skip
        if operand == 1:
            return False, f"{transposed}{at}{flowing}"
        vector = np.ndim(found.args[1]) == 1
        return False, f"{flowing}{outer}{other}" if vector else f"{flowing}{at}{transposed}"

    def local(self, line: int, operand: int) -> str:
        """The local partial alone: ``cos w₁``; the number where there are no symbols for it."""
        partial = self.partial(line, operand)
        if partial.expression is not None:
            return Writer(self.notation, self.lines, line)(partial.expression)
        if partial.value is not None and not self.stale:
            return self.notation.number(partial.value)
        return self.formal(line, operand)

    def flows(self, line: int, operand: int) -> bool:
        """Whether a line depends differentiably on an operand."""
        return _flows(self.lines.lines[line], operand)

    def formal(self, line: int, operand: int) -> str:
        """``∂v₃/∂v₁``, of arrays the linear map that the rule applies."""
        above = self.notation.variable(line)
        below = self.notation.variable(self.lines.lines[line].parents[operand])
        if self.notation.latex:
            return rf"\partial {above} / \partial {below}"
        return f"∂{above}/∂{below}"

    def _term(self, flowing: str, line: int, operand: int) -> tuple[bool, str]:
        """Whether a term is subtracted, and the rest of it."""
        writer = Writer(self.notation, self.lines, line)
        expression = self.partial(line, operand).expression
        dot = r" \cdot " if self.notation.latex else "·"
        if expression is None:
            local = self.local(line, operand)
            negative = local[:1] in "−-"
            local = local[1:] if negative else local
            return negative, flowing if local == "1" else f"{flowing}{dot}{local}"
        negative = bool(not expression.is_Add and expression.could_extract_minus_sign())
        expression = -expression if negative else expression
        if expression == 1:
            return negative, flowing
        if expression.is_Number:
            return negative, f"{writer(expression, 3)}{dot}{flowing}"
        text = writer(expression, 1)
        if text.startswith(("1/", "1 / ")):
            return negative, flowing + text[1:]
        return negative, f"{flowing}{dot}{text}"

    def _sum(self, terms: list[tuple[bool, str]]) -> str:
        minus = "-" if self.notation.latex else "−"
        out = ""
        for negative, text in terms:
            if out:
                out += f" {minus} {text}" if negative else f" + {text}"
            else:
                out = (minus if negative else "") + text
        return out or "0"
