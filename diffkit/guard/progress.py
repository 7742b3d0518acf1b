"""How a task says how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_send: Callable[[Any], None] | None = None


def report(progress: Any) -> None:
    """Hand ``progress`` to the ``on_report`` of the `Guard.run` that runs this task.

    It may be whatever a task may return. Outside a guard nothing happens, so that a function
    which reports can be called directly, too.
    """
    if _send is not None:
        _send(progress)


def send_through(send: Callable[[Any], None] | None) -> None:
    """Let reports go through ``send``; the child does this before each task."""
    global _send
    _send = send
