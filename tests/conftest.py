"""Settings of all property tests, and packages that a test installs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .distributions import Packages

# A busy machine is no reason to fail. Other examples are drawn in each run, except where a change
# is judged (.ci/run): what fails there should fail for the change, and again in the next run.
settings.register_profile("drawn", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeated", settings.get_profile("drawn"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "drawn"))


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Where a test installs packages of others."""
    folder = tmp_path / "site"
    folder.mkdir()
    found = Packages(folder, monkeypatch)
    yield found
    found.forget()
