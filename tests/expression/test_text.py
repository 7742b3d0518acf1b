"""Typed expressions mean what the same text means in Python with NumPy."""

from __future__ import annotations

import ast
import pickle
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import diffkit as dk
from diffkit import errors
from diffkit.expression import constant, formula
from diffkit.expression.vocabulary import CONSTANTS, FUNCTIONS, INFIX, Operation

# --- the same tree as Python's -----------------------------------------------------------

_SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Lt: "<",
    ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.And: "and",
    ast.Or: "or", ast.Not: "not", ast.USub: "-",
}  # fmt: skip


def pythons(node: Any) -> Any:
    """Python's syntax tree as nested tuples; a plus sign is nothing."""
    if isinstance(node, ast.Constant):
        return float(node.value)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.UnaryOp):
        inside = pythons(node.operand)
        return inside if isinstance(node.op, ast.UAdd) else (_SIGNS[type(node.op)], inside)
    if isinstance(node, ast.BinOp):
        return _SIGNS[type(node.op)], pythons(node.left), pythons(node.right)
    if isinstance(node, ast.Compare):
        [sign], [right] = node.ops, node.comparators
        return _SIGNS[type(sign)], pythons(node.left), pythons(right)
    if isinstance(node, ast.BoolOp):
        first, *rest = map(pythons, node.values)
        for value in rest:
            first = (_SIGNS[type(node.op)], first, value)
        return first
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    return node.func.id, *map(pythons, node.args)


def ours(text: str) -> Any:
    built: list[Any] = []
    for operation, operands in formula(text).program:
        parts = [built[k] for k in operands]
        built.append((operation.name, *parts) if isinstance(operation, Operation) else operation)
    return built[-1]


numbers = st.sampled_from(["0", "1", "2", "0.5", ".25", "3.", "1e-3", "2.5E+1", "7e2"])
names = st.sampled_from(["x", "y", "rate_2", "alpha", "pi", "e"])


def flat(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Operands joined by operators and signs without parentheses: only precedence groups them."""
    signed = st.builds("{}{}".format, st.sampled_from(["", "", "", "-", "+", "--"]), inner)
    sign = st.sampled_from(["+", "-", "*", "/", "**", " + ", " ** "])
    joined = st.lists(st.tuples(sign, signed), max_size=5).map(
        lambda pairs: "".join(s + t for s, t in pairs)
    )
    return st.builds("{}{}".format, signed, joined)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    terms = flat(inner)
    sign = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    comparison = st.builds("{}{}{}".format, terms, sign, terms)
    negated = st.builds("{}{}".format, st.sampled_from(["", "not ", "not not "]), comparison)
    condition = st.lists(
        st.tuples(negated, st.sampled_from([" and ", " or "])), min_size=1, max_size=3
    ).map(lambda pairs: "".join(t + s for t, s in pairs) + "x>0")
    return st.one_of(
        st.builds("({})".format, terms),
        st.builds("{}({})".format, st.sampled_from(["sin", "exp", "abs", "sqrt"]), terms),
        st.builds("{}({}, {})".format, st.sampled_from(["hypot", "max", "min"]), terms, terms),
        st.builds("where({}, {}, {})".format, condition, terms, terms),
    )


expressions = flat(st.recursive(numbers | names, compound, max_leaves=8))


def read(text: str) -> Any:
    """The formula, or None where a limit (and nothing else) stands against it."""
    try:
        return formula(text)
    except errors.ExpressionError as error:
        if any(
            word in error.reason for word in ("larger than", "exponent", "more than", "at most")
        ):
            return None
        raise


@given(expressions)
def test_operators_group_as_in_python(text: str) -> None:
    assume(read(text) is not None)
    assert ours(text) == pythons(ast.parse(text, mode="eval").body)


@given(expressions)
def test_the_normal_form_is_read_as_the_same_program(text: str) -> None:
    found = read(text)
    assume(found is not None)
    assume(len(str(found)) <= 1000)
    again = formula(str(found))
    assert again.program == found.program
    assert str(again) == str(found)


# --- the same bits as NumPy --------------------------------------------------------------

_NUMPY = {
    "sin": np.sin, "exp": np.exp, "abs": np.abs, "sqrt": np.sqrt, "hypot": np.hypot,
    "max": np.maximum, "min": np.minimum, "where": np.where, "and": np.logical_and,
    "or": np.logical_or, "not": np.logical_not, "<": np.less, "<=": np.less_equal,
    ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal, "+": np.add,
    "*": np.multiply, "/": np.divide, "**": np.power,
}  # fmt: skip


def directly(tree: Any, at: dict[str, Any]) -> Any:
    if isinstance(tree, float):
        return tree
    if isinstance(tree, str):
        return {"pi": np.pi, "e": np.e}.get(tree, at.get(tree))
    name, *parts = tree
    values = [directly(part, at) for part in parts]
    if name == "-":
        return np.negative(*values) if len(values) == 1 else np.subtract(*values)
    return _NUMPY[name](*values)


@given(expressions, st.lists(st.floats(-50, 50), min_size=8, max_size=8))
def test_values_have_the_bits_that_numpy_gives(text: str, values: list[float]) -> None:
    found = read(text)
    assume(found is not None)
    tree = pythons(ast.parse(text, mode="eval").body)
    pairs = np.array(values).reshape(4, 2)
    with np.errstate(all="ignore"):
        for rows in (pairs, pairs[:, 0]):  # elementwise, and at a point
            at = dict(zip(found.variables, rows, strict=False))
            count = len(found.variables)
            x = rows[:count] if count > 1 else rows[0]
            expected = np.broadcast_to(directly(tree, at), np.shape(x[0] if count > 1 else x))
            assert np.asarray(found(x)).tobytes() == np.asarray(expected, dtype=float).tobytes()


def test_a_number_is_what_python_makes_of_it() -> None:
    for text in ("1", "1.5", ".5", "1e-3", "0.1", "1.", "5e-324", "1.7976931348623157e308"):
        assert formula(text)(0.0) == float(text)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_has_a_rule_and_a_sympy_form(name: str) -> None:
    operation = FUNCTIONS[name]
    given = {"where": "x > 0.1, 2*x, 3", "arccosh": "x + 2", "besselj": "2, x"}
    arguments = given.get(operation.name, ", ".join(["1", "2", "x"][-operation.least :]))
    f = dk.function(f"{name}({arguments})")
    value, derivative = dk.value_and_derivative(f, 0.3)
    expr = f.expression
    exact = expr.subs(dict.fromkeys(expr.free_symbols, 0.3)).doit().evalf()
    assert value == pytest.approx(float(exact), rel=1e-13)
    assert derivative == dk.derivative(f, 0.3, backend="forward")
    with np.errstate(invalid="ignore"):  # beside the domain
        assert derivative == pytest.approx(
            dk.derivative(f, 0.3, backend="finite_difference"), rel=1e-6, abs=1e-6
        )


def test_constants_are_folded_as_numpy_computes_them() -> None:
    for name, operation in FUNCTIONS.items():
        if operation.fold is not None and operation.most == 1:
            for x in (0.3, 2.5):
                with np.errstate(all="ignore"):
                    value = operation.function()(x)
                try:
                    assert operation.fold(x) == pytest.approx(value, rel=1e-14), name
                except ValueError:
                    assert np.isnan(value), name


# Derivatives by the rules of calculus.
CALCULUS = [
    ("exp(x)*sin(2*x)", "exp(x)*(sin(2*x) + 2*cos(2*x))"),
    ("x**3 - 2*x + 1/x", "3*x**2 - 2 - 1/x**2"),
    ("x**x", "x**x*(ln(x) + 1)"),
    ("atan(x)/(1 + x**2)", "(1 - 2*x*atan(x))/(1 + x**2)**2"),
    ("where(x > 1, x**2, 1/x)", "where(x > 1, 2*x, -1/x**2)"),
    ("sqrt(1 + tanh(x))", "(1 - tanh(x)**2)/(2*sqrt(1 + tanh(x)))"),
    ("erf(x)", "2/sqrt(pi)*exp(-x**2)"),
    ("max(x, 2) + min(x, 2)", "1 + 0*x"),
    ("log2(x) + log10(x)", "1/(x*ln(2)) + 1/(x*ln(10))"),
]


@pytest.mark.parametrize(("text", "derivative"), CALCULUS)
@pytest.mark.parametrize("backend", ["reverse", "forward", "symbolic"])
def test_derivatives_are_those_of_calculus(text: str, derivative: str, backend: str) -> None:
    f, exact = dk.function(text), dk.function(derivative)
    x = np.array([0.25, 0.75, 1.5, 2.5])
    assert np.allclose(dk.derivative(f, x, backend=backend), exact(x), rtol=1e-13)


def test_the_gradient_follows_the_order_of_the_variables() -> None:
    point = {"x": 2.0, "y": 3.0}
    expected = {"x": 3 + np.cos(2.0), "y": 2.0}
    for order in (None, ("x", "y"), ("y", "x")):
        f = dk.function("x*y + sin(x)", variables=order)
        assert f.variables == (order or ("x", "y"))
        for backend in ("reverse", "forward", "symbolic", "complex_step"):
            g = dk.gradient(f, np.array([point[n] for n in f.variables]), backend=backend)
            assert g == pytest.approx([expected[n] for n in f.variables])


# --- the function ------------------------------------------------------------------------


def test_integers_are_taken_as_floats() -> None:
    f = dk.function("x**-1")
    assert f(2) == 0.5
    assert dk.function("x**y")([2, -1]) == 0.5
    assert f(np.array([2, 4])).tolist() == [0.5, 0.25]
    assert dk.function("x*10")(np.array([2**62])) == [10 * 2.0**62]
    assert dk.function("x/y")([1, 2]) == 0.5


def test_a_constant_has_the_shape_of_x_and_no_slope() -> None:
    for f in (dk.function("2*pi"), dk.function("2*pi", variables=["x"])):
        assert f(np.zeros((2, 3))).tolist() == np.full((2, 3), 2 * np.pi).tolist()
        assert dk.derivative(f, np.array([1.0, 2.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("x", [1.0, [1.0], [1.0, 2.0, 3.0]])
def test_a_point_of_another_size_is_refused(x: Any) -> None:
    with pytest.raises(errors.ShapeError, match=r"2 variables \(x, y\)"):
        dk.function("x*y")(x)


def test_several_arguments_are_refused() -> None:
    with pytest.raises(errors.ShapeError, match="one point with its 2 variables"):
        dk.function("x*y")(1.0, 2.0)


def test_a_variable_that_is_not_among_those_given_is_refused() -> None:
    with pytest.raises(errors.UnsupportedError, match="contains y, which is not among"):
        dk.function("x*y", variables=["x", "z"])
    with pytest.raises(errors.ExpressionError, match="each of them once"):
        dk.function("x*y", variables=["x", "y", "x"])


def test_it_prints_its_normal_form() -> None:
    f = dk.function("( asin(x)+-y ) *1.50/(2)", variables=["y", "x"])
    assert repr(f) == "Function(f(y, x): (arcsin(x) + -y)*1.5/2)"
    assert f.description == f.name == "(arcsin(x) + -y)*1.5/2"


def test_the_expression_is_as_typed() -> None:
    import sympy

    x, y = sympy.symbols("x y", real=True)
    assert dk.function("x + x").expression.args == (x, x)
    assert dk.function("9**300 + 0*x").expression.has(sympy.Pow)
    assert dk.function("sin(x)*y - pi/2").expression.doit() == sympy.sin(x) * y - sympy.pi / 2
    long = dk.function("+".join(["x*y"] * 120)).expression
    assert str(long).count("x*y") == 120  # printing walks the expression recursively


def test_the_expression_is_built_when_it_is_asked_for() -> None:
    import subprocess

    code = "import sys, diffkit as dk; dk.function('exp(x)*sin(y)')([1, 2]); "
    code += "print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_it_can_be_sent_to_another_process() -> None:
    f = dk.function("x - y/z", variables=["z", "y", "x"])
    again = pickle.loads(pickle.dumps(f))
    assert again.variables == ("z", "y", "x")
    assert again([2.0, 3.0, 4.0]) == 2.5
    assert str(again.expression) == str(f.expression)


def test_without_scipy_its_functions_are_refused_with_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(errors.MissingPackageError, match=r"pip install 'diffkit\[scipy\]'"):
        dk.function("erf(x)")
    assert dk.function("sin(x)")(0.0) == 0.0


def test_constants_are_numbers() -> None:
    assert constant("-1e-3") == -1e-3
    assert constant(" pi/2 ") == np.pi / 2
    for text in ("x", "inf", "1/0", "1e999", "log(-1)", "1_0", ""):
        with pytest.raises(errors.ExpressionError):
            constant(text)


def test_the_vocabulary_reserves_no_name_twice() -> None:
    assert not (set(FUNCTIONS) & set(CONSTANTS))
    assert not (set(FUNCTIONS) & set(INFIX))
