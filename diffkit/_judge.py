"""The judgement of each entry of a gradient from differences and the certified derivative."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, log10
from typing import Any

import numpy as np

from ._backends.estimate import MEANINGS
from ._verdict import CANNOT_TELL, RIGHT, WRONG, Evidence, place
from ._witnesses import Certified, Subject
from .nests import NESTS

TRUSTED = ("ok", "zero")
_UNDEFINED = ("kink", "jump")
_MOST_CONFIRMED = 8


@dataclass(frozen=True)
class Finding:
    """What is found about one entry: a status, its digits, and why."""

    status: str
    reason: str = ""
    digits: float = inf
    expected: float | None = None
    doubt: float = 0.0


@dataclass(eq=False, repr=False)
class Judge:
    """What the witnesses say about a gradient, entry by entry.

    Attributes:
        subject: f and the point.
        g, dtype: the gradient as a vector of doubles, and the dtype it came in.
        random: for directions.
        absolute: an error that is right in any entry.
        budget: seconds for differences entry by entry.
        evidence: what was found, for the verdict.
    """

    subject: Subject
    g: Any
    dtype: Any
    random: np.random.Generator
    absolute: float
    budget: float
    evidence: list[Evidence] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.eps = max(float(np.finfo(self.dtype).eps), 2.0**-52)
        self.tolerance = self.eps**0.5
        self.needed = self.eps**0.25  # an estimate that is worse than this confirms nothing
        self.n = self.subject.x.size
        self.confirmed = 0
        self.notes: list[str] = []  # on entries that are zero as far as differences tell
        self.conflict = ""
        self.places: list[int] = []  # the entries judged, where these are not all
        self.certified = Certified()

    # Entry by entry

    def _by_entry(self) -> list[Finding]:
        estimates = [self._estimate(k) for k in range(self.n)]
        self.value, self.error = (
            np.array([getattr(e, name) for e in estimates]) for name in ("value", "error")
        )
        self.status = [str(e.status) for e in estimates]
        self._say_differences()
        # The worst first: those are confirmed by shorter steps.
        with np.errstate(all="ignore"):
            gap = np.nan_to_num(np.abs(self.g - self.value) / (np.abs(self.value) + self.error))
        findings: dict[int, Finding] = {}
        for k in np.argsort(-gap, kind="stable").tolist():
            findings[k] = self._judge(k)
        return [findings[k] for k in range(self.n)]

    def _unit(self, k: int) -> Any:
        e = np.zeros(self.n)
        e[k] = 1.0
        return e

    def _estimate(self, k: int) -> Any:
        return self.subject.differences(self._unit(k))

    def _judge(self, k: int) -> Finding:
        g, status = float(self.g[k]), self.status[k]
        if status in _UNDEFINED:
            return Finding(CANNOT_TELL, f"{status}: {MEANINGS[status]}")
        known = self.certified.value is not None
        if not np.isfinite(g):
            if status in TRUSTED or known:
                expected = self.certified.value[k] if known else self.value[k]
                return Finding(WRONG, "not finite", expected=float(expected))
            return Finding(CANNOT_TELL, f"{status}: {MEANINGS[status]}")
        if known and not self._contradicted(k):
            return self._by_proof(k, g, status)
        if known:
            if not self._confirmed(k, float(self.certified.value[k])):
                return Finding(
                    CANNOT_TELL, "finite differences and the certified derivative disagree"
                )
            self.conflict = "the derivative rules used in tracing f disagree with f itself"
        return self._by_differences(k, g, status)

    def _contradicted(self, k: int) -> bool:
        """Whether differences that say they are good rule the certified derivative out."""
        if self.status[k] not in TRUSTED:
            return False
        truth = float(self.certified.value[k])
        allowed = 10 * self.error[k] + 1e-7 * abs(truth) + 8 * self._rounding(k, truth)
        return bool(abs(self.value[k] - truth) > allowed)

    def _rounding(self, k: int, truth: float) -> float:
        """What rounding of x and of each term may do to the entry (Higham 2002, section 1.6)."""
        sensitivity = float(np.broadcast_to(self.certified.sensitivity, self.n)[k])
        return 64 * self.eps * (abs(truth) + sensitivity)

    def _by_proof(self, k: int, g: float, status: str) -> Finding:
        truth, radius = float(self.certified.value[k]), float(self.certified.radius[k])
        gap, v, e = abs(g - truth) + radius, float(self.value[k]), float(self.error[k])
        own = float(np.broadcast_to(self.certified.rounding, self.n)[k])
        near = np.isfinite(v) and abs(g - v) <= 10 * e + self.tolerance * abs(truth)
        if gap <= self.tolerance * abs(truth) or gap <= max(
            self.absolute, self._rounding(k, truth)
        ):
            if status not in TRUSTED and not near:
                return Finding(
                    CANNOT_TELL,
                    f"{status}: {MEANINGS[status]}, so that nothing but the derivative rules "
                    f"confirms the gradient",
                )
            return Finding(RIGHT, digits=self._digits(gap, truth), expected=truth)
        if gap <= 16 * own and own > self.tolerance * abs(truth):
            return Finding(
                CANNOT_TELL,
                f"rounding: evaluating the derivative of f in this precision is itself off by "
                f"{own:.1g}; the derivative is {truth:.9g}",
            )
        if status not in TRUSTED and not abs(v - truth) < abs(v - g) / 2:
            return Finding(CANNOT_TELL, f"{status}: {MEANINGS[status]}")
        return Finding(WRONG, expected=truth, doubt=gap)

    def _by_differences(self, k: int, g: float, status: str) -> Finding:
        if status not in TRUSTED:
            return Finding(CANNOT_TELL, f"{status}: {MEANINGS[status]}")
        v = float(self.value[k])
        e = float(self.error[k]) + 4 * self.subject.unit * abs(v)
        gap = abs(g - v)
        if gap <= self.absolute and e <= self.absolute:
            return Finding(RIGHT, digits=self._digits(gap + e, v), expected=v)
        close = gap <= self.tolerance * abs(v) + 10 * e
        if close and gap + e <= self.needed * abs(v):
            return Finding(RIGHT, digits=self._digits(gap + e, v), expected=v)
        scale = 0.0 if gap + e == 0 else self._curvature(k)
        if gap <= 10 * e + 64 * self.eps * scale:
            if gap + e <= self.tolerance * scale or gap + e == 0:
                return Finding(RIGHT, expected=v)
            if g == v == 0 and self._without_effect(k, e):
                self.notes.append(
                    f"{place(self._index(k))} is zero as far as the rounding of f lets see: at "
                    f"most {e:.0e}"
                )
                return Finding(RIGHT, expected=v)
            return Finding(CANNOT_TELL, f"finite differences do not resolve it: {v:.3g} ± {e:.1g}")
        if self.confirmed >= _MOST_CONFIRMED or self._confirmed(k, g):
            self.confirmed += 1
            return Finding(WRONG, expected=v, doubt=gap)
        return Finding(CANNOT_TELL, "noise: f has another slope over short steps than over long")

    def _confirmed(self, k: int, slope: float) -> bool:
        """Whether differences at the shortest usable steps bear out the estimate, not the slope."""
        length = float(self.subject.scale[k])
        ladder = self.subject.ladder(self._unit(k) * length)
        return ladder.confirms(slope * length, (float(self.value[k]) - slope) * length)

    def _without_effect(self, k: int, error: float) -> bool:
        """Whether f stays the same to the last bit, so that the entry is zero beside the others."""
        unit = self._unit(k) * self.subject.scale[k]
        beside = error <= self.tolerance * float(np.max(np.abs(self.g)))
        return self.subject.ladder(unit).flat if beside else self.subject.ignores(k)

    def _curvature(self, k: int) -> float:
        """|x f''| along one entry: by how much the slope there changes with x."""
        found = self.subject.differences(self._unit(k), 2)
        if not np.isfinite(found.value):
            return 0.0
        return float(abs(found.value) * self.subject.scale[k])

    def _digits(self, error: float, truth: float) -> float:
        """Correct decimal digits; infinite, which is left out, if the entry is all rounding."""
        if not truth or error > self.tolerance * abs(truth) * 1e4:
            return inf
        return -log10(max(error / abs(truth), self.eps / 2))

    def _index(self, k: int) -> tuple[Any, ...]:
        point = self.subject.point
        if not isinstance(point, NESTS):
            return tuple(int(i) for i in np.unravel_index(k, np.shape(point)))
        import optree

        for path, leaf in zip(optree.tree_paths(point), optree.tree_leaves(point), strict=True):
            if k < np.size(leaf):
                return (*path, *(int(i) for i in np.unravel_index(k, np.shape(leaf))))
            k -= np.size(leaf)
        raise IndexError(k)

    def _say(self, test: str, finding: str, detail: str) -> None:
        self.evidence.append(Evidence(test, finding, detail))

    def _say_differences(self) -> None:
        gap, limit = np.abs(self.g - self.value), 10 * self.error + self.tolerance * abs(self.value)
        good = np.array([s in TRUSTED for s in self.status])
        odd = sorted(set(self.status) - {"ok"})
        told = f"; {', '.join(odd)} in {sum(s != 'ok' for s in self.status)}" if odd else ""
        off = int(np.sum(~(gap[good] <= limit[good])))
        finding = "disagrees" if off else "agrees" if good.any() else "says nothing"
        self._say(
            "finite differences", finding, f"{good.sum() - off} of {self.n} entries{told}; their "
            f"own error is at most {np.max(self.error):.1g}"
        )  # fmt: skip
