"""JAX: jit of grad, on NumPy arrays and on its own; loops also as lax.scan or lax.fori_loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..problems import Case, Operator, Problem
from .tool import Ready, Tool, Way, flat
from .with_diffkit import adapter


def _jitted(derivative: Any, note: str) -> list[Ready]:
    """A compiled function, called with NumPy's arrays and with JAX's own."""
    import jax

    own = lambda x: jax.tree_util.tree_map(jax.numpy.asarray, x)  # noqa: E731
    call = lambda x: jax.block_until_ready(derivative(x))  # noqa: E731
    return [
        Ready(call, found=flat, note=f"{note}, JAX's arrays", given=own),
        Ready(call, found=flat, note=f"{note}, NumPy's arrays"),
    ]


def _of_function(name: str, make: Callable[[], Any], grows: bool = False) -> Way:
    def prepare(problem: Problem, case: Case) -> list[Ready]:
        import jax

        return _jitted(jax.jit(jax.grad(make())), f"jit(grad), {name}")

    return Way(name, prepare, grows=grows)


def _of_blocks(name: str) -> Way:
    def prepare(problem: Problem, case: Case) -> list[Ready]:
        import jax

        f, names = case.make(jax.numpy), np.shape(case.make(np)(case.x))
        seeds = jax.numpy.eye(names[1])

        def pulled(rows: Any) -> Any:
            y, pull = jax.vjp(f, rows)
            return jax.vmap(lambda u: pull(jax.numpy.broadcast_to(u, y.shape))[0], out_axes=1)(
                seeds
            )

        def pushed(rows: Any) -> Any:
            def push(v: Any) -> Any:
                return jax.jvp(f, (rows,), (jax.numpy.broadcast_to(v, rows.shape),))[1]

            return jax.vmap(push, out_axes=2)(jax.numpy.eye(rows.shape[1]))

        return _jitted(jax.jit({"vmap(vjp)": pulled, "vmap(jvp)": pushed}[name]), name)

    return Way(name, prepare)


def _ways(problem: Problem, case: Case) -> Iterable[Way]:
    if problem.operator is Operator.BLOCKS:
        yield from map(_of_blocks, ("vmap(vjp)", "vmap(jvp)"))
        return
    forms = case.forms.get("jax", {})
    for name, make in forms.items():
        yield _of_function(name, lambda make=make: make(_jax()))
    name = "unrolled" if problem.loops else "plain"
    yield _of_function(name, lambda: case.make(_jax().numpy), grows=problem.loops)
    yield from adapter("jax", problem)


def _jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


class _JAX(Tool):
    def load(self, way: str) -> None:
        super().load(way)
        _jax().numpy.zeros(1).block_until_ready()  # starts the device


TOOLS = (_JAX("jax", "jax", ("jax", "jax.numpy"), _ways),)
