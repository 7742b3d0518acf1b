"""A tab of a headless Chromium, for pages that are opened from disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .chromium import NAMES, Connection, Tab, browser, find


@pytest.fixture(scope="session")
def connection() -> Iterator[Connection]:
    if find() is None:
        pytest.skip(f"there is no Chromium here (looked for {', '.join(NAMES)})")
    with browser() as running:
        yield running


@pytest.fixture
def tab(connection: Connection) -> Iterator[Tab]:
    opened = Tab(connection)
    opened.screen(1280, 800)
    yield opened
    opened.close()
