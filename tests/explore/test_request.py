"""What is typed is either something to compute or one clear error, whoever sends it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffkit.errors import DiffkitError, ExpressionError, PointError
from diffkit.explore.request import EXAMPLES, Request, address, example, read_address, request

ODD = [None, True, [], [1.0], {}, {"x": {}}, ["x", None], 10**400, -1]
ANYTHING = st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=20)


def test_the_variables_of_a_text_get_their_values_and_new_ones_are_1() -> None:
    found = request({"text": "a*b + c", "point": {"b": 2, "a": -1.5, "z": 9}})
    assert found.point == {"a": -1.5, "b": 2.0, "c": 1.0}
    assert (found.operator, found.along) == ("gradient", "a")


@pytest.mark.parametrize(
    ("text", "order", "operator"),
    [
        ("x**2", 1, "derivative"),
        ("x**2", 2, "second_derivative"),
        ("x*y", 1, "gradient"),
        ("x*y", 2, "hessian"),
    ],
)
def test_the_operator_follows_from_the_variables(text: str, order: int, operator: str) -> None:
    assert request({"text": text, "order": order}).operator == operator


@pytest.mark.parametrize("text", ["", "   ", None, 3, ["x"], "2 + 3", "pi"])
def test_without_a_variable_there_is_no_function(text: Any) -> None:
    with pytest.raises(ExpressionError):
        request({"text": text})


@pytest.mark.parametrize("value", [None, "1", True, [1.0], float("nan"), float("inf"), 10**400])
def test_a_value_is_a_finite_number(value: Any) -> None:
    with pytest.raises(PointError, match="x "):
        request({"text": "x", "point": {"x": value}})


@given(
    st.dictionaries(st.sampled_from(["text", "point", "order", "along"]), ANYTHING)
    | st.fixed_dictionaries(
        {"text": st.sampled_from(["x", "x*y"]), "point": st.dictionaries(st.just("x"), ANYTHING)}
    )
)
def test_any_wish_is_a_request_or_an_error_of_diffkit(wish: dict[str, Any]) -> None:
    try:
        found = request(wish)
    except DiffkitError:
        return
    assert found.order in (1, 2)
    assert found.along in found.point


@given(
    st.sampled_from(["x1*x2 + sin(x1)", "x1**x2", "x1 + 1e-3*x2"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e-300, 1e300),
    st.sampled_from([1, 2]),
    st.sampled_from(["x1", "x2"]),
)
def test_an_address_leads_back_to_its_request(
    text: str, a: float, b: float, order: int, along: str
) -> None:
    wanted = Request(text, {"x1": a, "x2": b}, order, along)
    wish = read_address(address(wanted))
    assert wish is not None
    assert request(wish) == wanted


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda t: f"?function=x&at={quote(t)}"))
def test_any_address_is_a_wish_or_none(search: str) -> None:
    wish = read_address(search)
    assert wish is None or (isinstance(wish["text"], str) and isinstance(wish["point"], dict))


@pytest.mark.parametrize("search", [None, 3, "", "?", "?at=x=1", "?function=" + "x" * 5000])
def test_an_address_without_a_function_asks_for_nothing(search: Any) -> None:
    assert read_address(search) is None


def test_every_example_can_be_computed() -> None:
    for index, (_, _, point) in enumerate(EXAMPLES):
        assert request(example(index)).point == point
