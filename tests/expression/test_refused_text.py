"""What is no expression is refused, at its place, and nothing of it is ever executed."""

from __future__ import annotations

import ast
import json
import pickle
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diffkit as dk
from diffkit import expression
from diffkit.errors import DiffkitError, ExpressionError
from diffkit.expression import limits

# One sample or more of each class of attack and mistake.
REFUSED = {
    "attributes": ["x.real", "(x).y", "x . y", "sin.x", "1 .real", "1..real", "np.sin(x)"],
    "indices": ["x[0]", "[x]", "(x)[1:2]", "{x}", "{1: x}", "x[y]"],
    "calls": ["eval(x)", "open(x)", "x(1)", "(sin)(x)", "sin(x)(y)", "print()", "exec(1)",
              "getattr(x, y)", "type(x)", "__import__(x)", "input()", "exit()"],
    "statements": ["lambda: 0", "lambda x: x", "x := 1", "(x := 1)", "x = 1", "import os",
                   "del x", "x; y", "yield x", "await x", "x if y else z", "assert x",
                   "x for x in y", "return x", "pass", "global x", "raise x", "async x"],
    "texts": ["'x'", '"x"', "f'{x}'", "b'x'", "r'x'", '"""x"""', "'x", "`x`", "x # y", "'%s' % x"],
    "signs": ["x ^ 2", "x % 2", "x // 2", "x @ y", "~x", "x & y", "x | y", "x << 1", "x >> 1",
              "x!", "!x", "x ? y", "$x", "x\\y", "\\", "x;", ":", "x -> y", "x <> y", "|x|"],
    "line ends and controls": ["x\n+1", "x\r", "\tx", "x\x00", "\x00", "x\x1b[2J", "x\x7f",
                               "x\x0b1", "x\x0c1", "\n"],
    "not ASCII": ["х", "x\u00a0+ 1", "x\u2028", "\u202ex", "x\u200by", "ｘ", "x²", "π", "2×3",
                  "x − 1", "√x", "x\ufeff", "ſin(x)", "é", "x\u0301", "٣", "𝐱", "x\ud800", "∞"],
    "numbers": ["0x10", "0b1", "0o7", "1_000", "1__0", "_1", "1j", "2J", "1e", "1e+", "1.2.3",
                "..1", ".", "1e5e5", "1e999999", "1e-999999", "00", "012", "1" * 41,
                "0." + "1" * 60, "1e400", "9" * 500, "2x", "2(x)", "2 3", "1 e5", "2pi",
                "0xffff", "1f", "1L"],
    "words": ["True", "False", "None", "nan", "inf", "NaN", "Infinity", "-inf", "and", "not", "or",
              "x and", "in", "is", "e(2)", "pi(2)", "sin", "sin + 1", "lambda", "PI", "true", "oo"],
    "names": ["_x", "__class__", "x__y", "__x", "a" * 33, "_", "x" * 5000, "__builtins__",
              "__import__('os').system('true')", "eval", "open", "help"],
    "incomplete": ["", " ", "   ", "x +", "* x", "(", ")", "()", "(x", "x)", "sin(", "sin()",
                   "sin(x", "sin x", "sin(,)", "sin(x,)", "sin(,x)", ",", "x,", "x,y", "x + * y",
                   "(x))", "((x)", "where(x > 0, 1", "x ** ", "** x", "*** x", "x * / y",
                   "-", "+", "--"],
    "arguments": ["sin(x, y)", "sin(x=1)", "sin(*x)", "sin(**x)", "atan2(x)", "max(x)", "max()",
                  "where(x > 0, 1)", "where(x > 0)", "hypot(x, y, x)", "pow(x)", "pow(x, y, x)"],
    "conditions": ["x > 0", "not x", "x and y", "where(x, 1, 2)", "(x > 0)*2", "1 + (x < 1)",
                   "where(x > 0, x > 1, 2)", "where(0 < x < 1, 1, 2)", "where(x > 0 and y, 1, 2)",
                   "where(not x, 1, 2)", "sin(x > 0)", "-(x > 0)", "where(x = 0, 1, 2)",
                   "where((x > 0) > 0, 1, 2)", "x == y", "(x < y) ** 2", "x ** (x < y)"],
    "large constants": ["9**9**9", "((9**9)**9999)**9999", "10.0**10**10", "1e308*10", "exp(1000)",
                        "gamma(1e9)", "gamma(172)", "2**1024", "1e308 + 1e308", "cosh(1e4) + x",
                        "hypot(1e308, 1.5e308)", "1e200*1e200*0", "exp(exp(exp(9)))",
                        "pow(9, pow(9, 9))", "x + exp(800)*0", "-1e308 - 1e308", "1/1e-320"],
    "large exponents": ["(1 + x)**100000", "x**1001", "x**-1001", "x**1e300", "((x**99)**99)**99",
                        "pow(pow(x, 500), 3)", "(x**2)**(2**9.5)", "sin(x**900)**2", "x**9**5"],
    "size": ["(" * 33 + "x" + ")" * 33, "-" * 33 + "x", "**".join(["x"] * 40), "x" + "+x" * 251,
             "sin(" * 33 + "x" + ")" * 33, " " * 1001, "x+" * 100_000 + "x", "(" * 1000,
             "max(" + ",".join(["x"] * 253) + ")", "-(" * 20 + "x" + ")" * 20, "-" * 1000,
             "+".join(f"x{k}" for k in range(21)), "(" * 1_000_000, "1" * 1_000_000],
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_and_the_place_is_marked(kind: str) -> None:
    for text in REFUSED[kind]:
        with pytest.raises(ExpressionError) as caught:
            dk.function(text)
        error = caught.value
        assert error.text == text
        assert 0 <= error.position <= len(text)
        if text:
            *_, shown, caret = str(error).split("\n")
            assert caret.strip() == "^"
            assert len(shown) <= 500
            assert (shown + caret).isprintable()


@pytest.mark.parametrize(
    ("text", "position", "told"),
    [
        ("x^2", 1, "powers are written **"),
        ("1 + 2x", 5, "write 2*x"),
        ("1_000", 1, "without underscores"),
        ("2e", 1, "an exponent with its digits"),
        ("0x1F", 1, "numbers are decimal"),
        ("2(x + 1)", 1, r"write 2\*\("),
        ("y + sin x", 4, r"write sin(x)"),
        ("y*sine(x)", 2, "did you mean sin?"),
        ("sec(x)", 0, "1/cos(x)"),
        ("x(x + 1)", 0, "write x*(...)"),
        ("x − 1", 2, "type -"),
        ("2×x", 1, "type *"),
        ("x²", 1, "type **2"),
        ("π*x", 0, "type pi"),
        ("1,5*x", 1, "decimals are written with a point"),
        ("1 + 9**9**9", 5, "larger than any number"),
        ("x + (1 + y", 4, "not closed"),
        ("where(0 < x < 1, 1, 2)", 12, "0 < x and x < 1"),
        ("x//y", 2, "floor(a/b)"),
        ("x*", 2, "ends"),
        ("np.sin(x)", 2, "not np.sin(x)"),
        ("x + True", 4, "word of Python"),
        ("x**5000", 3, "at most 1000"),
    ],
)
def test_a_mistake_is_answered_at_its_place_with_what_to_write(
    text: str, position: int, told: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        dk.function(text)
    assert caught.value.position == position
    assert told.replace("\\", "") in str(caught.value)
    _, shown, caret = str(caught.value).split("\n")
    if text.isascii():
        assert shown[caret.index("^") :].startswith(text[position : position + 1])


def test_the_mark_stays_at_its_place_in_a_long_and_in_an_unprintable_text() -> None:
    for before in ("x + " * 100, "\x1b[2J\u202e宽" * 3):
        with pytest.raises(ExpressionError) as caught:
            raise ExpressionError("no", before + "!" + "y" * 500, len(before))
        _, shown, caret = str(caught.value).split("\n")
        assert shown[caret.index("^")] == "!"
        assert shown.startswith("  …") == (len(before) > 48)
        assert shown.endswith("y…")
        assert len(shown) < 220


def test_an_error_can_be_sent_to_another_process() -> None:
    error = ExpressionError("no", "x ? y", 2, "hint")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert (again.text, again.position, again.hint) == ("x ? y", 2, "hint")


# At each limit there is a text that is accepted, beside one in REFUSED that is not.
@pytest.mark.parametrize(
    "text",
    [
        "(" * 32 + "x" + ")" * 32,
        "-" * 32 + "x",
        "**".join(["x"] * 33),
        "x" + "+x" * 250,
        "a" * 32,
        "+".join(f"x{k}" for k in range(20)),
        "1" * 40,
        "x**1000 + x**-1000",
        "(x**10)**100",
        "gamma(171)",
        "2**1000",
        " " * 999 + "x",
    ],
)
def test_the_limits_are_where_they_are_said_to_be(text: str) -> None:
    dk.function(text)


@pytest.mark.parametrize("text", ["1/0", "log(0)", "asin(2)", "(-8)**(1/3)", "log(-1)*x", "0**-1"])
def test_a_constant_outside_its_domain_is_read_and_then_not_finite(text: str) -> None:
    f = dk.function(text)
    with pytest.raises(DiffkitError, match="not finite"), np.errstate(all="ignore"):
        dk.derivative(f, 1.0)


@pytest.mark.parametrize(
    "name", ["__class__", "x y", "x;y", "", "sin", "pi", "ｘ", "x\x1b", "True"]
)
def test_names_given_for_variables_are_held_to_the_same_rules(name: str) -> None:
    with pytest.raises(ExpressionError, match="among the variables"):
        dk.function("1 + 1", variables=[name])


# --- nothing is executed -----------------------------------------------------------------


def test_the_language_is_read_without_pythons_own_compiler() -> None:
    forbidden = {"eval", "exec", "compile", "ast", "sympify", "parse_expr", "lambdify", "globals"}
    forbidden |= {"__import__", "literal_eval", "simplify", "S"}
    folder = Path(expression.__file__).parent
    for name in ("text", "grammar", "tokens", "vocabulary", "limits"):
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        used |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        used |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)
                 for a in n.names}  # fmt: skip
        # re.compile, of patterns that stand in the file
        assert used & forbidden <= ({"compile"} if name == "tokens" else set()), name


WATCHED = """
import json, sys, difflib, unicodedata
import diffkit as dk
from diffkit.errors import DiffkitError

def read(text):
    try:
        dk.function(text)
    except DiffkitError as error:
        str(error)

for text in ("sine(x)", "é", "erf(x)", "x", "x\\x1b"):
    read(text)

armed = True
def watch(event, args):
    if armed and event.split(".")[0] in ("exec", "compile", "os", "open", "subprocess", "import",
                                         "socket", "ctypes", "shutil"):
        print(event, args)
        raise SystemExit(3)

sys.addaudithook(watch)
for text in json.loads(sys.argv[1]):
    read(text)
armed = False
print("done")
"""


def test_reading_executes_opens_and_imports_nothing() -> None:
    texts = [text for kind in REFUSED.values() for text in kind if len(text) < 6000]
    argument = json.dumps([t for t in texts if t.isascii()])
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, argument], capture_output=True, text=True, check=False
    )
    assert done.stdout == "done\n", done.stdout + done.stderr


def test_the_names_of_symbols_are_not_executed_and_are_printed_safely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sympy

    monkeypatch.chdir(tmp_path)
    hostile = [
        "__import__('pathlib').Path('canary').touch()",
        "x\x1b[2J\x07",
        "x\u202e",
        "a); open('canary', 'w'",
        "lambda: 0",
        "x\nimport os",
    ]
    symbols = [sympy.Symbol(name) for name in hostile]
    f = dk.function(sympy.sin(sum(symbols)), variables=symbols)
    x = np.linspace(0.1, 0.6, len(symbols))
    assert f(x) == pytest.approx(np.sin(x.sum()))
    for backend in ("reverse", "forward", "symbolic"):
        expected = np.full(len(symbols), np.cos(x.sum()))
        assert dk.gradient(f, x, backend=backend) == pytest.approx(expected)
    prepared = dk.prepare(dk.gradient, f, x)
    assert prepared(x) == pytest.approx(np.cos(x.sum()))
    assert repr(f).isprintable()
    assert str(dk.compare(f, x, backends=["reverse"])).replace("\n", "").isprintable()
    assert not list(tmp_path.iterdir())


# --- fuzzing -----------------------------------------------------------------------------

PIECES = [
    *"+-*/()<>=!.,_^ \t\n\x00'\"[]{}\\%:;#@&|~é²−", "**", "//", "<=", ">=", "==", "!=", "x", "y",
    "z1", "e", "pi", "sin(", "max(", "where(", "pow(", "x>0,", " and ", " or ", " not ", "1", "2.5",
    ".5", "1e9", "1e-9", "999", "gamma(", "lambda ", "__", "nan", "(((((((", ")))))))", "--------",
    "x**", "9**", "+x*y", "1e308*", "besselj(1,",
]  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    accepted_or_refused(text)


def accepted_or_refused(text: str) -> None:
    f = error = None
    try:
        f = dk.function(text)
    except ExpressionError as raised:
        error = raised
    if f is None:
        assert error is not None
        assert error.text == text
        assert 0 <= error.position <= len(text)
        assert str(error).replace("\n", "").isprintable()
        return
    assert text.isascii()
    assert len(f.call.program) <= 2 * limits.LENGTH
    assert all(name.isidentifier() for name in f.variables)


def test_a_search_for_new_paths_through_the_parser_finds_only_its_own_errors() -> None:
    """Guided by coverage: what reaches a new pair of lines is kept and changed further."""
    rng = random.Random(20)
    corpus = ["x*y + sin(x)", "where(x > 0 and not y < 1, x**2, -x)", "1.5e3/(2 - e)"]
    seen: set[Any] = set()
    deadline = time.monotonic() + 6
    for _ in range(6000):
        text = _changed(rng.choice(corpus), rng)
        found = _paths(text)
        if not found <= seen:
            seen |= found
            corpus.append(text)
        if time.monotonic() > deadline:
            break
    assert len(corpus) > 30  # it does explore


def _changed(text: str, rng: random.Random) -> str:
    for _ in range(rng.randint(1, 4)):
        a, b = sorted(rng.randint(0, len(text)) for _ in range(2))
        choice = rng.random()
        if choice < 0.5:
            text = text[:a] + rng.choice(PIECES) + text[a:]
        elif choice < 0.7:
            text = text[:a] + text[b:]
        elif choice < 0.85:
            text = text[:b] + text[a:b] * rng.randint(1, 40) + text[b:]
        else:
            text = (
                text[:a] + chr(rng.choice([rng.randrange(128), rng.randrange(0x11000)])) + text[a:]
            )
    return text[:1200]


_FOLDER = str(Path(expression.__file__).parent)


def _paths(text: str) -> set[Any]:
    """The pairs of lines that reading a text steps through."""
    found: set[Any] = set()
    last: Any = None

    def step(frame: Any, event: str, _: Any) -> Any:
        nonlocal last
        if not frame.f_code.co_filename.startswith(_FOLDER):
            return None
        here = (frame.f_code.co_name, frame.f_lineno)
        found.add((last, here))
        last = here
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        accepted_or_refused(text)
    finally:
        sys.settrace(before)
    return found
