"""The search for a derivative along a line, from values alone: find the scale, and extrapolate.

Symmetric differences at steps that about halve are extrapolated to step 0 by Neville's algorithm in
h² (Richardson 1911; Bulirsch & Stoer 1966; Ridders 1982). Each entry of the table carries a bound
of its round-off and the change its last extrapolation made. The even part f(x+h) + f(x−h) − 2 f(x),
extrapolated with the same weights, must vanish: what is left of it measures noise, and betrays
kinks and jumps, at no further evaluation. The two one-sided slopes are extrapolated as well.

A search is a generator: it asks for values of f at offsets from the point and is sent them. So one
call of f can serve many searches at once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from math import frexp, inf, isfinite, ldexp, nan, sqrt
from typing import Any

from .extrapolation import NOTHING, Entry, Table, least
from .lines import Line

Values = Generator[Sequence[float], Sequence[float], Any]

# The steps are 2^-k times these. Were they all multiples of the smallest one, a function with that
# period would look smooth. Ten bits keep x + h exact wherever x leaves as many.
MANTISSAS = tuple(m / 1024 for m in (829, 815, 839, 821, 845, 809, 833, 811))
MOST_EVALUATIONS = 120


@dataclass
class Search:
    """The search for a derivative at one point, along one line.

    Attributes:
        line: the line.
        center: f(x).
        order: 1 or 2, the order of the derivative.
    """

    line: Line
    center: float
    order: int = 1
    steps: list[float] = field(default_factory=list)
    values: list[tuple[float, float]] = field(default_factory=list)
    evaluations: int = 0

    def __post_init__(self) -> None:
        self.middle, self.even, self.right, self.left = Table(), Table(), Table(), Table()
        self.entries: list[Entry] = []
        self.seen: list[tuple[float, float, float]] = []
        self.sides: dict[str, list[Entry]] = {"right": [], "left": []}

    # Evaluating

    def _probe(self, h: float) -> Values:
        low, high = self.line.room
        asked = [t for t in (h, -h) if low <= t <= high]
        values = iter((yield asked))
        self.evaluations += len(asked)
        plus, minus = (next(values) if low <= t <= high else nan for t in (h, -h))
        return plus, minus

    def _rounded(self, h: float) -> float:
        """h on the grid of the offsets, where that is coarse."""
        q = self.line.grid(h)
        return max(q, round(h / q) * q) if h < 2048 * q else h

    def _step(self, h: float) -> float:
        """A step of about h, of ten bits."""
        m = MANTISSAS[len(self.steps) % len(MANTISSAS)]
        fraction, exponent = frexp(h)
        return self._rounded(ldexp(m, exponent - (fraction < 0.75)))

    # The scale

    def _start(self) -> float:
        size, (low, high) = self.line.size, self.line.room
        h = max(min(size / 2, 1.0) or 0.5, 64 * self.line.grid(0.0))
        return self._step(min(h, max(high, -low) / 1.01))

    def _scale(self) -> Values:
        """The longest step, and the values there.

        Starts where the step is small beside x and beside 1, and grows while f bends little: the
        second difference S says that f changes over h √(f/S), and round-off stops to matter at
        h f/D, where the first difference D is as large as f.
        """
        h = self._start()
        for _ in range(8):
            plus, minus = yield from self._probe(h)
            target = self._longer(h, plus, minus)
            if not target >= 4 * h or not self._agrees(self._rough(h, plus, minus)[0], h):
                break
            self.seen.append((*self._rough(h, plus, minus), h))
            h = self._step(target / 2)
        return h, plus, minus

    def _rough(self, h: float, plus: float, minus: float) -> tuple[float, float]:
        """The difference at one step, and its noise."""
        noise = 8 * self.line.unit * self.size(plus, minus)
        bend = (plus - self.center) + (minus - self.center)
        if self.order == 2:
            return bend / (h * h), noise / (h * h)
        return (plus - minus) / (2 * h), (noise + abs(bend)) / h

    def _agrees(self, value: float, h: float) -> bool:
        """Whether a value from steps down to h is one that shorter ones saw: f may level off."""
        return all(
            abs(value - v) <= 4 * noise + abs(v) / 2 for v, noise, short in self.seen if short < h
        )

    def _longer(self, h: float, plus: float, minus: float) -> float:
        """A longer step that would do; h if there is none."""
        if not (isfinite(plus) and isfinite(minus)):
            return h
        size, natural = self.size(plus, minus), max(self.line.size, 1.0) / 2
        bend, change = abs((plus - self.center) + (minus - self.center)), abs(plus - minus) / 2
        if bend == 0.0 and (change == 0.0 or self.order == 2):  # constant, straight, or lost
            target = natural if h < natural / 4 else h
        else:
            noise = 2 * self.line.unit * size
            target = h * sqrt(size / (bend + noise))
            if self.order == 2 and bend < 16 * noise:  # how f bends is not seen yet
                target = min(target, natural)
            if self.order == 1:
                target = min(target, h * size / change if change else inf)
            target = target if target >= 8 * h else h
        # One side is enough for a slope.
        reach = max if self.order == 1 else min
        return min(target, reach(map(abs, self.line.room)), 1e300)

    def size(self, *values: float) -> float:
        """The largest of f(x) and these values of f."""
        return max((abs(v) for v in (*values, self.center) if isfinite(v)), default=0.0)

    # Extrapolating

    def run(self) -> Values:
        """Steps downwards until round-off is all that is left, or nothing helps."""
        h, plus, minus = yield from self._scale()
        stalled, best = 0, NOTHING
        while True:
            self._add(h, plus, minus)
            now = self._best_so_far()
            if self._settled(now):
                break
            stalled = 0 if now.error < best.error / 4 or len(self.steps) < 4 else stalled + 1
            best = now
            h = self._step(h / self._shrink(now, stalled))
            if self._hopeless(h, best):
                break
            plus, minus = yield from self._probe(h)

    def _add(self, h: float, plus: float, minus: float) -> None:
        index, f, u = len(self.steps), self.center, 2 * self.line.unit
        self.steps.append(h)
        self.values.append((plus, minus))
        right, left = self.line.taken(h), -self.line.taken(-h)
        if isfinite(plus):
            noise = u * (abs(plus) + abs(f)) / right
            self.sides["right"] += self.right.add(index, right, (plus - f) / right, noise)
        if isfinite(minus):
            noise = u * (abs(minus) + abs(f)) / left
            self.sides["left"] += self.left.add(index, left, (f - minus) / left, noise)
        if isfinite(plus) and isfinite(minus):
            self._add_pair(index, right, left, plus, minus)

    def _add_pair(self, k: int, right: float, left: float, plus: float, minus: float) -> None:
        h, f, u = (right + left) / 2, self.center, 2 * self.line.unit
        bend = (plus - f) + (minus - f)
        noise = u * (abs(plus) + abs(minus) + 2 * abs(f))
        rests = self.even.add(k, h * h, bend, 2 * u * (abs(plus) + abs(minus)))
        if self.order == 1:
            slope = (plus - minus) / (2 * h)
            found = self.middle.add(k, h * h, slope, u * max(abs(plus), abs(minus)) / h)
        else:
            found = self.middle.add(k, h * h, bend / (h * h), noise / (h * h))
        worst = 0.0
        # A wider entry has less truncation: if it leaves more noise, there is more noise.
        for entry, rest in zip(reversed(found), reversed(rests), strict=True):
            share = abs(rest.value) / rest.roundoff if rest.roundoff else abs(rest.value) and inf
            worst = max(worst, share)
            entry = entry._replace(rest=worst if self.order == 1 else 0.0)
            if not self._agrees(entry.value, self.steps[-1]):
                doubt = max(abs(entry.value - v) for v, _, _ in self.seen)
                entry = entry._replace(truncation=max(entry.truncation, doubt))
            self.entries.append(entry)

    def _best_so_far(self) -> Entry:
        found = self.entries if self.entries or not self._bounded() else self._one_sided()
        return least([e for e in found if e.last >= 2])

    def _bounded(self) -> bool:
        low, high = self.line.room
        return min(high, -low) < self.steps[0]

    def _one_sided(self) -> list[Entry]:
        return [*self.sides["right"], *self.sides["left"]]

    def _settled(self, best: Entry) -> bool:
        if not self.entries and len(self.steps) > 12:  # nothing but one side for long
            best = least(self._one_sided())
        return best.clean or (self.order == 1 and self.sides_meet())

    def side(self, name: str) -> Entry:
        """The best one-sided slope, from the ``"right"`` or the ``"left"``."""
        e = least([e for e in self.sides[name] if e.last >= 2])
        return e._replace(truncation=2 * e.truncation)

    def sides_meet(self) -> bool:
        """Whether both one-sided slopes are there and agree: f' may have a kink, f has none."""
        right, left = self.side("right"), self.side("left")
        there = all(e.truncation <= 2 * e.roundoff < inf and e.width > 2 for e in (right, left))
        return there and abs(right.value - left.value) <= right.error + left.error

    def _shrink(self, best: Entry, stalled: int) -> float:
        if not self.entries and not self._bounded():
            return 4.0 if len(self.steps) < 4 else 8.0
        if len(self.steps) < 3:
            return 2.0
        size = max(abs(best.value), 1e-3 * self.size(*self.values[-1]) / self.steps[0])
        if best.error < 0.1 * size and stalled < 3:
            return 2.0
        return 8.0 if stalled < 16 else 512.0

    def _hopeless(self, h: float, best: Entry) -> bool:
        """Whether a step of h is too short to take, or to be of use."""
        if h >= self.steps[-1] or h < 2 * self.line.grid(0.0) or h < self.steps[0] * 2.0**-100:
            return True
        values = self.values[-1]
        size = self.size(*values)
        resolved = abs(sum(values) - 2 * self.center) < 0.01 * self.variation()
        floor = 2 * self.line.unit * size / h**self.order
        return (resolved and floor > best.error) or self.evaluations >= MOST_EVALUATIONS

    def variation(self) -> float:
        """By how much f varies over the longest steps."""
        known = [v for pair in self.values[:3] for v in pair if isfinite(v)]
        return max(known, default=0.0) - min(known, default=0.0)
