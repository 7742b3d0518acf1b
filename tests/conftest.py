"""Settings of all property tests, and packages that a test installs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .distributions import Packages

# A busy machine is no reason to fail.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Where a test installs packages of others."""
    folder = tmp_path / "site"
    folder.mkdir()
    found = Packages(folder, monkeypatch)
    yield found
    found.forget()
