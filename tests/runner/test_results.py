"""The table of results: exact, immutable, and explicit about what is missing."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffkit.errors import NonNumericError, UnknownNameError
from diffkit.runner.results import Results, jsonable, plain

TABLE = Results.of(
    [
        {"method": "a", "n": 1, "error": 0.5, "status": "ok", "reason": None, "seconds": 1.0},
        {"method": "b", "n": 2, "error": math.inf, "status": "ok", "reason": None, "seconds": 1.0},
        {"method": "b", "n": 3, "status": "error", "reason": "broke", "seconds": 2.0},
    ]
)


def test_a_column_of_numbers_is_nan_where_a_row_has_no_value() -> None:
    np.testing.assert_array_equal(TABLE.column("error"), [0.5, math.inf, math.nan])


def test_columns_keep_their_kind() -> None:
    assert TABLE.column("n").dtype == np.int64
    assert Results.of([{"b": True}, {"b": np.False_}]).column("b").dtype == bool
    assert TABLE.column("method").tolist() == ["a", "b", "b"]


@pytest.mark.parametrize("number", [2**63, 3**200, -(10**40)])
def test_large_integers_stay_exact(number: int) -> None:
    table = Results.of([{"n": number}, {"n": 1}, {}])
    assert table.column("n").tolist() == [number, 1, None]
    assert Results.of([{"n": number}, {"n": 1}]).column("n").tolist() == [number, 1]
    assert jsonable(table.rows[0])["n"] == number


def test_an_integer_too_long_to_print_is_refused() -> None:
    with pytest.raises(NonNumericError, match="give its logarithm"):
        plain(1 << 20_000)


def test_where_keeps_the_rows_that_match_all() -> None:
    assert [row["n"] for row in TABLE.where(method="b")] == [2, 3]
    assert [row["n"] for row in TABLE.where(method="b", n=np.int64(3))] == [3]


def test_ok_leaves_failures_out() -> None:
    assert [row["n"] for row in TABLE.ok] == [1, 2]


def test_bookkeeping_comes_last_in_the_columns() -> None:
    late = Results.of([{"status": "ok", "n": 1}, {"status": "ok", "z": 1}])
    assert late.columns == ("n", "z", "status")


def test_an_unknown_column_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'error'"):
        TABLE.column("eror")
    with pytest.raises(UnknownNameError, match="did you mean 'method'"):
        TABLE.where(methods="a")


def test_rows_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        TABLE.rows[0]["n"] = 5  # type: ignore[index]


def test_a_table_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(TABLE))
    assert [dict(row) for row in again] == [dict(row) for row in TABLE]


def test_the_repr_shows_columns_counts_and_values() -> None:
    text = repr(TABLE)
    assert "3 rows, 1 not ok" in text
    assert "method" in text
    assert "inf" in text


@pytest.mark.parametrize("value", [1j, np.zeros((2, 2)), object(), {"a": 1}, Fraction(1, 3)])
def test_a_value_that_a_table_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(NonNumericError, match=type(value).__name__):
        Results.of([{"x": value}])


def test_non_finite_numbers_are_words_in_json() -> None:
    values = [math.nan, math.inf, -math.inf, np.float64("nan"), np.array([math.inf])]
    assert jsonable(values) == ["NaN", "Infinity", "-Infinity", "NaN", ["Infinity"]]


@given(st.floats(allow_nan=False) | st.integers() | st.booleans() | st.text() | st.none())
def test_plain_values_pass_unchanged(value: object) -> None:
    passed = plain(value)
    assert passed == value
    assert type(passed) is type(value)


def test_numpy_scalars_become_python_ones() -> None:
    assert [type(plain(v)) for v in (np.float64(1), np.int32(1), np.bool_(1), np.str_("a"))] == [
        float,
        int,
        bool,
        str,
    ]


def test_a_pair_has_the_rows_with_both_values_and_within_limits() -> None:
    x, y = TABLE.pair("n", "error")
    assert (x.tolist(), y.tolist()) == ([1, 2], [0.5, math.inf])
    assert TABLE.pair("n", "error", start=2)[0].tolist() == [2]
    assert TABLE.pair("n", "error", until=2)[0].tolist() == [1]
    assert TABLE.series("n", {"error": "wrong by"}).keys() == {"wrong by"}
    with pytest.raises(UnknownNameError, match="did you mean 'error'"):
        TABLE.pair("n", "eror")
