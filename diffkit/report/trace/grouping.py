"""Which lines stand together in one node of a graph that would be too large to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .lines import DECISION, INPUT, Lines

READABLE = 60
GROUPED = 24  # nodes of a graph that had to be grouped


def groups(lines: Lines, readable: int = READABLE) -> list[list[int]]:
    """Lines in groups of consecutive ones, so that no way leads out of a group and back into it.

    Up to ``readable`` lines each stand alone. Of more, inputs stand alone if they are few, and
    operations come in runs of one length: a multiple of the period, where they repeat.
    """
    everything = list(range(len(lines)))
    if len(everything) <= readable:
        return [[k] for k in everything]
    most = min(readable, GROUPED)
    inputs = [k for k in everything if lines.lines[k].kind == INPUT]
    rest = [k for k in everything if lines.lines[k].kind != INPUT]
    few = len(inputs) <= most // 4
    found = [[k] for k in inputs] if few else [inputs]
    room = most - len(found) - 1
    start, period = repetition([_name(lines, k) for k in rest])
    head, body = rest[:start], rest[start:]
    found += _runs(head, max(1, room // 4), 1)
    return found + _runs(body, room - min(len(head), room // 4), period)


def _name(lines: Lines, k: int) -> str:
    line = lines.lines[k]
    return line.rule.name if line.rule is not None else line.kind


def _runs(members: Sequence[int], most: int, period: int) -> list[list[int]]:
    """At most so many runs, whose length is a multiple of the period."""
    if not members:
        return []
    periods = -(-len(members) // period)
    length = period * -(-periods // most)
    return [list(members[k : k + length]) for k in range(0, len(members), length)]


def repetition(names: Sequence[str]) -> tuple[int, int]:
    """Where a sequence begins to repeat and with which period; (0, 1) where it does not.

    The loop of a program shows as a pattern of operations that comes again and again; what stands
    before it is its preparation.
    """
    best, chosen = 0, (0, 1)
    for period in range(1, min(len(names) // 3, 200) + 1):
        length = run = 0
        begin = end = 0
        for k in range(period, len(names)):
            run = run + 1 if names[k] == names[k - period] else 0
            if run > length:
                length, begin, end = run, k - run - period + 1, k
        covered = length - period // 2  # of two periods that cover as much, the shorter
        if length >= 2 * period and covered > best and end >= len(names) - 2 * period:
            best, chosen = covered, (begin, period)
    return chosen


def contents(lines: Lines, group: Sequence[int]) -> str:
    """What a group is made of: ``4 × multiply, 3 × add``."""
    kinds = [lines.lines[k].kind for k in group]
    names = [
        "input" if kind == INPUT else "branch" if kind == DECISION else _name(lines, k)
        for k, kind in zip(group, kinds, strict=True)
    ]
    common = Counter(names).most_common()
    told = [f"{count} × {name}" for name, count in common[:2]]
    return ", ".join(told + (["…"] if len(common) > 2 else []))
