"""swell_logistic: its counts are right, and its claims can fail."""

from __future__ import annotations

import math

import pytest
import sympy

from diffkit.runner import HELD, NOT_HELD, UNCHECKED, Results, discovery
from diffkit.runner.run import judge, measure_cells

EXPERIMENT = discovery.load("swell_logistic")
CLOSED_FORMS, TREE, THIRTY, DAG, SYMPY_CSE = EXPERIMENT.claims[:5]
CSE, FEWER, GRAPH, TAPE, CHEAP, DIGITS = EXPERIMENT.claims[5:]
X = sympy.Symbol("x")


def nested(n: int) -> sympy.Expr:
    value = X
    for _ in range(n - 1):
        value = 4 * value * (1 - value)
    return value


@pytest.fixture(scope="module")
def results() -> Results:
    return measure_cells(EXPERIMENT)


def doctored(results: Results, **columns) -> Results:
    """The results with other columns, each given as a function of n."""
    rows = [dict(row) for row in results]
    for row in rows:
        row.update({name: values(row["n"]) for name, values in columns.items() if name in row})
    return Results.of(rows)


def test_every_claim_holds_on_every_cell(results: Results) -> None:
    assert len(results.ok) == len(results) == 27
    assert {judge(claim, results).outcome for claim in EXPERIMENT.claims} == {HELD}


# Operations of d/dx counted independently; a node of k operands is k - 1.
@pytest.mark.parametrize(
    ("n", "tree", "dag", "cse"),
    [(4, 98, 37, 31), (8, 6560, 251, 144), (10, 40832, 464, 231), (12, 233984, 769, 338)],
)
def test_counts_are_the_known_ones(results: Results, n, tree, dag, cse) -> None:
    row = results.where(n=n).rows[0]
    assert (row["sympy_tree"], row["sympy_dag"], row["sympy_cse_by_sympy"]) == (tree, dag, cse)


@pytest.mark.parametrize(("n", "operations"), [(4, 27), (8, 123), (10, 195), (12, 283)])
def test_sympys_own_count_after_cse_takes_a_difference_for_one_operation(n, operations) -> None:
    # a - b is a sum of a and (-1) b, two operations; count_ops calls it one.
    replacements, reduced = sympy.cse(sympy.diff(nested(n), X))
    assert sum(e.count_ops() for _, e in replacements) + reduced[0].count_ops() == operations


def test_the_tape_is_counted_row_by_row(results: Results) -> None:
    # Forward: 4 l, 1 - l and their product. Reverse: the product twice, the difference once,
    # the factor 4 once, and one sum where l fans out.
    row = results.where(n=2).rows[0]
    assert (row["f_executed"], row["reverse_executed"]) == (3, 3 + 2 + 1 + 1 + 1)


def test_figures_are_drawn_for_trees_of_any_size(results: Results) -> None:
    figures = {figure.name: figure.plotly_figure for figure in EXPERIMENT.figures(results)}
    assert list(figures) == ["operations", "seconds", "digits", "programs"]
    reverse = next(trace for trace in figures["digits"].data if trace.name == "reverse")
    assert reverse.y[-1] == pytest.approx(1999 * math.log10(2))  # of 2^1999 - 3 operations


def test_the_closed_forms_are_those_of_the_table(results: Results) -> None:
    x = X  # Baydin et al. 2018, Table 1, the column of simplified forms
    table = {
        2: 4 - 8 * x,
        3: 16 * (1 - 10 * x + 24 * x**2 - 16 * x**3),
        4: 64 * (1 - 42 * x + 504 * x**2 - 2640 * x**3 + 7040 * x**4 - 9984 * x**5
                 + 7168 * x**6 - 2048 * x**7),
    }  # fmt: skip
    for n, form in table.items():
        row = results.where(n=n).rows[0]
        for route in ("polynomial_sympy", "polynomial_tape"):
            assert sympy.expand(form - sum(c * x**k for k, c in enumerate(row[route]))) == 0


@pytest.mark.parametrize(
    ("claim", "columns"),
    [
        (CLOSED_FORMS, {"polynomial_sympy": lambda n: (4, -8)}),
        (CLOSED_FORMS, {"polynomial_tape": lambda n: (4, -8)}),
        (TREE, {"sympy_tree": lambda n: n**3}),
        (THIRTY, {"sympy_tree_nodes": lambda n: 621_696_516_097}),
        (DAG, {"sympy_dag": lambda n: 2**n}),
        (DAG, {"sympy_dag": lambda n: n**2}),
        (SYMPY_CSE, {"sympy_cse_by_sympy": lambda n: n**3}),
        (CSE, {"sympy_cse": lambda n: 2 * n * n - 2}),
        (FEWER, {"sympy_cse_by_sympy": lambda n: (3 * n * n + 7 * n) // 2 - 10}),
        (GRAPH, {"graph_cse": lambda n: 9 * n - 12 + n // 1000}),
        (TAPE, {"reverse_executed": lambda n: n * n}),
        (TAPE, {"reverse_executed": lambda n: 8}),
        (CHEAP, {"reverse_executed": lambda n: 13 * n}),
        (DIGITS, {"reverse_tree": lambda n: 10**300}),
    ],
)
def test_doctored_data_refute_the_claim(results: Results, claim, columns) -> None:
    assert judge(claim, doctored(results, **columns)).outcome == NOT_HELD


def test_a_missing_row_does_not_count_as_held(results: Results) -> None:
    partial = Results.of([row for row in results if row["n"] not in (3, 8)])
    assert judge(CLOSED_FORMS, partial).outcome == NOT_HELD
    assert judge(DAG, partial).outcome == NOT_HELD
    alone = Results.of([row for row in results if row["n"] == 1])
    assert judge(TAPE, alone).outcome == NOT_HELD
    assert judge(DAG, alone).outcome == UNCHECKED
