"""What the entries of a search amount to: a derivative, what it may be off by, and a status."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan

from .extrapolation import Entry, least
from .search import Search

NOISY, VERY_NOISY = 30.0, 1e6  # the noise, as a multiple of the round-off of f


@dataclass(frozen=True)
class Finding:
    """What a search found.

    Attributes:
        value: the derivative; NaN where there is none.
        error: what it may be off by.
        step: the shortest step it was taken from.
        status: ``"ok"``, or what is wrong; see ``Estimate``.
    """

    value: float
    error: float
    step: float
    status: str


def judge(search: Search) -> Finding:
    """The best entry of all, its error raised by whatever speaks against it."""
    best = _chosen(search)
    coarse = _quantised(search, best)
    if coarse is not None:
        return coarse
    if search.order == 1 and _is_sawtooth(search, best):
        return Finding(best.value, best.error, search.steps[best.last], "noise")
    if best.clean:
        return _report(search, best)
    if search.order == 1 and search.entries:
        if _jumps(search):
            return Finding(nan, inf, search.steps[-1], "jump")
        gap = _gap(search)
        if gap:
            return Finding(best.value, abs(gap) / 2 + best.truncation, search.steps[-1], "kink")
    side = _better_side(search, best) if search.order == 1 and best.rest < NOISY else None
    if side is not None:
        return side
    if not search.entries:
        return Finding(nan, inf, search.steps[-1], "domain")
    return _report(search, best)


def _chosen(search: Search) -> Entry:
    """The entry of least error, each judged in the light of the shorter steps that followed."""
    entries = [e for e in search.entries if e.last >= 2 and isfinite(e.value)]
    best = least(entries)
    if best.clean and best.last == len(search.steps) - 1 and search.order == 1:
        return best
    judged = [_in_hindsight(e, entries) for e in entries]
    best = least(judged)
    if best.error < 1e-3 * abs(best.value):
        return best
    # A long step has a small error even where it has seen nothing of f' at all.
    clear = [e for e in judged if e.error < 1e-3 * abs(e.value)]
    return min(clear, key=lambda e: e.error / abs(e.value), default=best)


def _in_hindsight(e: Entry, entries: list[Entry]) -> Entry:
    later = [
        o
        for o in entries
        if o.first >= e.first
        and e.last <= o.last <= e.last + 3
        and o.width >= (min(e.width, 3) if o.first > e.first + 1 else e.width)
    ]
    rest = max(o.rest for o in later)
    apart = max(max(0.0, abs(o.value - e.value) - o.error) for o in later)
    return e._replace(rest=rest, truncation=max(e.truncation, apart))


def _is_sawtooth(search: Search, e: Entry) -> bool:
    """Whether f is straight as far as it is smooth, with a slope that longer steps do not see."""
    if any(abs(v) > 4 * noise for v, noise, _ in search.seen):  # on the way to longer steps
        return False
    h = search.steps[e.first]
    plus, minus = search.values[e.first]
    bent = max(abs(plus + minus - 2 * search.center) / 2, abs((plus - minus) / 2 - e.value * h))
    seen = max(abs(v - search.center) for v in search.values[0]) / search.steps[0]
    return e.first > 2 and bent < 0.02 * abs(e.value) * h and abs(e.value) > 8 * seen


def _quantised(search: Search, best: Entry) -> Finding | None:
    """The finding of longer steps, where f is constant in steps shorter than these.

    A staircase has the slope of its stairs, unless there is but one stair.
    """
    flat = {k for k, pair in enumerate(search.values) if pair == (search.center,) * 2}
    if best.last not in flat or best.first not in flat or 0 in flat:
        return None
    top = min(flat)
    entries = [e for e in search.entries if e.last < top and e.width > 1]
    coarse = least([_in_hindsight(e, entries) for e in entries])
    if not coarse.error < 0.3 * abs(coarse.value):
        return None
    step = search.steps[coarse.last]
    rises = (abs(v - search.center) for pair in search.values[:top] for v in pair)
    stair = min(rise for rise in rises if rise > 0)
    return Finding(coarse.value, max(coarse.error, 2 * stair / step), step, "noise")


def _report(search: Search, e: Entry) -> Finding:
    step = search.steps[e.last]
    return Finding(e.value, e.error, step, _status(search, e))


def _status(search: Search, e: Entry) -> str:
    if not isfinite(e.value):
        return "no convergence"
    # Noise that is lost beside what f does over longer steps is nobody's concern.
    heard = e.error > 1e-9 * max(abs(e.value), search.variation() / search.steps[0] ** search.order)
    if heard and e.rest >= VERY_NOISY:
        return "noise"
    values = search.values[e.first]
    changes = search.variation() > 1e-3 * abs(search.center)  # by more than rounding
    if e.value == 0 and values[0] == values[1] == search.center and changes:
        # f changes elsewhere, and here perhaps by less than its last digit; but a 0 has no digits.
        return "flat" if search.center else "zero"
    if e.error <= 1e-4 * abs(e.value) or (e.value == 0 and (e.clean or not heard)):
        return "ok"
    if heard and e.rest >= NOISY:
        return "noise"
    scale = search.size(*search.values[e.first]) / search.steps[e.first] ** search.order
    return "no convergence" if heard and e.error > 1e-6 * scale else "zero"


def _noise(search: Search, k: int) -> float:
    return 8 * search.line.unit * search.size(*search.values[k])


def _pairs(search: Search) -> list[int]:
    """The steps at which f has a value on both sides."""
    return [k for k, (p, m) in enumerate(search.values) if isfinite(p) and isfinite(m)]


def _jumps(search: Search) -> bool:
    """Whether f(x ± h) − f(x), or f(x + h) − f(x − h), stays the same while h shrinks."""
    ks = _pairs(search)
    f = search.center
    bends = [sum(search.values[k]) - 2 * f for k in ks]
    odds = [search.values[k][0] - search.values[k][1] for k in ks]
    least = 100 * max((_noise(search, k) for k in ks[-4:]), default=0.0)
    return any(_stays(d, least) for d in (bends, odds))


def _stays(values: list[float], least: float) -> bool:
    """Whether values fall to a constant above ``least``, and none goes astray on the way."""
    limit = values[-1] if values else 0.0
    reached = next((k for k, v in enumerate(values) if abs(v) <= 1.5 * abs(limit)), len(values))
    tail = values[reached + 1 :]
    return (
        abs(limit) > least
        and len(tail) >= 4
        and all(abs(v - limit) < 0.2 * abs(limit) for v in tail)
    )


def _gap(search: Search) -> float:
    """By how much the slope changes at x: the limit of (f(x+h) − 2 f(x) + f(x−h)) / h; or 0."""
    f = search.center
    found: list[float] = []
    for k in reversed(_pairs(search)):
        h, bend = search.steps[k], sum(search.values[k]) - 2 * f
        expected = found[-1] * h if found else bend
        if abs(bend) < 100 * _noise(search, k) and abs(expected) < 100 * _noise(search, k):
            continue
        if found and abs(bend / h - found[0]) > 0.2 * abs(found[0]):
            break
        found.append(bend / h)
        if len(found) >= 4:
            return found[0]
    return 0.0


def _better_side(search: Search, best: Entry) -> Finding | None:
    """A finding from one-sided slopes, where these are better: at an edge, and where f' kinks."""
    right, left = search.side("right"), search.side("left")
    if search.sides_meet() and max(right.error, left.error) < best.error:
        error = max(right.error, left.error, abs(right.value - left.value))
        middle = right.value / 2 + left.value / 2
        return Finding(middle, error, search.steps[right.last], "ok")
    low, high = search.line.room
    for side, lost, edge in ((right, 1, -low), (left, 0, high)):
        if _is_needed(search, side, best, lost):
            inside = search.entries or edge < search.steps[0]
            return Finding(
                side.value, side.error, search.steps[side.last], "ok" if inside else "domain"
            )
    return None


def _is_needed(search: Search, side: Entry, best: Entry, lost: int) -> bool:
    """Whether f has no value on the other side, and the slope on this side is good."""
    if side.width < 3 or not side.error < best.error:
        return False
    if all(isfinite(pair[lost]) for pair in search.values[: side.last + 1]):
        return False
    if search.entries:
        return abs(side.value - best.value) <= 3 * (side.error + best.error)
    return side.error < 1e-3 * max(abs(side.value), search.variation() / search.steps[0])
