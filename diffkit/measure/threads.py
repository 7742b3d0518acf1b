"""How many threads numerical libraries may use: part of what a time means."""

from __future__ import annotations

from ..tape.cores import cores


def counts() -> dict[str, int]:
    """The threads of each pool in this process, by the library's name: BLAS and OpenMP as they say
    themselves, and diffkit's own. Pools of libraries that are not loaded are not there."""
    from threadpoolctl import threadpool_info

    pools = {"diffkit": cores()}
    for pool in threadpool_info():
        name = pool["internal_api"]
        pools[name] = max(pools.get(name, 1), pool["num_threads"])
    return pools


def most() -> int:
    """The threads of the largest pool: 1 where all are pinned to one."""
    return max(counts().values())
