"""The backends by name, those of other packages included."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit._backends import OPERATORS, registry
from diffkit._backends.reverse import Reverse
from diffkit.errors import UnknownNameError, UnsupportedError


class Elsewhere(Reverse):
    name = "elsewhere"


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(name="elsewhere", load=lambda: Elsewhere)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [entry])
    registry._load.cache_clear()


def test_the_built_in_backends_are_there_under_their_own_names() -> None:
    assert {"finite_difference", "symbolic", "reverse", "forward"} <= set(dk.backends())
    for name, backend in dk.backends().items():
        assert isinstance(backend, dk.Backend)
        assert backend.name == name
        assert backend.description


@pytest.mark.usefixtures("elsewhere")
def test_a_backend_of_another_package_is_found_by_its_name() -> None:
    assert "elsewhere" in dk.backends()
    assert len(dk.backends()) == len(list(dk.backends()))
    assert dk.gradient(np.sum, np.ones(2), backend="elsewhere").tolist() == [1.0, 1.0]
    assert dk.testing.check_backend("elsewhere").backend == "elsewhere"


@pytest.mark.usefixtures("elsewhere")
def test_an_unknown_name_may_be_near_to_one_of_another_package() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'elsewhere'"):
        dk.gradient(np.sum, np.ones(2), backend="elswhere")


def test_a_backend_is_made_once() -> None:
    assert dk.backends()["reverse"] is dk.backends()["reverse"]


@pytest.mark.parametrize("name", list(dk.backends()))
def test_support_is_told_for_every_operator(name: str) -> None:
    told = {operator: dk.backends()[name].support(operator) for operator in OPERATORS}
    assert set(told.values()) <= {"native", "derived"}
    assert "native" in told.values()


class PushOnly(dk.Backend):
    """The least that a forward backend has to bring."""

    name = "push_only"

    def pushforward(self, f: Any, x: Any) -> Any:
        return dk.backends()["forward"].pushforward(f, x)


class PullOnly(dk.Backend):
    """The least that a reverse backend has to bring."""

    name = "pull_only"

    def pullback(self, f: Any, x: Any) -> Any:
        return dk.backends()["reverse"].pullback(f, x)


@pytest.mark.parametrize("backend", [PushOnly(), PullOnly()], ids=lambda b: b.name)
def test_one_hook_is_enough_for_every_operator_of_first_order(backend: dk.Backend) -> None:
    report = dk.testing.check_backend(backend)
    unsupported = {row.operator for row in report.rows if row.status == "unsupported"}
    assert unsupported == {"second_derivative", "hessian", "hvp"}
    assert report.counts["passed"] > 80


@pytest.mark.parametrize("base", [PushOnly, PullOnly])
def test_one_hook_is_enough_for_every_operator_if_it_composes(base: type[dk.Backend]) -> None:
    backend = type("Composable", (base,), {"composable": True})()
    assert dk.testing.check_backend(backend).counts["unsupported"] == 0


def test_what_is_unsupported_says_what_to_use() -> None:
    with pytest.raises(UnsupportedError, match="does not support hessian; use backend='reverse'"):
        dk.hessian(np.sum, np.ones(2), backend=PushOnly())
