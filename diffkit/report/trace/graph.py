"""The computation graph and the dependency graph: what they contain, and DOT text for them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .chain_rule import Sums, adjoints, seeds
from .formulas import formula
from .grouping import contents, groups
from .layout import Layout, layered
from .lines import DECISION, INPUT, Lines
from .notation import BAR, Notation, notation_for

GROUP, RESULT = "group", "result"

_CHARACTER, _SMALL = 8.6, 5.6  # widths at 15 px: of a letter, and of one that is raised or lowered
_LONGEST = 30  # characters of a label
_RAISED = set("₀₁₂₃₄₅₆₇₈₉₋⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ.,()[] ")


@dataclass(frozen=True)
class GraphNode:
    """A node: one line, or a group of them.

    Attributes:
        kind: input, operation, result, decision or group.
        title: its first line.
        value: its second line.
        lines: the lines of the trace that it stands for.
        full: its title without abbreviation.
    """

    kind: str
    title: str
    value: str
    lines: tuple[int, ...]
    full: str


@dataclass(frozen=True)
class GraphEdge:
    """An edge from an operand to what is computed from it.

    Attributes:
        start: the node of the operand.
        end: the node of the operation.
        uses: the line of the operation and the place of the operand, for all that it stands for.
        label: the local partial derivative; empty between groups.
    """

    start: int
    end: int
    uses: tuple[tuple[int, int], ...]
    label: str = ""


@dataclass(frozen=True, repr=False)
class TraceGraph:
    """A graph of a trace. It renders in a notebook.

    Attributes:
        title: what it shows.
        nodes: in the order of evaluation.
        edges: from operands to operations.
        dependency: whether arrows lead from results to inputs, along which adjoints flow.
    """

    title: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    dependency: bool = False

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def layout(self) -> Layout:
        """Where everything stands, with two lines of text a node."""
        return self.placed(2)

    def placed(self, texts: int) -> Layout:
        """Where everything stands, with so many lines of text a node."""
        sizes = [(node_width(node, texts), 12.0 + 20.0 * texts) for node in self.nodes]
        return layered(sizes, [(e.start, e.end) for e in self.edges], rise=38.0)

    @property
    def description(self) -> str:
        """The graph in words, for those who do not see it."""
        named = [node.full + (f" = {node.value}" if node.value else "") for node in self.nodes]
        return f"{len(self.nodes)} nodes, {len(self.edges)} edges: " + "; ".join(named)

    def to_svg(self) -> str:
        """An SVG element, to stand in a page as it is."""
        from .drawing import svg

        return str(svg(self))  # text like any other: Markup escapes what is added to it

    def to_dot(self) -> str:
        """The graph in the DOT language of Graphviz."""
        shapes = {INPUT: "ellipse", DECISION: "diamond", GROUP: "box3d", RESULT: "doubleoctagon"}
        out = [f"digraph {_quoted(self.title)} {{", "  node [shape=box, style=rounded];"]
        for k, node in enumerate(self.nodes):
            label = node.full + (f"\n{node.value}" if node.value else "")
            shape = f", shape={shapes[node.kind]}" if node.kind in shapes else ""
            out.append(f"  n{k} [label={_quoted(label)}{shape}];")
        for edge in self.edges:
            a, b = (edge.end, edge.start) if self.dependency else (edge.start, edge.end)
            label = f" [label={_quoted(edge.label)}]" if edge.label else ""
            out.append(f"  n{a} -> n{b}{label};")
        return "\n".join([*out, "}", ""])

    def _repr_html_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self.nodes)} nodes, {len(self.edges)} edges>"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def text_width(text: str) -> float:
    """About how wide a text is at 15 px."""
    letters = [c for c in text if not unicodedata.combining(c)]
    return sum(_SMALL if c in _RAISED else _CHARACTER for c in letters)


def node_width(node: GraphNode, texts: int = 2) -> float:
    """How wide a node is; where a derivative is to stand in it, wide enough for that."""
    bold = 1.08 * text_width(node.title)
    return max(76.0 if texts == 2 else 156.0, 26.0 + max(bold, text_width(node.value)))


def graph(lines: Lines, names: str = "v", dependency: bool = False) -> TraceGraph:
    """The graph of a trace, in groups where there are too many lines to read.

    Raises:
        UnknownNameError: names is neither "v" nor "w".
    """
    notation = notation_for(lines, names)
    members = groups(lines)
    node_of = {k: n for n, group in enumerate(members) for k in group}
    single = len(members) == len(lines)
    values = _adjoint_values(lines, notation) if dependency else None
    nodes = tuple(_node(lines, group, notation, values) for group in members)
    title = f"{'dependency' if dependency else 'computation'} graph of {lines.name}"
    edges = _edges(lines, node_of, Sums(lines, notation) if single else None)
    return TraceGraph(title, nodes, edges, dependency)


def _adjoint_values(lines: Lines, notation: Notation) -> list[str]:
    """Adjoints as they are shown: numbers for one result, nothing for several."""
    given = seeds(lines, True)
    if len(given) > 1:
        return [""] * len(lines)
    return [notation.number(v) for v in adjoints(lines, given[0][1]).values]


def _node(
    lines: Lines, group: Sequence[int], notation: Notation, adjoint: Sequence[str] | None
) -> GraphNode:
    if len(group) > 1:
        first, last = (_name(lines, k, notation) for k in (group[0], group[-1]))
        title = f"{first} … {last}"
        return GraphNode(GROUP, title, contents(lines, group), tuple(group), title)
    (k,) = group
    line = lines.lines[k]
    if adjoint is not None and line.kind != DECISION:
        full = notation.variable(k, BAR)
        return GraphNode(_kind(lines, k), full, adjoint[k], (k,), full)
    right = formula(lines, k, notation)
    full = right if line.kind == DECISION else f"{notation.variable(k)} = {right}"
    results = [notation.result(r) for r, place in enumerate(lines.outputs) if place == k]
    full = " = ".join([*results, full])
    title = full if len(full) <= _LONGEST else full[: _LONGEST - 1] + "…"
    value = "branch taken" if line.kind == DECISION else notation.number(line.value)
    value = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
    return GraphNode(_kind(lines, k), title, value, (k,), full)


def _name(lines: Lines, k: int, notation: Notation) -> str:
    return notation.variable(k) or formula(lines, k, notation)


def _kind(lines: Lines, k: int) -> str:
    return RESULT if k in lines.outputs else lines.lines[k].kind


def _edges(lines: Lines, node_of: dict[int, int], sums: Sums | None) -> tuple[GraphEdge, ...]:
    """An edge for each operand, or one for all between two groups."""
    found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for k, line in enumerate(lines.lines):
        for n, parent in enumerate(line.parents):
            ends = (node_of[parent], node_of[k]) if parent >= 0 else (0, 0)
            if parent >= 0 and ends[0] != ends[1]:
                key = (*ends, k, n) if sums is not None else ends
                found.setdefault(key, []).append((k, n))
    return tuple(
        GraphEdge(key[0], key[1], tuple(uses), _label(lines, uses, sums))
        for key, uses in found.items()
    )


def _label(lines: Lines, uses: Sequence[tuple[int, int]], sums: Sums | None) -> str:
    if sums is None or lines.lines[uses[0][0]].kind == DECISION:
        return ""
    return sums.local(*uses[0])
