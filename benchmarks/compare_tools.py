"""All installed tools on problems that others publish, in one run.

    python benchmarks/compare_tools.py --problem mlp --tools reverse_prepared,jax
    python benchmarks/compare_tools.py --page reports          # what `make bench` does

The first prints who is first on one problem or several; the second measures all of them, keeps each
problem's results as they come (a run that was stopped goes on from there), and writes a page.

Every tool has a process of its own with the same processors and threads. A tool's derivative is
compared with the truth first, and what is wrong is not ranked; then all are sampled in turn, round
by round. Each way to call a tool is tried, and the fastest that is right counts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import standings
from benchmarks.children import Settings, children
from benchmarks.contest import contest
from benchmarks.problems import PROBLEMS
from benchmarks.tools import TOOLS, tool_named


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problem", type=_problems, default=tuple(PROBLEMS), metavar="NAMES",
                        help=f"with commas between them; of {', '.join(PROBLEMS)}")  # fmt: skip
    parser.add_argument("--tools", type=_tools, default=tuple(TOOLS), metavar="NAMES",
                        help=f"of {', '.join(TOOLS)}; or file.py:NAME of your own")  # fmt: skip
    parser.add_argument("--n", type=_numbers, default=(), metavar="SIZES",
                        help="sizes of the problems; all by default")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="smaller sizes and shorter limits")
    parser.add_argument("--threads", type=int, default=1, help="of every library; 1 by default")
    parser.add_argument("--seconds", type=float, help="the limit for preparing a way of a tool")
    parser.add_argument("--budget", type=float, help="seconds of samples for a size")
    parser.add_argument("--json", type=Path, help="a file for the rows")
    parser.add_argument("--page", type=Path, metavar="FOLDER",
                        help="measure all, and write benchmark/index.html there")  # fmt: skip
    parser.add_argument("--fresh", action="store_true",
                        help="with --page: measure again what is known")  # fmt: skip
    return parser.parse_args(given)


def _problems(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in PROBLEMS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}; there are {', '.join(PROBLEMS)}")
    return names


def _tools(text: str) -> tuple[str, ...]:
    from diffkit.errors import UnknownNameError

    try:
        return tuple(tool_named(name).name for name in text.split(","))
    except (OSError, UnknownNameError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def settings(given: argparse.Namespace) -> Settings:
    """The limits that were asked for."""
    quick = {"seconds": 5.0, "certify": 3.0, "budget": 1.0} if given.quick else {}
    said = {
        name: getattr(given, name)
        for name in ("seconds", "budget", "threads")
        if getattr(given, name) is not None
    }
    return Settings(**(quick | said))


class Progress:
    """How far it has got: on one line of a terminal, and elsewhere a line for each size."""

    def __init__(self) -> None:
        self._size = ""

    def __call__(self, line: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        elif (size := line.partition(": ")[0]) not in ("", self._size):
            self._size = size
            print(size, file=sys.stderr, flush=True)


def compare(given: argparse.Namespace, show: Progress) -> None:
    """Measure what was asked for and print who is first."""
    rows: list[dict[str, Any]] = []
    with children(settings(given)) as held:
        for name in given.problem:
            sizes = PROBLEMS[name].chosen(given.n, given.quick)
            found = contest(PROBLEMS[name], sizes, given.tools, held, show)
            rows += [{"problem": name, **row} for row in found]
            show("")
            print(standings.text(standings.standings({"problem": name, **r} for r in found)),
                  flush=True)  # fmt: skip
            if given.json:
                given.json.write_text(json.dumps(rows, indent=1))


def main() -> None:
    given = arguments()
    try:
        for name in given.problem:
            PROBLEMS[name].chosen(given.n)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    if given.page is None:
        compare(given, Progress())
    else:
        from benchmarks.benchmark import publish

        publish(given, settings(given), Progress())


if __name__ == "__main__":
    main()
