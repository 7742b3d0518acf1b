"""Where numbers come from: versions, machine, time, seed and command."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("diffkit", "numpy", "sympy", "plotly")


@dataclass(frozen=True)
class Provenance:
    """``started`` is UTC in ISO 8601; ``seconds`` is the duration of the whole run.

    earlier: the runs that gave the results which this one found in its store.
    """

    started: str
    seconds: float
    seed: int
    command: str
    versions: dict[str, str]
    platform: str
    processor: str
    cpus: int
    earlier: tuple[Earlier, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's terms."""
        return asdict(self)


@dataclass(frozen=True)
class Earlier:
    """A run that gave some of the results before.

    cells: how many of them.
    note: what was another then; empty where nothing was.
    """

    cells: int
    started: str
    host: str
    versions: dict[str, str]
    note: str


@dataclass(frozen=True)
class Clock:
    """A run that has begun; `stop` tells its provenance.

    packages: that its experiment is from, other than diffkit.
    """

    command: str
    seed: int
    started: datetime
    began: float
    packages: tuple[str, ...] = ()

    def of_store(self, engine: Any, limits: Any) -> dict[str, Any]:
        """What is kept beside the outcomes, in JSON's terms."""
        return {
            "started": self._started(),
            "command": self.command,
            "seed": self.seed,
            "host": platform.node(),
            "versions": versions(self.packages),
            "code": code(),
            "platform": platform.platform(),
            "processor": processor(),
            "cpus": os.cpu_count() or 1,
            "engine": type(engine).__name__,
            "slots": engine.slots,
            "threads": getattr(engine, "threads", None),
            "seconds": limits.seconds,
            "megabytes": limits.megabytes,
        }

    def earlier(self, runs: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[Earlier]:
        """The runs before this one, given as their cells and what `of_store` gave."""
        for cells, run in runs:
            started, host = str(run.get("started", "")), str(run.get("host", ""))
            note = _note(cells, run, versions(self.packages))
            yield Earlier(cells, started, host, run.get("versions", {}), note)

    def stop(self, earlier: tuple[Earlier, ...] = ()) -> Provenance:
        """The provenance of what ran since the start."""
        return Provenance(
            started=self._started(),
            seconds=time.perf_counter() - self.began,
            seed=self.seed,
            command=self.command,
            versions=versions(self.packages),
            platform=platform.platform(),
            processor=processor(),
            cpus=os.cpu_count() or 1,
            earlier=earlier,
        )

    def _started(self) -> str:
        return self.started.isoformat(timespec="seconds")


def _note(cells: int, run: dict[str, Any], now: dict[str, str]) -> str:
    """What has changed since, of all that is not part of a cell's key."""
    then = run.get("versions", {})
    changes = [
        f"{name} {then.get(name)} then, {now[name]} now"
        for name in now
        if then.get(name) != now[name]
    ]
    if run.get("code") != code():
        changes.append("the code of diffkit has changed since")
    if not changes:
        return ""
    return (
        f"{cells} cells were measured on {run.get('started', 'an unknown day')[:10]}: "
        f"{', '.join(changes)}; --fresh measures them again"
    )


def start(*, command: str, seed: int, packages: tuple[str, ...] = ()) -> Clock:
    """Begin a run, now."""
    return Clock(command, seed, datetime.now(UTC), time.perf_counter(), packages)


def versions(others: tuple[str, ...] = ()) -> dict[str, str]:
    """Python and the packages that the numbers depend on; nothing is imported for it."""
    names = (*PACKAGES, *others)
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def version(package: str) -> str:
    """The installed version of a package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


@cache
def code() -> str:
    """16 hexadecimal digits of BLAKE2b over all of diffkit's own source."""
    package = Path(__file__).parents[1]
    found = hashlib.blake2b(digest_size=8)
    for path in sorted(package.rglob("*.py")):
        found.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


@cache
def processor() -> str:
    """The processor's name; on Linux the standard library gives only an architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
