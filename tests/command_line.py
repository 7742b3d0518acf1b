"""The command line, run inside the test, with its two streams kept apart."""

from __future__ import annotations

import inspect

from click.testing import CliRunner, Result

from diffkit.cli import cli

# Before 8.2, click mixed the streams unless it was told not to.
_APART = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


def invoke(*arguments: object) -> Result:
    """`diffkit` with these arguments."""
    return CliRunner(**_APART).invoke(cli, [str(argument) for argument in arguments])
