"""Which operations are done together does not depend on how their dependencies are followed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffkit.tape import record_many
from diffkit.tape.replay.arrays import fusing
from diffkit.tape.replay.program import Program, program

pytest.importorskip("numba")

from diffkit.tape.replay.machine_code.kernel import EXACT, INEXACT


def tangled(seed: int, length: int) -> Program:
    """Operations on rows, columns, tables and sums of them, each on two of the latest values."""
    rng = np.random.default_rng(seed)

    def f(x: Any) -> list[Any]:
        known = {"row": [x[0]], "column": [x[:, :1]], "table": [x]}
        for _ in range(length):
            kinds = sorted(known)
            kind = kinds[rng.integers(3)]
            a, b = [known[kind][-1 - rng.integers(min(4, len(known[kind])))] for _ in range(2)]
            match rng.integers(5):
                case 0:
                    known[kind].append(a * 0.5 + b * 0.5)
                case 1:
                    known[kind].append(np.sin(a) - b)
                case 2:
                    known["table"].append(
                        np.tanh(known["row"][-1]) * known["column"][-1] + known["table"][0]
                    )
                case 3:
                    known["row"].append(np.sum(known["table"][-1], axis=0))
                case _:
                    known["column"].append(np.sum(known["table"][-1], axis=1, keepdims=True))
        return [np.sum(v[-1]) for v in known.values()]

    return program(*record_many(f, [rng.normal(size=(3, 4))]))


def waits_for(gathered: Any, waiting: Iterable[int], u: int) -> bool:
    """All that is waited for, whatever comes of it."""
    seen: set[int] = set()
    stack = [gathered.unit[n] for n in waiting]
    while stack:
        at = stack.pop()
        if at not in seen:
            seen.add(at)
            stack += [gathered.unit[n] for n in gathered.before[at]]
    return u in seen


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(5, 80), st.booleans())
def test_a_search_that_stops_early_finds_the_same(seed: int, length: int, sums: bool) -> None:
    made = tangled(seed, length)
    found = fusing.fused(made, EXACT | INEXACT, sums)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fusing._Gathered, "_depends", waits_for)
        wanted = fusing.fused(made, EXACT | INEXACT, sums)
    assert found[1] == wanted[1]
    assert [node.rule for node in found[0].nodes] == [node.rule for node in wanted[0].nodes]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(5, 80))
def test_what_an_operation_reads_comes_before_it(seed: int, length: int) -> None:
    made, _ = fusing.fused(tangled(seed, length), EXACT | INEXACT, True)
    for k, node in enumerate(made.nodes):
        assert all(n < k for n in node.operands)
    assert len(made.nodes) == len(tangled(seed, length).nodes)
