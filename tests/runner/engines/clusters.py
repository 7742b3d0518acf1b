"""A Dask scheduler and workers as processes of their own, on loopback, for the time of a test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_ADDRESS = re.compile(r"Scheduler at:\s+((?:tcp|tls)://127\.0\.0\.1:\d+)")
_START = 30.0  # seconds


@dataclass
class Cluster:
    """A scheduler and workers; `address` is the scheduler's."""

    folder: Path
    address: str = ""
    options: Sequence[str] = ()
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, environment: Mapping[str, str] | None = None) -> int:
        """Start one process of Dask's; its number among `processes`."""
        log = self.folder / f"process{len(self.processes)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli." + command[0], *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self.processes.append(process)
        return len(self.processes) - 1

    def log(self, number: int) -> str:
        return (self.folder / f"process{number}.log").read_text(errors="replace")

    def worker(self, threads: int = 1, environment: Mapping[str, str] | None = None) -> int:
        """Start a worker without a nanny, so that its process is the worker itself."""
        return self.start(
            "dask_worker", self.address, "--no-nanny", "--no-dashboard",
            "--host", "127.0.0.1", "--nthreads", str(threads), "--death-timeout", "60",
            "--local-directory", str(self.folder), *self.options, environment=environment,
        )  # fmt: skip

    def kill(self, number: int) -> None:
        """Signal 9 to that process alone."""
        self.processes[number].kill()

    def end(self) -> None:
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def running(
    folder: Path, workers: int = 2, threads: int = 1, options: Sequence[str] = ()
) -> Iterator[Cluster]:
    cluster = Cluster(folder, options=options)
    protocol = "tls" if options else "tcp"
    try:
        cluster.start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--protocol", protocol,
            "--no-dashboard", "--no-show", *options,
        )  # fmt: skip
        deadline = time.monotonic() + _START
        while not (found := _ADDRESS.search(cluster.log(0))):
            assert time.monotonic() < deadline, cluster.log(0)
            assert cluster.processes[0].poll() is None, cluster.log(0)
            time.sleep(0.02)
        cluster.address = found[1]
        for _ in range(workers):
            cluster.worker(threads)
        yield cluster
    finally:
        cluster.end()
