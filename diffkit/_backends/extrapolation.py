"""Neville's extrapolation to step 0, with a bound of the round-off of each entry."""

from __future__ import annotations

from math import inf, nan
from typing import NamedTuple

QUIET = 1.0  # what is left of the even part is below this multiple of its bound


class Entry(NamedTuple):
    """One extrapolation, from the steps number ``first`` to ``last``.

    Attributes:
        value: the derivative.
        truncation: the change that the last step of the extrapolation made.
        roundoff: a bound of the round-off, where values of f are right to the last bit.
        rest: the even part left over, as a multiple of its own bound of round-off.
    """

    value: float
    truncation: float
    roundoff: float
    first: int
    last: int
    rest: float = 0.0

    @property
    def error(self) -> float:
        """What the value may be off by."""
        # One sample of the noise may be a third of it, or less.
        return self.truncation + self.roundoff * (1.0 if self.rest < 1 else 3 * self.rest)

    @property
    def clean(self) -> bool:
        """Whether nothing is left but the round-off of values right to the last bit."""
        return self.truncation <= self.roundoff < inf and self.rest < QUIET

    @property
    def width(self) -> int:
        """How many steps it draws on."""
        return self.last - self.first + 1


NOTHING = Entry(nan, inf, inf, 0, 0)


class Table:
    """Neville's scheme at z = 0, over the last steps."""

    DEPTH = 8
    LONG = 8.0  # the largest ratio of neighbouring z at which convergence can be seen

    def __init__(self) -> None:
        self.z: list[float] = []
        self.index: list[int] = []
        self.row: list[Entry] = []

    def add(self, index: int, z: float, value: float, noise: float) -> list[Entry]:
        """The entries that end in a new step; ``noise`` bounds the round-off of its value.

        Neighbouring weights have opposite signs, so that the bounds of round-off add up exactly.
        """
        self.z.append(z)
        self.index.append(index)
        last = len(self.z) - 1
        row = [Entry(value, inf, noise, index, index)]
        for k, old in enumerate(self.row[: self.DEPTH - 1], start=1):
            new, far = row[-1], self.z[last - k]
            if far == z:  # the squares of both steps are below the smallest double
                break
            c = z / (far - z)
            found = new.value + c * (new.value - old.value)
            # After a long step one extrapolation changes little, whether it is right or not.
            long = any(self.z[i] > self.LONG * self.z[i + 1] for i in range(last - k, last))
            change = abs(old.value - new.value) if long else abs(found - new.value)
            roundoff = (1 + c) * new.roundoff + c * old.roundoff
            row.append(Entry(found, change, roundoff, self.index[last - k], index))
        self.row = row
        return row[1:]


def error_of(entry: Entry) -> float:
    """The key by which entries are compared."""
    return entry.error


def least(entries: list[Entry]) -> Entry:
    """The entry of least error; ``NOTHING`` of none."""
    return min(entries, key=error_of, default=NOTHING)
