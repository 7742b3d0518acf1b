"""Is this gradient right? A verdict from independent tests, with tolerances that follow from them.

Four witnesses are heard. Finite differences, entry by entry or in random directions, with their
own estimate of their error. Taylor's remainder along a random direction, which must fall as h².
The certified derivative, where f can be traced. What rounding does to the last: neither a gradient
nor a check can be better than that. Differences are the only ones that do not share the rules of
automatic differentiation, so nothing is right that they have not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from ._backends.estimate import MEANINGS
from ._guess import guess
from ._judge import TRUSTED, Finding, Judge
from ._verdict import CANNOT_TELL, RIGHT, WRONG, Verdict, WrongEntry
from ._witnesses import Certified, Subject, certify
from .errors import DomainError, NonFiniteError, NonNumericError, ShapeError
from .nests import NESTS, leaves_like

_DIRECTIONS = 8
_SAMPLED = 12  # entries looked at beside the worst, where there are too many for all
# Any one of 8 random directions sees a tenth of the error's norm with probability 1 − 2e-9.
_UNSEEN = 10.0


def check_gradient(
    f: Callable[..., Any],
    gradient: Any,
    x: Any,
    *args: Any,
    seed: int = 0,
    absolute: float = 0.0,
    budget: float = 2.0,
) -> Verdict:
    """Check a gradient that was written by hand, generated, or computed by anything else.

    An entry is right if its error is at most √ε of it, where ε is that of the gradient's dtype, and
    the verdict says to how many digits it is; a derivative that is zero, or all cancellation, is
    right up to the rounding of x: 64 ε (|g| + |H| |x|). An entry is wrong if it is off by more than
    that, and by more than ten times the estimated error of the witness. What lies between, and a
    point at a kink, a jump or the edge of the domain, cannot be told.

    Args:
        f: the function, ``f(x, *args)``, which returns a number. It need not be traceable.
        gradient: a function called as ``gradient(x, *args)``, or the gradient at x itself.
        x: the point: a number, an array or a nest of them.
        args: constants.
        seed: for the random directions.
        absolute: an error up to this is right in any entry.
        budget: seconds that differences entry by entry may take; where they would take longer, or
            there are over 2000 entries, random directions are taken.

    Raises:
        ShapeError: f does not return one number.
        NonNumericError: f, gradient or x are not made of real numbers.
    """
    try:
        subject = Subject(f, x, args)
    except (NonFiniteError, DomainError, ArithmeticError) as error:
        return Verdict(CANNOT_TELL, f"domain: {error}")
    except ValueError as error:
        if "math domain" not in str(error):
            raise
        return Verdict(CANNOT_TELL, f"domain: f raised {error}")
    given = gradient(x, *args) if callable(gradient) else gradient
    try:
        entries, dtype = _entries(given, subject.point)
    except ShapeError as error:
        turned = np.ndim(x) > 1 and np.shape(given) == np.shape(x)[::-1]
        return Verdict(WRONG, str(error), guess="transposed" if turned else "")
    return _Check(subject, entries, dtype, np.random.default_rng(seed), absolute, budget).verdict()


def _entries(given: Any, x: Any) -> tuple[Any, Any]:
    """The gradient as a vector of doubles, and its coarsest dtype.

    Raises:
        ShapeError: it is not of the shape or structure of x.
        NonNumericError: it is not made of real numbers.
    """
    if isinstance(x, NESTS):
        leaves: Any = leaves_like(given, x, "the gradient")
    else:
        if isinstance(given, dict) or np.shape(given) != np.shape(x):
            raise ShapeError(f"the gradient has shape {np.shape(given)}, and x has {np.shape(x)}")
        leaves = (given,)
    arrays = [np.asarray(leaf) for leaf in leaves]
    for a in arrays:
        if a.dtype.kind not in "fiub":
            raise NonNumericError(f"a gradient is made of real numbers, got dtype {a.dtype}")
    kinds = [a.dtype if a.dtype.kind == "f" else np.dtype(float) for a in arrays]
    vector = np.concatenate([np.ravel(a).astype(float) for a in arrays])
    return vector, max(kinds, key=lambda k: np.finfo(k).eps)


class _Check(Judge):
    """The course of a check, and what follows from its findings."""

    def verdict(self) -> Verdict:
        if not self.n:
            return Verdict(RIGHT, "there are no entries")
        self.certified = certify(self.subject, self.random)
        v = self.random.choice([-1.0, -0.5, 0.5, 1.0], self.n) * self.subject.scale
        self.ladder = self.subject.ladder(v)
        slope = float(np.dot(np.where(np.isfinite(self.g), self.g, 0.0), v))
        findings = self._by_entry() if self._affordable() else self._by_direction()
        self._say_direction(v, slope)
        self._say_taylor(slope)
        self._say_certified()
        return self._concluded(findings, slope)

    def _affordable(self) -> bool:
        return self.n <= 2000 and self.n * 25 * self.subject.seconds <= self.budget

    # In random directions

    def _by_direction(self) -> list[Finding]:
        """One finding for all entries together, or for those that are found to be wrong."""
        finite = np.isfinite(self.g)
        if not finite.all():
            bad = np.flatnonzero(~finite)
            self.places = [int(bad[0])]
            self.value = np.full(self.n, np.nan)
            return [Finding(WRONG, "not finite")]
        gaps, errors = zip(
            *(self._along(self._direction()) for _ in range(_DIRECTIONS)), strict=True
        )
        statuses = [s for s in self.direction_status if s not in TRUSTED]
        if statuses:
            return [Finding(CANNOT_TELL, f"{statuses[0]}: {MEANINGS[statuses[0]]}")]
        # A norm of zero has no digits, and nothing that is small beside it.
        largest = float(np.linalg.norm(self.g * self.subject.scale))
        doubt = _UNSEEN * max(g + e for g, e in zip(gaps, errors, strict=True))
        self._say_directions(gaps, errors)
        rounding = 16 * self.eps * largest
        if all(g <= 10 * e + rounding for g, e in zip(gaps, errors, strict=True)):
            if self.certified.value is not None:
                return self._proved()
            if 0 < doubt <= self.needed * largest or not doubt:
                return [Finding(RIGHT, digits=self._digits(doubt, largest))]
            return [Finding(CANNOT_TELL, "finite differences do not resolve the gradient")]
        return self._located(max(gaps))

    def _proved(self) -> list[Finding]:
        """Each entry against the certified derivative, after directions have confirmed g."""
        self.value, self.error = np.full(self.n, np.nan), np.full(self.n, np.inf)
        return [self._by_proof(k, float(self.g[k]), "ok") for k in range(self.n)]

    def _direction(self) -> Any:
        return self.random.standard_normal(self.n) * self.subject.scale

    def _along(self, v: Any) -> tuple[float, float]:
        found = self.subject.differences(v)
        self.direction_status = [*getattr(self, "direction_status", []), str(found.status)]
        return abs(float(np.dot(self.g, v)) - float(found.value)), float(found.error)

    def _located(self, gap: float) -> list[Finding]:
        """The worst entry, by halving the set of those that it may be in, and some others."""
        v, inside = self._direction(), np.arange(self.n)
        while inside.size > 1:
            halves = np.array_split(inside, 2)
            gaps = []
            for half in halves:
                masked = np.zeros(self.n)
                masked[half] = v[half]
                gaps.append(self._along(masked)[0])
            inside = halves[int(np.argmax(gaps))]
        others = self.random.choice(self.n, min(self.n, _SAMPLED), replace=False)
        self.places = list(dict.fromkeys([int(inside[0]), *others.tolist()]))
        self.value, self.error = np.full(self.n, np.nan), np.full(self.n, np.nan)
        self.status = [""] * self.n
        for k in self.places:
            found = self._estimate(k)
            self.value[k], self.error[k], self.status[k] = found.value, found.error, found.status
        findings = [self._judge(k) for k in self.places]
        if all(f.status == RIGHT for f in findings):
            return [Finding(CANNOT_TELL, "directions disagree, but no single entry that is off "
                                          "was found")]  # fmt: skip
        return findings

    # Conclusions

    def _concluded(self, findings: list[Finding], slope: float) -> Verdict:
        places = self.places or list(range(self.n))
        wrong = [(k, f) for k, f in zip(places, findings, strict=False) if f.status == WRONG]
        if wrong:
            return self._wrong(wrong)
        doubtful = [f for f in findings if f.status == CANNOT_TELL]
        if doubtful:
            count = f" ({len(doubtful)} of {self.n} entries)" if self.n > 1 else ""
            return self._verdict(CANNOT_TELL, doubtful[0].reason + count)
        if self.certified.value is None and self.ladder.contradicts(slope, 1e-3 * abs(slope)):
            return self._verdict(
                CANNOT_TELL, "noise: over short steps f does not have the slope that it has over "
                "longer ones"
            )  # fmt: skip
        return self._right(min(f.digits for f in findings))

    def _right(self, digits: float) -> Verdict:
        what = "finite differences" + (
            " and the certified derivative agree" if self.certified.value is not None else " agree"
        )
        if not np.isfinite(digits):
            return self._verdict(RIGHT, f"{what}: it is zero up to rounding")
        if self.notes:
            what += f"; {self.notes[0]}" + (
                f", and {len(self.notes) - 1} alike" if self.notes[1:] else ""
            )
        if not hasattr(self, "error"):
            what += f" in {_DIRECTIONS} random directions; digits are those of the norm"
        return self._verdict(RIGHT, what, digits=digits)

    def _wrong(self, wrong: list[tuple[int, Finding]]) -> Verdict:
        def badness(item: tuple[int, Finding]) -> float:
            k, found = item
            if not np.isfinite(self.g[k]) or found.expected is None:
                return inf
            return abs(float(self.g[k]) - found.expected) / (abs(found.expected) or 1e-300)

        wrong.sort(key=badness, reverse=True)
        entries = tuple(self._entry(k, found) for k, found in wrong)
        count = "it is off" if self.n == 1 else f"{len(entries)} of {self.n} entries are off"
        if self.places:
            count = f"{len(entries)} of the {len(self.places)} entries looked at are off"
        if self.conflict:
            count += f"; {self.conflict}"
        return self._verdict(WRONG, count, wrong=entries, guess=self._guess(wrong))

    def _entry(self, k: int, found: Finding) -> WrongEntry:
        given, expected = float(self.g[k]), found.expected
        error = None if expected is None or not np.isfinite(given) else abs(given - expected)
        return WrongEntry(self._index(k), given, expected, error)

    def _guess(self, wrong: list[tuple[int, Finding]]) -> str:
        known = self.certified.value is not None and not self.conflict
        expected = self.certified.value if known else self.value
        mask = np.zeros(self.n, dtype=bool)
        mask[[k for k, _ in wrong]] = True
        seen = np.array(self.places) if self.places and not known else np.arange(self.n)
        if not np.all(np.isfinite(expected[seen])):
            return ""
        error = (
            0.0 if known else float(np.max(self.error[mask] / (np.abs(expected[mask]) + 1e-300)))
        )
        flat = isinstance(self.subject.point, NESTS) or seen.size < self.n
        shape = seen.shape if flat else np.shape(self.subject.point)
        arrays = (self.subject.x, self.g, expected, mask)
        x, g, e, m = (np.reshape(a[seen], shape) for a in arrays)
        tolerance = min(max(self.tolerance, 10 * error), 1e-2)
        return guess(g, e, m, x, self.subject.y, self._sizes(), tolerance)

    def _sizes(self) -> set[int]:
        """Numbers that f may take a mean over: the lengths of what it is given."""
        import inspect

        try:
            held = list(inspect.getclosurevars(self.subject.f).nonlocals.values())
        except (TypeError, ValueError):  # not a Python function, or not finished
            held = []
        arrays = [a for a in (*held, *self.subject.args) if isinstance(a, np.ndarray)]
        shape = np.shape(self.subject.point) if not isinstance(self.subject.point, NESTS) else ()
        return {self.n, *shape, *self.certified.sizes, *(n for a in arrays for n in a.shape)}

    def _verdict(self, status: str, reason: str, **details: Any) -> Verdict:
        calls = self.subject.calls
        return Verdict(status, reason, evidence=tuple(self.evidence), evaluations=calls, **details)

    # Evidence

    def _say_directions(self, gaps: Any, errors: Any) -> None:
        off = sum(g > 10 * e for g, e in zip(gaps, errors, strict=True))
        self._say(
            "random directions", "disagrees" if off else "agrees",
            f"in {_DIRECTIONS - off} of {_DIRECTIONS}, to within {max(gaps):.1g}",
        )  # fmt: skip

    def _say_direction(self, v: Any, slope: float) -> None:
        found = self.subject.differences(v)
        gap, ok = abs(found.value - slope), found.status in TRUSTED
        limit = 10 * found.error + self.tolerance * abs(found.value)
        finding = "says nothing" if not ok else "agrees" if gap <= limit else "disagrees"
        self._say(
            "dot product", finding, f"g·v = {slope:.9g}; differences along v give "
            f"{found.value:.9g} ± {found.error:.1g}" + ("" if ok else f" ({found.status})"),
        )  # fmt: skip

    def _say_taylor(self, slope: float) -> None:
        power = self.ladder.remainder_slope(slope)
        if power is None:
            self._say("Taylor remainder", "says nothing", "it is all rounding")
            return
        finding = "agrees" if power > 1.7 else "disagrees" if power < 1.3 else "says nothing"
        self._say("Taylor remainder", finding, f"falls as h^{power:.2f}; for a gradient h^2")

    def _say_certified(self) -> None:
        c: Certified = self.certified
        if c.value is None:
            self._say("certified derivative", "not available", c.reason)
            return
        with np.errstate(all="ignore"):
            gap = np.abs(self.g - c.value)
            worst = float(np.max(np.where(c.value == 0, 0.0, gap / np.abs(c.value))))
        limit = np.maximum(self.tolerance * np.abs(c.value), 64 * self.eps * c.sensitivity)
        finding = "agrees" if np.all(gap <= np.maximum(limit, self.absolute)) else "disagrees"
        self._say(
            "certified derivative", finding, f"largest relative error {worst:.1g}; shares its "
            f"rules with automatic differentiation"
        )  # fmt: skip


__all__ = ["check_gradient"]
