"""What other packages offer by entry points of their ``pyproject.toml``."""

from __future__ import annotations

from typing import Any


def offers(group: str) -> dict[str, list[Any]]:
    """The entry points of a group by name; nothing is imported. A name may be offered twice."""
    from importlib.metadata import entry_points  # late, as it takes long to import

    found: dict[str, list[Any]] = {}
    # An editable install may be found twice.
    for entry in dict.fromkeys(entry_points(group=group)):
        found.setdefault(entry.name, []).append(entry)
    return dict(sorted(found.items()))


def package(entry: Any) -> str:
    """The name of the package that offers it."""
    return str(entry.dist.name if entry.dist is not None else entry.value)


def others(entries: list[Any], entry: Any) -> str:
    """The packages that offer the same name; empty where there are none."""
    return ", ".join(package(other) for other in entries if other is not entry)
