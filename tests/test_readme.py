"""The generated tables of the README and of docs/ are what the package does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from diffkit import _support
from diffkit._backends.registry import BUILT_IN

PAGES = _support.pages()


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_the_generated_tables_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert _support.insert(text) == text, "run python -m diffkit._support"


def test_every_table_is_in_a_page() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in _support.TABLES:
        assert f"<!-- {name}: generated -->" in text
    assert "<!-- support: generated -->" in (PAGES[0]).read_text(encoding="utf-8")


def test_the_tables_are_not_empty() -> None:
    assert "`einsum`" in _support.coverage()
    assert "`eigh`" in _support.coverage()
    assert "`gammaln`" in _support.coverage()
    assert _support.support().count("native") > 10
    assert "`griewank`" in _support.catalogue()
    assert "`fd_error_exp`" in _support.experiments()


def test_a_table_cannot_be_torn_by_what_stands_in_it() -> None:
    assert _support._plain("|x| is *x* or x_1") == r"\|x\| is \*x\* or x\_1"


def test_a_page_without_marks_stays_as_it_is() -> None:
    assert _support.insert("no marks\n") == "no marks\n"


def test_the_table_has_a_row_for_each_built_in_backend() -> None:
    rows = [line.split(" | ")[0] for line in _support.support().splitlines()]
    assert rows == ["| backend", "| ---", *(f"| `{name}`" for name in BUILT_IN)]


def test_no_row_is_dropped_because_a_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jacobi", None)
    before = [page.read_bytes() for page in PAGES]
    with pytest.raises(SystemExit, match=r"no table was written.*pip install 'diffkit\[jacobi\]'"):
        _support.renew()
    assert [page.read_bytes() for page in PAGES] == before
