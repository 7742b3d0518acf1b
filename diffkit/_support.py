"""The README's generated tables: ``python -m diffkit._support`` brings them up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ._backends import OPERATORS, backends
from .rules import COMPOSITES, RULES, load_families

# Backends of other packages do not belong into this project's table.
OWN = ("finite_difference", "complex_step", "symbolic", "forward", "reverse")
NAMESPACES = ("numpy", "numpy.linalg", "numpy.fft", "scipy.special")


def support() -> str:
    """Which backend supports which operator, as a Markdown table."""
    shown = {name: b for name, b in backends().items() if name in OWN}
    rows = [["operator", *(f"`{name}`" for name in shown)], ["---"] * (len(shown) + 1)]
    rows += [[f"`{o}`", *(b.support(o) for b in shown.values())] for o in OPERATORS]
    return _markdown(rows)


def coverage() -> str:
    """The functions that have a derivative, by namespace, as a Markdown table."""
    from .rules import special as special  # SciPy's entries join the table

    load_families()
    active = {fn for fn, rule in RULES.items() if rule.differentiable} | set(COMPOSITES)
    flat = set(RULES) - active
    rows = [["namespace", "differentiated", "constant wherever they are smooth"], ["---"] * 3]
    for namespace in NAMESPACES:
        names = [sorted(_names(namespace, fns)) for fns in (active, flat)]
        rows.append([f"`{namespace}`", *(", ".join(n) for n in names)])
    return _markdown(rows)


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


def _markdown(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


TABLES = {"support": support, "coverage": coverage}


def insert(text: str) -> str:
    """The text with each table between its two marks."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: generated -->", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table()}\n{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    readme = Path("README.md")
    readme.write_text(insert(readme.read_text(encoding="utf-8")), encoding="utf-8")
