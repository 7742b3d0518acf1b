"""The backends by name, those of other packages included."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit._backends import OPERATORS, registry
from diffkit._backends.optional import is_installed, library
from diffkit.errors import BackendError, MissingPackageError, UnknownNameError, UnsupportedError

from ..distributions import Packages

ELSEWHERE = """
from diffkit._backends.reverse import Reverse

class Elsewhere(Reverse):
    name = "elsewhere"

class Mumbler(Reverse):
    name = "mumbler"

class NoBackend:
    pass

def unfinished():
    raise ValueError("not\\nyet")
"""
NEEDS = {name: entry.requires for name, entry in registry.BUILT_IN.items() if entry.requires}


@pytest.fixture
def elsewhere(packages: Packages) -> None:
    packages.install("elsewhere", ELSEWHERE, backends="elsewhere = elsewhere:Elsewhere")


@pytest.fixture(params=NEEDS)
def absent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a backend whose library cannot be imported."""
    library = NEEDS[request.param].split(".")[0]
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{library}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    registry._load.cache_clear()
    return str(request.param)


def test_the_built_in_backends_are_there_under_their_own_names() -> None:
    assert {"finite_difference", "symbolic", "reverse", "forward"} <= set(dk.backends())
    for name, backend in dk.backends().items():
        assert isinstance(backend, dk.Backend)
        assert backend.name == name
        assert backend.description


def test_all_adapters_are_installed_where_the_tests_run() -> None:
    assert dk.backends().missing() == {}
    assert set(registry.BUILT_IN) <= set(dk.backends())


# Libraries that are not installed


def test_a_backend_whose_library_is_absent_is_left_out_and_tells_the_install_line(
    absent: str,
) -> None:
    line = f"pip install 'diffkit[{absent}]'"
    assert absent not in dk.backends()
    assert absent not in list(dk.backends())
    assert dk.backends().get(absent) is None
    assert dk.backends().missing()[absent] == line
    assert line in repr(dk.backends())
    assert len(dk.backends()) == len(list(dk.backends()))
    for ask in (
        lambda: dk.backends()[absent],
        lambda: dk.gradient(np.sum, np.ones(2), backend=absent),
        lambda: dk.testing.check_backend(absent),
        lambda: dk.prepare(dk.gradient, np.sum, np.ones(2), backend=absent),
        lambda: dk.compare(np.sin, 1.0, backends=[absent]),
    ):
        with pytest.raises(MissingPackageError, match=re.escape(f"not installed; {line}")):
            ask()


def test_a_configured_backend_whose_library_is_absent_tells_the_install_line() -> None:
    code = f"""if True:
        import sys
        sys.modules.update(dict.fromkeys({[n.split(".")[0] for n in NEEDS.values()]}))
        import numpy as np, diffkit as dk
        for name, cls in {[(name, registry.BUILT_IN[name].cls) for name in NEEDS]}:
            try:
                dk.gradient(lambda x: np.sum(x**2), np.ones(2), backend=getattr(dk, cls)())
            except dk.errors.MissingPackageError as error:
                assert f"pip install 'diffkit[{{name}}]'" in str(error)
            else:
                raise AssertionError(name)
        try:
            from diffkit import Autograd
        except ImportError as error:
            assert "pip install 'diffkit[autograd]'" in str(error)
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_list_of_the_command_line_shows_what_is_absent(absent: str, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from diffkit.cli import cli

    result = CliRunner().invoke(cli, ["list", "--json", "--out", str(tmp_path)])
    found = json.loads(result.stdout)
    assert {"name": absent, "install": f"pip install 'diffkit[{absent}]'"} in found["missing"]
    assert absent not in {entry["name"] for entry in found["backends"]}
    shown = CliRunner().invoke(cli, ["list", "--out", str(tmp_path)]).stdout
    assert f"pip install 'diffkit[{absent}]'" in shown


def test_a_near_name_may_be_that_of_an_absent_backend(absent: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{absent}'"):
        dk.backends()[f"{absent}x"]


def test_a_folder_of_that_name_is_no_library(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "a_library" / "inner").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_installed("a_library")
    (tmp_path / "a_library" / "__init__.py").touch()
    importlib.invalidate_caches()
    assert is_installed("a_library")
    assert not is_installed("a_library.inner")  # an older version may lack a part
    (tmp_path / "a_library" / "inner" / "__init__.py").touch()
    importlib.invalidate_caches()
    assert is_installed("a_library.inner")
    assert "a_library" not in sys.modules


def test_a_library_that_lacks_something_itself_is_not_called_absent(
    tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "half_a_library.py").write_text("import what_it_needs_itself")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_needs_itself") as caught:
        library("half_a_library", "half")
    assert not isinstance(caught.value, MissingPackageError)


def test_listing_imports_no_library() -> None:
    code = f"""if True:
        import sys, diffkit as dk
        assert {set(NEEDS)} <= set(dk.backends()), dk.backends()
        assert not dk.backends().missing()
        loaded = {{{", ".join(repr(n.split(".")[0]) for n in NEEDS.values())}}} & set(sys.modules)
        assert not loaded, loaded
    """
    subprocess.run([sys.executable, "-c", code], check=True)


# Backends of other packages


@pytest.mark.usefixtures("elsewhere")
def test_a_backend_of_another_package_is_found_by_its_name() -> None:
    assert "elsewhere" in dk.backends()
    assert len(dk.backends()) == len(list(dk.backends()))
    assert dk.gradient(np.sum, np.ones(2), backend="elsewhere").tolist() == [1.0, 1.0]
    assert dk.testing.check_backend("elsewhere").backend == "elsewhere"
    assert dk.backends().broken() == ()
    assert dk.backends()["elsewhere"] is dk.backends()["elsewhere"]


@pytest.mark.usefixtures("elsewhere")
def test_an_unknown_name_may_be_near_to_one_of_another_package() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'elsewhere'"):
        dk.gradient(np.sum, np.ones(2), backend="elswhere")


def test_an_entry_point_may_be_a_configured_backend(packages: Packages) -> None:
    code = "import diffkit as dk\nclass Mine(dk.FiniteDifference):\n    name = 'mine'\n"
    packages.install("mine", f"{code}MINE = Mine(order=4)", backends="mine = mine:MINE")
    backend = dk.backends()["mine"]
    assert isinstance(backend, dk.FiniteDifference)
    assert backend.order == 4


BROKEN = {
    "no module": ("odd = nowhere:Odd", "ModuleNotFoundError: No module named 'nowhere'"),
    "no attribute": ("odd = broken:Odd", "AttributeError: .*Odd"),
    "raises": ("odd = broken:unfinished", "ValueError: not\nyet"),
    "no backend": ("odd = broken:NoBackend", "broken:NoBackend gives NoBackend, which is no"),
    "not callable": ("odd = broken:__name__", "TypeError: 'str' object is not callable"),
    "another name": ("odd = broken:Mumbler", "named 'mumbler'; use one name for both"),
}


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("line", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_backend_of_a_package_names_it_and_harms_no_other(
    line: str, reason: str, packages: Packages
) -> None:
    packages.install("broken", ELSEWHERE, backends=line)
    listed = dict(dk.backends().items())
    assert "elsewhere" in listed
    assert "odd" not in listed
    with pytest.raises(BackendError, match=f"'odd' of the package broken cannot be .*{reason}"):
        dk.gradient(np.sum, np.ones(2), backend="odd")
    assert [error.package for error in dk.backends().broken()] == ["broken"]
    assert "broken" in repr(dk.backends())
    assert dk.compare(np.sin, 1.0, backends=["elsewhere"]).rows[0].status == "ok"


def test_a_package_that_does_not_import_is_asked_once(packages: Packages, tmp_path: Path) -> None:
    count = tmp_path / "count"
    code = f"with open({str(count)!r}, 'a') as f: f.write('x')\nraise SystemExit(3)"
    packages.install("leaving", code, backends="leaving = leaving:Leaving")
    for _ in range(3):
        assert "leaving" not in list(dk.backends())
    with pytest.raises(BackendError, match="SystemExit: 3"):
        dk.backends()["leaving"]
    assert count.read_text() == "x"


def test_a_built_in_backend_cannot_be_replaced(packages: Packages) -> None:
    code = ELSEWHERE.replace('"elsewhere"', '"forward"')
    packages.install("usurper", code, backends="forward = usurper:Elsewhere")
    assert type(dk.backends()["forward"]) is dk.Forward
    assert list(dk.backends()).count("forward") == 1
    (error,) = dk.backends().broken()
    assert re.search("'forward' of the package usurper .* diffkit has a backend", str(error))


def test_two_packages_with_one_name_are_both_named(packages: Packages) -> None:
    for package in ("first", "second"):
        packages.install(package, ELSEWHERE, backends=f"elsewhere = {package}:Elsewhere")
    assert "elsewhere" not in dk.backends()
    with pytest.raises(BackendError, match=r"package (first|second) .*: (second|first) offers one"):
        dk.backends()["elsewhere"]
    assert {error.package for error in dk.backends().broken()} == {"first", "second"}


def test_the_list_of_the_command_line_complains_of_a_broken_package(
    packages: Packages, tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from diffkit.cli import cli

    packages.install("broken", ELSEWHERE, backends="odd = broken:unfinished")
    result = CliRunner().invoke(cli, ["list", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "reverse" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: backend 'odd' of the package broken cannot be used")


def test_a_backend_is_made_once() -> None:
    assert dk.backends()["reverse"] is dk.backends()["reverse"]


@pytest.mark.parametrize("name", list(dk.backends()))
def test_support_is_told_for_every_operator(name: str) -> None:
    told = {operator: dk.backends()[name].support(operator) for operator in OPERATORS}
    assert set(told.values()) <= {"native", "derived", "unsupported"}
    assert "native" in told.values()
    # jacobi has first derivatives only.
    assert ("unsupported" in told.values()) == (name == "jacobi")


class PushOnly(dk.Backend):
    """The least that a forward backend has to bring."""

    name = "push_only"

    def pushforward(self, f: Any, x: Any) -> Any:
        return dk.backends()["forward"].pushforward(f, x)


class PullOnly(dk.Backend):
    """The least that a reverse backend has to bring."""

    name = "pull_only"

    def pullback(self, f: Any, x: Any) -> Any:
        return dk.backends()["reverse"].pullback(f, x)


@pytest.mark.parametrize("backend", [PushOnly(), PullOnly()], ids=lambda b: b.name)
def test_one_hook_is_enough_for_every_operator_of_first_order(backend: dk.Backend) -> None:
    report = dk.testing.check_backend(backend)
    unsupported = {row.operator for row in report.rows if row.status == "unsupported"}
    assert unsupported == {"second_derivative", "hessian", "hvp"}
    assert report.counts["passed"] > 80


@pytest.mark.parametrize("base", [PushOnly, PullOnly])
def test_one_hook_is_enough_for_every_operator_if_it_composes(base: type[dk.Backend]) -> None:
    backend = type("Composable", (base,), {"composable": True})()
    assert dk.testing.check_backend(backend).counts["unsupported"] == 0


@pytest.mark.parametrize("name", list(dk.backends()))
@pytest.mark.parametrize("operator", ["second_derivative", "hessian", "hvp"])
def test_what_is_not_supported_is_refused_with_what_to_use(name: str, operator: str) -> None:
    backend = dk.backends()[name]
    vector = (1.0,) if operator == "hvp" else ()
    if backend.support(operator) == "unsupported":
        with pytest.raises(UnsupportedError, match=f"{operator}.*; use backend="):
            getattr(dk, operator)(np.sin, 1.0, *vector, backend=name)
    else:
        found = getattr(dk, operator)(np.sin, 1.0, *vector, backend=name)
        assert found == pytest.approx(-np.sin(1.0), rel=1e-4)


def test_what_is_unsupported_says_what_to_use() -> None:
    with pytest.raises(UnsupportedError, match="does not support hessian; use backend='reverse'"):
        dk.hessian(np.sum, np.ones(2), backend=PushOnly())
