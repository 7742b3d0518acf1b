"""`diffkit explore`: the local web application."""

from __future__ import annotations

import importlib.util
import signal
from typing import Any

import click

from diffkit.errors import MissingPackageError


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Where to listen on this machine; without it, on a port that is free.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def explore(port: int, no_browser: bool) -> None:
    """Type functions in the browser and watch how each backend differentiates them.

    The application answers this machine alone (127.0.0.1) and ends with Ctrl-C.

    \b
    Examples:
      diffkit explore
      diffkit explore --port 8050 --no-browser
    """
    if importlib.util.find_spec("dash") is None:
        raise MissingPackageError("diffkit explore", "dash", extra="explore")
    from diffkit.explore.server import serve

    def ready(url: str) -> None:
        click.echo(f"diffkit explore: {url}  (end it with Ctrl-C)")
        if not no_browser:
            import webbrowser

            webbrowser.open(url)

    signal.signal(signal.SIGTERM, _interrupt)
    serve(port, ready)


def _interrupt(*_: Any) -> None:
    """Being told to end is like Ctrl-C: the children are ended first."""
    raise KeyboardInterrupt
