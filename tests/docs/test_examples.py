"""Every code block of the README and of docs/ runs, and prints what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from diffkit.cli import cli

from . import examples

PAGES = examples.pages()
NAMES = [str(page.relative_to(examples.ROOT)) for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_blocks_of_a_page_run_and_print_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as Python has the folder of a script
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, object] = {}
    for block in examples.blocks(text):
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
            monkeypatch.delitem(sys.modules, Path(block.file).stem, raising=False)
        elif block.language == "python":
            namespace = {} if page.name == "README.md" else namespace
            printed = examples.run_python(block, namespace, page.name)
            if block.output:
                shown = text[slice(*block.output)]
                _require(shown, printed, block.differs, f"{page.name}:{block.line}")
        else:
            for command in examples.commands(block):
                _run(command, block, f"{page.name}:{block.line}")


def _run(command: examples.Command, block: examples.Block, place: str) -> None:
    if examples.NOT_RUN.match(command.line):
        return
    code, printed = examples.run_command(command.line, Path.cwd())
    expected = bool(command.output and command.output.startswith("error:"))
    assert code == expected, f"{place}: {command.line}\n{printed}"
    if command.output is not None:
        _require(command.output, printed, block.differs, place)


def _require(shown: str, printed: str, differs: str, place: str) -> None:
    renew = f"{place} shows something else; python -m tests.docs.examples PAGE renews it"
    assert examples.agree(shown, printed, differs), f"{renew}\n{printed}"


def not_run() -> list[str]:
    """The commands of all pages that no test runs, without their comments."""
    lines = [
        command.line.partition("#")[0].strip()
        for page in PAGES
        for block in examples.blocks(page.read_text(encoding="utf-8"))
        if block.language == "console"
        for command in examples.commands(block)
    ]
    return sorted({line for line in lines if examples.NOT_RUN.match(line)})


@pytest.mark.parametrize("line", not_run())
def test_what_is_not_run_is_there(line: str) -> None:
    """Targets, extras, modules, and the options of commands."""
    name, *arguments = shlex.split(line)
    if name == "make":
        makefile = (examples.ROOT / "Makefile").read_text(encoding="utf-8")
        assert f"\n{arguments[0]}:" in makefile
    elif name == "pip":
        project = tomllib.loads((examples.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        for extra in re.findall(r"\[(.*)\]", line):
            assert set(extra.split(",")) <= set(project["project"]["optional-dependencies"])
    elif name == "python":
        script = arguments[1].replace(".", "/") + ".py" if arguments[0] == "-m" else arguments[0]
        assert (examples.ROOT / script).is_file()
    elif name == "diffkit":
        context = cli.make_context("diffkit", [*arguments])
        _, command, rest = cli.resolve_command(context, arguments)
        assert command is not None
        command.make_context(command.name, rest)
    else:
        assert name == "dask"  # another project's, which has tests of its own


def fenced(*blocks: str) -> str:
    """A page: each block is its language and its lines."""
    return "words\n".join(f"```{block}\n```\n" for block in blocks)


def test_that_blocks_are_found_with_what_they_print() -> None:
    page = "# T\n\n" + fenced("python\nprint(1)") + "<!-- measured -->\n" + fenced("text\n1")
    (block,) = examples.blocks(page)
    assert (block.text, block.line, block.differs) == ("print(1)\n", 3, "measured")
    assert block.output is not None
    assert page[slice(*block.output)] == "1\n"


def test_that_a_block_without_output_does_not_take_a_later_one() -> None:
    python, console = examples.blocks(fenced("python\n1", "text\n1", "console\n$ a"))
    assert (python.output, console.output) == (None, None)


def test_that_commands_are_parted_from_what_they_print() -> None:
    (block,) = examples.blocks(
        fenced("console\n$ diffkit list   # all\n$ diffkit x\nerror: a\n  b")
    )
    first, second = examples.commands(block)
    assert first == examples.Command("diffkit list   # all", None)
    assert second == examples.Command("diffkit x", "error: a\n  b\n")


RULE = " backend  time   status\n ──────────────────────\n"


@pytest.mark.parametrize(
    ("shown", "printed", "differs", "same"),
    [
        ("1.5\n", "1.5", "", True),
        ("1.5\n", "1.6", "", False),
        ("f = 1.5\n", "g = 1.5", "", False),
        ("[1.5 2.25]\n", "[1.5  2.2500001]", "", True),
        ("[1.5 2.25]\n", "[1.5  2.251]", "", False),
        ("1e-12 off\n", "3e-13 off", "", True),
        ("11 calls\n", "12 calls", "", False),
        ("11 calls, 1.5\n", "12 calls, 7.5", "rounding", True),
        ("11 calls\n", "many calls", "rounding", False),
        ("a\n…\nc\n", "a\nb\nb\nc", "", True),
        ("a\n…\nc\n", "a\nb\nd", "", False),
        ("a\n…\n", "b\nc", "", False),
        (f"{RULE} reverse  1.2 ± 0.1   ok\n", f"{RULE} reverse  7 ± 2 ?   ok", "measured", True),
        (f"{RULE} reverse  1.2   ok\n", f"{RULE} reverse  1.2   doubtful", "measured", False),
        (f"{RULE} a  1   ok\n b  1   ok\n", f"{RULE} a  1   ok", "measured", False),
        (f"{RULE} a  1   ok\n\n at 2 µs\n", f"{RULE} a  1   ok\n\n of 3 ms", "measured", True),
        ("no table\n", "no table", "measured", False),
    ],
)
def test_that_what_differs_is_seen(shown: str, printed: str, differs: str, same: bool) -> None:
    assert examples.agree(shown, printed, differs) is same


def test_a_block_that_fails_names_its_line() -> None:
    (block,) = examples.blocks("\n\n```python\nfirst = 1\nsecond = 1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as error:
        examples.run_python(block, {}, "page.md")
    assert error.traceback[-1].lineno + 1 == 5  # pytest counts lines from 0


def test_commands_run_on_this_checkout(tmp_path: Path) -> None:
    (tmp_path / "where.py").write_text("import diffkit; print(diffkit.__file__)")
    code, printed = examples.run_command("python where.py", tmp_path)
    assert code == 0
    assert Path(os.path.realpath(printed)).is_relative_to(examples.ROOT.resolve())
