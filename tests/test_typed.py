"""What is typed after `diffkit compare`: a problem, an expression or one's own code; a point."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

import diffkit as dk
from diffkit import _typed, errors

from .command_line import invoke


def compare(*arguments: str) -> Result:
    return invoke("compare", *arguments)


def values(*arguments: str) -> Any:
    result = compare(*arguments, "--backend", "reverse", "--json")
    assert result.exit_code == 0, result.output
    [row] = json.loads(result.stdout)["rows"]
    return row["value"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with code of one's own, in which the commands are given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "sibling.py").write_text("half = 0.5\n")
    (tmp_path / "own_module.py").write_text(
        "import numpy as np\n"
        "from sibling import half\n"
        "from pathlib import Path\n"
        "Path('executed').touch()\n"
        "number = 3\n"
        "def loss(x, scale, shift=0.0):\n"
        "    return half * scale * np.sum((x - shift)**2)\n"
        "def wave(x):\n"
        "    return np.sin(x)\n"
    )
    (tmp_path / "broken.py").write_text("import a_package_that_does_not_exist\n")
    (tmp_path / "leaving.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "wrong.py").write_text("def f(:\n")
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


def test_an_expression_is_differentiated_where_it_is_said() -> None:
    assert values("x*y + sin(x)", "--at", "x=2,y=3") == pytest.approx([3 + np.cos(2), 2])
    assert values("x*y + sin(x)", "--at", "y=3,x=2") == pytest.approx([3 + np.cos(2), 2])
    assert values("x*y + sin(x)", "--at", "2,3") == pytest.approx([3 + np.cos(2), 2])


def test_an_expression_may_begin_with_a_minus() -> None:
    assert values("-x**2", "--at", "-3") == 6.0
    assert values("-h*h", "--at", "3") == -6.0
    assert values("-1*x", "--at", "3") == -1.0
    assert values("-hypot(x, 0)", "--at", "3") == -1.0


def test_a_problem_comes_before_an_expression() -> None:
    assert "exp" in dk.problems
    assert values("exp", "--at", "0") == 1.0
    assert values("exp(x)", "--at", "0") == 1.0


def test_a_word_alone_is_the_name_of_a_problem() -> None:
    result = compare("griewnk", "--at", "1,2")
    assert result.exit_code == 1
    assert "did you mean 'griewank'?" in result.stderr
    assert values("x", "--at", "3") == 1.0


def test_a_mistake_is_shown_with_its_place() -> None:
    result = compare("x + y^2", "--at", "1,2")
    assert result.exit_code == 1
    assert "powers are written **" in result.stderr
    _, shown, caret = result.stderr.rstrip("\n").split("\n")
    assert (shown[caret.index("^")], caret.strip()) == ("^", "^")


def test_without_a_point_the_variables_are_named() -> None:
    result = compare("x*rate")
    assert result.exit_code == 2
    assert "--at rate=1,x=1" in result.stderr


@pytest.mark.parametrize("name", ["own_module:loss", "own_module.py:loss"])
def test_own_code_takes_its_point_by_name_or_position(here: Path, name: str) -> None:
    for at in ("x=[1,2,3],scale=2", "scale=2,x=[1,2,3]", "[1,2,3],2", "[1,2,3],2,0"):
        assert values(name, "--at", at) == [1 * 2, 2 * 2, 3 * 2]
    assert values(name, "--at", "x=[1,2,3],scale=2,shift=1") == [0, 2, 4]


def test_own_code_of_one_parameter_takes_a_number_or_a_vector(here: Path) -> None:
    assert values("own_module:wave", "--at", "0") == 1.0
    assert values("own_module:wave", "--at", "x=pi/2") == pytest.approx(0, abs=1e-15)
    result = compare("own_module:wave", "--at", "1,2", "--operator", "derivative", "--json")
    assert json.loads(result.stdout)["point"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("own_modul:loss", "there is no module 'own_modul'"),
        ("own_modul.py:loss", "there is no file 'own_modul.py'"),
        ("own_module:los", "did you mean 'loss'?"),
        ("own_module:number", "of type int, not a function"),
        ("own_module.py", "is not module:function"),
        ("broken:f", "importing 'broken' failed: ModuleNotFoundError"),
        ("broken.py:f", "importing 'broken.py' failed: ModuleNotFoundError"),
        ("leaving:f", "importing 'leaving' failed: SystemExit"),
        ("wrong.py:f", "importing 'wrong.py' failed: SyntaxError"),
        ("a-b:f", "is not the name of a module"),
    ],
)
def test_own_code_that_is_not_there_is_told_in_one_line(here: Path, name: str, told: str) -> None:
    result = compare(name, "--at", "1")
    assert result.exit_code == 1
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_own_code_is_executed_only_when_it_is_named_as_code(here: Path) -> None:
    for text in ("own_module", "own_module.loss", "loss(x)", "own_module.loss(x)", "own_module::",
                 "own_module(x)", "own_module:", "own_module:loss(x)"):  # fmt: skip
        assert compare(text, "--at", "1").exit_code != 0
        assert not (here / "executed").exists(), text
    with pytest.raises(errors.ExpressionError):
        dk.function("own_module:loss")
    assert not (here / "executed").exists()
    assert values("own_module:wave", "--at", "0") == 1.0
    assert (here / "executed").exists()


def test_a_file_of_ones_own_never_stands_in_for_an_installed_package(here: Path) -> None:
    (here / "mpmath.py").write_text("raise SystemExit('mine')")
    assert values("own_module:wave", "--at", "0") == 1.0
    assert sys.path[-1] == str(here)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("1.5", 1.5), ("-1e-3", -1e-3), ("pi/2", np.pi / 2), ("[1,2]", [1, 2]), ("1,2", [1, 2]),
        ("[1, -2e3, pi]", [1, -2000, np.pi]), ("[[1,2],[3,4]]", [[1, 2], [3, 4]]), ("1,", [1]),
        ("hypot(3,4)", 5.0), ("[5]", [5]),
    ],
)  # fmt: skip
def test_points_are_read_by_the_grammar_of_expressions(at: str, expected: Any) -> None:
    (found,) = _typed.point(at, dk.function(np.sin))
    assert np.asarray(found).tolist() == expected
    assert np.shape(found) == np.shape(expected)


@pytest.mark.parametrize(
    "at",
    ["", ",", "1,,2", "=1", "x=", "x=1,x=2", "[1,2", "1]", "[]", "[[1],[2,3]]", "[[[1]]]", "inf",
     "nan", "1_0", "0x1", "1e999", "１", "1;2", "__import__('os')", "[" * 5000, "1+x", "y=1",
     "x=y", "True", "'1'", "1 2", "\x1b", "[1,2],3"],
)  # fmt: skip
def test_what_is_no_point_is_a_usage_error(at: str) -> None:
    result = compare("sin(x)", "--at", at)
    assert result.exit_code == 2
    assert "--at" in result.stderr
    assert "Traceback" not in result.stderr
