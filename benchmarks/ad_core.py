"""One define-by-run gradient against one evaluation of f, and against autograd.

    python benchmarks/ad_core.py

All are taken in turn within one process, so that a drift of the machine's speed hits all alike;
the ratio is the median of the ratios of neighbouring samples. Peers that are not installed are
left out: pip install autograd.
"""

from __future__ import annotations

import importlib.util
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import WORKLOADS, Workload

import diffkit as dk

SECONDS = 2.0  # for each workload


def gradient(w: Workload) -> Callable[[], Any]:
    """diffkit's gradient, recorded anew at each call."""
    f = w.make(np)
    if isinstance(w.x, float):
        return lambda: dk.derivative(f, w.x)
    return lambda: dk.gradient(f, w.x)


def autograd_gradient(w: Workload) -> Callable[[], Any]:
    """autograd's, on its own NumPy."""
    import autograd
    import autograd.numpy as anp

    g = autograd.grad(w.make(anp))
    return lambda: g(w.x)


def samples_of(calls: list[Callable[[], Any]], seconds: float = SECONDS) -> np.ndarray:
    """Seconds of each call, a row a round."""
    loops = [_loops(call) for call in calls]
    rounds = []
    end = time.perf_counter() + seconds
    while len(rounds) < 7 or time.perf_counter() < end:
        rounds.append([_time(call, n) for call, n in zip(calls, loops, strict=True)])
    return np.array(rounds)


def _time(call: Callable[[], Any], n: int) -> float:
    start = time.perf_counter()
    for _ in range(n):
        call()
    return (time.perf_counter() - start) / n


def _loops(call: Callable[[], Any]) -> int:
    call()
    return max(1, int(2e-3 / max(_time(call, 1), 1e-7)))


def _flat(g: Any) -> np.ndarray:
    return np.concatenate([np.ravel(v) for v in g]) if isinstance(g, (tuple, list)) else np.ravel(g)


def compare() -> None:
    """Print a row a workload."""
    peer = importlib.util.find_spec("autograd") is not None
    print(f"{'workload':31}{'f':>11}{'gradient / f':>22}{'aim':>5}{'autograd / it':>15}{'aim':>11}")
    for w in WORKLOADS:
        f = w.make(np)
        calls = [lambda f=f, w=w: f(w.x), gradient(w)]
        if peer:
            calls.append(autograd_gradient(w))
            np.testing.assert_allclose(_flat(calls[1]()), _flat(calls[2]()), rtol=1e-8, atol=1e-8)
        taken = samples_of(calls)
        ratios = taken[:, 1] / taken[:, 0]
        low, mid, high = np.quantile(ratios, [0.1, 0.5, 0.9])
        faster = np.median(taken[:, 2] / taken[:, 1]) if peer else np.nan
        good = mid <= w.ratio and (not peer or faster >= w.autograd)
        print(
            f"{w.name:31} {np.median(taken[:, 0]) * 1e6:7.4g} µs {mid:8.2f} ({low:.2f}-{high:.2f})"
            f" {w.ratio:5.3g} {faster:16.2f} {w.autograd:10.3g}  {'' if good else 'not reached'}"
        )


def memory() -> None:
    """Bytes an operation of a long scalar program, and the peak of a gradient of arrays."""
    n = 10**6

    def long_program(x: Any) -> Any:
        for _ in range(n // 2):
            x = 0.999999 * x + 1e-9
        return x

    tracemalloc.start()
    start = time.perf_counter()
    dk.derivative(long_program, 1.0)
    size = tracemalloc.get_traced_memory()[1] / n
    seconds = time.perf_counter() - start
    print(f"\n10^6 scalar operations: at most {size:.0f} bytes each ({seconds:.1f} s, traced)")
    tracemalloc.reset_peak()
    w = WORKLOADS[5]
    before = tracemalloc.get_traced_memory()[0]
    dk.gradient(w.make(np), w.x)
    peak = tracemalloc.get_traced_memory()[1] - before
    print(f"{w.name}: peak {peak / w.x.nbytes:.1f} arrays like x; f makes 10 of them")
    tracemalloc.stop()


if __name__ == "__main__":
    compare()
    memory()
