"""Where numbers come from: versions, machine, time, seed and command."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("diffkit", "numpy", "sympy", "plotly")


@dataclass(frozen=True)
class Provenance:
    """``started`` is UTC in ISO 8601; ``seconds`` is the duration of the whole run."""

    started: str
    seconds: float
    seed: int
    command: str
    versions: dict[str, str]
    platform: str
    processor: str
    cpus: int

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's terms."""
        return asdict(self)


@dataclass(frozen=True)
class Clock:
    """A run that has begun; `stop` tells its provenance."""

    command: str
    seed: int
    started: datetime
    began: float

    def stop(self) -> Provenance:
        """The provenance of what ran since the start."""
        return Provenance(
            started=self.started.isoformat(timespec="seconds"),
            seconds=time.perf_counter() - self.began,
            seed=self.seed,
            command=self.command,
            versions=versions(),
            platform=platform.platform(),
            processor=processor(),
            cpus=os.cpu_count() or 1,
        )


def start(*, command: str, seed: int) -> Clock:
    """Begin a run, now."""
    return Clock(command, seed, datetime.now(UTC), time.perf_counter())


def versions() -> dict[str, str]:
    """Python and the packages that the numbers depend on; nothing is imported for it."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def version(package: str) -> str:
    """The installed version of a package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


@cache
def processor() -> str:
    """The processor's name; on Linux the standard library gives only an architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
