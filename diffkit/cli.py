"""The `diffkit` command: list what there is, run experiments, compare backends at a point."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit._escape import terminal
from diffkit.commands.trace import trace
from diffkit.errors import DiffkitError, ExperimentError, ExpressionError, PointError

if TYPE_CHECKING:
    from diffkit.runner import Experiment, Run
    from diffkit.runner.run import OnCell

_INTERRUPTED = 130  # 128 + SIGINT, as shells count


class _Commands(click.Group):
    """A group in which every error of diffkit is one line, and an interrupt is no traceback."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _escaped_usage_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _escaped_usage_errors():
                return super().invoke(ctx)
        except DiffkitError as error:
            _complain(error)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("interrupted; reports that were complete are kept", err=True)
            ctx.exit(_INTERRUPTED)


class _WithFormula(click.Command):
    """A command whose argument may begin with a minus, as -x**2 does: no option is meant by it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f" {a}" if re.match(r"-[^-h]|-h.", a) else a for a in args])


@contextmanager
def _escaped_usage_errors() -> Iterator[None]:
    """click repeats what was typed, character by character."""
    try:
        yield
    except click.ClickException as error:
        error.message = terminal(error.message, keep="\n")  # type: ignore[misc]
        raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="diffkit", message="diffkit %(version)s")
def cli() -> None:
    """Every way of differentiating a function, side by side and measured.

    \b
    What is there, then all experiments, then one function at one point:
      diffkit list
      diffkit run                          then open reports/index.html
      diffkit compare "x*y + sin(x)" --at x=2,y=3

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
        click.echo(terminal(f"Open {out / 'index.html'}"))
    if any(outcome["failed"] for outcome in outcomes):
        raise click.exceptions.Exit(1)


@cli.command(cls=_WithFormula)
@click.argument("function")
@click.option(
    "--at",
    "at",
    metavar="X",
    help="The point: a number such as 1.5 or pi/2, numbers parted by commas, or x=2,y=3 where "
    "the function names its variables; x=[1,2,3],a=2 for the parameters of your own. Without "
    "it, the first of the problem's own points.",
)
@click.option("--operator", help="What to compute, such as derivative, gradient or hessian.")
@click.option("--backend", "backends", multiple=True, help="Only this backend; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
def compare(
    function: str, at: str | None, operator: str | None, backends: tuple[str, ...], as_json: bool
) -> None:
    """Differentiate FUNCTION with every backend: value, error and time of each.

    FUNCTION is the name of a problem, an expression in quotes, or your own code as
    module:function or file.py:function, which is imported, and so executed. A problem's name
    comes first. Your own function is differentiated in its first parameter.

    \b
    Examples:
      diffkit compare exp --at 1.5
      diffkit compare "x*y + sin(x)" --at x=2,y=3
      diffkit compare griewank --at x1=1.5,x2=0.5 --operator hessian
      diffkit compare exp --at 1.5 --backend reverse --backend finite_difference
      diffkit compare mine.py:loss --at x=[1,2,3],scale=0.5
    """
    import diffkit as dk
    from diffkit import _typed

    f = _typed.named_function(function)
    with _told_of("--at"):
        if at is None and not f.points:
            raise PointError(f"give the point, as --at {_typed.where_to(f)}")
        point, *constants = [f.points[0]] if at is None else _typed.point(at, f)
    found = dk.compare(f, point, *constants, operator=operator, backends=list(backends) or None)
    if as_json:
        click.echo(_json(found.to_dict()))
    else:
        _console().print(found)


cli.add_command(trace)


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
    from diffkit import _typed

    with _told_of("--at"):
        return _typed.in_variables(text, variables)


@contextmanager
def _told_of(option: str) -> Iterator[None]:
    """Mistakes in what was typed for an option, as usage errors."""
    try:
        yield
    except (PointError, ExpressionError) as error:
        raise click.BadParameter(str(error), param_hint=f"'{option}'") from None


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

    click.secho(f"{found.experiment.name}  {terminal(found.experiment.title)}", bold=True)
    for verdict in found.verdicts:
        mark, colour = {HELD: ("✓", "green"), NOT_HELD: ("✗", "red")}.get(
            verdict.outcome, ("?", "yellow")
        )
        outcome = click.style(f"{mark} {verdict.outcome}:", fg=colour)
        click.echo(f"  {outcome} {terminal(verdict.sentence)}\n      {terminal(verdict.evidence)}")
    click.echo(
        f"  {len(found.results)} rows in {found.provenance.seconds:.2f} s -> {terminal(page)}\n"
    )
    bad = found.results.where(status=ERROR)
    if len(bad):
        first = terminal(bad.rows[0]["reason"])
        click.echo(
            f"error: {found.experiment.name}: {len(bad)} of {len(found.results)} rows failed; "
            f"the first: {first}",
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
        table.add_row(*(Text(terminal(text)) for text in (entry["name"], *texts)))
    click.secho(title, underline=True)
    _console().print(table)
    click.echo()


def _console(*, stderr: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def _json(value: Any) -> str:
    from diffkit.runner.results import jsonable

    # In ASCII, as the terminal may be what reads it.
    return json.dumps(jsonable(value), indent=2, allow_nan=False)


def _complain(error: DiffkitError) -> None:
    excerpt = error.excerpt if isinstance(error, ExpressionError) else ""
    message = " ".join(str(error).removesuffix(excerpt).split())
    click.echo(f"error: {terminal(message)}{terminal(excerpt, keep=chr(10))}", err=True)


if __name__ == "__main__":
    main()
