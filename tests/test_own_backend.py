"""The page on writing a backend: its example is short, installs, conforms, and is found by name."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import diffkit as dk
from diffkit.cli import cli
from diffkit.errors import BackendError

from .distributions import Packages
from .docs import examples

PAGE = (examples.ROOT / "docs" / "how_to" / "own_backend.md").read_text(encoding="utf-8")
(MODULE,) = (block for block in examples.blocks(PAGE) if block.file)
PROJECT = tomllib.loads(PAGE.partition("```toml\n")[2].partition("```")[0])["project"]


def install(packages: Packages, code: str = MODULE.text) -> None:
    """As pip does with the page's pyproject.toml."""
    ((name, target),) = PROJECT["entry-points"]["diffkit.backends"].items()
    assert target.partition(":")[0] == Path(MODULE.file).stem
    assert PROJECT["name"].replace("-", "_") == Path(MODULE.file).stem
    packages.install(
        Path(MODULE.file).stem, code, backends=f"{name} = {target}", version=PROJECT["version"]
    )


def test_it_has_at_most_thirty_lines() -> None:
    assert len(MODULE.text.splitlines()) <= 30


def test_it_is_used_by_its_name(packages: Packages, tmp_path: Path) -> None:
    assert "five_point" not in dk.backends()
    install(packages)
    assert "five_point" in dk.backends()
    found = dk.gradient(dk.problems["griewank"], np.array([1.5, 0.5]), backend="five_point")
    # Griewank & Walther 2008, chapter 1
    np.testing.assert_allclose(found, [3.0118433276739066, -13.723961509314075], rtol=1e-8)
    rows = {row.backend: row for row in dk.compare(np.sin, 1.0).rows}
    assert rows["five_point"].status == "ok"
    out = CliRunner().invoke(cli, ["list", "--json", "--out", str(tmp_path)]).stdout
    assert "five_point" in {entry["name"] for entry in json.loads(out)["backends"]}


def test_it_conforms_as_the_page_tells_its_readers_to_check(packages: Packages) -> None:
    install(packages)
    (test,) = (b.text for b in examples.blocks(PAGE) if "def test_my_backend_conforms" in b.text)
    namespace: dict[str, Any] = {"dk": dk}
    exec(test, namespace)
    namespace["test_my_backend_conforms"]()
    assert dk.testing.check_backend("five_point").counts["unsupported"] == 0


@pytest.mark.parametrize(
    ("right", "wrong", "fails"),
    [
        ("[1, -8, 8, -1]", "[-1, 8, -8, 1]", "gradient, an exponential"),
        ("(12 * h)", "(12.01 * h)", "gradient, an exponential"),
        ("self.value(f, ", "(lambda f, x: f(x))(f, ", "derivative, a point outside the domain"),
    ],
)
def test_a_wrong_one_does_not_conform(
    right: str, wrong: str, fails: str, packages: Packages
) -> None:
    assert right in MODULE.text
    install(packages, MODULE.text.replace(right, wrong))
    with pytest.raises(AssertionError, match=fails):
        dk.testing.check_backend("five_point")


def test_one_that_does_not_work_is_left_out(packages: Packages) -> None:
    install(packages, MODULE.text.replace("dk.Backend", "dk.Backwards"))
    assert "five_point" not in dk.backends()
    with pytest.raises(BackendError, match=r"'five_point' of the package five_point .*Backwards"):
        dk.gradient(np.sum, np.ones(2), backend="five_point")


def test_another_process_finds_it_too(packages: Packages) -> None:
    install(packages)
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(packages.folder)!r})
        import numpy as np, diffkit as dk
        print(dk.derivative(np.exp, 0.0, backend="five_point"))
    """
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(out.stdout) == pytest.approx(1.0, rel=1e-10)
