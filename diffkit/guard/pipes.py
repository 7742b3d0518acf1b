"""The three pipes to a child, none of which can make the parent wait for longer than it wants."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import IO, Any, cast

from diffkit.guard import wire

_CHUNK = 1 << 20  # bytes
_KEPT_OUTPUT = 8192  # bytes
_READS = 16


class Pipes:
    """Tasks go in; replies and whatever the child prints come out."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._files = [cast(IO[bytes], f) for f in (process.stdin, process.stdout, process.stderr)]
        self._tasks, self._replies, self._output = (file.fileno() for file in self._files)
        self._unsent = memoryview(b"")
        self._received = bytearray()
        self._printed = bytearray()
        self.ended = False
        self._ready = _Ready(self._tasks, self._replies, self._output)

    def send(self, frame: bytes) -> None:
        """Send a frame, as far as the pipe takes it; `wait` sends the rest."""
        self._unsent = memoryview(frame)
        self._write()

    def receive(self) -> dict[str, Any] | None:
        """The next whole message, if it has come. Raises ProtocolError for anything else."""
        if len(self._received) < wire.HEADER:
            return None
        end = wire.HEADER + wire.length(self._received)
        if len(self._received) < end:
            return None
        message = wire.message(self._received[wire.HEADER : end])
        del self._received[:end]
        return message

    def wait(self, seconds: float) -> None:
        """Move what can be moved, after waiting at most ``seconds`` for anything to move."""
        for pipe in self._ready.wait(seconds, sending=bool(self._unsent)):
            if pipe == self._tasks:
                self._write()
            elif pipe == self._replies:
                self._read_replies()
            else:
                self._read_output()

    def output(self) -> str:
        """The end of what the child has printed so far."""
        for _ in range(_READS):  # a thread left behind may print without end
            if not self._read_output():
                break
        return bytes(self._printed).decode("utf-8", "replace")

    def forget_output(self) -> None:
        self._printed.clear()

    def close(self) -> None:
        for file in self._files:
            with contextlib.suppress(OSError):
                file.close()

    def _write(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._tasks, self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # the child is gone, which the pipe of replies tells
            self._unsent = memoryview(b"")

    def _read_replies(self) -> None:
        data = _read(self._replies)
        if data == b"":
            self.ended = True
            self._ready.forget(self._replies)
        self._received += data or b""

    def _read_output(self) -> bool:
        """Read what has been printed, and say whether there was any."""
        data = _read(self._output)
        if data == b"":
            self._ready.forget(self._output)
        self._printed += data or b""
        del self._printed[:-_KEPT_OUTPUT]
        return bool(data)


def _read(pipe: int) -> bytes | None:
    """What the pipe holds: None where nothing, b"" where it has ended."""
    try:
        if sys.platform == "win32":
            held = _held(pipe)
            return os.read(pipe, held) if held else None
        return os.read(pipe, _CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


if sys.platform == "win32":
    import _winapi
    import msvcrt

    def _held(pipe: int) -> int:
        """How many bytes can be read from a pipe at once. Raises OSError where it has ended."""
        return int(_winapi.PeekNamedPipe(msvcrt.get_osfhandle(pipe), 0)[0])

    class _Ready:
        """Windows cannot wait for pipes, so they are looked at every millisecond."""

        def __init__(self, tasks: int, replies: int, output: int) -> None:
            self._read = [replies, output]

        def forget(self, pipe: int) -> None:
            self._read = [other for other in self._read if other != pipe]

        def wait(self, seconds: float, sending: bool) -> list[int]:
            end = time.monotonic() + seconds
            while True:
                ready = [pipe for pipe in self._read if self._has_news(pipe)]
                if ready or time.monotonic() >= end:
                    return ready
                time.sleep(0.001)

        def _has_news(self, pipe: int) -> bool:
            try:
                return _held(pipe) > 0
            except OSError:
                return True

else:
    import select

    class _Ready:
        """Which pipes can be read from or written to, by poll(2)."""

        def __init__(self, tasks: int, replies: int, output: int) -> None:
            for pipe in (tasks, replies, output):
                os.set_blocking(pipe, False)
            self._tasks = tasks
            self._receiving, self._sending = select.poll(), select.poll()
            for pipe in (replies, output):
                self._receiving.register(pipe, select.POLLIN)
                self._sending.register(pipe, select.POLLIN)
            self._sending.register(tasks, select.POLLOUT)

        def forget(self, pipe: int) -> None:
            for poll in (self._receiving, self._sending):
                with contextlib.suppress(KeyError):  # forgotten already
                    poll.unregister(pipe)

        def wait(self, seconds: float, sending: bool) -> list[int]:
            poll = self._sending if sending else self._receiving
            return [pipe for pipe, _ in poll.poll(max(seconds, 0.0) * 1000)]
