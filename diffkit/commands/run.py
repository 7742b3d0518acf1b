"""diffkit run: measure what is missing, and write the reports."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit._escape import terminal
from diffkit.commands.experiments import load_all, out_option, store_of
from diffkit.commands.output import as_json, complain, console, notice
from diffkit.errors import ExperimentError, OutputError

if TYPE_CHECKING:
    from diffkit.runner import Experiment, OnCell, Run
    from diffkit.runner.engines import Engine

_REFRESH = 0.1  # seconds between two states of the bar


@dataclass(frozen=True)
class _Wanted:
    """The options of one call."""

    out: Path
    seed: int
    jobs: int | None
    seconds: float | None
    megabytes: float | None
    retry: tuple[str, ...]
    fresh: bool
    wait: float
    durable: bool
    scheduler: str | None
    tls_ca_file: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    json_: bool


def _statuses(context: click.Context, option: click.Parameter, given: str) -> tuple[str, ...]:
    """Statuses with commas between them."""
    from diffkit.runner.results import STATUSES

    named = tuple(part.strip() for part in given.split(",")) if given else ()
    if unknown := [status for status in named if status not in STATUSES]:
        raise click.BadParameter(f"{unknown[0]!r} is no status; there are {', '.join(STATUSES)}")
    return named


_PEM = click.Path(path_type=Path)
_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@out_option
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Where random numbers begin; the same seed gives the same numbers.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Cells measured at the same time.")
@click.option("--seconds", type=_POSITIVE, help="The time that a cell may take.")
@click.option("--megabytes", type=_POSITIVE, help="The memory that a cell may take.")
@click.option(
    "--retry",
    callback=_statuses,
    default="",
    metavar="STATUS,...",
    help="Measure again what ended so, as in --retry timeout,crashed.",
)
@click.option("--fresh", is_flag=True, help="Start over, and keep the results so far beside.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for another run that writes the same results.",
)
@click.option("--durable", is_flag=True, help="Let each cell survive a power failure, too.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Measure on the workers of a Dask cluster: tcp://HOST:PORT or tls://HOST:PORT.",
)
@click.option("--tls-ca-file", type=_PEM, help="The certificate of the cluster's authority.")
@click.option("--tls-cert", type=_PEM, help="The certificate to show to the scheduler.")
@click.option("--tls-key", type=_PEM, help="Its key, where it is not in the same file.")
@click.option("--json", "json_", is_flag=True, help="Print JSON, for other programs.")
def run(names: tuple[str, ...], **options: Any) -> None:
    """Run experiments (all of them, or those named) and write their reports.

    Every report is a page that opens without a network, with the table as CSV and JSON
    beside it; index.html in the same folder leads to all of them.

    The results of each cell are kept in NAME.sqlite in that folder as soon as they are there. A
    run that was stopped, by whatever, is resumed by the same command, and cells whose results are
    there are not measured again. Every cell runs in a process of its own, under its limits of
    time and memory.

    The exit code is 1 where a cell failed, a claim could not be checked or a report could
    not be made. A claim that did not hold is a result, not a failure.

    With --scheduler the cells go to the workers of a Dask cluster (pip install
    'diffkit[cluster]'), on one machine or on many. Each cell is guarded there as here, and what a
    lost worker had not given back is measured by another. The workers need the same versions as
    this machine; an experiment that is a file is sent to them. Who can reach a scheduler can
    execute code on its workers: keep it on 127.0.0.1, or use TLS, for which scheduler and workers
    are started with the same three --tls options and a tls:// address.

    \b
      dask scheduler --host 127.0.0.1
      dask worker tcp://127.0.0.1:8786 --nthreads 1 --nworkers 2
      diffkit run --scheduler tcp://127.0.0.1:8786

    \b
    Examples:
      diffkit run
      diffkit run fd_error_exp
      diffkit run fd_error_exp swell_logistic --out my_reports
      diffkit run accuracy_atlas --retry timeout,crashed --seconds 300
      diffkit run accuracy_atlas --fresh --jobs 1
    """
    from diffkit.report import publish

    wanted = _Wanted(**options)
    loaded, broken = load_all(names)
    publish.check(wanted.out, loaded)
    if not loaded and not broken:
        raise ExperimentError("there is no experiment to run; `diffkit list` shows what there is")
    outcomes = [_failure(name, error) for name, error in broken.items()]
    with _engine(wanted) as engine:
        outcomes += [_run_one(experiment, wanted, engine) for experiment in loaded.values()]
    if wanted.json_:
        click.echo(as_json(outcomes))
    elif any(outcome["page"] for outcome in outcomes):
        click.echo(terminal(f"Open {wanted.out / 'index.html'}"))
    if any(outcome["failed"] for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _run_one(experiment: Experiment, wanted: _Wanted, engine: Engine | None) -> dict[str, Any]:
    path = store_of(experiment.name, wanted.out)
    try:
        if wanted.fresh:
            _put_aside(path, wanted)
        found, page = _measure_and_publish(experiment, path, wanted, engine)
    except (ExperimentError, OutputError) as error:
        return _failure(experiment.name, error)
    if not wanted.json_:
        _print_run(found, page)
    return _summary(found, page)


def _put_aside(path: Path, wanted: _Wanted) -> None:
    from diffkit.runner.store import put_aside

    if path.exists():
        kept = put_aside(path, "before", wanted.wait, notice)
        notice(f"the results so far are kept as {kept}")


def _measure_and_publish(
    experiment: Experiment, path: Path, wanted: _Wanted, engine: Engine | None
) -> tuple[Run, Path]:
    from diffkit import runner
    from diffkit.report.publish import publish
    from diffkit.runner.store import open_store

    with (
        open_store(path, wait=wanted.wait, durable=wanted.durable, on_notice=notice) as store,
        _progress(experiment.name) as progress,
    ):
        try:
            found = runner.run(
                experiment,
                store=store,
                seed=wanted.seed,
                command=_command(experiment, wanted),
                engine=engine,
                retry=wanted.retry,
                seconds=wanted.seconds,
                megabytes=wanted.megabytes,
                on_cell=progress,
            )
        except KeyboardInterrupt:
            _tell_how_to_resume(experiment, progress, path, wanted)
            raise
        return found, publish(found, wanted.out)


@contextmanager
def _engine(wanted: _Wanted) -> Iterator[Engine | None]:
    """Where to measure; None leaves it to the runner."""
    if wanted.scheduler is None:
        from diffkit.runner.engines import Local

        if wanted.tls_ca_file or wanted.tls_cert or wanted.tls_key:
            raise click.UsageError("the --tls options belong to --scheduler tls://HOST:PORT")
        yield None if wanted.jobs is None else Local(wanted.jobs)
        return
    from diffkit.runner.engines.dask import TLS, cluster

    if wanted.jobs is not None:
        raise click.UsageError("--jobs is for this machine; a cluster has the workers it has")
    tls = None
    if wanted.tls_ca_file and wanted.tls_cert:
        tls = TLS(wanted.tls_ca_file, wanted.tls_cert, wanted.tls_key)
    elif wanted.tls_ca_file or wanted.tls_cert or wanted.tls_key:
        raise click.UsageError("TLS needs --tls-ca-file and --tls-cert")
    with cluster(wanted.scheduler, tls, on_warning=notice) as engine:
        yield engine


def _command(experiment: Experiment, wanted: _Wanted) -> str:
    limits = {"seconds": wanted.seconds, "megabytes": wanted.megabytes}
    given = "".join(f" --{name} {value:g}" for name, value in limits.items() if value is not None)
    return f"diffkit run {experiment.name} --seed {wanted.seed}{given}"


def _tell_how_to_resume(
    experiment: Experiment, progress: _Progress, path: Path, wanted: _Wanted
) -> None:
    if progress.total:
        notice(
            f"{progress.done} of {progress.total} cells of {experiment.name} are kept in {path}; "
            f"the same command goes on from there"
        )


def _failure(name: str, error: ExperimentError | OutputError) -> dict[str, Any]:
    complain(error)
    return {"experiment": name, "page": None, "failed": True, "error": str(error)}


def _summary(found: Run, page: Path) -> dict[str, Any]:
    return {
        "experiment": found.experiment.name,
        "page": str(page),
        "failed": found.failed,
        "rows": len(found.results),
        "failed_rows": len(found.results.failed),
        "measured": found.measured,
        "seconds": found.provenance.seconds,
        "claims": [vars(verdict) for verdict in found.verdicts],
        "notes": list(found.notes),
    }


def _print_run(found: Run, page: Path) -> None:
    from diffkit.runner import HELD, NOT_HELD

    click.secho(f"{found.experiment.name}  {terminal(found.experiment.title)}", bold=True)
    for verdict in found.verdicts:
        mark, colour = {HELD: ("✓", "green"), NOT_HELD: ("✗", "red")}.get(
            verdict.outcome, ("?", "yellow")
        )
        outcome = click.style(f"{mark} {verdict.outcome}:", fg=colour)
        click.echo(f"  {outcome} {terminal(verdict.sentence)}\n      {terminal(verdict.evidence)}")
    kept = sum(earlier.cells for earlier in found.provenance.earlier)
    known = f" ({kept} cells were known)" if kept else ""
    rows = f"{len(found.results)} rows in {found.provenance.seconds:.2f} s{known}"
    click.echo(f"  {rows} -> {terminal(page)}\n")
    for note in found.notes:
        notice(f"{found.experiment.name}: {note}")
    bad = found.results.failed
    if len(bad):
        first = terminal(bad.rows[0]["reason"])
        click.echo(
            f"error: {found.experiment.name}: {len(bad)} of {len(found.results)} rows failed; "
            f"the first: {first}",
            err=True,
        )


class _Progress:
    """How many cells are done, and a bar that says so, a few times a second."""

    def __init__(self, show: OnCell) -> None:
        self.done = self.total = 0
        self._show, self._shown = show, 0.0

    def __call__(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        now = time.monotonic()
        if now - self._shown >= _REFRESH or done == total:
            self._shown = now
            self._show(done, total)


@contextmanager
def _progress(name: str) -> Iterator[_Progress]:
    """A bar over the cells on standard error, gone when it is done."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    terminal_ = console(stderr=True)
    with Progress(
        *columns, console=terminal_, transient=True, disable=not terminal_.is_terminal
    ) as bar:
        task = bar.add_task(name, total=None)
        yield _Progress(lambda done, total: bar.update(task, completed=done, total=total))
