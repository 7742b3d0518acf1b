"""The benchmark as an experiment: its cells, its store and its page."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from diffkit import runner
from diffkit.report import publish as report
from diffkit.runner import Claim, Experiment, Results, open_store
from diffkit.runner.engines import InProcess
from diffkit.runner.provenance import code

from . import figures, standings
from .children import Children, Settings, children
from .contest import OK, WRONG, contest
from .problems import PROBLEMS
from .tools import TOOLS

NAME, WANTED = "benchmark", 0.75

QUESTION = f"""Which tool takes a derivative fastest, and how much slower is diffkit where it is not
the first? The problems are those that others publish, at several sizes each.

Every tool has a process of its own, with the same processors and the same number of threads. It is
prepared in each way that its documentation offers for the problem (written with its own operations,
its own loops, compiled where it compiles, and through diffkit's adapter where there is one), and
the fastest way counts. Its derivative is compared with the truth before anything is timed: with
the certified one where diffkit can prove it in time, and otherwise with reverse mode's, confirmed
by directional derivatives that come from f alone. A derivative that is off by more than {WRONG:g}
of its largest component, at that point or at a second one, is not ranked.

Then all tools are sampled in turn, round by round. A time is that of the least disturbed sample,
and is shown as a multiple of one evaluation of f in plain NumPy; medians and quartiles are in the
table of results."""

READING = (
    "F. Šrajer, Z. Kukelova, A. Fitzgibbon, A benchmark of selected algorithmic differentiation "
    "tools on some problems in computer vision and machine learning, Optim. Methods Softw. 33 "
    "(2018), https://arxiv.org/abs/1807.10129",
    "A. Griewank, A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, "
    "https://doi.org/10.1137/1.9780898717761",
)


def publish(given: argparse.Namespace, wanted: Settings, show: Callable[[str], None]) -> None:
    """Measure what is not known yet, and write the page into the folder that was asked for."""
    report.check(given.page, [NAME])
    given.page.mkdir(parents=True, exist_ok=True)
    store = given.page / f"{NAME}.sqlite"
    if given.fresh:
        store.unlink(missing_ok=True)
    with open_store(store) as kept, children(wanted) as held:
        found = runner.run(
            experiment(given, wanted, held, show),
            store=kept,
            engine=InProcess(),
            command="make bench" + (" QUICK=1" if given.quick else ""),
            on_cell=lambda done, total: show(f"{done} of {total} problems"),
        )
    show("")
    page = report.publish(found, given.page)
    print(standings.text(standings.standings(found.results)))
    for verdict in found.verdicts:
        print(f"{verdict.outcome}: {verdict.sentence}\n    {verdict.evidence}")
    print(f"{found.provenance.seconds:.0f} s -> {page}")


def experiment(
    given: argparse.Namespace, wanted: Settings, held: Children, show: Callable[[str], None]
) -> Experiment:
    """The experiment: a cell is a problem, measured in these processes."""

    def cells() -> Iterator[Mapping[str, Any]]:
        for name in given.problem:
            sizes = PROBLEMS[name].chosen(given.n, given.quick)
            yield {"problem": name, "sizes": sizes, "threads": wanted.threads}

    def measure(problem: str, sizes: tuple[int, ...], threads: int) -> list[dict[str, Any]]:
        return contest(PROBLEMS[problem], sizes, given.tools, held, show)

    return Experiment(
        name=NAME,
        title="Which tool is first",
        question=QUESTION,
        cells=cells,
        measure=measure,
        figures=figures.figures,
        claims=CLAIMS,
        reproduce="python benchmarks/compare_tools.py --problem mlp --tools reverse_prepared,jax",
        reading=READING,
        version=_version(wanted),
        timed=True,
        chapter="cost",
        order=90,
    )


def _version(wanted: Settings) -> str:
    """What results depend on: while it stays the same, they are kept."""
    found = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    found.update(repr((code(), wanted)).encode())
    for tool in TOOLS.values():
        found.update((tool.version() if tool.installed() else "").encode())
    return found.hexdigest()


def share(results: Results, column: str = "time", others: frozenset[str] = frozenset()) -> Any:
    """How many problems are won at every size, how many there are, and the others with the ratios.

    column: of the times that are compared.
    others: tools that are taken into the ranking as well.
    """
    found = standings.standings(results, others)
    worst = {
        name: max(s.ratio_of(column) for s in of)
        for name, of in standings.by_problem(found).items()
    }
    won = [name for name, ratio in worst.items() if ratio <= standings.MARGIN]
    lost = {name: ratio for name, ratio in worst.items() if ratio > standings.MARGIN}
    return won, lost


def _first(results: Results) -> tuple[bool, str]:
    won, lost = share(results)
    by_median = len(share(results, "median")[0])
    return len(won) >= WANTED * (len(won) + len(lost)), (
        f"{len(won)} of {len(won) + len(lost)} problems: {', '.join(won) or 'none'}. "
        f"By medians instead of the least disturbed samples: {by_median}. "
        "Not so, with the largest ratio to the fastest other tool: "
        + (", ".join(f"{name} {ratio:.3g}" for name, ratio in lost.items()) or "none")
        + "."
    )


def _first_with_buffers(results: Results) -> tuple[bool, str]:
    unranked = frozenset(name for name, tool in TOOLS.items() if not tool.ranked and name != "f")
    won, lost = share(results, others=unranked)
    return len(won) >= WANTED * (len(won) + len(lost)), (
        f"{len(won)} of {len(won) + len(lost)} problems: {', '.join(won) or 'none'}."
    )


def _sizes(results: Results) -> tuple[bool, str]:
    found = standings.standings(results)
    close = [s for s in found if s.close]
    return len(close) >= WANTED * len(found), (
        f"{len(close)} of {len(found)} sizes; the first outright at "
        f"{sum(s.ratio <= 1 for s in found)}."
    )


def _right(results: Results) -> tuple[bool, str]:
    rows = [r for r in results if r["tool"] == standings.OURS]
    bad = [f"{r['problem']} {r['n']}: {r['outcome']}, {r['why']}" for r in rows
           if r["outcome"] != OK]  # fmt: skip
    worst = max((r["error"] for r in rows if r["error"] is not None), default=float("nan"))
    certified = sum(r["truth"] == "certified" for r in rows)
    return not bad, (
        f"{len(rows) - len(bad)} of {len(rows)}, {certified} of them against a certified "
        f"derivative; the largest error is {worst:.1g} of the largest component. " + "; ".join(bad)
    )


CLAIMS = (
    Claim(
        "Prepared reverse mode is first, or within 10 % of the first, at every size of at least "
        "three quarters of the problems.",
        _first,
    ),
    Claim(
        "So it is where CasADi's functions are called through buffers, too, which is no ordinary "
        "call: arguments and results stay in one place in memory.",
        _first_with_buffers,
    ),
    Claim(
        "Counted by sizes instead of problems, it is first or within 10 % at three quarters.",
        _sizes,
    ),
    Claim("Prepared reverse mode gives the right derivative everywhere.", _right),
)
