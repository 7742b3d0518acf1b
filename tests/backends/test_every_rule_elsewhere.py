"""Every rule, read with another library's operations: its value and derivative, or a refusal.

The cases are those that the rules themselves are tested with. A library that refuses, or whose
derivative is visibly NaN, has told; what must not happen is another number.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tests.rules
from diffkit._backends import resolve
from diffkit._backends.peer import Peer
from diffkit.errors import UnsupportedError
from diffkit.tape import filled, record, reverse_sweep
from tests.rules.rule_checker import Case, _of_active

# For each library: how many cases of a rule are tried (JAX compiles each operation for each shape),
# and the least number of cases that it can do, so that losing its operations would be seen.
LIBRARIES = {
    "autograd": (10**6, 1500),
    "jax": (1, 250),
    "torch": (5, 1050),
    "casadi": (8, 950),
    "symengine": (2, 400),
}


def cases(of_each: int) -> Iterator[Case]:
    met: Counter[Any] = Counter()
    for info in pkgutil.iter_modules(tests.rules.__path__):
        if info.name.startswith("test_"):
            module = importlib.import_module(f"tests.rules.{info.name}")
            for case in getattr(module, "CASES", []):
                met[case.key or case.fn] += 1
                if met[case.key or case.fn] <= of_each:
                    yield case


def _points(case: Case) -> tuple[Any, ...]:
    xs = [np.asarray(case.args[k])[()] for k in case.active]
    return tuple([float(x) if isinstance(x, np.float64) else x for x in xs])


def outcome(peer: Peer, case: Case) -> str:
    """ "right", "refused" or "NaN"; an assertion fails where it is wrong."""
    f, x = _of_active(case), _points(case)
    rng = np.random.default_rng(3)
    rows, y, k = record(f, x)
    u = rng.standard_normal(np.shape(y))[()] if np.shape(y) else float(rng.standard_normal())
    due = [filled(g, v) for g, v in zip(reverse_sweep(rows, len(x), k, u), x, strict=True)]
    try:
        reading = peer.read(f, x)
        run = peer.run("vjp", reading, x, compiled=False)
        with peer.naming(reading):
            value, found, _ = run(x, u, ())
    except UnsupportedError:
        return "refused"
    _same(value, y, 1e-10, f"{case}: value")
    near = tuple([v * (1 + 1e-9) for v in x])  # the same branch, and other numbers
    _same(run(near, u, ())[0], f(*near), 1e-10, f"{case}: value nearby")
    for g, want in zip(found, due, strict=True):
        assert np.shape(g) == np.shape(want), f"{case}: shape"
        told = np.isnan(g)
        _same(np.where(told, 0, g), np.where(told, 0, want), 1e-8, f"{case}: derivative")
    return "NaN" if any(np.isnan(g).any() for g in found) else "right"


def _same(a: Any, b: Any, tolerance: float, what: str) -> None:
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance / 10, err_msg=what)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_rule_is_right_or_refused(library: str) -> None:
    peer = resolve(library)
    assert isinstance(peer, Peer)
    of_each, least = LIBRARIES[library]
    outcomes: Counter[str] = Counter()
    wrong = []
    with np.errstate(all="ignore"):
        for case in cases(of_each):
            try:
                outcomes[outcome(peer, case)] += 1
            except AssertionError as error:
                wrong.append(str(error))
    assert not wrong, "\n".join(wrong)
    assert outcomes["right"] >= least, outcomes
    assert outcomes["NaN"] <= outcomes["right"] / 50, outcomes
