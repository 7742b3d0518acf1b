"""Tools that do what a tool can do wrong, for the harness to find out; each takes Griewank's
example."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from benchmarks.tools import Ready, Tool, Way
from benchmarks.tools.with_diffkit import prepared

NUMPY = ("numpy",)


def _tool(*ways: Way, **options: Any) -> Tool:
    return Tool("", "numpy", NUMPY, lambda problem, case: ways, **options)


def _constant(value: Any) -> Any:
    return lambda problem, case: [Ready(lambda x: np.array(value))]


def _known(problem: Any, case: Any) -> Any:
    """The derivative of the first point, at every point: a tape that has gone stale."""
    found = prepared("reverse", problem, case)[0].call(case.x)
    return [Ready(lambda x: found)]


def _raise(problem: Any, case: Any) -> Any:
    raise ValueError("this tool has no such operation")


def _hang(problem: Any, case: Any) -> Any:
    time.sleep(60)


def _die(problem: Any, case: Any) -> Any:
    os._exit(1)


def _right(problem: Any, case: Any) -> Any:
    return prepared("reverse", problem, case)


def _slower(problem: Any, case: Any) -> Any:
    g = prepared("reverse", problem, case)[0].call
    return [Ready(lambda x: (time.sleep(0.02), g(x))[1])]


RIGHT = _tool(Way("right", _right))
ZERO = _tool(Way("zero", _constant([0.0, 0.0])))
NAN = _tool(Way("nan", _constant([np.nan, 1.0])))
SHORT = _tool(Way("short", _constant([1.0])))
STALE = _tool(Way("stale", _known))
RAISES = _tool(Way("raises", _raise))
HANGS = _tool(Way("hangs", _hang))
DIES = _tool(Way("dies", _die))
COUNTS = _tool(Way("counts", _raise, evaluations=10**12))
NOTHING = _tool(why_none="it knows no gradients")
ABSENT = Tool("", "no-such-package", ("no_such_package",), lambda problem, case: ())

# The fastest way counts, also where a later one is slower or has ended the process.
SEVERAL = _tool(Way("slow", _slower), Way("fast", _right), Way("wrong", _constant([0.0, 0.0])),
                Way("dies", _die), Way("slow again", _slower))  # fmt: skip
FALLS_BACK = _tool(Way("raises", _raise), Way("slow", _slower, fallback="error"),
                   Way("right", _right, fallback="any"))  # fmt: skip
GIVES_UP = _tool(Way("hangs", _hang), Way("right", _right, fallback="error"))
FOLLOWS = _tool(Way("slow", _slower), Way("right", _right), ranked=False, follows="f",
                why_none="f goes no such way")  # fmt: skip
