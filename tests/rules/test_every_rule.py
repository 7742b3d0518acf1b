"""No entry of the table without a case: a rule cannot be added untested."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np

from diffkit.rules import COMPOSITES, RULES, load_families
from diffkit.rules import special as special  # SciPy's entries join the table

load_families()

# Questions about the shape, which are answered with plain values; see test_shape.py.
PLAIN_ANSWERS = {np.shape, np.ndim, np.size, np.iscomplexobj}


def covered() -> set[Any]:
    """The table entries that the lists of cases in this folder name."""
    package = importlib.import_module(__package__ or "tests.rules")
    found: set[Any] = set()
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("test_") or info.name == __name__.rpartition(".")[2]:
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found.update(case.key or case.fn for case in getattr(module, "CASES", []))
        found.update(constant[0] for constant in getattr(module, "CONSTANTS", []))
    return found


def test_every_differentiable_entry_has_a_case() -> None:
    entries = {fn for fn, rule in RULES.items() if rule.differentiable} | set(COMPOSITES)
    missing = entries - covered() - PLAIN_ANSWERS
    assert not missing, sorted(getattr(fn, "__name__", str(fn)) for fn in missing)


def test_the_table_is_not_empty() -> None:
    assert len(RULES) > 200
    assert len(covered()) > 200


def test_every_entry_without_derivative_is_flat_where_numpy_evaluates_it() -> None:
    """A locally constant function has equal values at neighbouring points inside a step."""
    x = np.array([1.3, -2.4, 0.6])
    flat = [fn for fn, rule in RULES.items() if not rule.differentiable]
    ufuncs = [fn for fn in flat if isinstance(fn, np.ufunc) and fn.nout == 1]
    assert len(ufuncs) > 10
    for fn in ufuncs:
        args = [x, x[::-1]][: fn.nin]
        try:
            here, there = fn(*args), fn(*[a + 1e-9 for a in args])
        except TypeError:
            continue  # of whole numbers or truth values alone
        np.testing.assert_array_equal(here, there, err_msg=fn.__name__)
