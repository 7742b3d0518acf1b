"""A store for the time of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from diffkit.runner import memory_store
from diffkit.runner.store import Store


@pytest.fixture
def store() -> Iterator[Store]:
    with memory_store() as opened:
        yield opened
