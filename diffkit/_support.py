"""Generated tables of the README and of docs/: ``python -m diffkit._support`` renews them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ._backends import OPERATORS, backends
from ._backends.registry import BUILT_IN, absence
from ._problems import problems
from .errors import MissingPackageError
from .rules import COMPOSITES, RULES, load_families

NAMESPACES = ("numpy", "numpy.linalg", "numpy.fft", "scipy.special")


def support() -> str:
    """Which backend supports which operator, as a Markdown table.

    Raises:
        MissingPackageError: the library of a backend is not installed, and its row would be lost.
    """
    for name in BUILT_IN:
        if error := absence(name):
            raise error
    rows = [
        ["backend", *(f"`{operator}`" for operator in OPERATORS)],
        ["---"] * (len(OPERATORS) + 1),
    ]
    for name in BUILT_IN:
        backend = backends()[name]
        rows.append([f"`{name}`", *(backend.support(o) for o in OPERATORS)])
    return _markdown(rows)


def coverage() -> str:
    """The functions that have a derivative, a section for each namespace, in Markdown."""
    from .rules import special as special  # SciPy's entries join the table

    load_families()
    active = {fn for fn, rule in RULES.items() if rule.differentiable} | set(COMPOSITES)
    flat = set(RULES) - active
    sections = []
    for namespace in NAMESPACES:
        sections.append(f"## {namespace}")
        for kind, fns in (("Differentiated", active), ("Constant wherever they are smooth", flat)):
            if names := sorted(_names(namespace, fns)):
                sections.append(f"{kind}: {', '.join(f'`{name}`' for name in names)}.")
    return "\n\n".join(sections)


def _names(namespace: str, fns: set[Any]) -> Iterator[str]:
    import scipy.special

    module = {
        "numpy": np,
        "numpy.linalg": np.linalg,
        "numpy.fft": np.fft,
        "scipy.special": scipy.special,
    }[namespace]
    for name in dir(module):
        if not name.startswith("_"):
            member = getattr(module, name)
            if callable(member) and member.__hash__ is not None and member in fns:
                yield name


def catalogue() -> str:
    """The named test problems with their formulas and sources, as a Markdown table."""
    rows = [["name", "formula", "source"], ["---"] * 3]
    rows += [[f"`{n}`", _plain(p.description), _plain(p.source)] for n, p in problems.items()]
    return _markdown(rows)


def experiments() -> str:
    """The experiments that come with diffkit, in the order of the course, as a Markdown table."""
    from .report.course import CHAPTERS
    from .runner import discovery

    chapters = [chapter.name for chapter in CHAPTERS]
    own = discovery.folder()
    found = [discovery.load(name, own) for name in discovery.names(own)]
    found.sort(key=lambda e: (chapters.index(e.chapter), e.order))
    rows = [["name", "chapter", "title"], ["---"] * 3]
    return _markdown(rows + [[f"`{e.name}`", e.chapter, _plain(e.title)] for e in found])


def _plain(text: str) -> str:
    """Text in which nothing is taken for Markdown."""
    return re.sub(r"([\\`*_|<\[])", r"\\\1", text)


def _markdown(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


TABLES = {
    "support": support,
    "coverage": coverage,
    "problems": catalogue,
    "experiments": experiments,
}


def insert(text: str) -> str:
    """The text with each table between its two marks, where it has them."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: generated -->", f"<!-- end of {name} -->"
        if begin in text:
            before, rest = text.split(begin)
            text = f"{before}{begin}\n\n{table()}\n\n{end}{rest.split(end)[1]}"
    return text


def pages() -> list[Path]:
    """The files of a checkout that may hold tables."""
    root = Path(__file__).parents[1]
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def renew() -> None:
    """Bring the tables of all pages up to date, or none of them."""
    try:
        new = {page: insert(page.read_text(encoding="utf-8")) for page in pages()}
    except MissingPackageError as error:
        raise SystemExit(f"no table was written, as a backend would be missing: {error}") from None
    for page, text in new.items():
        if text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    renew()
