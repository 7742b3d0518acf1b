"""Which backends a test is for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

import diffkit as dk

BACKENDS = list(dk.backends())
everywhere = pytest.mark.parametrize("backend", BACKENDS)


def supporting(*operators: str) -> list[str]:
    """The backends that support these operators."""
    return [
        name
        for name, backend in dk.backends().items()
        if all(backend.support(operator) != "unsupported" for operator in operators)
    ]


def each_where_supported(operators: Iterable[str]) -> Any:
    """A test of ``operator`` and ``backend``, for each operator that each backend supports."""
    pairs = [(o, backend) for backend in BACKENDS for o in operators if backend in supporting(o)]
    return pytest.mark.parametrize(("operator", "backend"), pairs)


twice = pytest.mark.parametrize("backend", supporting("second_derivative", "hessian", "hvp"))
