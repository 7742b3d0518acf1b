"""Experiments for the tests of the runner: good cells, and every kind of bad one."""

from __future__ import annotations

import ctypes
import math
import os
import time
from typing import Any

from diffkit.runner import Experiment, grid
from diffkit.runner.experiment import Cell

# Forty cells, of which these are bad.
BAD = {
    3: "sympy_expansion",
    9: "power_tower",
    14: "huge_allocation",
    20: "exit",
    27: "segmentation_fault",
    33: "exception",
}


def mixed_cells() -> list[Cell]:
    return [{"n": n, "kind": BAD.get(n, "good")} for n in range(40)]


def mixed_measure(n: int, kind: str) -> dict[str, Any]:
    if kind == "good":
        return {"square": n * n}
    return {"size": globals()[f"_{kind}"]()}


def _sympy_expansion() -> int:
    import sympy

    return len(sympy.expand(sum(sympy.symbols("x0:12")) ** 40).args)


def _power_tower() -> int:
    return (9**9**9).bit_length()


def _huge_allocation() -> int:
    return len(bytearray(b"\x01") * (80 * 10**9))


def _exit() -> None:
    os._exit(3)


def _segmentation_fault() -> None:
    ctypes.string_at(0)


def _exception() -> None:
    raise ValueError("told apart")


MIXED = Experiment(
    name="mixed",
    title="",
    question="",
    cells=mixed_cells,
    measure=mixed_measure,
    seconds=3.0,
    megabytes=600.0,
)


def many_measure(n: int) -> dict[str, Any]:
    time.sleep(float(os.environ.get("PAUSE", "0")))
    return {"root": math.sqrt(n), "nothing": math.nan, "much": math.inf if n % 2 else -0.0}


MANY = Experiment(
    name="many", title="", question="", cells=lambda: grid(n=range(600)), measure=many_measure
)


def greedy_measure(n: int) -> dict[str, Any]:
    """One cell leaves much memory behind, and those after it need as much themselves."""
    needed = b"\x01" * (0 if n == 0 else 250) * 10**6
    if n == 1:
        _kept.append(needed)
    return {"length": len(needed)}


_kept: list[bytes] = []
GREEDY = Experiment(
    name="greedy",
    title="",
    question="",
    cells=lambda: grid(n=range(6)),
    measure=greedy_measure,
    megabytes=450.0,
)


def several_measure(n: int) -> list[dict[str, Any]]:
    return [{"k": k, "text": "=1+1", "list": (1, math.nan)} for k in range(n)]


SEVERAL = Experiment(
    name="several", title="", question="", cells=lambda: grid(n=range(4)), measure=several_measure
)


def random_measure(n: int, rng: Any) -> dict[str, Any]:
    return {"u": rng.random()}


RANDOM = Experiment(
    name="random", title="", question="", cells=lambda: grid(n=range(5)), measure=random_measure
)
