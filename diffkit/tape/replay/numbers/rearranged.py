"""Programs on numbers, rearranged for the processor; the results differ by rounding.

A recording computes as its function does: a long sum waits for each addition before it begins the
next, and the square of a number is Python's power, which asks the C library. Where the bits of the
recording are not asked for, a square is a product, and a long sum is taken in four parts, which
the processor adds up at the same time. Arrays that were taken apart leave a lot that need not be
done: what was broadcast is computed for each element anew, and what was put among zeros is added to
them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ....rules import RULES, Primitive, arithmetic
from ...recording import GUARD
from .scalars import ScalarProgram, ScalarStep

PARTS, FEWEST = 4, 12  # partial sums, and the terms from which a sum has them
SAVING = 2  # quotients by one number from which its reciprocal is taken
_ADD, _SQUARE, _RECIPROCAL = arithmetic.add, RULES[np.square], RULES[np.reciprocal]
_SYMMETRIC = {arithmetic.add, arithmetic.multiply}


def rearranged(scalars: ScalarProgram) -> ScalarProgram:
    """The same function, computed faster."""
    return _with_partial_sums(simplified(scalars))


def simplified(scalars: ScalarProgram) -> ScalarProgram:
    """The same function with fewer and faster operations."""
    return _with_reciprocals(_used(_simplified(_with_products(scalars))))


def _with_products(scalars: ScalarProgram) -> ScalarProgram:
    """Squares as products."""
    twos = {k for k, value in scalars.constants.items() if value == 2 and value is not True}
    return replace(scalars, steps=tuple([
        ScalarStep(_SQUARE, step.operands[:1], step.slot, step.value)
        if step.rule is arithmetic.raised and step.operands[1] in twos else step
        for step in scalars.steps
    ]))  # fmt: skip


def _simplified(scalars: ScalarProgram) -> ScalarProgram:
    """Without sums with 0, products with 1, and what has been computed before."""
    zeros = {k for k, value in scalars.constants.items() if type(value) is float and value == 0}
    ones = {k for k, value in scalars.constants.items() if value == 1 and type(value) is not bool}
    same: dict[int, int] = {}
    known: dict[Any, int] = {}
    negated: dict[int, int] = {}  # by the slot of -x, that of x
    steps = []
    for step in scalars.steps:
        step = _without_signs(step, negated, same)
        operands = tuple([same.get(k, k) for k in step.operands])
        if step.rule is GUARD:
            steps.append(step._replace(operands=operands))
            continue
        of_floats = type(step.value) is float
        kept = _operand_that_stays(step.rule, operands, zeros, ones) if of_floats else None
        if kept is None:
            order = sorted(operands) if step.rule in _SYMMETRIC else operands
            kept = known.setdefault((step.rule, *order), step.slot)
        if kept == step.slot:
            steps.append(step._replace(operands=operands))
            if step.rule is arithmetic.negative:
                negated[step.slot] = operands[0]
        else:
            same[step.slot] = kept
    outputs = [
        np.array([same.get(k, k) for k in table.ravel().tolist()], int).reshape(table.shape)
        for table in scalars.outputs
    ]
    return replace(scalars, steps=tuple(steps), outputs=tuple(outputs))


def _without_signs(step: ScalarStep, negated: dict[int, int], same: dict[int, int]) -> ScalarStep:
    """a + (-b) is a - b, and so on, to the last bit."""
    if step.rule not in (_ADD, arithmetic.subtract, arithmetic.multiply, arithmetic.divide):
        return step
    a, b = [same.get(k, k) for k in step.operands]
    if step.rule in (arithmetic.multiply, arithmetic.divide):
        both = a in negated and b in negated
        return step._replace(operands=(negated[a], negated[b])) if both else step
    if b in negated:
        rule = arithmetic.subtract if step.rule is _ADD else _ADD
        return step._replace(rule=rule, operands=(a, negated[b]))
    if step.rule is _ADD and a in negated:
        return step._replace(rule=arithmetic.subtract, operands=(b, negated[a]))
    return step


def _operand_that_stays(
    rule: Primitive, operands: tuple[int, ...], zeros: set[int], ones: set[int]
) -> int | None:
    """The slot that an operation leaves as it is, but for the sign of a zero."""
    if rule in (_ADD, arithmetic.subtract) and operands[1] in zeros:
        return operands[0]
    if rule is _ADD and operands[0] in zeros:
        return operands[1]
    if rule in (arithmetic.multiply, arithmetic.divide) and operands[1] in ones:
        return operands[0]
    if rule is arithmetic.multiply and operands[0] in ones:
        return operands[1]
    return None


def _with_reciprocals(scalars: ScalarProgram) -> ScalarProgram:
    """Quotients by one and the same number as products with its reciprocal."""
    uses: dict[int, int] = {}
    for step in scalars.steps:
        if step.rule is arithmetic.divide:
            uses[step.operands[1]] = uses.get(step.operands[1], 0) + 1
    reciprocals: dict[int, int] = {}
    steps, slots = [], scalars.slots
    for step in scalars.steps:
        if step.rule is not arithmetic.divide or uses[step.operands[1]] < SAVING:
            steps.append(step)
            continue
        a, b = step.operands
        if b not in reciprocals:
            reciprocals[b], slots = slots, slots + 1
            steps.append(ScalarStep(_RECIPROCAL, (b,), reciprocals[b], step.value))
        steps.append(ScalarStep(arithmetic.multiply, (a, reciprocals[b]), step.slot, step.value))
    return replace(scalars, steps=tuple(steps), slots=slots)


def _used(scalars: ScalarProgram) -> ScalarProgram:
    """Without what no result and no branch depends on."""
    wanted = {k for table in scalars.outputs for k in table.ravel().tolist()}
    steps = []
    for step in reversed(scalars.steps):
        if step.rule is GUARD or step.slot in wanted:
            wanted.update(step.operands)
            steps.append(step)
    return replace(scalars, steps=tuple(reversed(steps)))


def _with_partial_sums(scalars: ScalarProgram) -> ScalarProgram:
    """Sums of many terms, each sum used in the next one alone, in parts."""
    chains = _chains(scalars)
    if not chains:
        return scalars
    place = {k: (chain, n) for chain in chains for n, k in enumerate(chain)}
    steps: list[ScalarStep] = []
    sums: dict[int, list[int]] = {}
    slots = scalars.slots
    for k, step in enumerate(scalars.steps):
        if k not in place:
            steps.append(step)
            continue
        chain, n = place[k]
        parts = sums.setdefault(chain[0], [])
        total, term = step.operands if n == 0 else _total_and_term(scalars, chain[n - 1], step)
        if n == 0:
            parts += [total, term]
        elif len(parts) < PARTS:
            parts.append(term)
        else:
            at = n % PARTS
            steps.append(ScalarStep(_ADD, (parts[at], term), slots, step.value))
            parts[at], slots = slots, slots + 1
        if n == len(chain) - 1:
            for a, b, out in ((0, 1, slots), (2, 3, slots + 1), (slots, slots + 1, step.slot)):
                operands = (parts[a], parts[b]) if a < PARTS else (a, b)
                steps.append(ScalarStep(_ADD, operands, out, step.value))
            slots += 2
    return replace(scalars, steps=tuple(steps), slots=slots)


def _total_and_term(scalars: ScalarProgram, before: int, step: ScalarStep) -> tuple[int, int]:
    total = scalars.steps[before].slot
    a, b = step.operands
    return (a, b) if a == total else (b, a)


def _chains(scalars: ScalarProgram) -> list[list[int]]:
    """Additions, by their steps, of which each takes the sum of the one before."""
    uses: dict[int, int] = {}
    for step in scalars.steps:
        for slot in step.operands:
            uses[slot] = uses.get(slot, 0) + 1
    for table in scalars.outputs:
        for slot in table.ravel().tolist():
            uses[slot] = uses.get(slot, 0) + 1
    ends: dict[int, list[int]] = {}  # by the slot of the sum so far
    chains: list[list[int]] = []
    for k, step in enumerate(scalars.steps):
        if step.rule is not _ADD or type(step.value) is not float:
            continue
        longest = max(
            (slot for slot in step.operands if uses[slot] == 1 and slot in ends),
            key=lambda slot: len(ends[slot]), default=None,
        )  # fmt: skip
        chain = ends.pop(longest) if longest is not None else []
        if not chain:
            chains.append(chain)
        chain.append(k)
        ends[step.slot] = chain
    return [chain for chain in chains if len(chain) >= FEWEST]
