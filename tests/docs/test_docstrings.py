"""The examples in docstrings run, as those in pages do."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import diffkit as dk

# Indented lines behind a line that ends with two colons.
_EXAMPLE = re.compile(r"::\n\n((?:    .*\n|\n)+)")


def documented() -> dict[str, Any]:
    modules = ("errors", "scipy", "testing", "runner", "operators")
    found = {f"diffkit.{name}": import_module(f"diffkit.{name}") for name in modules}
    for name in dk.__all__:
        thing = found[f"diffkit.{name}"] = getattr(dk, name)
        if inspect.isclass(thing):
            found |= {f"diffkit.{name}.{m}": v for m, v in vars(thing).items() if callable(v)}
    return found


EXAMPLES = {
    name: code
    for name, thing in documented().items()
    for code in _EXAMPLE.findall(f"{inspect.getdoc(thing) or ''}\n")
}


def test_that_examples_are_found() -> None:
    assert {"diffkit.primitive", "diffkit.scipy", "diffkit.testing"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name: str) -> None:
    namespace = {"np": np, "dk": dk, "x": np.array([0.5, 1.5])}
    exec(compile(dedent(EXAMPLES[name]), name, "exec"), namespace)
