"""A replay of every rule of the derivative table gives the bits of the backend."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

import diffkit as dk

from ... import rules as rules_tests
from ...rules.rule_checker import Case
from .outcomes import difference, outcome

MODULES = [info.name for info in pkgutil.iter_modules(rules_tests.__path__)
           if info.name.startswith("test_")]  # fmt: skip


def cases_of(module: str) -> list[Case]:
    return getattr(importlib.import_module(f"{rules_tests.__name__}.{module}"), "CASES", [])


def function_of(case: Case) -> Any:
    """The function of the active arguments, as one nest; several results become one vector."""

    def f(active: Any) -> Any:
        args = list(case.args)
        for k, value in zip(case.active, active, strict=True):
            args[k] = value
        y = case.fn(*args, **case.kwargs)
        return np.concatenate([np.ravel(v) for v in y]) if isinstance(y, (tuple, list)) else y

    return f


def moved(x: Any, share: float) -> Any:
    """A point of the same kind nearby, in the same memory layout."""
    wave = np.cos(np.arange(np.size(x))).reshape(np.shape(x))
    y = x * (1 + share * wave)
    if isinstance(x, np.ndarray):
        out = np.empty_like(x)
        out[...] = y
        return out
    return type(x)(y)


def is_complex(case: Case) -> bool:
    """Operators and ufuncs round products of complex numbers differently, and a recording does not
    tell them apart."""
    if case.key in (np.linalg.eig, np.linalg.eigvals):  # complex on the way
        return True
    return any(np.iscomplexobj(v) for v in case.args if not isinstance(v, (tuple, list)))


def cotangent(y: Any) -> Any:
    u = moved(np.ones_like(y), 0.3)
    return u * (1 - 0.5j) if np.iscomplexobj(y) else u


@pytest.mark.parametrize("module", MODULES)
def test_every_rule_replays_to_the_last_bit(module: str) -> None:
    replayed = 0
    cases = cases_of(module)
    for case in cases:
        f = function_of(case)
        xs = tuple([np.array(case.args[k], order="K")[()] for k in case.active])
        xs = tuple([float(x) if isinstance(x, np.float64) else x for x in xs])
        y = outcome(f, xs)
        if isinstance(y, type):
            continue
        u = cotangent(np.asarray(y)[()])
        v = tuple([moved(x, 0.2) for x in xs])
        for operator, vector in ((dk.value_and_vjp, u), (dk.value_and_jvp, v)):
            with np.errstate(all="ignore"):
                prepared = outcome(dk.prepare, operator, f, xs, vector)
                if isinstance(prepared, type):
                    assert prepared is outcome(operator, f, xs, vector)
                    continue
            for share in (1e-3, -2e-3):
                point = tuple([moved(x, share) for x in xs])
                want = outcome(operator, f, point, vector)
                got = outcome(prepared, point, vector)
                where = difference(got, want, 4 if is_complex(case) else 0)
                assert not where, f"{case} {operator.__name__}: {where}"
            replayed += prepared.plan.name != "eager" and prepared.recordings == 1
    # Of almost all of them one recording holds for all points.
    assert replayed >= 0.9 * 2 * len(cases), (replayed, len(cases))
