"""Trace and graph as markup, with all that was typed escaped."""

from __future__ import annotations

from typing import Any

import diffkit as dk


def trace_table(f: Any, x: Any) -> str:
    """The evaluation trace with the adjoints beside it, as an HTML table."""
    return str(dk.trace(f, x).table(adjoints=True).to_html())


def graph_image(f: Any, x: Any) -> str:
    """The computation graph in layers, as an SVG image."""
    return str(dk.trace(f, x).graph().to_svg())
