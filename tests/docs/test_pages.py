"""The pages of docs/: links lead somewhere, and the reference has every public name."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import diffkit as dk

from . import examples

REFERENCE = examples.ROOT / "docs" / "reference"
IMAGES = examples.ROOT / "docs" / "images"
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^(`{3,}).*?^\1$", re.M | re.S)

PAGES = examples.pages()
NAMES = [str(page.relative_to(examples.ROOT)) for page in PAGES]


def prose(page: Path) -> str:
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The headings as GitHub and MyST link them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_link_is_dead(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {target.name} has no heading {anchor}"


def test_every_page_is_in_a_table_of_contents() -> None:
    docs = examples.ROOT / "docs"
    listed = {docs / "index.md"}
    for page in PAGES:
        for toctree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text("utf-8"), re.S):
            for entry in (line for line in toctree.split() if not line.startswith(":")):
                base = docs if entry.startswith("/") else page.parent
                listed.add((base / f"{entry.lstrip('/')}.md").resolve())
    assert {p for p in PAGES if docs in p.parents} == {p for p in listed if p.is_file()}


def described() -> set[str]:
    """The names that the reference describes, with their modules."""
    names = set()
    for page in REFERENCE.glob("*.md"):
        module = ""
        for line in page.read_text(encoding="utf-8").split("\n"):
            if line.startswith(".. currentmodule:: "):
                module = line.split()[-1]
            elif line.startswith(".. automodule:: "):
                names.add(line.split()[-1])
            elif re.fullmatch(r"   [\w.]+", line):
                names.add(f"{module}.{line.strip()}")
    return names


def test_every_public_name_is_in_the_reference() -> None:
    assert {f"diffkit.{name}" for name in dk.__all__} <= described()
    assert {"diffkit.errors", "diffkit.scipy", "diffkit.testing"} <= described()


def test_what_the_reference_describes_is_there() -> None:
    for name in described():
        parts = name.split(".")
        for k in range(len(parts), 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:k]))
                break
            except ModuleNotFoundError:
                continue
        for part in parts[k:]:
            found = getattr(found, part)


def test_every_public_name_has_a_docstring() -> None:
    for name in dk.__all__:
        assert getattr(dk, name).__doc__, name


def test_pictures_are_small_and_used() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in IMAGES.iterdir():
        assert picture.stat().st_size < 200_000, picture.name
        assert f"images/{picture.name})" in text, f"no page shows {picture.name}"
