"""The `diffkit` command: list what there is, run experiments, compare backends at a point."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.errors import DiffkitError, ExperimentError, UnknownNameError

if TYPE_CHECKING:
    from diffkit.runner import Experiment, Run
    from diffkit.runner.run import OnCell

_INTERRUPTED = 130  # 128 + SIGINT, as shells count


class _Commands(click.Group):
    """A group in which every error of diffkit is one line, and an interrupt is no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DiffkitError as error:
            _complain(error)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("interrupted; reports that were complete are kept", err=True)
            ctx.exit(_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="diffkit", message="diffkit %(version)s")
def cli() -> None:
    """Every way of differentiating a function, side by side and measured.

    \b
    What is there, then all experiments, then one function at one point:
      diffkit list
      diffkit run                          then open reports/index.html
      diffkit compare exp --at 1.5

    `diffkit COMMAND --help` has more examples.
    """


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
def list_(as_json: bool) -> None:
    """Show the experiments, the named test problems and the backends.

    \b
    Examples:
      diffkit list
      diffkit list --json
    """
    loaded, broken = _load_all()
    if as_json:
        click.echo(_json(_catalogue(loaded, broken)))
    else:
        _print_catalogue(_catalogue(loaded, broken))
    for error in broken.values():
        _complain(error)
    if broken:
        raise click.exceptions.Exit(1)


@cli.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="The folder of the reports; made if need be.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Where random numbers begin; the same seed gives the same numbers.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
def run(names: tuple[str, ...], out: Path, seed: int, as_json: bool) -> None:
    """Run experiments (all of them, or those named) and write their reports.

    Every report is a page that opens without a network, with the table as CSV and JSON
    beside it; index.html in the same folder leads to all of them.

    The exit code is 1 where a cell failed, a claim could not be checked or a report could
    not be made. A claim that did not hold is a result, not a failure.

    \b
    Examples:
      diffkit run
      diffkit run fd_error_exp
      diffkit run fd_error_exp swell_logistic --out my_reports
    """
    from diffkit.report import publish

    loaded, broken = _load_all(names)
    publish.check(out, loaded)
    if not loaded and not broken:
        raise ExperimentError("there is no experiment to run; `diffkit list` shows what there is")
    outcomes = [_failure(name, error) for name, error in broken.items()]
    outcomes += [_run_one(experiment, out, seed, quiet=as_json) for experiment in loaded.values()]
    if as_json:
        click.echo(_json(outcomes))
    elif any(outcome["page"] for outcome in outcomes):
        click.echo(f"Open {out / 'index.html'}")
    if any(outcome["failed"] for outcome in outcomes):
        raise click.exceptions.Exit(1)


@cli.command()
@click.argument("name")
@click.option(
    "--at",
    "at",
    metavar="X",
    help="The point: a number, numbers parted by commas, or x=2,y=3 where the problem names "
    "its variables. Without it, the first of the problem's own points.",
)
@click.option("--operator", help="What to compute, such as derivative, gradient or hessian.")
@click.option("--backend", "backends", multiple=True, help="Only this backend; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
def compare(
    name: str, at: str | None, operator: str | None, backends: tuple[str, ...], as_json: bool
) -> None:
    """Differentiate the problem NAME with every backend: value, error and time of each.

    \b
    Examples:
      diffkit compare exp --at 1.5
      diffkit compare griewank --at 1.5,0.5
      diffkit compare griewank --at x1=1.5,x2=0.5 --operator hessian
      diffkit compare exp --at 1.5 --backend reverse --backend finite_difference
    """
    import diffkit as dk

    if name not in dk.problems:
        raise UnknownNameError("problem", name, dk.problems)
    problem = dk.problems[name]
    point = problem.points[0] if at is None else parse_point(at, problem.variables)
    found = dk.compare(problem, point, operator=operator, backends=list(backends) or None)
    if as_json:
        click.echo(_json(found.to_dict()))
    else:
        _console().print(found)


def main() -> None:
    """The entry point of the command."""
    # A terminal that cannot show a sign gets a question mark, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    cli(prog_name="diffkit")


def parse_point(text: str, variables: tuple[str, ...] = ()) -> Any:
    """A point as typed: "1.5" is a float, "1,2" a vector, "x=2,y=3" one in named variables.

    Raises click.BadParameter for anything else, and where names or numbers do not match
    the variables.
    """
    parts = [part.strip() for part in text.split(",")]
    read = _named if "=" in text else _unnamed
    numbers = read(parts, variables)
    if not numbers or (len(variables) > 1 and len(numbers) != len(variables)):
        expected = f"{len(variables)} numbers ({', '.join(variables)})" if variables else "numbers"
        raise click.BadParameter(f"{text!r} where {expected} are due", param_hint="'--at'")
    if len(numbers) == 1 and "," not in text:
        return numbers[0]
    import numpy as np

    return np.array(numbers)


def _unnamed(parts: list[str], variables: tuple[str, ...]) -> list[float]:
    return [_number(part) for part in parts if part]


def _named(parts: list[str], variables: tuple[str, ...]) -> list[float]:
    pairs = [part.partition("=") for part in parts]
    given = {name.strip(): number for name, _, number in pairs}
    if set(given) != set(variables) or len(parts) != len(variables):
        names = f"its variables are {', '.join(variables)}" if variables else "it names none"
        raise click.BadParameter(
            f"{', '.join(parts)!r} does not give each variable of the problem once; {names}",
            param_hint="'--at'",
        )
    return [_number(given[name]) for name in variables]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number", param_hint="'--at'") from None


def _load_all(
    names: Iterable[str] = (),
) -> tuple[dict[str, Experiment], dict[str, ExperimentError]]:
    """The experiments that load, and the errors of those that do not.

    Raises UnknownNameError for a name without a file.
    """
    from diffkit.runner import discovery

    loaded, broken = {}, {}
    for name in dict.fromkeys(names or discovery.names()):
        try:
            loaded[name] = discovery.load(name)
        except ExperimentError as error:
            broken[name] = error
    return loaded, broken


def _run_one(experiment: Experiment, out: Path, seed: int, *, quiet: bool) -> dict[str, Any]:
    from diffkit import runner
    from diffkit.report.publish import publish

    command = f"diffkit run {experiment.name} --seed {seed}"
    try:
        with _progress(experiment.name) as on_cell:
            found = runner.run(experiment, seed=seed, command=command, on_cell=on_cell)
        page = publish(found, out)
    except ExperimentError as error:
        return _failure(experiment.name, error)
    if not quiet:
        _print_run(found, page)
    return _summary(found, page)


def _failure(name: str, error: ExperimentError) -> dict[str, Any]:
    _complain(error)
    return {"experiment": name, "page": None, "failed": True, "error": str(error)}


def _summary(found: Run, page: Path) -> dict[str, Any]:
    from diffkit.runner.results import ERROR

    return {
        "experiment": found.experiment.name,
        "page": str(page),
        "failed": found.failed,
        "rows": len(found.results),
        "failed_rows": found.results.count(ERROR),
        "seconds": found.provenance.seconds,
        "claims": [vars(verdict) for verdict in found.verdicts],
    }


def _print_run(found: Run, page: Path) -> None:
    from diffkit.runner import HELD, NOT_HELD
    from diffkit.runner.results import ERROR

    click.secho(f"{found.experiment.name}  {found.experiment.title}", bold=True)
    for verdict in found.verdicts:
        mark, colour = {HELD: ("✓", "green"), NOT_HELD: ("✗", "red")}.get(
            verdict.outcome, ("?", "yellow")
        )
        outcome = click.style(f"{mark} {verdict.outcome}:", fg=colour)
        click.echo(f"  {outcome} {verdict.sentence}\n      {verdict.evidence}")
    click.echo(f"  {len(found.results)} rows in {found.provenance.seconds:.2f} s -> {page}\n")
    bad = found.results.where(status=ERROR)
    if len(bad):
        click.echo(
            f"error: {found.experiment.name}: {len(bad)} of {len(found.results)} rows failed; "
            f"the first: {bad.rows[0]['reason']}",
            err=True,
        )


@contextmanager
def _progress(name: str) -> Iterator[OnCell]:
    """A bar over the cells on standard error, gone when it is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = _console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _catalogue(
    loaded: Mapping[str, Experiment], broken: Mapping[str, ExperimentError]
) -> dict[str, list[dict[str, Any]]]:
    import diffkit as dk

    return {
        "experiments": [
            {"name": e.name, "title": e.title, "question": e.question} for e in loaded.values()
        ]
        + [{"name": name, "error": str(error)} for name, error in broken.items()],
        "problems": [
            {"name": name, "description": p.description, "source": p.source}
            | {"variables": p.variables}
            for name, p in dk.problems.items()
        ],
        "backends": [
            {"name": name, "description": _first_line(backend)}
            for name, backend in dk.backends().items()
        ],
    }


def _first_line(backend: Any) -> str:
    return (getattr(backend, "__doc__", None) or "").strip().partition("\n")[0]


def _print_catalogue(catalogue: dict[str, list[dict[str, Any]]]) -> None:
    shown = {
        "experiments": ("diffkit run NAME", ("title",)),
        "problems": ("diffkit compare NAME --at X; --json adds sources", ("description",)),
        "backends": ("--backend NAME", ("description",)),
    }
    for kind, (use, columns) in shown.items():
        _print_table(f"{kind} ({use})", catalogue[kind], columns)


def _print_table(title: str, entries: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    for _ in columns:
        table.add_column(overflow="fold")
    for entry in entries:
        texts = [entry.get(column) or entry.get("error", "") for column in columns]
        table.add_row(*(Text(text) for text in (entry["name"], *texts)))
    click.secho(title, underline=True)
    _console().print(table)
    click.echo()


def _console(*, stderr: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def _json(value: Any) -> str:
    from diffkit.runner.results import jsonable

    return json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)


def _complain(error: DiffkitError) -> None:
    message = " ".join(str(error).split())
    click.echo(f"error: {message}", err=True)


if __name__ == "__main__":
    main()
