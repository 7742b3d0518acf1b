"""The store: nothing is lost, nothing is taken for what it is not."""

from __future__ import annotations

import json
import math
import os
import platform
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diffkit.errors import ExperimentError, OutputError, StoreError
from diffkit.guard import wire
from diffkit.runner import Experiment, Results, grid, measure_cells
from diffkit.runner.engines import CellOutcome, CellTask
from diffkit.runner.store import Store, open_store, read_store
from diffkit.runner.store import schema as schema_module

CELLS, LARGE = 40, 400
PAGE = 30  # rows at most on a page of 4096 bytes


def task(n: int, attempt: int = 1) -> CellTask:
    return CellTask(f"{n:032x}", attempt, {"n": n}, f'{{"n":{n}}}', n)


def outcome(n: int, attempt: int = 1, status: str = "ok", **results: Any) -> CellOutcome:
    rows = [{"n": n, "square": n * n, "half": n / 2, "nan": math.nan, **results}]
    reason = None if status == "ok" else "it did not work"
    text, when = wire.encode(rows), "2026-01-02T03:04:05.678+00:00"
    return CellOutcome(task(n).key, attempt, status, reason, text, n / 8, "here", when)


def fill(path: Path, cells: range = range(CELLS), **results: Any) -> None:
    with open_store(path) as store:
        store.begin({"command": "diffkit run toy"})
        for n in cells:
            store.add(task(n), outcome(n, **results), "toy")


def table(path: Path) -> list[str]:
    with read_store(path) as store:
        return [repr(dict(row)) for row in store.exported(every_attempt=True)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "toy.sqlite"


# --- what goes in comes out ------------------------------------------------------------


def test_rows_come_back_as_they_were_in_the_order_that_is_asked_for(path: Path) -> None:
    values = {"tenth": 0.1, "inf": -math.inf, "zero": -0.0, "big": 3**200, "none": None}
    values |= {"text": "\x00a,'\"é\ud800", "list": (1, math.nan), "flag": True}
    fill(path, range(3), **values)
    with read_store(path) as store:
        found = store.results([task(2).key, task(0).key, "not there"])
        assert isinstance(found, Results)
    assert found.column("n").tolist() == [2, 0]
    assert repr({k: found.rows[0][k] for k in values}) == repr(values)
    assert math.isnan(found.rows[0]["nan"])
    assert [found.rows[0][k] for k in ("status", "reason", "seconds")] == ["ok", None, 0.25]


def test_an_attempt_is_kept_once_however_often_it_is_added(path: Path) -> None:
    with open_store(path) as store:
        assert store.add(task(1), outcome(1), "toy")
        assert not store.add(task(1), outcome(1, status="error"), "toy")
        assert store.latest() == {task(1).key: ("ok", 1)}


def test_a_later_attempt_counts_and_the_earlier_ones_stay(path: Path) -> None:
    with open_store(path) as store:
        store.add(task(1), outcome(1, status="timeout"), "toy")
        store.add(task(1, 2), outcome(1, 2), "toy")
        assert store.latest() == {task(1).key: ("ok", 2)}
        assert store.results().column("status").tolist() == ["ok"]
        every = store.exported(every_attempt=True)
        assert store.counts() == {"toy": {"ok": 1}}
    assert every.column("status").tolist() == ["timeout", "ok"]
    assert every.column("attempt").tolist() == [1, 2]
    assert every.columns[-3:] == ("attempt", "host", "finished")


def test_a_closed_store_is_one_file(path: Path) -> None:
    fill(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["toy.sqlite"]


def test_a_store_is_read_while_another_writes(path: Path) -> None:
    with open_store(path) as store:
        store.add(task(0), outcome(0), "toy")
        assert len(table(path)) == 1
        store.add(task(1), outcome(1), "toy")
        assert len(table(path)) == 2


def test_nothing_is_pickled() -> None:
    room = Path(schema_module.__file__).parents[1]
    imports = [line for file in room.rglob("*.py") for line in file.read_text().splitlines()]
    assert not [
        line for line in imports if line.strip().startswith(("import pickle", "from pickle"))
    ]


def test_an_experiment_without_a_file_needs_a_version_to_be_kept(path: Path) -> None:
    parts: dict[str, Any] = {"name": "here", "title": "", "question": ""}
    parts |= {"cells": lambda: grid(n=1), "measure": lambda n: {"m": n}}
    with open_store(path) as store:
        with pytest.raises(ExperimentError, match="give it a version="):
            measure_cells(Experiment(**parts), store=store)
        assert len(measure_cells(Experiment(**parts, version="1"), store=store)) == 1


# --- versions of the schema ------------------------------------------------------------


def make_version_1(path: Path) -> None:
    """A store as version 1 of the schema had it, made by hand."""
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE cell (key TEXT, attempt INTEGER, experiment TEXT, description TEXT,"
        " status TEXT, reason TEXT, seconds REAL, finished TEXT, rows TEXT,"
        " PRIMARY KEY (key, attempt))"
    )
    rows = [
        ("a", 1, "toy", '{"n":1}', "timeout", "slow", 2.0, "2025-01-01T00:00:00", '[{"n":1}]'),
        ("a", 2, "toy", '{"n":1}', "ok", None, 0.5, "2025-01-01T00:00:01", '[{"n":1,"m":0.1}]'),
        ("b", 1, "toy", '{"n":2}', "ok", None, 0.5, "2025-01-01T00:00:02",
         '[{"n":2,"m":{"$float":"nan"}}]'),
    ]  # fmt: skip
    connection.executemany(f"INSERT INTO cell VALUES ({','.join('?' * 9)})", rows)
    connection.execute("PRAGMA application_id = 0x64696666")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()


def test_an_older_store_is_migrated_and_a_copy_of_it_is_kept(path: Path) -> None:
    make_version_1(path)
    before, notices = path.read_bytes(), []
    with open_store(path, on_notice=notices.append) as store:
        assert store.latest() == {"a": ("ok", 2), "b": ("ok", 1)}
        found = store.exported(every_attempt=True)
        store.add(task(7), outcome(7), "toy")
    assert [(r["n"], r["status"], r["attempt"], repr(r.get("m"))) for r in found] == [
        (1, "timeout", 1, "None"),
        (1, "ok", 2, "0.1"),
        (2, "ok", 1, "nan"),
    ]
    copy = path.with_name("toy.v1-1.sqlite")
    assert "toy.v1-1.sqlite" in notices[0]
    old, new = sqlite3.connect(copy), sqlite3.connect(":memory:")
    new.deserialize(before)
    dumps = [list(connection.iterdump()) for connection in (old, new)]
    old.close()
    new.close()
    assert dumps[0] == dumps[1]
    with open_store(path, on_notice=notices.append) as store:
        assert len(store.latest()) == 3
    assert len(notices) == 1


def test_an_older_store_that_cannot_be_copied_stays_as_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version_1(path)
    before = path.read_bytes()

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match="Permission denied"), open_store(path):
        pass
    assert path.read_bytes() == before


def test_an_older_store_is_not_read_unmigrated(path: Path) -> None:
    make_version_1(path)
    with pytest.raises(StoreError, match="run the experiment again to migrate"):
        table(path)


def test_a_newer_store_is_refused_and_left_alone(path: Path) -> None:
    fill(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    for opened in (open_store(path), read_store(path)):
        with pytest.raises(StoreError, match=r"newer diffkit \(schema 99"), opened:
            pass
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["toy.sqlite"]


@pytest.mark.parametrize("kind", ["text", "database", "folder"])
def test_what_is_no_store_is_refused_and_left_alone(path: Path, kind: str) -> None:
    if kind == "text":
        path.write_text("years of work\n" * 1000)
    elif kind == "database":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE thesis (chapter TEXT)")
        connection.close()
    else:
        path.mkdir()
    before = None if kind == "folder" else path.read_bytes()
    with pytest.raises(StoreError), open_store(path):
        pass
    with pytest.raises(StoreError), read_store(path):
        pass
    assert before is None or path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["toy.sqlite"]


def test_an_empty_file_is_a_store_that_was_just_about_to_be_made(path: Path) -> None:
    path.touch()
    fill(path)
    assert len(table(path)) == CELLS


# --- damage ----------------------------------------------------------------------------


def recovered(path: Path, before: list[str]) -> tuple[int, list[str]]:
    """Open a store that may be damaged; how many rows are left, and what was told."""
    damaged, notices = path.read_bytes(), []
    with open_store(path, on_notice=notices.append) as store:
        store.check()
    after = table(path)
    assert set(after) <= set(before)  # no row that was not there
    if notices:
        assert path.with_name("toy.damaged-1.sqlite").read_bytes() == damaged
    else:
        assert after == before
    return len(after), notices


@pytest.fixture
def large(path: Path) -> list[str]:
    """A store of several pages, of which some rows go over to a second page."""
    fill(path, range(LARGE))
    fill(path, range(LARGE, LARGE + 3), text="long" * 3000)
    return table(path)


@pytest.mark.parametrize("part", [0.99, 0.8, 0.5, 0.3])
def test_of_a_store_cut_short_the_rest_is_recovered(
    path: Path, large: list[str], part: float
) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    rows, notices = recovered(path, large)
    assert f"{rows} outcomes were recovered" in notices[0]
    assert rows > 0.5 * part * len(large)
    fill(path, range(LARGE + 3))
    assert len(table(path)) == LARGE + 3


@given(st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_flipped_bytes_are_seen_and_cost_no_more_than_their_page(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "toy.sqlite"
    fill(path, range(3 * CELLS))
    before, whole = table(path), bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    if int.from_bytes(whole[60:64], "big", signed=True) > 2:  # the version of the schema
        with pytest.raises(StoreError, match="newer"), open_store(path):
            pass
        assert path.read_bytes() == whole
        return
    rows, _ = recovered(path, before)
    assert rows >= len(before) - PAGE


def test_a_header_overwritten_with_noise_costs_nothing(path: Path, large: list[str]) -> None:
    whole = path.read_bytes()
    path.write_bytes(bytes(range(256)) * 16 + whole[4096:])
    rows, notices = recovered(path, large)
    assert rows == len(large)
    assert notices


def test_a_value_that_was_changed_inside_a_row_is_seen_when_it_is_read(path: Path) -> None:
    fill(path)
    whole = path.read_bytes()
    assert whole.count(b'"square":1444') == 1
    path.write_bytes(whole.replace(b'"square":1444', b'"square":1445'))
    with pytest.raises(StoreError, match="is damaged: a row does not have the checksum"):
        table(path)


def test_what_the_log_still_holds_is_recovered_too(path: Path) -> None:
    """A process that was killed leaves the log behind, and then the file is damaged."""
    fill(path, range(LARGE))
    script = f"""
        import os
        from pathlib import Path
        from tests.runner.test_store import *
        with open_store(Path({str(path)!r})) as store:
            for n in range(LARGE, LARGE + CELLS):
                store.add(task(n), outcome(n), "toy")
            os._exit(0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)
    log = path.with_name("toy.sqlite-wal").read_bytes()
    assert log
    whole = path.read_bytes()
    damaged = whole[: 5 * 4096] + b"\xff" * 8192 + whole[7 * 4096 :]
    path.write_bytes(damaged)
    notices: list[str] = []
    with open_store(path, on_notice=notices.append) as store:
        kept = store.latest().keys()
    assert f"{len(kept)} outcomes were recovered" in notices[0]
    assert {task(n).key for n in range(LARGE, LARGE + CELLS)} <= kept
    assert LARGE + CELLS - 2 * PAGE <= len(kept) < LARGE + CELLS  # two pages
    assert path.with_name("toy.damaged-1.sqlite").read_bytes() == damaged
    assert path.with_name("toy.damaged-1.sqlite-wal").read_bytes() == log


# --- the file system refuses -----------------------------------------------------------


def test_a_full_disk_is_one_clear_error_and_what_was_there_stays(path: Path) -> None:
    fill(path)
    before = table(path)
    with open_store(path) as store:
        [(pages,)] = store._connection.execute("PRAGMA page_count").fetchall()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLITE_FULL beyond

        def add_many() -> None:
            for n in range(CELLS, 10 * CELLS):
                store.add(task(n), outcome(n), "toy")

        with pytest.raises(StoreError, match="disk is full; what was in it before is kept"):
            add_many()
        added = len(store.latest())
    assert table(path)[:CELLS] == before
    assert len(table(path)) == added < 10 * CELLS


FILE_LIMIT = """
    import resource, sys
    from pathlib import Path
    from diffkit.errors import StoreError
    from tests.runner.test_store import *
    path = Path(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
    try:
        fill(path, range(CELLS, 100 * CELLS))
    except StoreError as error:
        print(error)
"""


@pytest.mark.parametrize("limit", [0, 100, 20_000, 200_000])
def test_a_file_that_may_not_grow_is_one_clear_error(path: Path, limit: int) -> None:
    fill(path)
    before = table(path)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FILE_LIMIT), path, str(limit)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 1, done.stderr
    assert "cannot" in done.stdout
    with open_store(path) as store:
        store.check()
    assert table(path)[:CELLS] == before


READ_ONLY = """
    import ctypes, sys
    from pathlib import Path
    from diffkit.errors import StoreError
    from tests.runner.test_store import *
    # Without its capabilities root is bound by permissions as anybody is (capset(2), version 3).
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0
    path = Path(sys.argv[1])
    print(len(table(path)))
    try:
        fill(path, range(CELLS, 2 * CELLS))
    except StoreError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's way to bind root by permissions")
def test_a_store_in_a_read_only_folder_is_read_and_not_written(path: Path) -> None:
    fill(path)
    before = path.read_bytes()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(READ_ONLY), path],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    finally:
        path.parent.chmod(0o755)
    rows, error = done.stdout.splitlines()
    assert int(rows) == CELLS
    assert "cannot write to" in error
    assert "Permission denied" in error
    assert path.read_bytes() == before
    assert issubclass(StoreError, OutputError)


# --- two at once -----------------------------------------------------------------------

HOLDING = """
    import sys, time
    from pathlib import Path
    from tests.runner.test_store import *
    with open_store(Path(sys.argv[1])) as store:
        store.add(task(0), outcome(0), "toy")
        print("open", flush=True)
        time.sleep(float(sys.argv[2]))
        store.add(task(1), outcome(1), "toy")
"""


def holding(path: Path, seconds: float) -> subprocess.Popen[bytes]:
    """Another process that has the store open."""
    command = [sys.executable, "-c", textwrap.dedent(HOLDING), str(path), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    return process


def test_who_comes_second_waits_and_says_for_whom(path: Path) -> None:
    first, notices = holding(path, 1.0), []
    with open_store(path, wait=60, on_notice=notices.append) as store:
        assert len(store.latest()) == 2
    first.communicate(timeout=30)
    who = f"process {first.pid} on {platform.node()}, since 2"
    assert len(notices) == 1
    assert notices[0].startswith(f"waiting for {who}")


def test_who_has_waited_long_enough_says_why_not(path: Path) -> None:
    first = holding(path, 600)
    try:
        began = time.monotonic()
        with pytest.raises(StoreError, match=f"in use by process {first.pid} on"):  # noqa: SIM117
            with open_store(path, wait=0.3):
                pass
        assert time.monotonic() - began < 30
        assert len(table(path)) == 1
    finally:
        first.kill()
        first.communicate(timeout=30)


def test_the_lock_of_a_dead_process_is_taken_over(path: Path) -> None:
    first = holding(path, 600)
    first.kill()
    first.communicate(timeout=30)
    assert json.loads(path.with_name("toy.sqlite.lock").read_text())["process"] == first.pid
    with open_store(path, wait=0) as store:
        assert len(store.latest()) == 1
    assert not path.with_name("toy.sqlite.lock").exists()


def test_a_process_does_not_open_its_own_store_twice(path: Path) -> None:
    with (
        open_store(path),
        pytest.raises(StoreError, match=f"process {os.getpid()} on"),
        open_store(path, wait=0),
    ):
        pass


def test_a_store_is_safe_against_power_failure_where_that_is_asked_for(path: Path) -> None:
    for durable, level in ((False, 1), (True, 2)):  # NORMAL and FULL, as SQLite numbers them
        with open_store(path, durable=durable) as store:
            assert isinstance(store, Store)
            assert store._connection.execute("PRAGMA synchronous").fetchone() == (level,)
            assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
