"""dk.swell: its counts are exact, by enumeration and by closed forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.errors import NonNumericError, ShapeError, UnknownNameError
from diffkit.expression import OperationGraph, add_expressions, count_operations
from diffkit.measure import laue, program, swell
from diffkit.measure.swell_table import short
from diffkit.runner.results import jsonable

X = sympy.Symbol("x")


def logistic(x: Any, n: int) -> Any:
    for _ in range(n - 1):
        x = 4 * x * (1 - x)
    return x


# Enumeration: the same numbers by writing everything out


def written_out(node: Any) -> int:
    """The operations of an expression, by walking its tree."""
    own = len(node.args) - 1 if node.is_Add or node.is_Mul else int(bool(node.args))
    return own + sum(map(written_out, node.args))


def all_nodes(node: Any) -> int:
    return 1 + sum(map(all_nodes, node.args))


EXPRESSIONS = st.recursive(
    st.sampled_from([X, sympy.Symbol("y"), sympy.Integer(2), sympy.Rational(1, 3)]),
    lambda e: st.one_of(
        st.builds(lambda a, b: a + b, e, e),
        st.builds(lambda a, b: a * b, e, e),
        st.builds(lambda a, b: a - b * b, e, e),
        st.builds(lambda a: sympy.sin(a), e),
        st.builds(lambda a: sympy.exp(a), e),
        st.builds(lambda a: (a + 1) ** 3, e),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
@settings(max_examples=60, deadline=None)
def test_an_expressions_tree_is_counted_as_by_walking_it(expr: Any) -> None:
    found = count_operations(expr)
    assert found.tree == written_out(expr)
    assert found.tree_nodes == all_nodes(expr)
    distinct = set(sympy.preorder_traversal(expr))
    assert found.nodes == len(distinct)
    assert found.dag == sum(len(n.args) - 1 if n.is_Add or n.is_Mul else bool(n.args)
                            for n in distinct)  # fmt: skip
    assert found.cse is not None
    assert found.cse <= found.dag <= found.tree


def height(node: Any) -> int:
    return 1 + max(map(height, node.args), default=0)


def taken_apart(node: Any) -> Any:
    """Sums and products as nested pairs, the less nested operands within, numbers without."""
    if not node.args:
        return str(node)
    if not (node.is_Add or node.is_Mul):
        return (node.func.__name__, *map(taken_apart, node.args))
    first, *rest = sorted(node.args, key=lambda a: (a.is_Number, height(a)))
    nested = taken_apart(first)
    for arg in rest:
        nested = (node.func.__name__, *sorted([nested, taken_apart(arg)], key=repr))
    return nested


@given(EXPRESSIONS)
@settings(max_examples=60, deadline=None)
def test_hash_consing_an_expression_counts_its_distinct_pairs(expr: Any) -> None:
    assert count_operations(expr).cse == len(set(parts(taken_apart(expr))))


@pytest.mark.parametrize("n", [4, 5, 6])
def test_the_logistic_maps_derivative_has_so_many_distinct_pairs(n: int) -> None:
    derivative = sympy.diff(logistic(X, n), X)
    enumerated = len(set(parts(taken_apart(derivative))))
    assert count_operations(derivative).cse == enumerated == (3 * n * n + 7 * n) // 2 - 9


@given(EXPRESSIONS)
@settings(max_examples=40, deadline=None)
def test_the_sympy_route_has_the_counts_of_sympy_diff(expr: Any) -> None:
    expr = expr + X * sympy.Symbol("y")  # both variables occur
    sizes = dk.swell(expr, routes="sympy")["sympy"]
    partials = [sympy.diff(expr, v) for v in (X, sympy.Symbol("y"))]
    assert (sizes.tree, sizes.tree_nodes) == (
        sum(map(written_out, partials)),
        sum(map(all_nodes, partials)),
    )


@pytest.mark.parametrize("n", [3, 7, 11])
def test_the_logistic_map_is_counted_alike_with_and_without_sympy_diff(
    monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    expr = logistic(X, n)
    counts = []
    for limit, how in ((10**6, "sympy.diff;"), (0, "once")):
        monkeypatch.setattr(swell, "SMALL_TREE", limit)
        row = dk.swell(expr, routes="sympy")["sympy"]
        assert how in row.built
        counts.append((row.tree, row.dag, row.cse, row.nodes, row.tree_nodes))
    assert counts[0] == counts[1]


@st.composite
def programs(draw: Any) -> list[tuple[str, int, int]]:
    """Steps on two earlier values each; the first two are the variables."""
    names = st.sampled_from(["add", "subtract", "multiply", "divide", "sin"])
    steps = draw(st.lists(st.tuples(names, st.integers(0, 30), st.integers(0, 30)), min_size=1,
                          max_size=9))  # fmt: skip
    return [(name, i % (k + 2), j % (k + 2)) for k, (name, i, j) in enumerate(steps)]


def run(steps: list[tuple[str, int, int]], x: Any) -> Any:
    values = [x[0], x[1]]
    for name, i, j in steps:
        values.append(
            np.sin(values[i]) if name == "sin" else getattr(np, name)(values[i], values[j])
        )
    return values[-1]


def as_nested(steps: list[tuple[str, int, int]]) -> Any:
    """The program written out, with the operands of sums and products in one order."""
    values: list[Any] = ["x1", "x2"]
    for name, i, j in steps:
        operands = [values[i]] if name == "sin" else [values[i], values[j]]
        if name in ("add", "multiply"):
            operands.sort(key=repr)
        values.append((name, *operands))
    return values[-1]


def parts(nested: Any) -> list[Any]:
    return [] if isinstance(nested, str) else [nested, *(p for o in nested[1:] for p in parts(o))]


@given(programs())
@settings(max_examples=80, deadline=None)
def test_a_tapes_sizes_are_those_of_the_program_written_out(steps: Any) -> None:
    with np.errstate(all="ignore"):
        found = dk.swell(lambda x: run(steps, x), np.array([0.7, 1.3]), routes=())["f"]
    everything = parts(as_nested(steps))
    assert found.tree == len(everything)
    assert found.cse == len(set(everything))
    assert found.executed == len(steps)


# Closed forms


def test_the_logistic_map_of_30_steps_has_the_known_number_of_nodes() -> None:
    found = dk.swell(logistic, 0.3, 30, routes="sympy")["sympy"]
    assert (found.tree_nodes, found.nodes) == (621_696_516_098, 611)


@pytest.mark.parametrize(
    ("n", "tree", "dag", "sympy_cse", "cse"),
    [
        (4, 98, 37, 31, 29),
        (8, 6560, 251, 144, 115),
        (10, 40832, 464, 231, 176),
        (12, 233984, 769, 338, 249),
    ],
)
def test_the_logistic_map_has_the_known_sizes(n, tree, dag, sympy_cse, cse) -> None:
    # Counted independently with k − 1 operations for k operands; the last
    # column is (3 n² + 7 n) / 2 − 9, a parabola through the enumerated sizes of n = 4, 5, 6.
    found = dk.swell(logistic(X, n), routes="sympy")["sympy"]
    assert (found.tree, found.dag, found.sympy_cse, found.cse) == (tree, dag, sympy_cse, cse)


@pytest.mark.parametrize("n", [10, 1000])
def test_trees_of_hundreds_of_digits_follow_their_recurrences(n: int) -> None:
    """A step writes l twice, with 4 l, 1 − l and their product; its tangent d writes d and l twice,
    with 4 d, −d, two products and a sum beside 4 l and 1 − l."""
    tree, tangent = 3, 5  # of l_2 and its derivative, where 4 · 1 and −1 are numbers
    for _ in range(n - 2):
        tree, tangent = 2 * tree + 3, 2 * tangent + 2 * tree + 7
    found = dk.swell(logistic, 0.3, n, routes=("graph", "forward", "reverse"))
    assert found["f"].tree == tree
    assert found["forward"].tree == tangent
    assert found["reverse"].tree == 2 ** (2 * n - 1) - 3
    assert found["forward"].executed == 8 * n - 10
    assert found["reverse"].executed == 8 * n - 8
    assert found["graph"].cse == 9 * n - 12


def test_a_chain_of_sines_has_the_same_operations_by_every_route() -> None:
    found = dk.swell(dk.problems["sine_chain"], 0.5)
    for route in ("sympy", "graph", "forward", "reverse"):
        row = found[route]
        assert (row.tree, row.dag, row.cse) == (2143, 190, 190)
    assert found["sympy"].sympy_cse == 190


@pytest.mark.parametrize("n", [4, 8, 12])
def test_speelpennings_gradient_has_the_known_sizes(n: int) -> None:
    found = dk.swell(dk.problems["speelpenning_product"], np.linspace(1.0, 2.0, n))
    trees = {found[route].tree for route in ("sympy", "graph", "forward", "reverse")}
    assert trees == {n * (n - 2)}
    assert found["sympy"].sympy_cse == n * (n - 1) // 2
    assert found["reverse"].dag == 3 * n - 6


# What a tape executes


def loops(m: int, n: int, k: int) -> int:
    """The operations of a matrix product in three loops."""
    count = 0
    for _ in range(m * k):
        for term in range(n):
            count += 1 + (term > 0)
    return count


A, B = np.full((3, 4), 0.5), np.full((4, 2), 0.25)
WORK: list[tuple[str, Callable[[Any], Any], Any, int]] = [
    ("elementwise", lambda x: np.sin(x), A, 12),
    ("broadcast", lambda x: x * np.ones((5, 1)), np.ones(3), 15),
    ("matmul", lambda x: x @ B, A, loops(3, 4, 2)),
    ("matrix and vector", lambda x: x @ np.ones(4), A, loops(3, 4, 1)),
    ("stacks", lambda x: np.matmul(np.ones((2, 3, 4)), x), B, 2 * loops(3, 4, 2)),
    ("einsum", lambda x: np.einsum("ij,jk->ik", x, B), A, loops(3, 4, 2)),
    ("outer", lambda x: np.outer(x, np.ones(2)), np.ones(3), 6),
    ("sum", lambda x: np.sum(x), A, 11),
    ("sum of rows", lambda x: np.sum(x, axis=1), A, 9),
    ("mean", lambda x: np.mean(x, axis=0), A, 8 + 4),
    ("largest", lambda x: np.max(x), np.arange(5.0), 4),
    ("running sum", lambda x: np.cumsum(x), np.ones(5), 4),
    ("moved", lambda x: np.reshape(x.T[::-1], (2, 6))[0], A, 0),
    ("sorted", lambda x: np.sort(x), np.array([3.0, 1.0]), 0),
    ("chosen", lambda x: np.where(x > 0.4, x, 0.0), A, 12 + 12),  # a comparison and a choice
]


@pytest.mark.parametrize(("f", "x", "operations"), [w[1:] for w in WORK], ids=[w[0] for w in WORK])
def test_array_operations_count_what_loops_would_do(f: Any, x: Any, operations: int) -> None:
    assert program.executed(dk.trace(f, x)) == operations


@pytest.mark.parametrize("name", dk.problems)
def test_no_route_counts_more_distinct_operations_than_are_executed(name: str) -> None:
    problem = dk.problems[name]
    with np.errstate(all="ignore"):
        found = dk.swell(problem, problem.points[0], routes=("forward", "reverse"))
    for row in found.rows:
        assert row.status == "ok", row.reason
        assert row.cse <= row.dag <= min(row.executed, row.tree)


def test_what_does_nothing_is_executed_and_not_needed() -> None:
    found = dk.swell(lambda x: 1.0 * (x + 0.0) - 0.0, 0.3, routes="forward")
    assert (found["f"].executed, found["f"].dag) == (3, 0)
    assert found["forward"].tree == 0


def test_a_result_that_does_not_depend_on_x_has_no_operations() -> None:
    found = dk.swell(lambda x: 2.0, 0.3)
    assert all((row.tree, row.dag, row.cse) == (0, 0, 0) for row in found.rows)


# One graph for both, and SymPy's expressions


@pytest.mark.parametrize("name", ["griewank", "helmholtz_energy", "four_layer_network", "norm",
                                  "logistic_map_8", "newton_sqrt"])  # fmt: skip
def test_unevaluated_derivatives_have_the_gradients_values(name: str) -> None:
    problem = dk.problems[name]
    tape = dk.trace(problem, problem.points[0])
    symbols = list(np.ravel(program.symbols_of(tape)))
    exact = np.ravel(dk.jacobian(problem, problem.points[0]))
    values = np.ravel(problem.points[0]).tolist()
    for rules in (program.unevaluated_derivatives, program.unevaluated_adjoints):
        graph = OperationGraph()
        partials = rules(tape, symbols)
        assert graph.size(*add_expressions(graph, partials)).dag > 0
        from diffkit.expression import evaluator

        np.testing.assert_allclose(evaluator(partials, symbols)(*values), exact, rtol=1e-9)


@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize(
    "name", ["logistic_map_8", "rosenbrock", "himmelblau", "sine_chain", "log_sum_exp"]
)
def test_symbolic_and_automatic_differentiation_do_the_same(name: str, order: str) -> None:
    found = laue.compare(dk.problems[name], dk.problems[name].points[0], order)
    assert found.ad.cse == found.symbolic.cse == found.common > 5
    assert found.ad.tree == found.symbolic.tree
    assert not found.only_ad
    assert not found.only_symbolic


def test_they_are_told_apart_where_their_rules_differ() -> None:
    found = laue.compare(np.tanh, 0.5, "forward")
    assert found.common == 0
    assert found.only_ad == {"sech_squared": 1}
    assert found.only_symbolic == {"tanh": 1, "power": 1, "multiply": 1, "add": 1}
    with pytest.raises(UnknownNameError, match="forward"):
        laue.compare(np.tanh, 0.5, "forwards")


def test_hash_consing_knows_that_sums_and_products_commute_and_differences_do_not() -> None:
    graph = OperationGraph()
    x, y = graph.leaf("x"), graph.leaf("y")
    assert graph.size(x * y + y * x).cse == 2
    assert graph.size((x - y) * (y - x)).cse == 3
    assert graph.size(x * y, y * x).dag == 2
    assert graph.size(x * y, y * x).tree == 2


# The interface


def test_an_expression_needs_no_point_and_keeps_its_own_variables() -> None:
    a, b = sympy.symbols("a b", positive=True)
    expr = sympy.sin(a * b) / a
    left_out, listed = dk.swell(expr), dk.swell(expr, [b, a])
    assert left_out.operator == listed.operator == "gradient"
    assert left_out["sympy"] == listed["sympy"]
    assert left_out["f in SymPy"].nodes == count_operations(expr).nodes == 7
    assert dk.swell(dk.function(expr), [2.0, 3.0])["sympy"] == left_out["sympy"]
    assert dk.swell(expr.subs(b, 2), a).operator == "derivative"
    assert "as it was given" in left_out["f in SymPy"].built


def test_a_jacobian_takes_a_sweep_for_each_output_or_input() -> None:
    found = dk.swell(dk.problems["polar_to_cartesian"], np.array([2.0, 0.5]))
    assert (found.operator, found.inputs, found.outputs) == ("jacobian", 2, 2)
    # cos, sin, r cos and r sin; −sin as a factor twice at most.
    assert found["reverse"].cse == found["forward"].cse == 5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dk.swell(np.sin, 1.0, routes="backward"), UnknownNameError, "unknown route"),
        (lambda: dk.swell(np.sin, 1.0, operator="slope"), UnknownNameError, "unknown operator"),
        (lambda: dk.swell(np.sin, np.ones(2), operator="derivative"), ShapeError, "one number"),
        (lambda: dk.swell(np.sin, np.ones(2), operator="gradient"), ShapeError, "jacobian"),
        (lambda: dk.swell(np.sin), ShapeError, "point"),
        (lambda: dk.swell(b"sin(x)", 1.0), NonNumericError, "callable"),
        (lambda: dk.swell(np.sin, "here"), NonNumericError, "numbers"),
    ],
)
def test_bad_input_gets_one_clear_error(call: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
    with pytest.raises(UnknownNameError, match="unknown route 'torch'"):
        dk.swell(np.sin, 1.0)["torch"]


def test_what_cannot_be_counted_says_why() -> None:
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
    solved = dk.swell(lambda x: np.sum(np.linalg.solve(matrix, x)), np.ones(2))
    assert {row.status for row in solved.rows} == {"unsupported"}
    assert all("solve" in row.reason for row in solved.rows)
    large = dk.swell(lambda x: np.sum(np.sin(x)), np.ones(150_000))
    assert large["f"].executed == 299_999
    assert "too many" in large["f"].reason
    assert large["reverse"].tree is None
    flat = dk.swell(logistic, 0.3, 100)["sympy"]
    assert flat.status == "unsupported"
    assert "factors" in flat.reason


def test_limits_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swell, "SMALL_TREE", 0)
    monkeypatch.setattr(swell, "FLATTENED_TERMS", 10)
    assert dk.swell(logistic, 0.3, 5)["sympy"].status == "unsupported"
    assert dk.swell(logistic, 0.3, 5)["f in SymPy"].status == "ok"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, ""), (0, "0"), (10_294, "10,294"), (999_999_999, "999,999,999"),
        (621_696_516_098, "6.2·10¹¹"), (10**11, "1.0·10¹¹"), (999_999_999_999, "1.0·10¹²"),
        pytest.param(10**5000, "1.0·10⁵⁰⁰⁰", id="beyond what Python prints"),
    ],
)  # fmt: skip
def test_large_counts_are_shown_short(count: int | None, shown: str) -> None:
    assert short(count) == shown


def test_the_table_shows_what_was_counted_and_how() -> None:
    found = dk.swell(logistic, 0.3, 30)
    text = " ".join(str(found).split())
    for part in ("6.2·10¹¹", "DAG", "nothing evaluated", "k − 1 operations", "sympy.diff"):
        assert part in text
    exact = found.to_dict()
    assert exact["rows"][2]["tree_nodes"] == 621_696_516_098
    assert json.loads(json.dumps(jsonable(exact)))["definition"] == found.definition


def test_the_notebooks_table_escapes_names() -> None:
    def f(x: Any) -> Any:
        return x * x

    f.__name__ = "<b>f</b>"
    page = dk.swell(f, 0.3)._repr_html_()
    assert "&lt;b&gt;f" in page
    assert "<b>f" not in page
