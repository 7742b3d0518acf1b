"""Keys: the same cell has the same key, and any other cell another."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.runner import Experiment
from diffkit.runner.description import Describer, canonical, key, stream

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = scalars | st.lists(scalars, max_size=3).map(tuple)
cells = st.dictionaries(st.text(max_size=5), values, max_size=4)


def describer(seed: int = 0, version: str = "", **parts: Any) -> Describer:
    defaults: dict[str, Any] = {"name": "toy", "title": "", "question": ""}
    toy = Experiment(**(defaults | {"cells": list, "measure": dict} | parts))
    return Describer(toy, seed, version)


def key_of(parameters: dict[str, Any], **parts: Any) -> str:
    return key(describer(**parts).describe(parameters))


def bits(value: Any) -> Any:
    """What makes a value another: its type, and for a float its bits, NaN being one value."""
    if isinstance(value, dict):
        return frozenset((name, bits(item)) for name, item in value.items())
    if isinstance(value, tuple):
        return tuple(map(bits, value))
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else struct.pack(">d", value)
    return type(value).__name__, value


@settings(deadline=None)
@given(cells, cells)
def test_two_cells_have_one_key_only_where_they_are_the_same(a: Any, b: Any) -> None:
    assert (key_of(a) == key_of(b)) == (bits(a) == bits(b))


@settings(deadline=None)
@given(cells)
def test_the_order_of_parameters_does_not_matter(cell: dict[str, Any]) -> None:
    assert key_of(dict(reversed(cell.items()))) == key_of(cell)


def test_values_that_are_easily_mixed_up_all_differ() -> None:
    nearly = [0.0, -0.0, 0, False, None, "", "0", "0.0", "NaN", math.nan, math.inf, -math.inf]
    nearly += [1, 1.0, True, (1,), ((1,),), 5e-324, 0.1, 0.1 + 2**-56, 2**64, float(2**64), "inf"]
    assert len({key_of({"x": value}) for value in nearly}) == len(nearly)


@settings(deadline=None)
@given(st.floats() | st.integers(-(2**63), 2**63 - 1) | st.booleans())
def test_numpy_scalars_are_the_numbers_they_hold(value: Any) -> None:
    assert key_of({"x": np.asarray(value)[()]}) == key_of({"x": value})
    assert key_of({"x": np.asarray([value])}) == key_of({"x": (value,)})


def test_a_float_is_hexadecimal_in_the_description() -> None:
    # 0.1 is 0x1.999999999999ap-4 (IEEE 754 binary64).
    assert '{"$float":"0x1.999999999999ap-4"}' in describer().describe({"x": 0.1})
    assert canonical(10**4000) == '{"$int":"' + hex(10**4000) + '"}'


def test_everything_that_a_result_depends_on_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        key_of({"n": 1}),
        key_of({"n": 1}, name="other"),
        key_of({"n": 1}, version="2"),
        key_of({"n": 1}, seed=1),
        key_of({"n": 1, "dtype": "float32"}),
        key_of({"n": 1}, methods=("reverse",)),
        key_of({"n": 1, "backend": "reverse"}),
    }
    monkeypatch.setattr(type(dk.backends()["reverse"]), "version", "2")
    keys |= {key_of({"n": 1}, methods=("reverse",)), key_of({"n": 1, "backend": "reverse"})}
    assert len(keys) == 9


def test_a_declared_version_takes_the_place_of_the_file() -> None:
    declared = Experiment(name="toy", title="", question="", cells=list, measure=dict, version=3)
    assert Describer(declared, 0, "a file").describe({}) == Describer(declared, 0, "").describe({})
    assert key_of({}, version="a file") != key_of({})


def test_an_unknown_method_is_answered_with_a_name() -> None:
    with pytest.raises(dk.errors.UnknownNameError, match="did you mean 'reverse'"):
        describer(methods=("revers",))


def test_random_numbers_follow_from_seed_name_and_parameters() -> None:
    def draw(*cell: Any) -> float:
        return float(stream(*cell).random())

    first = draw(0, "toy", {"a": 1, "b": 2.0})
    assert first == draw(0, "toy", {"b": 2.0, "a": 1})
    others = {draw(1, "toy", {"a": 1, "b": 2.0}), draw(0, "you", {"a": 1, "b": 2.0})}
    others |= {draw(0, "toy", {"a": 1, "b": -2.0}), first}
    assert len(others) == 4
