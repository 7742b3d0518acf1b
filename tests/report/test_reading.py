"""Sources: cited by key, with the place and an address."""

from __future__ import annotations

import pytest

from diffkit.errors import UnknownNameError
from diffkit.report.reading import SOURCES, cite


def test_a_citation_has_its_place_before_its_address() -> None:
    work, address = SOURCES["higham2002"]
    assert cite("higham2002", "section 1.14") == f"{work}, section 1.14: {address}"
    assert cite("higham2002") == f"{work}: {address}"


def test_an_unknown_source_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'higham2002'"):
        cite("higham2020")
