"""A prepared gradient against f, and against the gradients of JAX (jit, CPU) and CasADi.

    python benchmarks/prepared.py

All are taken in turn within one process, so that a drift of the machine's speed hits all alike;
a ratio is the median of the ratios of neighbouring samples. Peers that are not installed are left
out: pip install jax casadi. CasADi is called as it usually is, ``F(x)``, and through its buffers,
which skips the conversion of arguments and results; it takes part where the function can be
written with its scalars. JAX would compile the pendulum's 400 steps for minutes, and is left out
there.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from ad_core import _flat, samples_of
from workloads import WORKLOADS, Workload

import diffkit as dk
from diffkit.tape.replay.numbers import native

Call = Callable[[], Any]


def prepared(w: Workload, plan: str | None = None) -> Call:
    """diffkit's, called like a user would."""
    operator: Any = dk.derivative if isinstance(w.x, float) else dk.gradient
    g = dk.prepare(operator, w.make(np), w.x, plan=plan)
    return lambda: g(w.x)


def with_jax(w: Workload) -> Call | None:
    """JAX's, on NumPy arrays or on its own, whichever is faster."""
    if importlib.util.find_spec("jax") is None or w.name.startswith("pendulum"):
        return None
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    g = jax.jit(jax.grad(w.make(jnp)))
    own = jax.tree_util.tree_map(jnp.asarray, w.x)
    calls = [lambda: jax.block_until_ready(g(w.x)), lambda: jax.block_until_ready(g(own))]
    return calls[int(np.argmin(np.median(samples_of(calls, 0.3), axis=0)))]


def with_casadi(w: Workload) -> tuple[Call, Call] | None:
    """CasADi's, in the ordinary way and through buffers."""
    if importlib.util.find_spec("casadi") is None or isinstance(w.x, tuple) or np.size(w.x) > 1000:
        return None
    import casadi

    names = SimpleNamespace(
        sin=casadi.sin, cos=casadi.cos, exp=casadi.exp, sum=casadi.sum1, sqrt=casadi.sqrt
    )
    x = casadi.SX.sym("x", int(np.size(w.x)))
    y = w.make(names)(x if np.ndim(w.x) else x[0])
    function = casadi.Function("gradient", [x], [casadi.gradient(y, x)])
    buffer, evaluate = function.buffer()
    given, found = np.array(w.x, dtype=float).reshape(-1), np.zeros(np.size(w.x))
    buffer.set_arg(0, memoryview(given))
    buffer.set_res(0, memoryview(found))

    def through_buffers(alive: Any = (function, buffer, given)) -> Any:
        evaluate()  # reads and writes memory that the others own
        return found

    return lambda: function(w.x), through_buffers


def main() -> None:
    """Print a row a workload."""
    wanted = sys.argv[1:]
    print(f"{'workload':31}{'plan':>9}{'f':>12}{'prepared/f':>12}{'source/f':>10}"
          f"{'/JAX':>8}{'/CasADi':>9}{'/buffers':>10}{'prepare/eager':>15}")  # fmt: skip
    for w in WORKLOADS:
        if wanted and not any(name in w.name for name in wanted):
            continue
        row(w)
    print("\nprepared over each peer: at most 1 is aimed at, over the better of JAX and CasADi's "
          "ordinary call.\nsource: without the extra `fast`; aim 1.5 on the first four. "
          f"native loop: {'installed' if native.available() else 'not installed'}.")  # fmt: skip


def row(w: Workload) -> None:
    """One workload."""
    f = w.make(np)
    operator: Any = dk.derivative if isinstance(w.x, float) else dk.gradient
    eager = lambda: operator(f, w.x)  # noqa: E731
    preparing = min(_seconds(lambda: dk.prepare(operator, f, w.x)) for _ in range(5))
    prepare_over_eager = preparing / np.median(samples_of([eager], 0.3))
    calls: dict[str, Call] = {"f": lambda: f(w.x), "prepared": prepared(w)}
    plan = dk.prepare(operator, f, w.x).plan.name
    if plan in ("native", "source"):
        calls["source"] = prepared(w, "source")
    if (call := with_jax(w)) is not None:
        calls["jax"] = call
    if (pair := with_casadi(w)) is not None:
        calls["casadi"], calls["buffers"] = pair
    truth = _flat(eager())
    for name, call in list(calls.items())[1:]:
        found = call()
        found = found if isinstance(found, (tuple, list)) else np.asarray(found)
        np.testing.assert_allclose(_flat(found), truth, rtol=1e-6, atol=1e-8, err_msg=name)
    taken = dict(zip(calls, samples_of(list(calls.values())).T, strict=True))

    def ratio(a: str, b: str) -> str:
        return f"{np.median(taken[a] / taken[b]):.2f}" if a in taken and b in taken else "-"

    print(f"{w.name:31}{plan:>9}{np.median(taken['f']) * 1e6:>9.4g} µs"
          f"{ratio('prepared', 'f'):>12}{ratio('source', 'f'):>10}"
          f"{ratio('prepared', 'jax'):>8}{ratio('prepared', 'casadi'):>9}"
          f"{ratio('prepared', 'buffers'):>10}{prepare_over_eager:>15.0f}", flush=True)  # fmt: skip


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
