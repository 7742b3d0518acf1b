"""Other packages, in a folder of the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from diffkit._backends import registry

from ..distributions import Packages


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    found = Packages(tmp_path / "site", monkeypatch)
    found.folder.mkdir()
    yield found
    found.forget()
    registry._made.cache_clear()
