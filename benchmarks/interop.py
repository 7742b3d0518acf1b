"""What it costs to stand in a program of PyTorch's, of JAX's, or of SciPy's optimizers.

    python benchmarks/interop.py

The first table takes one value and gradient, over the prepared one that is called directly:
through ``as_torch_function`` and ``as_jax_function``; through the least that the library itself
asks for, an ``autograd.Function`` and a ``custom_vjp`` around ``pure_callback``, both written by
hand for this one function around the same prepared derivative; and by the library, of the function
written in its own terms. The second takes whole minimizations by L-BFGS-B with different gradients.

All calls of a row are taken in turn within one process, so that a drift of the machine's speed hits
all alike; a ratio is the median of the ratios of neighbouring samples. SciPy's L-BFGS-B calls BLAS
for vectors of ten numbers, and BLAS would have its threads wait for each other: it gets one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from ad_core import samples_of
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits
from workloads import WORKLOADS, Workload

import diffkit as dk
from benchmarks.problems.classical import rosenbrock

jax.config.update("jax_enable_x64", True)

MEASURED = ["Griewank's example", "Rosenbrock vectorised, 1000", "elementwise, 10^6"]


def with_torch(f: Any, x: Any) -> Callable[[], Any]:
    """Value and gradient of a function of tensors."""
    given = torch.tensor(x, requires_grad=True)

    def call() -> Any:
        y = f(given)
        return y, torch.autograd.grad(y, given)[0]

    return call


def with_jax(f: Any, x: Any) -> Callable[[], Any]:
    """Value and gradient of a function of JAX arrays, compiled."""
    both, given = jax.jit(jax.value_and_grad(f)), jnp.asarray(x)
    return lambda: jax.block_until_ready(both(given))


def by_hand_in_torch(both: Any) -> Any:
    """The value and the gradient are computed together, and the gradient kept."""

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            y, g = both(x.detach().numpy())
            ctx.save_for_backward(torch.from_numpy(g))
            return torch.tensor(y)

        @staticmethod
        def backward(ctx: Any, u: torch.Tensor) -> torch.Tensor:
            return u * ctx.saved_tensors[0]

    return ByHand.apply


def by_hand_in_jax(both: Any) -> Any:
    """The same for JAX."""
    number = jax.ShapeDtypeStruct((), float)

    def computed(x: Any) -> Any:
        return jax.pure_callback(
            lambda x: both(np.asarray(x)), (number, jax.ShapeDtypeStruct(x.shape, float)), x
        )

    by_hand = jax.custom_vjp(lambda x: computed(x)[0])
    by_hand.defvjp(computed, lambda g, u: (u * g,))
    return by_hand


def overhead(w: Workload) -> None:
    """A row: each way over the prepared value and gradient."""
    f = w.make(np)
    both = dk.prepare(dk.value_and_gradient, f, w.x)
    calls: list[Callable[[], Any]] = [
        lambda: both(w.x),
        with_torch(dk.as_torch_function(f), w.x),
        with_torch(by_hand_in_torch(both), w.x),
        with_torch(w.make(torch), w.x),
        with_jax(dk.as_jax_function(f), w.x),
        with_jax(by_hand_in_jax(both), w.x),
        with_jax(w.make(jnp), w.x),
    ]
    for call in calls:
        for got, want in zip(call(), both(w.x), strict=True):
            got = got.detach() if isinstance(got, torch.Tensor) else got
            np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8)
    taken = samples_of(calls)
    ratios = np.median(taken[:, 1:] / taken[:, :1], axis=0)
    print(f"{w.name:28}{np.median(taken[:, 0]) * 1e6:>9.4g} µs"
          + "".join(f"{r:>10.2f}" for r in ratios), flush=True)  # fmt: skip


def minimization(n: int) -> None:
    """A row: minimizing Rosenbrock's function of n variables, by each gradient."""
    f, x = rosenbrock(np), np.full(n, -1.0)
    g = dk.prepare(dk.gradient, f, x)
    both = dk.prepare(dk.value_and_gradient, f, x)
    jitted = jax.jit(jax.value_and_grad(rosenbrock(jnp)))
    choices: list[tuple[Any, Any]] = [(both, True), (f, g), (jitted, True), (f, None)]

    def minimized(fun: Any, jac: Any) -> Any:
        return minimize(fun, x, jac=jac, method="L-BFGS-B", options={"maxfun": 10**7})

    for fun, jac in choices:
        found = minimized(fun, jac)
        assert found.success, found.message
        assert found.fun < 1e-4 or abs(found.fun - 3.986) < 0.01, found  # a local minimum
    calls = [lambda c=c: minimized(*c) for c in choices]
    taken = samples_of(calls, 5.0)
    ratios = np.median(taken[:, 1:] / taken[:, :1], axis=0)
    print(f"{n:>16}{np.median(taken[:, 0]) * 1e3:>12.4g} ms"
          + "".join(f"{r:>16.2f}" for r in ratios), flush=True)  # fmt: skip


def main() -> None:
    """Print both tables."""
    print(f"{'value and gradient, over':>28}{'prepared':>12}{'as_torch':>10}{'by hand':>10}"
          f"{'PyTorch':>10}{'as_jax':>10}{'by hand':>10}{'JAX':>10}")  # fmt: skip
    for w in WORKLOADS:
        if w.name in MEASURED:
            overhead(w)
    print(f"\n{'L-BFGS-B, n':>16}{'jac=True':>15}{'f and jac=g':>16}{'JAX, jac=True':>16}"
          f"{'no jac':>16}")  # fmt: skip
    for n in (10, 100, 300):
        with threadpool_limits(1, "blas"):
            minimization(n)


if __name__ == "__main__":
    main()
