"""The course: in which order reports are read, and what each chapter is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Chapter:
    """A chapter of the course: its name in `Experiment.chapter`, its title, and its opening."""

    name: str
    title: str
    opening: str


CHAPTERS = (
    Chapter(
        "difference quotients",
        "Difference quotients",
        "The definition of the derivative, taken at its word: call f twice, and divide by the "
        "step. It works on anything that can be called. How wrong is it? With a large step the "
        "quotient is that of a secant; with a small one two nearly equal numbers are subtracted. "
        "Between the two lies a best step, and even there about half of the digits are gone.",
    ),
    Chapter(
        "symbols",
        "Symbols and swell",
        "A formula can be differentiated exactly, rule by rule, as at school. What comes out can "
        "be far longer than what went in. These pages count how much longer, and whether the "
        "length is in the derivative or only in the way that it is written.",
    ),
    Chapter(
        "forward",
        "Forward mode",
        "Numbers instead of formulas: a program is a list of elementary operations, and beside "
        "each value its derivative along one direction, the tangent, is carried along. Exact up "
        "to rounding, one direction at a time.",
    ),
    Chapter(
        "reverse",
        "Reverse mode",
        "The same list, read backwards: the adjoint of each value says how the result depends on "
        "it, and is collected from the operations that used it. One sweep gives the derivative of "
        "one result in every input. That is backpropagation.",
    ),
    Chapter(
        "cost",
        "Cost",
        "What is paid for a derivative: evaluations of f, operations, memory, time. Which mode "
        "suits which shape of function, and what can be traded for what.",
    ),
    Chapter(
        "pitfalls",
        "Pitfalls",
        "Automatic differentiation differentiates the program, not the function that its author "
        "had in mind. Where the two part, it can be silently wrong; so can every other method.",
    ),
)
FURTHER = Chapter("", "Further reports", "Reports that are not part of the course.")


def chapter(found: Mapping[str, Any]) -> Chapter:
    """The chapter of a report, from its document."""
    name = found["experiment"].get("chapter", "")
    return next((c for c in CHAPTERS if c.name == name), FURTHER)


def in_order(documents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The folders of reports as they are read one after the other."""
    chapters = [*CHAPTERS, FURTHER]

    def place(folder: str) -> tuple[int, int, str]:
        found = documents[folder]
        return chapters.index(chapter(found)), found["experiment"].get("order", 0), folder

    return sorted(documents, key=place)
