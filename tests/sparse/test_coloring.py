"""Colourings: what makes one right, and how few colours well-known patterns take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import diffkit as dk
from diffkit.errors import ShapeError, UnknownNameError
from diffkit.sparse.coloring import star_colored


def band(n: int, below: int, above: int) -> Any:
    k = np.arange(n)
    return (k[:, None] - k <= below) & (k - k[:, None] <= above)


def arrow(n: int) -> Any:
    pattern = np.eye(n, dtype=bool)
    pattern[0] = pattern[:, 0] = True
    return pattern


def five_points(k: int) -> Any:
    """The pattern of the five-point stencil on a grid of k by k points."""
    line, eye = band(k, 1, 1), np.eye(k, dtype=bool)
    return sparse.csr_array(np.kron(line, eye) | np.kron(eye, line))


@st.composite
def patterns(draw: Any, square: bool = False) -> Any:
    m = draw(st.integers(1, 14))
    n = m if square else draw(st.integers(1, 14))
    seed, density = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.05, 0.2, 0.5]))
    return np.random.default_rng(seed).random((m, n)) < density


@given(patterns())
def test_columns_of_one_colour_share_no_row(pattern: Any) -> None:
    found = dk.coloring(pattern, "columns")
    for group in found.groups():
        assert len(group)
        assert np.all(np.sum(pattern[:, group], axis=1) <= 1)
    assert found.count >= np.max(np.sum(pattern, axis=1))
    assert found.count == (len(found.groups()) if pattern.any() else 0)


@given(patterns())
def test_rows_are_the_columns_of_the_transpose(pattern: Any) -> None:
    rows, columns = dk.coloring(pattern, "rows"), dk.coloring(pattern.T, "columns")
    np.testing.assert_array_equal(rows.colors, columns.colors)
    best = dk.coloring(pattern)
    assert best.count == min(rows.count, dk.coloring(pattern, "columns").count)


@given(patterns(square=True), st.randoms(use_true_random=False))
def test_a_star_colouring_has_no_path_of_four_vertices_in_two_colours(
    pattern: Any, random: Any
) -> None:
    """The definition, looked at path by path (Gebremedhin, Manne & Pothen 2005)."""
    pattern = pattern | pattern.T
    n = len(pattern)
    order = random.sample(range(n), n)
    colors = star_colored(sparse.csr_array(pattern))(order)
    beside = [[w for w in np.flatnonzero(pattern[v]) if w != v] for v in range(n)]
    for a in range(n):
        for b in beside[a]:
            assert colors[a] != colors[b]
            for c in beside[b]:
                for d in beside[c]:
                    if c != a and d != b:
                        assert len({colors[k] for k in (a, b, c, d)}) > 2


@given(patterns(square=True))
def test_a_symmetric_matrix_can_be_told_from_its_products(pattern: Any) -> None:
    """Each element stands alone in its product, or that across the diagonal does."""
    pattern = pattern | pattern.T
    found = dk.coloring(pattern, "symmetric")
    for i, j in np.argwhere(pattern):
        alone = [
            np.sum(pattern[row] & (found.colors == found.colors[column])) == 1
            for row, column in ((i, j), (j, i))
        ]
        assert any(alone)


@pytest.mark.parametrize(("below", "above"), [(0, 0), (1, 1), (0, 1), (2, 2), (5, 1)])
@pytest.mark.parametrize("n", [12, 100])
def test_a_band_takes_as_many_colours_as_it_is_wide(below: int, above: int, n: int) -> None:
    """Curtis, Powell & Reid 1974: columns that are apart by the width share no row."""
    assert dk.coloring(band(n, below, above)).count == below + above + 1


def test_a_shuffled_band_takes_no_more() -> None:
    """The smallest-last order finds the band again; as it comes, this one takes 8 or 9."""
    order = np.random.default_rng(0).permutation(200)
    assert dk.coloring(band(200, 2, 2)[order][:, order]).count == 5


def test_an_arrow_takes_all_its_columns_or_rows_and_two_colours_as_a_hessian() -> None:
    """Its first row and column are full; its graph is one star, with its centre in a colour of
    its own (the example of Gebremedhin, Manne & Pothen 2005)."""
    n = 30
    assert dk.coloring(arrow(n)).count == n
    assert dk.coloring(arrow(n), "symmetric").count == 2
    one_row = np.eye(n, dtype=bool)
    one_row[0] = True
    assert dk.coloring(one_row).partition == "rows"
    assert dk.coloring(one_row).count == 2
    assert dk.coloring(one_row.T).partition == "columns"


@pytest.mark.parametrize("k", [4, 12])
def test_the_five_point_stencil(k: int) -> None:
    """A point and its four neighbours differ, so 5 is the least for columns. It is the star
    chromatic number of grids as well (Fertin, Raspaud & Reed 2004, for 4 by 4 and larger)."""
    assert 5 <= dk.coloring(five_points(k)).count <= 7
    assert dk.coloring(five_points(k), "symmetric").count == 5


def test_blocks_take_the_colours_of_one() -> None:
    pattern = np.kron(np.eye(20, dtype=bool), np.ones((3, 3), bool))
    assert dk.coloring(pattern).count == 3
    assert dk.coloring(pattern, "symmetric").count == 3
    assert dk.coloring(np.ones((4, 9))).count == 4
    assert dk.coloring(np.zeros((4, 9))).count == 0


def test_stored_elements_count_also_where_they_are_zero() -> None:
    zeros = sparse.csr_array((np.zeros(3), ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    assert dk.coloring(zeros).count == 2


def test_what_it_says_of_itself() -> None:
    found = dk.coloring(band(9, 1, 1))
    assert str(found) == "3 colours for 9 columns"
    assert str(dk.coloring(np.eye(3))) == "1 colour for 3 columns"
    assert (
        str(dk.coloring(arrow(9), "symmetric")) == "2 colours for 9 columns of a symmetric matrix"
    )
    assert found.to_dict() == {
        "partition": "columns",
        "colors": [0, 1, 2] * 3,
        "shape": [9, 9],
        "count": 3,
    }


def test_bad_patterns_are_refused() -> None:
    with pytest.raises(ShapeError, match="two axes"):
        dk.coloring(np.ones(3))
    with pytest.raises(ShapeError, match="two axes"):
        dk.coloring("tridiagonal")
    with pytest.raises(ShapeError, match=r"pattern \+ pattern\.T"):
        dk.coloring(np.tri(3), "symmetric")
    with pytest.raises(UnknownNameError, match="symmetric"):
        dk.coloring(np.eye(3), "star")
