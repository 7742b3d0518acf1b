"""The explorer in a browser: its server as a process, and a tab that types into it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .chromium import Connection, Tab

PATIENCE = 30.0  # seconds
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")
_COMMAND = [sys.executable, "-m", "diffkit.cli", "explore", "--no-browser"]


@contextmanager
def explorer(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`diffkit explore` as a process, and its address; it is told to end with the block."""
    process = subprocess.Popen(
        [*_COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        found = _ADDRESS.search(told)
        assert found, told + process.stdout.read()
        yield found[0], process
    finally:
        process.terminate()
        process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What the condition gives once it holds. Raises TimeoutError where it never does."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen")
        time.sleep(0.02)
    return found


class Explorer(Tab):
    """A tab with the explorer in it."""

    def __init__(self, connection: Connection, url: str) -> None:
        super().__init__(connection)
        self.url = url

    def visit(self, query: str = "") -> None:
        """Open the page, and wait until it has computed."""
        self.evaluate("document.body.dataset.left = 'yes'")
        self.connection.events.clear()
        self.send("Page.navigate", url=self.url + query)
        until(lambda: self.evaluate("document.body?.dataset.left") != "yes" and self.is_done())

    def is_done(self) -> bool:
        return self.text("#progress").startswith("Done")

    def text(self, selector: str) -> str:
        """What is read at a place; empty where it is not there."""
        found = self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")
        return str(found)

    def type(self, text: str, selector: str = "#function") -> None:
        """Replace the text of a field, as by hand."""
        place = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{place}.focus(); {place}.select()")
        self.send("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def cells(self, backend: str) -> list[str]:
        """The row of a backend in the table of values; empty where it has none yet."""
        rows = self.evaluate(
            "[...document.querySelectorAll('.values tbody tr')].map("
            "tr => [...tr.children].map(c => c.innerText))"
        )
        return next((row for row in rows if row[0] == backend), [])

    @property
    def strangers(self) -> list[str]:
        """Addresses elsewhere that the page has asked for."""
        return [u for u in self.requests if not u.startswith((self.url, "blob:", "chrome"))]
