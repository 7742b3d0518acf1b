"""How each tool is called: one file a tool, each way as the tool's own documentation says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from diffkit.errors import UnknownNameError
from diffkit.guard.task import home

from . import (
    with_autograd,
    with_casadi,
    with_differences,
    with_diffkit,
    with_jax,
    with_symengine,
    with_torch,
)
from .tool import Ready, Tool, Way

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for module in (
        with_diffkit,
        with_jax,
        with_torch,
        with_autograd,
        with_casadi,
        with_symengine,
        with_differences,
    )
    for tool in module.TOOLS
}


def tool_named(name: str) -> Tool:
    """The tool of that name, or the one that a file defines, ``path/file.py:NAME``.

    Raises UnknownNameError where there is none.
    """
    file, colon, attribute = name.rpartition(":")
    if colon:
        path = str(Path(file).resolve())
        found = getattr(home(path), attribute, None)
        if isinstance(found, Tool):
            return replace(found, name=f"{path}:{attribute}")
    elif name in TOOLS:
        return TOOLS[name]
    raise UnknownNameError("tool", name, TOOLS)


__all__ = ["TOOLS", "Ready", "Tool", "Way", "tool_named"]
