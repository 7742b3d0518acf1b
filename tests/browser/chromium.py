"""A headless Chromium, driven by the DevTools protocol over two pipes.

With ``--remote-debugging-pipe`` the browser reads commands from file descriptor 3 and writes
answers to 4, each a JSON text that ends with a zero byte. That takes no package, opens no port,
and the browser ends with its pipe. (Playwright would bring a browser driver of 40 MB.)
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-extensions", "--disable-background-networking"),
    *("--disable-component-update", "--disable-default-apps", "--disable-sync"),
    *("--remote-debugging-pipe", "--hide-scrollbars"),
)
_PATIENCE = 30.0  # seconds until an answer is given up


def find() -> str | None:
    """The path of a Chromium, None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Connection:
    """Commands to the browser, and what it tells of its own accord."""

    def __init__(self, read: int, write: int) -> None:
        self.read, self.write = read, write
        self.buffer = b""
        self.last = 0
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, session: str | None = None, **params: Any) -> Any:
        self.last += 1
        message: dict[str, Any] = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE
        while True:
            answer = self.receive(deadline)
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self.read, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError("the browser does not answer")
            self.buffer += chunk
        message, _, self.buffer = self.buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


class Tab:
    """One page."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        target = connection.send("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        attached = connection.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> Any:
        return self.connection.send(method, self.session, **params)

    def open(self, path: Path) -> None:
        """Open a file, and wait until its scripts have run."""
        self.connection.events.clear()
        self.send("Page.navigate", url=path.resolve().as_uri())
        deadline = time.monotonic() + _PATIENCE
        while self.evaluate("document.readyState + location.protocol") != "completefile:":
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} does not finish loading")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True,
                          awaitPromise=True)  # fmt: skip
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"].get("exception", found)))
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        codes = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, " ": 32, "Tab": 9,
                 "Enter": 13}  # fmt: skip
        given: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": codes[key]}
        text = {" ": " ", "Enter": "\r"}.get(key)
        self.send(
            "Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {})
        )
        self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    def screen(self, width: int, height: int, dark: bool = False, mobile: bool = False) -> None:
        """Take the size and the look of a device."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=mobile)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path, whole: bool = False) -> None:
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    @property
    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was opened, files apart."""
        self.evaluate("0")
        sent = [e["params"]["request"]["url"] for e in self.connection.events
                if e.get("method") == "Network.requestWillBeSent"]  # fmt: skip
        return [url for url in sent if not url.startswith(("file:", "data:", "about:"))]

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings on the console, and exceptions that nobody caught."""
        self.evaluate("0")
        found = []
        for event in self.connection.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                found.append(str(params["args"]))
        return found

    def close(self) -> None:
        self.connection.send("Target.closeTarget", targetId=self.target)


@contextmanager
def browser() -> Iterator[Connection]:
    """A Chromium that runs while the block does."""
    path = find()
    assert path is not None, "there is no Chromium"
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        null = os.open(os.devnull, os.O_RDWR)
        # Through numbers above 10, so that neither 3 nor 4 is overwritten before it is copied.
        high = [os.dup2(fd, 50 + k) for k, fd in enumerate((to_read, from_write))]
        actions = [(os.POSIX_SPAWN_DUP2, null, n) for n in (0, 1, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, high[0], 3), (os.POSIX_SPAWN_DUP2, high[1], 4)]
        command = [path, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        child = os.posix_spawn(path, command, os.environ, file_actions=actions, setpgroup=0)
        for fd in (to_read, from_write, null, *high):
            os.close(fd)
        connection = Connection(from_read, to_write)
        try:
            yield connection
        finally:
            _end(connection, child)
            os.close(from_read)
            os.close(to_write)


def _end(connection: Connection, child: int) -> None:
    """Ask the browser to go; end its process group if it does not."""
    with suppress(OSError, TimeoutError, RuntimeError):
        connection.send("Browser.close")
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
