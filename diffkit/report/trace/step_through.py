"""The page on which a trace is gone through step by step: one file that opens without a network."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from diffkit._trace import Trace
from diffkit.errors import OutputError, UnsupportedError

from .chain_rule import SEED, Sums, Sweep, adjoints, directions, seeds, tangents
from .drawing import svg
from .formulas import formula, operation
from .graph import TraceGraph, graph
from .lines import DECISION, INPUT, Line, Lines
from .notation import BAR, DOT, Notation, notation_for, short

LIMIT = 300_000  # bytes of a page
_RECORDED_SWEEPS = 8  # directions and seeds of a trace of arrays that a page carries


def write(trace: Trace, path: Path, names: str = "v") -> Path:
    """Write the page; see ``Trace.page``."""
    text = render(trace, names)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"the page cannot be written: {error}; choose another path") from error
    return path


def render(trace: Trace, names: str = "v") -> str:
    """The page as text.

    Raises:
        UnknownNameError: names is neither "v" nor "w".
        UnsupportedError: the page would be too large.
    """
    drawn = graph(trace.lines, names)
    text = (
        _environment()
        .get_template("step_through.html")
        .render(
            name=trace.name,
            description=trace.description,
            drawing=svg(drawn, texts=3),
            data=_script_json(page_data(trace, names, drawn)),
            style=_asset("step_through.css"),
            operations=_asset("trace_operations.js"),
            script=_asset("step_through.js"),
        )
    )
    if (size := len(text.encode())) > LIMIT:
        raise UnsupportedError(
            f"the trace of {trace.name} has {len(trace.lines)} lines, and its page would have "
            f"{size // 1000} kB where {LIMIT // 1000} kB are the limit; use table() and graph()"
        )
    return text


def page_data(trace: Trace, names: str, drawn: TraceGraph) -> dict[str, Any]:
    """What the script of the page reads."""
    lines = trace.lines
    notation = notation_for(lines, names)
    sums = Sums(lines, notation, stale=True)
    node_of = {k: n for n, node in enumerate(drawn.nodes) for k in node.lines}
    reason = not_live(lines)
    return {
        "name": trace.name,
        "lines": [_line(lines, k, notation, sums, node_of[k]) for k in range(len(lines))],
        "inputs": lines.inputs,
        "results": [
            {"name": notation.result(r), "dot": notation.result(r, DOT),
             "bar": notation.result(r, BAR), "line": k, "value": _jsonable(v)}
            for r, (k, v) in enumerate(zip(lines.outputs, lines.values, strict=True))
        ],
        "edges": {f"{k}:{n}": e for e, edge in enumerate(drawn.edges) for k, n in edge.uses},
        "grouped": len(drawn.nodes) < len(lines),
        "scalar": lines.scalar,
        "reason": reason,
        "ranges": [] if reason else _ranges(trace),
        "recorded": None if lines.scalar else _recorded(trace, notation),
    }  # fmt: skip


def not_live(lines: Lines) -> str:
    """Why a page cannot compute the trace at other points; empty where it can."""
    if not lines.scalar:
        return "the sliders work for traces of numbers, and this one has arrays"
    for line in lines.lines:
        values = [line.value, *line.args]
        if any(isinstance(v, (complex, np.complexfloating)) for v in values):
            return "the sliders work for real numbers, and this trace has complex ones"
        known = line.rule is None or line.rule.name in operations()
        if not known or any(v is not None and v is not False for v in line.kwargs.values()):
            assert line.rule is not None
            return f"the page has no form of {line.rule.name} that it could compute"
    return ""


@cache
def operations() -> frozenset[str]:
    """The names of the operations that the page can compute."""
    table = _asset("trace_operations.js").partition("  return {\n")[2]
    return frozenset(re.findall(r"^    (\w+):", table, re.MULTILINE))


def _line(lines: Lines, k: int, notation: Notation, sums: Sums, node: int) -> dict[str, Any]:
    line = lines.lines[k]
    named: dict[str, Any] = {
        "kind": line.kind, "name": notation.variable(k), "dot": notation.variable(k, DOT),
        "bar": notation.variable(k, BAR), "formula": formula(lines, k, notation), "node": node,
        "value": _jsonable(line.value),
    }  # fmt: skip
    if line.kind == INPUT:
        return named | {"label": notation.label(line.label)}
    assert line.rule is not None
    places = {n: f"⟦{n}⟧" for n, p in enumerate(line.parents) if p >= 0}
    uses = [_use(line, k, n, sums) if p >= 0 and line.kind != DECISION else None
            for n, p in enumerate(line.parents)]  # fmt: skip
    return named | {
        "op": line.rule.name,
        "parents": list(line.parents),
        "args": [
            None if p >= 0 or not _plain(a) else _jsonable(a)
            for p, a in zip(line.parents, line.args, strict=True)
        ],
        "template": operation(lines, k, notation, places),
        "uses": uses,
    }


def _plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating))


def _use(line: Line, k: int, n: int, sums: Sums) -> dict[str, Any] | None:
    """An operand: its local partial, and the term that it stands for in each of the two sums."""
    if not sums.flows(k, n):
        return None
    return {
        "formal": sums.formal(k, n),
        "partial": sums.local(k, n),
        "slope": _jsonable(sums.partial(k, n).value),
        "forward": sums.tangent_term(k, n),
        "reverse": sums.adjoint_term(k, n),
    }


def _jsonable(value: Any) -> Any:
    """A number as JSON has it; what JSON has not, and arrays, as the text that is shown."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if value is None or (_plain(value) and math.isfinite(value)):
        return None if value is None else float(value)
    return short(value)


def _ranges(trace: Trace) -> list[list[float]]:
    """From where to where each slider goes: inside the domain, around the point."""
    found = []
    values = [line.value for line in trace.lines.lines[: trace.lines.inputs]]
    for k, x in enumerate(values):
        low, high = trace.domain[k % len(trace.domain)] if trace.domain else (-math.inf, math.inf)
        reach = max(2.0, 2.0 ** math.ceil(math.log2(abs(x)))) if x else 2.0
        found.append([max(low, x - reach), min(high, x + reach)])
    return found


def _recorded(trace: Trace, notation: Notation) -> dict[str, Any]:
    """The sweeps of a trace of arrays, as text: the page shows them and does not compute."""
    lines = trace.lines
    forward = directions(lines, True, trace.inputs)[:_RECORDED_SWEEPS]
    reverse = seeds(lines, True)[:_RECORDED_SWEEPS]
    return {
        "forward": [
            {"label": notation.label(label), "direction": [short(v) for v in d]}
            | _swept(tangents(lines, d))
            for label, d in forward
        ],
        "reverse": [
            {"label": notation.result(k or 0), "seeds": [short(u) for u in seed]}
            | _swept(adjoints(lines, seed))
            for k, seed in reverse
        ],
    }  # fmt: skip


def _swept(sweep: Sweep) -> dict[str, Any]:
    return {
        "values": [_jsonable(v) for v in sweep.values],
        "terms": [
            {f"{t.line}:{t.operand}": _jsonable(t.value) for t in terms if t.line > SEED}
            for terms in sweep.terms
        ],
    }


def _script_json(value: Any) -> Markup:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("diffkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> Markup:
    return Markup((resources.files("diffkit.report") / "templates" / name).read_text("utf-8"))


__all__: Sequence[str] = ["LIMIT", "not_live", "operations", "page_data", "render", "write"]
