"""What the README says is what the package does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from diffkit import _support

README = Path(__file__).parent.parent / "README.md"


def test_the_generated_tables_are_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert _support.insert(text) == text, "run python -m diffkit._support"


def test_the_tables_are_not_empty() -> None:
    assert "einsum" in _support.coverage()
    assert "eigh" in _support.coverage()
    assert "gammaln" in _support.coverage()
    assert _support.support().count("native") > 10


@pytest.mark.parametrize(
    "code", re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.S)
)
def test_every_python_block_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})
