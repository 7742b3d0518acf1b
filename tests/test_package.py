"""What is built and published: the files, the metadata, the extras, and the types of the package.

The source distribution is built from this folder and the wheel from it, so that nothing is in the
wheel that is not in the source.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import diffkit as dk

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
OF_DEVELOPERS = {"dev", "docs", "test"}
PINNED = ["torch"]  # for developers, to keep the libraries of GPUs away

TOP_OF_SOURCE = {
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    *("benchmarks", "diffkit", "docs", "experiments", "reports", "tests"),
    *("LICENSE", "Makefile", "README.md", "pyproject.toml", "PKG-INFO", ".gitignore"),
}
KINDS_IN_THE_WHEEL = {".css", ".html", ".js", ".py", ".typed"}

# What is imported and comes with a package that is declared, in the version that it needs.
COMES_WITH = {"dask": "distributed", "flask": "dash", "jaxlib": "jax", "llvmlite": "numba",
              "markupsafe": "jinja2", "tornado": "distributed", "werkzeug": "dash"}  # fmt: skip


@dataclass(frozen=True)
class Built:
    wheel: Path
    source: Path

    @property
    def wheel_names(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    @property
    def source_names(self) -> set[PurePosixPath]:
        with tarfile.open(self.source) as archive:
            [top] = {PurePosixPath(name).parts[0] for name in archive.getnames()}
            return {PurePosixPath(name).relative_to(top) for name in archive.getnames()}

    @property
    def metadata(self) -> Message:
        with zipfile.ZipFile(self.wheel) as archive:
            [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
            return HeaderParser().parsestr(archive.read(name).decode())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT)
    [wheel], [source] = out.glob("*.whl"), out.glob("*.tar.gz")
    return Built(wheel, source)


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


# --- files -----------------------------------------------------------------------------


def test_the_wheel_holds_the_package_and_the_experiments_and_nothing_else(built: Built) -> None:
    package = {path.relative_to(ROOT).as_posix() for path in files(ROOT / "diffkit")}
    assert "diffkit/py.typed" in package
    experiments = {f"diffkit/experiments/{path.name}" for path in files(ROOT / "experiments")}
    found = {name for name in built.wheel_names if ".dist-info/" not in name}
    assert found == package | experiments
    assert {PurePosixPath(name).suffix for name in found} == KINDS_IN_THE_WHEEL
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in built.wheel_names)


def test_the_source_holds_what_tests_and_documentation_need_and_no_leftovers(built: Built) -> None:
    names = built.source_names
    assert {name.parts[0] for name in names if name.parts} == TOP_OF_SOURCE
    tests = {PurePosixPath(path.relative_to(ROOT).as_posix()) for path in files(ROOT / "tests")}
    assert tests <= names
    leftovers = {name for name in names if {"__pycache__", "_build", "generated"} & {*name.parts}}
    assert not leftovers
    assert not {name for name in names if name.suffix in (".pyc", ".sqlite", ".whl")}


def test_the_package_index_would_take_both(built: Built) -> None:
    told = run(sys.executable, "-m", "twine", "check", "--strict", built.wheel, built.source)
    assert told.count("PASSED") == 2


# --- metadata --------------------------------------------------------------------------


def test_the_version_is_in_one_place(built: Built) -> None:
    assert "version" in PROJECT["dynamic"]
    assert built.metadata["Version"] == dk.__version__


def test_the_classifiers_name_the_minors_that_requires_python_allows() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    named = re.findall(r"Python :: 3\.(\d+)", "\n".join(PROJECT["classifiers"]))
    minors = [int(minor) for minor in named]
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert f"3.{minors[0]}" in allowed
    assert f"3.{minors[0] - 1}" not in allowed


def test_every_requirement_has_a_lowest_version_and_no_highest() -> None:
    for line in (*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)):
        wanted = Requirement(line)
        operators = [specifier.operator for specifier in wanted.specifier]
        known = [[]] if wanted.name == "diffkit" else [[">="]]
        assert operators in known or (wanted.name in PINNED and line in EXTRAS["dev"]), line


def test_the_tests_take_every_extra_that_they_can() -> None:
    taken = {e for w in map(Requirement, EXTRAS["test"]) if w.name == "diffkit" for e in w.extras}
    assert taken == set(EXTRAS) - OF_DEVELOPERS - {"all", *PINNED}


# --- extras ----------------------------------------------------------------------------


def texts() -> Iterator[tuple[Path, str]]:
    for folder in ("diffkit", "docs", "experiments", "benchmarks"):
        for path in files(ROOT / folder):
            if path.suffix in (".py", ".md", ".ipynb"):
                yield path, path.read_text("utf-8")
    yield ROOT / "README.md", (ROOT / "README.md").read_text("utf-8")


def test_every_extra_in_an_install_line_exists() -> None:
    named = {
        extra.strip()
        for _, text in texts()
        for extras in re.findall(r"diffkit\[([\w, -]+)\]", text)
        for extra in extras.split(",")
    }
    assert named
    assert named <= set(EXTRAS)


def test_the_extra_that_a_message_names_holds_the_package_that_is_missing() -> None:
    raised = [
        [*call.args, *(keyword.value for keyword in call.keywords)]
        for path, text in texts()
        if path.suffix == ".py"
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "MissingPackageError"
    ]
    named = [
        (package.value, extra.value)
        for _, package, *rest in raised
        for extra in rest
        if isinstance(package, ast.Constant) and isinstance(extra, ast.Constant)
    ]
    assert len(named) >= 5
    for package, extra in named:
        assert package in {Requirement(line).name for line in EXTRAS[extra]}


def test_every_package_that_is_imported_is_declared() -> None:
    lines = [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    owners = metadata.packages_distributions()
    for path in files(ROOT / "diffkit"):
        for module in imported(path) if path.suffix == ".py" else ():
            if module in sys.stdlib_module_names or module in ("diffkit", "seeds"):
                continue
            package = {canonicalize_name(name) for name in owners.get(module, [module])}
            package |= {COMES_WITH[name] for name in package if name in COMES_WITH}
            assert package & declared, f"{path} imports {module}"


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


# --- types -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that finds the wheel before the packages of this one."""
    folder = tmp_path_factory.mktemp("user")
    run(sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder)
    places = sysconfig.get_paths("venv", vars={"base": str(folder), "platbase": str(folder)})
    site = Path(places["purelib"])
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(site)
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"])
    return Path(places["scripts"]) / "python"


def test_a_users_program_is_typed_throughout(python: Path, tmp_path: Path) -> None:
    program = tmp_path / "typed_program.py"
    program.write_text((ROOT / "tests" / "typed_program.py").read_text("utf-8"), "utf-8")
    cache = tmp_path / "cache"
    options = (
        "--strict",
        "--python-executable",
        python,
        "--cache-dir",
        cache,
        "--no-error-summary",
    )
    assert run(sys.executable, "-m", "mypy", *options, program, cwd=tmp_path) == ""
    assert "did you mean 'reverse'?" in run(python, "-W", "error", program, cwd=tmp_path)


def test_the_installed_command_tells_its_version_and_its_experiments(
    python: Path, tmp_path: Path
) -> None:
    assert run(python, "-m", "diffkit.cli", "--version", cwd=tmp_path).split() == [
        "diffkit",
        dk.__version__,
    ]
    listed = run(python, "-m", "diffkit.cli", "list", cwd=tmp_path)
    assert "fd_error_exp" in listed


def test_the_citation_and_the_changes_are_of_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {dk.__version__}\n" in citation
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## [{dk.__version__}] - " in changes
