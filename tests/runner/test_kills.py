"""A run that is killed at any moment loses nothing, and its children end with it."""

from __future__ import annotations

import csv
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from diffkit.errors import StoreError
from diffkit.runner.engines import CellTask
from diffkit.runner.store import read_store
from diffkit.runner.sweep import plan
from tests.guard.processes import alive, eventually
from tests.runner import toys

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds children in /proc")

RUN = """
    import sys
    from pathlib import Path
    from diffkit.report.publish import publish
    from diffkit.runner import open_store, run
    from diffkit.runner.engines import Local
    from tests.runner import toys
    out = Path(sys.argv[1])
    with open_store(out / "many.sqlite", wait=0) as store:
        found = run(toys.MANY, store=store, engine=Local(2))
        publish(found, out)
        print(found.measured)
"""


def start(out: Path, pause: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RUN), out],
        env={**os.environ, "PAUSE": str(pause)},
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(out: Path) -> int:
    """Run to the end; how many cells were measured."""
    process = start(out, 0)
    printed = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    return int(printed)


def children(pid: int) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = entry.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            found.add(int(entry.parent.name))
    return found


def all_ended(pids: set[int]) -> bool:
    return not any(map(alive, pids))


def kept(out: Path) -> dict[str, Any]:
    if not (out / "many.sqlite").exists():
        return {}
    try:
        with read_store(out / "many.sqlite") as store:
            return store.stored()
    except StoreError:  # killed before there were tables in it
        return {}


def holds_more_than(number: int, out: Path) -> bool:
    return len(kept(out)) > number


def table(out: Path) -> list[dict[str, str]]:
    with open(out / "many" / "results.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def tasks() -> list[CellTask]:
    from diffkit.runner.source import source_of

    source = source_of(toys.MANY)
    assert source is not None
    return plan(toys.MANY, 0, source.digest)


def test_twenty_kills_cost_no_finished_cell_and_change_no_table(tmp_path: Path) -> None:
    undisturbed, out = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    out.mkdir()
    assert finish(undisturbed) == len(tasks())

    moments = random.Random(6)
    before: dict[str, Any] = {}
    for kill in range(20):
        process = start(out, 0.03)
        if kill % 2:  # while cells are measured; otherwise at any moment from the start on
            assert eventually(partial(holds_more_than, len(before), out))
        time.sleep(moments.uniform(0, 0.15 if kill % 2 else 0.7))
        young = children(process.pid)
        process.kill()
        young |= children(process.pid)
        process.communicate(timeout=30)
        assert eventually(partial(all_ended, young))
        after = kept(out)
        assert {key: after.get(key) for key in before} == before
        before = after
    assert 0 < len(before) < len(tasks())  # kills came neither too early nor too late

    assert finish(out) == len(tasks()) - len(before)
    assert finish(out) == 0
    assert kept(out).keys() == {task.key for task in tasks()}
    with sqlite3.connect(out / "many.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM outcome").fetchone() == (len(tasks()),)
    connection.close()
    assert table(out) == table(undisturbed)
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) == [
        "index.html",
        "many",
        "many.sqlite",
    ]


def test_ctrl_c_keeps_every_finished_cell_and_leaves_no_child(tmp_path: Path) -> None:
    process = start(tmp_path, 0.02)
    try:
        assert eventually(lambda: len(kept(tmp_path)) > 10)
        young = children(process.pid)
        assert len(young) == 2
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGINT
    assert not any(map(alive, young))
    assert [path.name for path in tmp_path.iterdir()] == ["many.sqlite"]
    done = len(kept(tmp_path))
    assert finish(tmp_path) == len(tasks()) - done


def test_two_runs_at_once_measure_each_cell_once(tmp_path: Path) -> None:
    waiting = RUN.replace("wait=0", "wait=60")
    command = [sys.executable, "-c", textwrap.dedent(waiting), str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = [int(process.communicate(timeout=60)[0]) for process in both]
    assert sorted(counts) == [0, len(tasks())]
