"""What a problem is, and what one size of it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Function = Callable[[Any], Any]
Maker = Callable[[Any], Function]


class Operator(StrEnum):
    """What is asked for.

    DERIVATIVE: of a function of one number. GRADIENT: of a function of an array or a tuple of
    arrays. BLOCKS: the derivatives of a function that maps each row of an array (p, k) to a row of
    (p, m), all rows at once: the non-zero part of a block-diagonal Jacobian, of shape (p, m, k).
    """

    DERIVATIVE = "derivative"
    GRADIENT = "gradient"
    BLOCKS = "blocks"


@dataclass(frozen=True, eq=False)
class Case:
    """One size of a problem.

    Attributes:
        make: gives f for a NumPy-like namespace. For BLOCKS, f maps (p, k) to (p, m).
        x: the point at which the derivative is taken and timed.
        other: a second point, at which a tool that was prepared at x is checked as well.
        forms: for a tool (by name), other ways to write f, by a name that says what they are;
            each is a maker that takes the tool's own module. For BLOCKS it makes the function
            that gives the blocks.
        data: the arrays that f holds on to, by name, for who computes it otherwise.
    """

    make: Maker
    x: Any
    other: Any
    forms: Mapping[str, Mapping[str, Maker]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Problem:
    """A family of functions, one for each n.

    Attributes:
        name: one word, for tables and the command line.
        title: what it is, in a few words.
        source: where the formula is from: author, year, place in the text.
        counted: what n counts.
        sizes: the n that are measured, ascending.
        case: gives the case of a size.
        operator: what is asked for.
        loops: whether n counts the rounds of a loop in Python (or is the depth of a recursion):
            what takes operations in one by one takes longer with n.
    """

    name: str
    title: str
    source: str
    counted: str
    sizes: tuple[int, ...]
    case: Callable[[int], Case]
    operator: Operator = Operator.GRADIENT
    loops: bool = False

    def chosen(self, wanted: Sequence[int] = (), quick: bool = False) -> tuple[int, ...]:
        """The sizes that are asked for: all by default, the smaller ones to be quick.

        Raises ValueError for a size that the problem does not have.
        """
        if unknown := [n for n in wanted if n not in self.sizes]:
            known = ", ".join(map(str, self.sizes))
            raise ValueError(f"{self.name} has no n = {unknown[0]}; it has {known}")
        return tuple(wanted) or (self.sizes[:2] if quick else self.sizes)
