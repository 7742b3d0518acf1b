"""Discovery: one file is one experiment, and a broken one hides no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffkit.errors import ExperimentError, UnknownNameError
from diffkit.runner import discovery

TOY = """
from diffkit.runner import Experiment
EXPERIMENT = Experiment(name="toy", title="", question="", cells=list, measure=dict)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "_private.py").write_text("raise RuntimeError")
    (tmp_path / "notes.txt").write_text("")
    return tmp_path


def test_names_are_the_public_files_and_nothing_is_imported(folder: Path) -> None:
    (folder / "broken.py").write_text("raise RuntimeError")
    assert discovery.names(folder) == ("broken", "toy")


def test_an_experiment_is_loaded_by_name(folder: Path) -> None:
    assert discovery.load("toy", folder).name == "toy"


def test_an_unknown_name_is_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'toy'"):
        discovery.load("toyy", folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_package", r"bad: ModuleNotFoundError: .*no_such_package.* \(bad.py:1\)"),
        ("x = (", "bad: SyntaxError"),
        ("", "does not define EXPERIMENT"),
        ("EXPERIMENT = 3", "does not define EXPERIMENT"),
        (TOY, "is named 'toy'; use 'bad'"),
    ],
)
def test_a_broken_file_is_named_with_its_reason(folder: Path, text: str, message: str) -> None:
    (folder / "bad.py").write_text(text)
    with pytest.raises(ExperimentError, match=message):
        discovery.load("bad", folder)
    assert discovery.load("toy", folder).name == "toy"


def test_the_projects_own_experiments_all_load() -> None:
    assert discovery.names()
    for name in discovery.names():
        experiment = discovery.load(name)
        assert experiment.question
        assert experiment.claims
        assert experiment.reproduce
