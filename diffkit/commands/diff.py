"""diffkit diff: compare the results of two runs."""

from __future__ import annotations

from pathlib import Path

import click

from diffkit._escape import terminal
from diffkit.commands.output import as_json


@click.command()
@click.argument("run_a", type=click.Path(path_type=Path, exists=True))
@click.argument("run_b", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--threshold",
    type=click.FloatRange(min=1),
    default=1.2,
    show_default=True,
    help="The ratio, B over A, from which on a change of a number counts.",
)
@click.option("--metric", "metrics", multiple=True, help="Only this column; may be repeated.")
@click.option("--json", "json_", is_flag=True, help="Print JSON, for other programs.")
@click.pass_context
def diff(
    ctx: click.Context,
    run_a: Path,
    run_b: Path,
    threshold: float,
    metrics: tuple[str, ...],
    json_: bool,
) -> None:
    """Compare the results of RUN_A with those of RUN_B, cell by cell.

    A run is a store (NAME.sqlite), a results.json, or a folder of them. Only what is comparable is
    compared: times of one machine, with the same threads, Python, NumPy and SymPy, if they were
    stable in both runs; errors against the same truth. The rest is listed with the reason.

    A time or an error counts where it has grown by more than the threshold, any other number where
    it has changed by more; a status or a text counts where it is another. Cells that only one run
    has are listed.

    The exit code is 0 where nothing counts, 1 where something does, and 2 where nothing at all is
    comparable or an argument is wrong.

    \b
    Examples:
      diffkit diff before after
      diffkit diff before/break_even.sqlite after/break_even.sqlite --threshold 1.5
      diffkit diff before after --metric ulps --json
    """
    from diffkit.errors import StoreError
    from diffkit.runner.diff import diff as compare

    try:
        found = compare(run_a, run_b, threshold=threshold, metrics=metrics)
    except StoreError as error:
        raise click.UsageError(str(error)) from error
    click.echo(as_json(found.to_dict()) if json_ else terminal(str(found), keep="\n"))
    ctx.exit(found.exit_code)
