"""What a task costs in a guard, beside a bare message there and back between two processes.

    python benchmarks/guard.py

Both are measured in turn in one process. Then the time until a new child has answered, beside
that of an interpreter that does nothing.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from diffkit.guard import Guard

ECHO = "import os\nwhile data := os.read(0, 4096): os.write(1, data)"


def seconds(call: Callable[[], object], times: int = 1) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def main(rounds: int = 21) -> None:
    """Print the times and their ratios with their spread."""
    echo = subprocess.Popen(
        [sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert echo.stdin is not None
    assert echo.stdout is not None
    there, back = echo.stdin.fileno(), echo.stdout.fileno()
    answer = select.poll()
    answer.register(back, select.POLLIN)

    def bare() -> None:
        os.write(there, b"x" * 150)
        answer.poll(1000)
        os.read(back, 4096)

    with Guard() as guard:
        guard.run("os:getpid")
        pairs = [
            (seconds(bare, 500), seconds(lambda: guard.run("os:getpid"), 500))
            for _ in range(rounds)
        ]
    echo.kill()
    echo.wait()
    _print("a task in a guard", "a message there and back", 1e6, "µs", pairs)

    for preload in ((), ("numpy",), ("sympy",)):
        pairs = [(seconds(_empty), seconds(partial(_first, preload))) for _ in range(rounds)]
        name = " and ".join(preload) or "nothing"
        _print(f"a new child with {name} loaded", "an empty interpreter", 1e3, "ms", pairs)


def _empty() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def _first(preload: tuple[str, ...]) -> None:
    with Guard(preload) as guard:
        guard.run("os:getpid")


def _print(
    what: str, beside: str, scale: float, unit: str, pairs: list[tuple[float, float]]
) -> None:
    base, taken = np.array(pairs).T * scale
    low, mid, high = np.quantile(taken, [0.1, 0.5, 0.9])
    ratio = np.median(taken / base)
    print(f"{what}: {mid:.0f} {unit} ({low:.0f} to {high:.0f}), {ratio:.1f} of {beside}")


if __name__ == "__main__":
    main()
