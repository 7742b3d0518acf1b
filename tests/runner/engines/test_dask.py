"""A real Dask cluster on loopback: every cell once and right, whatever happens to the workers."""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from diffkit.cli import cli
from diffkit.errors import ClusterError, MissingPackageError
from diffkit.guard import wire
from diffkit.runner import measure_cells, memory_store, read_store
from diffkit.runner.engines import InProcess, dask, remote
from diffkit.runner.engines.dask import cluster
from diffkit.runner.store import Store
from tests.guard.processes import alive, eventually, guarded
from tests.runner import toys
from tests.runner.engines import sweeps
from tests.runner.engines.clusters import Cluster, running
from tests.runner.test_engines import BAD

CERTIFICATES = Path(__file__).with_name("certificates")
FILES = [str(CERTIFICATES / f"{name}.pem") for name in ("ca", "cert", "key")]
OPTIONS = [
    part
    for option, file in zip(("--tls-ca-file", "--tls-cert", "--tls-key"), FILES, strict=True)
    for part in (option, file)
]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers, one of which could do two things at a time."""
    with running(tmp_path_factory.mktemp("cluster"), workers=1) as found:
        found.worker(threads=2)
        yield found


def test_a_cluster_gives_the_table_of_this_process(two: Cluster) -> None:
    with cluster(two.address, workers=2, timeout=30) as engine:
        assert engine.slots == 3
        for experiment in (toys.SEVERAL, toys.RANDOM):
            tables = [measure_cells(experiment, engine=e, seed=4) for e in (InProcess(), engine)]
            here, there = ([repr({**row, "seconds": 0}) for row in table] for table in tables)
            assert here == there
    children = [pid for process in two.processes for pid in guarded(process.pid)]
    assert not children


def test_six_bad_cells_among_forty_have_their_status_and_the_rest_is_well(two: Cluster) -> None:
    with cluster(two.address) as engine:
        table = measure_cells(toys.MIXED, engine=engine)
    assert table.column("n").tolist() == list(range(40))
    for row in table:
        assert row["status"] in BAD.get(row["kind"], ("ok",)), dict(row)
        if row["kind"] == "good":
            assert row["square"] == row["n"] ** 2
    assert len(table.failed) == 6
    assert all(process.poll() is None for process in two.processes)


def test_the_command_sends_the_cells_to_the_cluster(two: Cluster, tmp_path: Path) -> None:
    command = ["run", "fd_error_exp", "--out", str(tmp_path), "--scheduler", two.address]
    answer = CliRunner().invoke(cli, command)
    assert answer.exit_code == 0, answer.output
    assert "warning" not in answer.output
    with read_store(tmp_path / "fd_error_exp.sqlite") as store:
        assert {row["status"] for row in store.results()} == {"ok", "refused"}
        assert {told["engine"] for told in store.provenance().values()} == {"Dask"}


def test_an_interrupt_keeps_what_was_finished_and_stops_the_workers(
    two: Cluster, store: Store
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 30:
            os.kill(os.getpid(), signal.SIGINT)

    with cluster(two.address) as engine:
        with pytest.raises(KeyboardInterrupt):
            measure_cells(sweeps.THREE_HUNDRED, engine=engine, store=store, on_cell=interrupt)
        assert 30 <= len(store.latest()) < 300
        assert eventually(lambda: not any(guarded(process.pid) for process in two.processes))
        measure_cells(sweeps.THREE_HUNDRED, engine=engine, store=store)
    assert len(store.latest()) == 300


def test_a_worker_killed_in_the_middle_costs_nothing(tmp_path: Path, store: Store) -> None:
    children = set[int]()
    with running(tmp_path) as found, cluster(found.address, workers=2, timeout=30) as engine:
        assert engine.slots == 2

        def kill(done: int, total: int) -> None:
            if done == 100:
                victim = found.processes[1].pid
                children.update(guarded(victim))
                found.kill(1)

        table = measure_cells(sweeps.TWO_HUNDRED, engine=engine, store=store, on_cell=kill)
        assert children
        assert eventually(lambda: not any(map(alive, children)))
        rest = guarded(found.processes[2].pid)
    assert table.column("status").tolist() == ["ok"] * 200
    assert [row["root"] for row in table] == [math.sqrt(n) for n in range(200)]
    attempts = store.exported(every_attempt=True)
    assert sorted(attempts.column("n")) == list(range(200))
    assert set(attempts.column("attempt")) == {1}
    assert eventually(lambda: not any(map(alive, rest)))
    assert not any(alive(process.pid) for process in found.processes)


def in_the_middle(found: Cluster, number: int) -> Callable[[int, int], None]:
    def kill(done: int, total: int) -> None:
        if done >= 20 and found.processes[number].poll() is None:
            found.kill(number)
            found.processes[number].wait()

    return kill


def test_the_loss_of_the_scheduler_or_of_all_workers_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "_PATIENCE", 0.5)
    for number, message in ((1, "no worker has been there"), (0, "what was finished is kept")):
        folder = tmp_path / str(number)
        folder.mkdir()
        with (
            memory_store() as store,
            running(folder, workers=1) as found,
            cluster(found.address, timeout=5) as engine,
        ):
            began, on_cell = time.monotonic(), in_the_middle(found, number)
            with pytest.raises(ClusterError, match=message):
                measure_cells(sweeps.THREE_HUNDRED, engine=engine, store=store, on_cell=on_cell)
            assert time.monotonic() - began < 30
            assert 20 <= len(store.latest()) < 300


def test_a_cluster_without_workers_or_with_other_ones_is_refused(tmp_path: Path) -> None:
    (tmp_path / "diffkit-9.9.dist-info").mkdir()
    (tmp_path / "diffkit-9.9.dist-info" / "METADATA").write_text("Name: diffkit\nVersion: 9.9\n")
    with running(tmp_path, workers=0) as found:
        with (
            pytest.raises(ClusterError, match="has no workers, not 1; start some"),
            cluster(found.address, timeout=0.5),
        ):
            pass
        found.worker(environment={"PYTHONPATH": str(tmp_path)})
        here = metadata.version("diffkit")
        with (
            pytest.raises(ClusterError, match=f"diffkit 9.9 where the run has {here}"),
            cluster(found.address, timeout=30),
        ):
            pass


class Bare:
    """A client of workers that have no diffkit."""

    def run(self, function: Any, *args: Any, on_error: str) -> dict[str, Exception]:
        error = metadata.PackageNotFoundError("diffkit")
        return {f"tcp://127.0.0.1:{port}": error for port in range(1, 6)}


def test_workers_without_diffkit_are_named() -> None:
    with pytest.raises(ClusterError, match=r"no diffkit on tcp://127.0.0.1:1, .* and 2 more; inst"):
        dask._refuse_others(Bare())


class Deadly(dask.Dask):
    """Whoever is given the cell n = 7 dies of it, so that Dask gives it up."""

    def __init__(self) -> None:
        self.slots = 2

    def submit(self, order: str, tasks: str) -> Future[str]:
        from distributed import KilledWorker

        answer: Future[str] = Future()
        if any(fields[2] == {"n": 7} for fields in wire.decode(tasks)):
            answer.set_exception(KilledWorker("measure", None, 3))
        else:
            answer.set_result(remote.measure(order, tasks))
        return answer

    def look_after(self) -> None:
        pass

    def _everywhere(self, function: Callable[[str], None], job: str) -> None:
        function(job)


def test_a_cell_that_kills_every_worker_is_found_out_and_the_others_are_well() -> None:
    table = measure_cells(sweeps.THREE_HUNDRED, engine=Deadly())
    assert [row["n"] for row in table.failed] == [7]
    assert [row["status"] for row in table.failed] == ["crashed"]
    assert len(table.ok) == 299


def test_nobody_there_is_said_at_once() -> None:
    began = time.monotonic()
    answer = CliRunner().invoke(cli, ["run", "fd_error_exp", "--scheduler", "tcp://127.0.0.1:1"])
    assert time.monotonic() - began < 5
    assert answer.exit_code == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in answer.output


@pytest.mark.parametrize(
    "greeting", [None, b"", b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 400 Bad\r\n"]
)
def test_somebody_else_there_is_said_in_time(greeting: bytes | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, args=(server, greeting), daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        error = pytest.raises(ClusterError, match="no Dask scheduler answers")
        with error, cluster(address, timeout=1):
            pass
        assert time.monotonic() - began < 10


def greet(server: socket.socket, greeting: bytes | None) -> None:
    """Say nothing, hang up, or say what no scheduler says."""
    kept = []
    with suppress(OSError):
        while True:
            kept.append(server.accept()[0])
            if greeting:
                kept[-1].sendall(greeting)
            elif greeting is not None:
                kept[-1].close()


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1:8786", "tcp://", "tcp://host", "tcp://h:99999", "http://h:1", "tcp://[:1"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with (
        pytest.raises(ClusterError, match="give tcp://HOST:PORT or tls://HOST:PORT"),
        cluster(address),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("tcp://192.0.2.1:8786", True),
        ("tcp://a.example:8786", True),
        ("tcp://0.0.0.0:8786", True),
        ("tcp://127.0.0.2:8786", False),
        ("tcp://localhost:8786", False),
        ("tcp://[::1]:8786", False),
        ("tls://192.0.2.1:8786", False),
    ],
)
def test_an_open_way_to_another_machine_is_warned_of(
    address: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: Any) -> None:
        raise OSError("not in a test")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    warnings: list[str] = []
    with (
        pytest.raises(ClusterError, match="not in a test"),
        cluster(address, on_warning=warnings.append),
    ):
        pass
    assert bool(warnings) == warned
    assert all("use a tls:// address" in warning for warning in warnings)


def test_tls_lets_in_who_has_a_certificate_and_nobody_else(tmp_path: Path) -> None:
    with running(tmp_path, workers=1, options=OPTIONS) as found:
        assert found.address.startswith("tls://")
        command = ["run", "fd_error_exp", "--out", str(tmp_path), "--scheduler", found.address]
        answer = CliRunner().invoke(cli, [*command, *OPTIONS])
        assert answer.exit_code == 0, answer.output
        with pytest.raises(ClusterError, match="certificates"), cluster(found.address, timeout=2):
            pass


def test_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for options, message in (
        (["--jobs", "2"], "--jobs is for this machine"),
        (["--tls-cert", FILES[1]], "TLS needs --tls-ca-file and --tls-cert"),
        (OPTIONS, "certificates are for tls:// addresses"),
        (["--tls-ca-file", "nowhere", "--tls-cert", FILES[1]], "cannot read nowhere"),
    ):
        command = [
            "run",
            "fd_error_exp",
            "--out",
            str(tmp_path),
            "--scheduler",
            "tcp://127.0.0.1:1",
        ]
        answer = CliRunner().invoke(cli, command + options)
        assert answer.exit_code in (1, 2)
        assert message in answer.output
    answer = CliRunner().invoke(cli, ["run", "fd_error_exp", *OPTIONS, "--out", str(tmp_path)])
    assert answer.exit_code == 2
    assert "belong to --scheduler" in answer.output


def test_without_dask_the_install_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with (
        pytest.raises(MissingPackageError, match=r"pip install 'diffkit\[cluster\]'"),
        cluster("tcp://127.0.0.1:1"),
    ):
        pass
