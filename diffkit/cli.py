"""The `diffkit` command: list what there is, run experiments, compare backends at a point."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from diffkit._escape import terminal
from diffkit.commands import diff, list_, results, run
from diffkit.commands.explore import explore
from diffkit.commands.output import as_json, complain, console
from diffkit.commands.trace import trace
from diffkit.errors import DiffkitError, ExpressionError, PointError

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
            complain(error)
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
    What is there, then all experiments, then one table, then one function at one point:
      diffkit list
      diffkit run                          then open reports/index.html
      diffkit results fd_error_exp
      diffkit compare "x*y + sin(x)" --at x=2,y=3

    `diffkit COMMAND --help` has more examples.
    """


for command in (list_.list_, run.run, results.results, diff.diff, trace, explore):
    cli.add_command(command)


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
@click.option("--json", "json_", is_flag=True, help="Print JSON, for other programs.")
def compare(
    function: str, at: str | None, operator: str | None, backends: tuple[str, ...], json_: bool
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
    if json_:
        click.echo(as_json(found.to_dict()))
    else:
        console().print(found)


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


if __name__ == "__main__":
    main()
