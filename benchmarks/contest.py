"""All tools on one problem: correctness first, then their costs in turn, round by round."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.guard import Outcome
from diffkit.measure.cost import Spread

from .child import SAMPLE
from .children import CHILD, TRUTH, Children
from .problems import Problem
from .tools import Tool, Way, tool_named

PLAIN = "f"
WRONG = 1e-6  # error over the largest component from which a derivative is not ranked
LOADING = 120.0  # seconds for imports
ROUNDS, FEWEST, OF_SLOW = 21, 5, 3  # samples; of calls that are slow, the last

# What can become of a tool; those of the guard are "error", "timeout", "memory" and "crashed".
OK, INACCURATE, SKIPPED = "ok", "inaccurate", "not tried"
UNSUPPORTED, MISSING = "unsupported", "not installed"
_SEVERITY = (INACCURATE, "timeout", "memory", "crashed", SKIPPED, "error")

Say = Callable[[str], None]
Row = dict[str, Any]


@dataclass
class Entry:
    """A tool on one size of a problem, as far as it has got.

    Attributes:
        tool: which one.
        outcome, why: whether it takes part, and why not.
        way: the name of the way that is ready in its process.
        made: what the child said of it (`child.prepare`).
        others: what became of each way that was tried, a line each.
        samples: seconds of a call, one for each round.
        steady: bytes that a call takes.
        threads: of the pools in its process.
    """

    tool: Tool
    outcome: str = OK
    why: str = ""
    way: str = ""
    made: dict[str, Any] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    samples: list[float] = field(default_factory=list)
    steady: int | None = None
    threads: dict[str, int] = field(default_factory=dict)

    def out(self, outcome: str, why: str) -> Entry:
        """The same, without a part in the ranking."""
        self.outcome, self.why = outcome, why
        return self

    @property
    def loops(self) -> int:
        """The calls of a sample."""
        return max(1, int(SAMPLE / max(self.made["seconds"], 1e-7)))


@dataclass
class Contest:
    """One problem, and what is known of it so far.

    Attributes:
        problem: which one.
        held: the processes.
        folder: where the truth of each size is written.
        slow: of each tool and way the size at which it went over a limit, or how long it took to
            prepare there, for ways that take operations in one by one.
        plain: seconds of one evaluation of f at the current size.
    """

    problem: Problem
    held: Children
    folder: Path
    slow: dict[tuple[str, str], tuple[int, float, str]] = field(default_factory=dict)
    plain: float = 0.0

    def truth(self, n: int) -> str:
        """How the right derivative is known, after it was written for the tools to compare with.

        Raises RuntimeError where there is nothing to compare with: the problem is at fault.
        """
        arguments = {"problem": self.problem.name, "n": n, "path": str(self._path(n))}
        limit = self.held.settings.certify
        proved = self.held.run("truth", f"{TRUTH}:certify", limit, **arguments)
        if proved.ok and proved.value["solvable"]:
            return "certified"
        reason = f"not certified: {proved.reason[:150]}"
        if proved.ok:
            reason = f"in doubles f itself is off by {proved.value['off']:.1g}"
        extended = not proved.ok  # a chaotic map takes another path in another precision
        agreed = self.held.run("truth", f"{TRUTH}:agree", 60.0, extended=extended, **arguments)
        if not agreed.ok:
            raise RuntimeError(f"{self.problem.name} at n = {n}: {reason}; {agreed.reason}")
        apart, method = agreed.value["disagreement"], agreed.value["method"]
        return (
            f"reverse mode, which the {method} confirms to {apart:.1g} along three random "
            f"directions ({reason})"
        )

    def enter(self, n: int, tool: Tool, way_of: dict[str, str]) -> Entry:
        """Prepare a tool's ways, and leave the fastest right one ready in its process.

        way_of: the ways that the tools before it go by.
        """
        entry = Entry(tool)
        if not tool.installed():
            return entry.out(MISSING, f"pip install {tool.package}")
        case = self.problem.case(n)
        ways = [
            way
            for way in tool.ways(self.problem, case)
            if not tool.follows or way.name == way_of.get(tool.follows)
        ]
        if not ways:
            return entry.out(UNSUPPORTED, tool.why_none)
        right, failures, ready = self._tried(n, entry, ways)
        entry.others += [f"{status}, {text}" for status, text in failures]
        if not right:
            status = min((s for s, _ in failures), key=_SEVERITY.index)
            return entry.out(status, "; ".join(text for _, text in failures))
        for way, made in sorted(right, key=lambda item: item[1]["seconds"]):
            entry.way, entry.made = way.name, made
            # Another was prepared after it, or its process was lost.
            if way is ready or _verdict(self._prepare(n, tool, way, again=True), tool)[0] == OK:
                return entry
            ready = None
        return entry.out("error", "what was right once was not a second time")

    def _tried(self, n: int, entry: Entry, ways: Sequence[Way]) -> Any:
        """The ways that gave the right derivative, why others did not, and which is ready."""
        right: list[tuple[Way, dict[str, Any]]] = []
        failures: list[tuple[str, str]] = []
        ready: Way | None = None
        for way in ways:
            if way.fallback and (right or not _falls_back(way, failures)):
                continue
            if reason := self._hopeless(n, entry.tool, way):
                failures.append((SKIPPED, f"{way.name}: {reason}"))
                continue
            began = time.perf_counter()
            outcome = self._prepare(n, entry.tool, way)
            taken = time.perf_counter() - began
            status, text = _verdict(outcome, entry.tool)
            key = entry.tool.name, way.name
            if status in ("timeout", "memory", "crashed"):
                self.slow[key] = (n, math.inf, f"{text} at n = {n}")
            elif way.grows:
                self.slow[key] = (n, taken, f"{taken:.2g} s at n = {n}, and in proportion to it")
            ready = way if outcome.ok else None
            if status == OK:
                right.append((way, outcome.value))
                entry.others.append(f"{way.name} {outcome.value['seconds']:.3g} s")
            else:
                failures.append((status, f"{way.name}: {text}"))
                if status == INACCURATE and not entry.made:
                    entry.way, entry.made = way.name, outcome.value
        return right, failures, ready

    def _prepare(self, n: int, tool: Tool, way: Way, again: bool = False) -> Outcome:
        # What was within the limit once may be just beyond it the next time.
        limit = self.held.settings.seconds * (3 if again else 1)
        loaded = self.held.run(tool.name, f"{CHILD}:load", LOADING, tool=tool.name, way=way.name)
        if not loaded.ok:
            return replace(loaded, reason=f"it cannot be imported: {loaded.reason}")
        return self.held.run(
            tool.name, f"{CHILD}:prepare", limit, problem=self.problem.name, n=n,
            tool=tool.name, way=way.name, truth=str(self._path(n)),
        )  # fmt: skip

    def _hopeless(self, n: int, tool: Tool, way: Way) -> str:
        """Why it would certainly go over the limit; empty where it may not."""
        limit = self.held.settings.seconds
        before, taken, what = self.slow.get((tool.name, way.name), (n, 0.0, ""))
        if taken * n / before > limit:
            return what
        if 3 * way.evaluations * self.plain > limit:  # two at the point, one at the other
            return (
                f"{way.evaluations} evaluations of f at least, which are "
                f"{way.evaluations * self.plain:.2g} s"
            )
        return ""

    def sample(self, entries: Sequence[Entry]) -> None:
        """Samples of all that take part, in turn; who begins changes from round to round."""
        order = [e for e in entries if e.outcome == OK]
        budget = self.held.settings.budget
        end, count = time.perf_counter() + budget, 0
        while order and (count < FEWEST or (count < ROUNDS and time.perf_counter() < end)):
            for entry in order:
                slow = entry.made["seconds"] > budget / 40  # rounds of it would be all there is
                if entry.outcome == OK and not (slow and count >= OF_SLOW):
                    self._sample_one(entry)
            order = [*order[1:], order[0]]
            count += 1
        for entry in order:
            grown, pools = (self._asked(entry, task) for task in ("steady_memory", "threads"))
            entry.steady = grown.value if grown.ok else None
            entry.threads = pools.value if pools.ok else {}

    def _sample_one(self, entry: Entry) -> None:
        taken = self._asked(entry, "sample", loops=entry.loops)
        if taken.ok:
            entry.samples.append(taken.value)
        else:
            entry.out(taken.status, taken.reason)

    def _asked(self, entry: Entry, task: str, **arguments: Any) -> Outcome:
        limit = 4 * self.held.settings.seconds
        return self.held.run(entry.tool.name, f"{CHILD}:{task}", limit, **arguments)

    def _path(self, n: int) -> Path:
        return self.folder / f"{n}.npz"


def _falls_back(way: Way, failures: Sequence[tuple[str, str]]) -> bool:
    """Whether a way is wanted after what has failed."""
    return way.fallback == "any" or all(status in ("error", INACCURATE) for status, _ in failures)


def _verdict(outcome: Outcome, tool: Tool) -> tuple[str, str]:
    """What became of a way, and why it takes no part."""
    if not outcome.ok:
        return outcome.status, outcome.reason[:300]
    made = outcome.value
    if "failed" in made:
        return "error", made["failed"]
    if tool.name == PLAIN:
        return OK, ""
    worst = np.max([made["error"], made["other"]])  # NaN where either is
    if not worst <= WRONG:
        return INACCURATE, (
            f"off by {made['error']:.2g} of the largest component, and by {made['other']:.2g} at "
            "a second point"
        )
    return OK, ""


def contest(
    problem: Problem,
    sizes: Sequence[int],
    tools: Iterable[str],
    held: Children,
    say: Say = lambda text: None,
) -> list[Row]:
    """A row for each size and tool, with plain f as the first of each size.

    Args:
        problem: which one.
        sizes: which of its sizes, ascending.
        tools: by name, in the order of the rows.
        held: the processes.
        say: is told how far it has got.
    """
    held.close()  # no process remembers another problem
    chosen = [tool_named(name) for name in dict.fromkeys((PLAIN, *tools))]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        running = Contest(problem, held, Path(folder))
        for n in sizes:
            known = running.truth(n)
            entries: list[Entry] = []
            for tool in chosen:
                say(f"{problem.name}, n = {n}: {tool.name}")
                way_of = {e.tool.name: e.way for e in entries if e.outcome == OK}
                entries.append(running.enter(n, tool, way_of))
                if tool.name == PLAIN:
                    running.plain = entries[0].made.get("seconds", 0.0)
            say(f"{problem.name}, n = {n}: all in turn")
            running.sample(entries)
            limit = held.settings.seconds
            rows += [_row(n, e, entries[0], known) | {"limit": limit} for e in entries]
    return rows


def _row(n: int, entry: Entry, plain: Entry, truth: str) -> Row:
    made, f = entry.made, min(plain.samples, default=math.nan)
    row: Row = {
        "n": n,
        "tool": entry.tool.name,
        "outcome": entry.outcome,
        "why": entry.why,
        "ranked": entry.tool.ranked,
        "version": entry.tool.version() if entry.tool.installed() else "",
        "way": entry.way,
        "note": made.get("note", ""),
        "ways": "; ".join(entry.others),
        "truth": truth,
        "error": made.get("error"),
        "ulps": made.get("ulps"),
    }
    for name in ("prepare", "first"):
        row[name] = made.get(name)
        row[f"{name}_over_f"] = made[name] / f if made else None
    row |= {"prepare_memory": made.get("memory"), "call_memory": entry.steady}
    row["pools"] = max(entry.threads.values(), default=None)
    if entry.samples and entry.outcome == OK:
        spread = Spread.of(entry.samples)
        row |= {
            "time": min(spread.samples),
            "median": spread.median,
            "low": spread.low,
            "high": spread.high,
            "over_f": min(spread.samples) / f,
            "median_over_f": spread.median / float(np.median(plain.samples)),
            "unstable": spread.unstable,
            "samples": spread.samples,
        }
    return row
