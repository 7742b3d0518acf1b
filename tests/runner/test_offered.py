"""Experiments of other packages: found, run wherever cells are run, and harmless where broken."""

from __future__ import annotations

import concurrent.futures as cf
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from diffkit.cli import cli
from diffkit.errors import ClusterError, ExperimentError, UnknownNameError
from diffkit.guard import wire
from diffkit.runner import discovery, measure_cells, open_store, run
from diffkit.runner.engines import InProcess, Local, OnExecutor, remote
from diffkit.runner.source import source_of
from tests.distributions import Packages
from tests.runner.test_engines import job_and_tasks

CUBES = """
import os
from diffkit.runner import Claim, Experiment, grid
from cubes_helper import cube

def measure(n):
    return {"cube": cube(n), "process": os.getpid()}

EXPERIMENT = Experiment(
    name="cubes", title="Cubes", question="How large is a cube?",
    cells=lambda: grid(n=range(3)), measure=measure,
    claims=(Claim("They grow.", lambda r: (list(r.column("cube")) == [0, 1, 8], "seen")),),
)
OTHER = 3
"""
LINE = "cubes = cubes:EXPERIMENT"


@pytest.fixture
def cubes(packages: Packages) -> Packages:
    packages.install("cubes", CUBES, experiments=LINE)
    (packages.folder / "cubes_helper.py").write_text("def cube(n):\n    return n**3\n")
    return packages


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def listed(tmp_path: Path) -> dict[str, dict[str, Any]]:
    found = json.loads(invoke("list", "--json", "--out", tmp_path).stdout)
    return {entry["name"]: entry for entry in found["experiments"]}


@pytest.mark.usefixtures("cubes")
def test_it_is_listed_and_loaded_by_its_name_without_being_imported(tmp_path: Path) -> None:
    assert "cubes" in discovery.names()
    assert "cubes" not in sys.modules
    assert discovery.load("cubes").title == "Cubes"
    assert listed(tmp_path)["cubes"]["question"] == "How large is a cube?"
    with pytest.raises(UnknownNameError, match="did you mean 'cubes'"):
        discovery.load("cubs")


@pytest.mark.usefixtures("cubes")
def test_a_folder_holds_its_own_experiments_only(tmp_path: Path) -> None:
    assert discovery.names(tmp_path) == ()
    with pytest.raises(UnknownNameError):
        discovery.load("cubes", tmp_path)


@pytest.mark.usefixtures("cubes")
def test_it_is_run_by_its_name(tmp_path: Path) -> None:
    result = invoke("run", "cubes", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "✓ held: They grow." in result.stdout
    found = json.loads((tmp_path / "cubes" / "results.json").read_text())
    assert [row["cube"] for row in found["rows"]] == [0, 1, 8]
    assert found["provenance"]["versions"]["cubes"] == "1.0"


@pytest.mark.usefixtures("cubes")
def test_every_engine_finds_it() -> None:
    experiment = discovery.load("cubes")
    with cf.ThreadPoolExecutor(1) as executor:
        tables = [measure_cells(experiment, engine=e) for e in
                  (InProcess(), Local(1), OnExecutor(executor))]  # fmt: skip
    assert [table.column("cube").tolist() for table in tables] == [[0, 1, 8]] * 3
    # Guarded children have measured it, and not this process.
    here, *guarded = (set(table.column("process")) for table in tables)
    assert not here & set.union(*guarded)


def test_its_source_is_a_module_and_its_package(cubes: Packages) -> None:
    source = source_of(discovery.load("cubes"))
    assert source is not None
    assert (source.home, source.attribute) == ("cubes", "EXPERIMENT")
    assert source.packages == {"cubes": "1.0"}
    assert source.identity == f"{source.digest} cubes 1.0"


def test_an_experiment_of_a_file_has_no_package(cubes: Packages) -> None:
    source = source_of(discovery.load("fd_error_exp"))
    assert source is not None
    assert source.identity == source.digest


def test_another_version_of_the_package_is_measured_again(cubes: Packages, tmp_path: Path) -> None:
    def measured() -> int:
        with open_store(tmp_path / "cubes.sqlite") as store:
            return run(discovery.load("cubes"), store=store).measured

    assert [measured(), measured()] == [3, 0]
    # What it imports has changed, and its own file has not.
    cubes.install("cubes", CUBES, experiments=LINE, version="1.1")
    assert [measured(), measured()] == [3, 0]


@pytest.mark.parametrize(("installed", "told"), [("2.0", "2.0"), (None, "not installed")])
def test_a_worker_with_another_version_of_the_package_is_refused(
    installed: str | None, told: str, cubes: Packages
) -> None:
    job, tasks = job_and_tasks(discovery.load("cubes"))
    order = remote.order(job, "a job")
    if installed is None:
        sys.path.remove(str(cubes.folder))
    else:
        cubes.install("cubes", CUBES, experiments=LINE, version=installed)
    answer = remote.measure(order, wire.encode([list(vars(task).values()) for task in tasks]))
    assert f"cubes {told} where the run has 1.0" in wire.decode(answer)["refused"]
    assert "cubes" not in remote.fingerprint()


def test_a_refusal_tells_to_install_the_same_there(
    cubes: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = remote.order

    def another(job: Any, name: str) -> str:
        return honest(job, name).replace('"cubes": "1.0"', '"cubes": "3.0"')

    monkeypatch.setattr(remote, "order", another)
    with cf.ThreadPoolExecutor(1) as executor, pytest.raises(
        ClusterError, match=r"cubes 1\.0 where the run has 3\.0; install the same there"
    ):  # fmt: skip
        measure_cells(discovery.load("cubes"), engine=OnExecutor(executor))


BROKEN = {
    "no module": ("odd = nowhere:EXPERIMENT", "ModuleNotFoundError: No module named 'nowhere'"),
    "no attribute": ("odd = broken:NOTHING", "AttributeError: .*NOTHING"),
    "raises": ("odd = raising:EXPERIMENT", r"ZeroDivisionError: .* \(raising.py:1\)"),
    "leaves": ("odd = leaving:EXPERIMENT", "SystemExit: 3"),
    "another thing": ("odd = broken:OTHER", "broken:OTHER, of the package broken, does not define"),
    "another name": ("odd = broken:EXPERIMENT", "EXPERIMENT is named 'cubes'; use 'odd'"),
}


@pytest.mark.parametrize(("line", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_one_is_named_with_its_package_and_hides_no_other(
    line: str, reason: str, cubes: Packages, tmp_path: Path
) -> None:
    cubes.install("broken", CUBES, experiments=line)
    (cubes.folder / "raising.py").write_text("1 / 0")
    (cubes.folder / "leaving.py").write_text("raise SystemExit(3)")
    with pytest.raises(ExperimentError, match=f"odd.*{reason}"):
        discovery.load("odd")
    result = invoke("list", "--out", tmp_path)
    assert result.exit_code == 1
    assert "Cubes" in result.stdout
    (error,) = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert "odd" in error
    assert invoke("run", "cubes", "--out", tmp_path).exit_code == 0


def test_one_of_the_name_of_diffkits_own_is_refused_and_does_not_replace_it(
    cubes: Packages, tmp_path: Path
) -> None:
    code = CUBES.replace('"cubes"', '"fd_error_exp"')
    cubes.install("usurper", code, experiments="fd_error_exp = usurper:EXPERIMENT")
    assert discovery.names().count("fd_error_exp") == 1
    assert discovery.load("fd_error_exp").title != "Cubes"
    found = listed(tmp_path)
    assert "the package usurper cannot be used" in found["fd_error_exp (usurper)"]["error"]
    assert "error" not in found["fd_error_exp"]
    result = invoke("list", "--out", tmp_path)
    assert result.exit_code == 1
    assert "diffkit has an experiment of that name itself" in result.stderr


def test_two_packages_that_offer_one_name_are_both_named(cubes: Packages) -> None:
    cubes.install("rubik", CUBES, experiments="cubes = rubik:EXPERIMENT")
    with pytest.raises(ExperimentError, match=r"package (cubes|rubik) .*: (rubik|cubes) offers"):
        discovery.load("cubes")
    assert discovery.load("fd_error_exp")
