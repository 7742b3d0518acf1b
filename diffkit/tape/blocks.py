"""The reverse sweep over a run of elementwise operations on large arrays, block by block.

Row after row, each operation would stream whole arrays through memory. A run of elementwise
operations has a diagonal Jacobian, so a block of elements can be taken back through the whole run
while it stays in the cache.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .cores import cores
from .recording import Recording

LARGE = 1 << 16  # elements from which a run is worth the trouble
BLOCK = 1 << 13  # elements of a block: a few of them fit into a core's second-level cache
MAX_THREADS = 8


def run_start(rows: Recording, end: int, first: int) -> int:
    """The first row of the run of elementwise operations on arrays of one shape that ends at
    row ``end``; ``first`` is the first row that may be in it."""
    shape = rows[end][1].shape
    start = end
    while start > first and _fits(rows[start - 1], shape):
        start -= 1
    return start


def _fits(row: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    rule, y, _, args, j, _ = row
    return (
        j is None
        and rule.elementwise
        and _is_array(y, shape)
        and all(type(a) in (float, int) or _is_array(a, shape) for a in args)
    )


def fits(row: tuple[Any, ...]) -> bool:
    """Whether a run can end at this row."""
    return _fits(row, getattr(row[1], "shape", ()))


def _is_array(value: Any, shape: tuple[int, ...]) -> bool:
    return (
        type(value) is np.ndarray
        and value.shape == shape
        and value.dtype == np.float64
        and value.flags.c_contiguous
    )


def sweep_run(rows: Recording, start: int, end: int, g: Any, adjoints: list[Any], zero: Any) -> Any:
    """Pull the cotangent g of row ``end`` back to the parents outside the run.

    The adjoints that later rows left at rows of the run are taken up, and set to zero.

    Returns:
        For each parent outside the run its contribution, an array or, for a scalar, a sum.
    """
    incoming = {end: _flat(g)}
    for k in range(start, end):
        if adjoints[k] is not zero:
            incoming[k] = _flat(adjoints[k])
            adjoints[k] = zero
    steps, parents = _steps(rows, start, end, set(incoming))
    size = incoming[end].size
    outside: dict[int, Any] = {
        p: np.empty(size) for p, x in parents.items() if type(x) is np.ndarray
    }

    def sweep(at: int) -> dict[int, float]:
        block = slice(at, at + BLOCK)
        local = {k: v[block] for k, v in incoming.items()}
        _sweep_block(steps, local, block)
        sums = {}
        for k, part in local.items():  # what is left belongs to parents outside the run
            if type(part) is float:
                sums[k] = part
            else:
                outside[k][block] = part
        return sums

    # In order, so that a sum does not depend on how the blocks were shared out.
    for sums in _in_threads(sweep, range(0, size, BLOCK)):
        for k, part in sums.items():
            outside[k] = outside.get(k, 0.0) + part
    shape = rows[end][1].shape
    return {k: v.reshape(shape) if type(v) is np.ndarray else v for k, v in outside.items()}


def _in_threads(call: Callable[[int], Any], blocks: range) -> Iterable[Any]:
    """Call for each block, in as many threads as there are cores; NumPy computes outside the
    interpreter's lock. A copied context brings the caller's np.errstate along."""
    workers = min(cores(), MAX_THREADS, len(blocks) // 4)
    if workers <= 1:
        return map(call, blocks)
    shares = [range(blocks.start + i * blocks.step, blocks.stop, blocks.step * workers)
              for i in range(workers)]  # fmt: skip
    contexts = [contextvars.copy_context() for _ in shares]
    from concurrent.futures import ThreadPoolExecutor  # late, as it takes long to import

    with ThreadPoolExecutor(workers) as pool:
        futures = [
            pool.submit(context.run, lambda share=share: [call(at) for at in share])
            for share, context in zip(shares, contexts, strict=True)
        ]
        results = [future.result() for future in futures]
    return [results[n % workers][n // workers] for n in range(len(blocks))]


def _steps(
    rows: Recording, start: int, end: int, reached: set[int]
) -> tuple[list[tuple[Any, ...]], dict[int, Any]]:
    """The rows of the run that a cotangent reaches, last first, and the values of the parents
    outside the run."""
    steps = []
    parents: dict[int, Any] = {}
    for k in range(end, start - 1, -1):
        if k not in reached:
            continue
        rule, y, origins, args, _, kwargs = rows[k]
        active = [(n, p) for n, p in enumerate(origins) if p >= 0 and rule.vjps[n] is not None]
        steps.append((rule.vjps, y.reshape(-1), active, [_flat(a) for a in args], kwargs, k))
        reached.update(p for _, p in active)
        parents.update({p: args[n] for n, p in active if p < start})
    return steps, parents


def _flat(value: Any) -> Any:
    """A view of an array as a vector; a broadcast scalar stays one."""
    if type(value) is not np.ndarray:
        return value
    if value.size and not any(value.strides):
        return np.broadcast_to(value.flat[0], value.size)
    return value.reshape(-1)


def _sweep_block(steps: Any, local: dict[int, Any], block: slice) -> None:
    """Take the cotangents of one block, by row, back through the run."""
    for vjps, y, active, args, kwargs, k in steps:
        g = local.pop(k, None)
        if g is None:
            continue
        parts = [a[block] if type(a) is np.ndarray else a for a in args]
        for n, parent in active:
            term = vjps[n](g, y[block], *parts, **kwargs)
            if type(args[n]) is not np.ndarray:
                term = float(np.sum(term))
            local[parent] = local[parent] + term if parent in local else term
