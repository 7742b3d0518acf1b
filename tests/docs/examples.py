"""The code blocks of a page: found, run as a reader would, and compared with what the page shows.

``python -m tests.docs.examples PAGE...`` writes into pages what their blocks print today.

- The Python blocks of a page run one after the other in one namespace, those of the README each in
  a new one. A block that begins with a comment ``# name.py`` is a file that later ones use.
- A text block right after a Python block is what that prints. Lines behind a command, ``$ …``, in a
  console block are what it prints. A line ``…`` stands for any lines.
- Numbers with a point agree up to 1e-6, as NumPy's last bits differ from processor to processor.
- ``<!-- rounding -->`` between the two says that numbers hang on the last bits: none is compared.
- ``<!-- measured -->`` says that times differ from run to run: then only the rows of tables are
  compared, by their first and last words.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUILT = ("_build", "generated")

_FENCE = re.compile(r"^(`{3,})(\w+)\n(.*?)^\1$", re.M | re.S)
_BETWEEN = re.compile(r"\s*(?:<!-- (measured|rounding) -->)?\s*")
_FILE = re.compile(r"# (\w+\.py)\n")
_NUMBER = r"[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?"
_ROW = re.compile(r"^ (\w+) .*?(\w+)$", re.M)

# What the tests do not run: installing, serving, other machines, and everything at once.
NOT_RUN = re.compile(
    r"pip |make |dask |python benchmarks/|python -m docs|diffkit explore|diffkit run($| --)"
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: "python", "console", "text" and so on.
        text: what is inside.
        line: where it begins in the page, counted from 1.
        output: the span of the text block that shows what it prints; None where none does.
        differs: "measured" or "rounding" where what it prints is not the same everywhere.
    """

    language: str
    text: str
    line: int
    span: tuple[int, int]
    output: tuple[int, int] | None = None
    differs: str = ""

    @property
    def file(self) -> str:
        """The name of the file that it is; empty where it is none."""
        found = _FILE.match(self.text) if self.language == "python" else None
        return found[1] if found else ""


def pages() -> list[Path]:
    """The README, and the pages of docs/."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    return [ROOT / "README.md", *(p for p in found if not set(p.parts) & set(BUILT))]


def blocks(text: str) -> list[Block]:
    """The blocks of a page that are run, in order."""
    found = list(_FENCE.finditer(text))
    out = []
    for k, match in enumerate(found):
        if match[2] not in ("python", "console"):
            continue
        line = text.count("\n", 0, match.start()) + 1
        after = found[k + 1] if k + 1 < len(found) else None
        gap = after and _BETWEEN.fullmatch(text, match.end(), after.start())
        shown = match[2] == "python" and after is not None and after[2] == "text" and gap
        marked = _BETWEEN.match(text, match.end())
        out.append(Block(
            match[2], match[3], line, match.span(3), after.span(3) if shown and after else None,
            (marked and marked[1]) or "",
        ))  # fmt: skip
    return out


def run_python(block: Block, namespace: dict[str, Any], page: str) -> str:
    """What a block prints; a traceback names its page and line."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile("\n" * block.line + block.text, page, "exec"), namespace)
    return tidy(out.getvalue())


@dataclass(frozen=True)
class Command:
    """A command, and the lines that a page shows behind it; None where it shows none."""

    line: str
    output: str | None


def commands(block: Block) -> list[Command]:
    """The commands of a console block."""
    parts = re.split(r"^\$ ", block.text, flags=re.M)[1:]
    found = [part.partition("\n") for part in parts]
    return [Command(line, output if output.strip() else None) for line, _, output in found]


def run_command(line: str, folder: Path) -> tuple[int, str]:
    """The exit code, and what is printed on both streams, of ``diffkit`` or ``python``."""
    name, *arguments = shlex.split(line, comments=True)
    program = {"diffkit": ["-m", "diffkit.cli"], "python": []}[name]
    environment = {**os.environ, "COLUMNS": "110", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", timeout=100, check=False,
    )  # fmt: skip
    return done.returncode, tidy(done.stdout)


def tidy(text: str) -> str:
    """Lines without spaces behind them, and no empty ones at the ends."""
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))


def agree(shown: str, printed: str, differs: str = "") -> bool:
    """Whether a page shows what is printed."""
    if differs == "measured":
        rows = _rows(tidy(shown))
        return bool(rows) and rows == _rows(printed)
    parts = re.split(r"(?:^|(?<=\n))…(?=\n|$)", tidy(shown))
    found = re.fullmatch(".*?".join(map(_pattern, parts)), printed, re.S)
    if found is None or differs == "rounding":
        return found is not None
    numbers = [number for part in parts for number in re.findall(_NUMBER, part)]
    return all(map(_close, numbers, found.groups()))


def _pattern(text: str) -> str:
    """The text with any numbers in the place of its own, and any spaces around them."""
    words = re.split(_NUMBER, text)
    return rf"\s*({_NUMBER})".join(re.sub(r"(\\?\s)+", r"\\s*", re.escape(w)) for w in words)


def _close(shown: str, printed: str) -> bool:
    if not set(shown) & set(".e"):  # a count
        return shown == printed
    a, b = (float(number.replace(",", "")) for number in (shown, printed))
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b), 1)


def _rows(text: str) -> list[tuple[str, str]]:
    """The first and the last word of each row of the table."""
    _, _, below = text.partition("─\n")
    return _ROW.findall(below.partition("\n\n")[0])


def _renewed(text: str, page: str, folder: Path) -> Iterator[tuple[tuple[int, int], str]]:
    """The spans of what is shown, and what is printed."""
    namespace: dict[str, Any] = {}
    for block in blocks(text):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            namespace = {} if page == "README.md" else namespace
            printed = run_python(block, namespace, page)
            if block.output and "\n…" not in text[slice(*block.output)]:
                yield block.output, printed + "\n"
        else:
            new = "".join(_with_output(command, folder) for command in commands(block))
            yield block.span, new


def _with_output(command: Command, folder: Path) -> str:
    shown = f"$ {command.line}\n"
    if NOT_RUN.match(command.line):
        return shown + (command.output or "")
    _, printed = run_command(command.line, folder)
    if command.output is None or "…" in command.output.split("\n"):
        return shown + (command.output or "")
    return f"{shown}{printed}\n"


def _renew(path: Path) -> None:
    import tempfile

    text = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        sys.path.insert(0, folder)  # as Python has the folder of a script
        changes = list(_renewed(text, path.name, Path(folder)))
    for (start, stop), new in reversed(changes):
        text = text[:start] + new + text[stop:]
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        _renew(Path(name))
