"""``diffkit trace``: the evaluation trace of a function, in the terminal or as a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from diffkit.errors import ExpressionError, PointError

_FORMATS = ("text", "markdown", "latex", "csv", "html", "json")


class _WithFormula(click.Command):
    """A command whose argument may begin with a minus, as -x**2 does: no option is meant by it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        marked = [f" {a}" if a[:1] == "-" and a[1:2] not in ("-", "h", "") else a for a in args]
        return super().parse_args(ctx, marked)


@click.command(cls=_WithFormula)
@click.argument("function")
@click.option(
    "--at",
    metavar="X",
    help="The point, as for `diffkit compare`; a problem has points of its own.",
)
@click.option("--tangents", is_flag=True, help="Show the tangents along each input (forward mode).")
@click.option("--adjoints", is_flag=True, help="Show the adjoints of each result (reverse mode).")
@click.option(
    "--names",
    type=click.Choice(["v", "w"]),
    default="v",
    show_default=True,
    help="v counts inputs up to 0 and operations from 1; w counts all from 1.",
)
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True,
    help="How the table is printed.",
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page to step through instead: one HTML file that needs no network.",
)
def trace(
    function: str,
    at: str | None,
    tangents: bool,
    adjoints: bool,
    names: str,
    form: str,
    out: Path | None,
) -> None:
    """Take FUNCTION apart into elementary operations, and differentiate it step by step.

    FUNCTION is the name of a problem, an expression in quotes, or your own code as
    module:function or file.py:function, as for `diffkit compare`.

    \b
    Examples:
      diffkit trace griewank --adjoints
      diffkit trace "x*y + sin(x)" --at x=2,y=3 --tangents --names w
      diffkit trace griewank --at 1.5,0.5 --out griewank.html
      diffkit trace product_plus_sine --adjoints --format latex
    """
    import diffkit as dk
    from diffkit import _typed

    f = _typed.named_function(function.strip())
    try:
        if at is None and not f.points:
            raise PointError(f"give the point, as --at {_typed.where_to(f)}")
        point, *constants = [f.points[0]] if at is None else _typed.point(at, f)
    except (PointError, ExpressionError) as error:
        raise click.BadParameter(str(error), param_hint="'--at'") from None
    found = dk.trace(f, point, *constants)
    if out is not None:
        click.echo(f"Open {found.page(out, names)}")
        return
    table = found.table(names, tangents=tangents or None, adjoints=adjoints or None)
    click.echo(_written(table, form), nl=form in ("text", "json", "html"))


def _written(table: Any, form: str) -> str:
    if form == "json":
        from diffkit.runner.results import jsonable

        return json.dumps(jsonable(table.to_dict()), indent=2, ensure_ascii=False, allow_nan=False)
    return str(table) if form == "text" else str(getattr(table, f"to_{form}")())
