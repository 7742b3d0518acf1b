"""Many machines: the workers of a Dask cluster (https://distributed.dask.org).

    with cluster("tcp://127.0.0.1:8786") as engine:
        run(experiment, engine=engine)

A cluster is a scheduler (``dask scheduler --host 127.0.0.1``) and workers (``dask worker
tcp://127.0.0.1:8786 --nthreads 1``), each with the same diffkit, Python and numerical libraries as
here: others are refused before anything is measured.

Who can reach a scheduler can execute code on its workers, and Dask's own messages are pickled. Keep
it on the loopback interface, or use TLS, in which all sides show certificates of one authority:
the scheduler and the workers are started with ``--tls-ca-file``, ``--tls-cert`` and ``--tls-key``
at a tls:// address, and `TLS` names the files of this side.

Dask runs a call at least once: of a worker that dies, others take over what it had not given back,
and the store ignores a second outcome. Time and memory are limited by the guard in each worker, not
by Dask. Timings are taken one cell at a time on each machine, and carry the machine's name.
"""

from __future__ import annotations

import ipaddress
import logging
import platform
import socket
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from diffkit.errors import ClusterError, MissingPackageError
from diffkit.runner.engines import remote
from diffkit.runner.engines.executor import OnExecutor

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE = 60.0  # seconds without any worker


@dataclass(frozen=True)
class TLS:
    """Files in PEM format: the certificate of the authority, and this side's own with its key,
    which may also stand in the file of the certificate.

    Raises ClusterError where a file cannot be read.
    """

    ca_file: Path
    cert: Path
    key: Path | None = None

    def __post_init__(self) -> None:
        for file in filter(None, (self.ca_file, self.cert, self.key)):
            try:
                file.read_bytes()
            except OSError as error:
                raise ClusterError(f"cannot read {file}: {error.strerror}") from error


class Dask(OnExecutor):
    """The workers of a cluster that `cluster` has connected to."""

    def __init__(self, client: Client) -> None:
        self._client = client
        # Not pure: two calls are two, even if their arguments are equal.
        super().__init__(client.get_executor(pure=False), sum(_workers(client).values()))
        self._seen = time.monotonic()

    def look_after(self) -> None:
        """Raises ClusterError where the scheduler is gone, or no worker was there for a minute."""
        if self._client.status != "running":
            raise ClusterError("the scheduler is gone; what was finished is kept: run again")
        if workers := _workers(self._client):
            self.slots, self._seen = sum(workers.values()), time.monotonic()
        elif time.monotonic() - self._seen > _PATIENCE:
            raise ClusterError(
                f"no worker has been there for {_PATIENCE:g} s; what was finished is kept: start "
                "workers and run again"
            )

    def lost_workers(self, error: BaseException) -> bool:
        """Whether Dask gave the batch up because every worker died that had it."""
        from distributed import KilledWorker

        return isinstance(error, KilledWorker)

    def stop(self, job: str) -> None:
        """End what workers are measuring."""
        self._everywhere(remote.stop, job)

    def close(self, job: str) -> None:
        """End the children that wait for more of the job."""
        self._everywhere(remote.close, job)

    def _everywhere(self, function: Callable[[str], None], job: str) -> None:
        # A worker that cannot be reached ends its children by itself, after a minute.
        with suppress(Exception):
            if self._client.status == "running":  # Dask would try to find the scheduler again
                self._client.run(function, job, on_error="ignore")


@contextmanager
def cluster(
    address: str,
    tls: TLS | None = None,
    *,
    workers: int = 1,
    timeout: float = 10.0,
    on_warning: Callable[[str], None] = warnings.warn,
) -> Iterator[Dask]:
    """The engine of the cluster whose scheduler listens at ``address``, tcp:// or tls://.

    workers: how many to wait for; more may join later.
    timeout: seconds in which the scheduler must answer and the workers be there.
    on_warning: is told where the way to the scheduler is open to others.

    Raises MissingPackageError without the package distributed; ClusterError where the address is
    none, nobody answers there, workers are missing, or they have other code than this process.
    """
    host, port = _parsed(address, tls)
    if not address.startswith("tls:") and not _is_loopback(host):
        on_warning(
            f"{address} is another machine, without TLS: whoever can reach it, or listens on the "
            "way, can execute code on its workers and here; use a tls:// address with certificates"
        )
    with _connected(address, host, port, tls, timeout) as client:
        _await_workers(client, address, workers, timeout)
        _refuse_others(client)
        yield Dask(client)


def _parsed(address: str, tls: TLS | None) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None or parts.scheme not in ("tcp", "tls"):
        raise ClusterError(
            f"{address!r} is no address of a scheduler; give tcp://HOST:PORT or tls://HOST:PORT"
        )
    if tls is not None and parts.scheme != "tls":
        raise ClusterError(f"certificates are for tls:// addresses, and {address} is not one")
    return host, port


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _connected(
    address: str, host: str, port: int, tls: TLS | None, timeout: float
) -> Iterator[Client]:
    try:
        from distributed import Client
        from distributed.security import Security
    except ImportError as error:
        raise MissingPackageError("--scheduler", "distributed", extra="cluster") from error
    try:
        _knock(host, port, timeout, greeted=not address.startswith("tls:"))
    except OSError as error:
        raise _silent(address, error) from error
    options: dict[str, Any] = {}
    if tls is not None:
        key = None if tls.key is None else str(tls.key)
        options["security"] = Security(
            require_encryption=True,
            tls_ca_file=str(tls.ca_file),
            tls_client_cert=str(tls.cert),
            tls_client_key=key,
        )
    with _quiet():
        try:
            client = Client(address, timeout=timeout, set_as_default=False, **options)
        except Exception as error:  # whatever comes of what answers there
            raise _silent(address, error) from error
        try:
            yield client
        finally:
            with suppress(Exception):
                client.close(timeout=timeout)


def _knock(host: str, port: int, timeout: float, greeted: bool) -> None:
    """Raises OSError where nobody listens, for which Dask would go on trying until the time is up,
    or where the scheduler does not greet, for which it would wait for ever."""
    with socket.create_connection((host, port), timeout) as probe:
        if greeted and not probe.recv(1):
            raise ConnectionError("it hangs up")


def _silent(address: str, error: BaseException) -> ClusterError:
    told = " ".join(str(error).split()) or type(error).__name__
    return ClusterError(
        f"no Dask scheduler answers at {address} ({told}); start one with `dask scheduler`, or "
        "look at the address and the certificates"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """What Dask would print on the loss of a worker or of the scheduler is said by errors here."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _workers(client: Client) -> Mapping[str, int]:
    """The threads of each worker, by its address."""
    try:
        found: Mapping[str, int] = client.nthreads()
    except (OSError, RuntimeError, TimeoutError):
        return {}
    return found


def _await_workers(client: Client, address: str, workers: int, timeout: float) -> None:
    try:
        client.wait_for_workers(workers, timeout)
    except TimeoutError as error:
        there = len(_workers(client))
        raise ClusterError(
            f"the scheduler at {address} has {there or 'no'} workers, not {workers}; "
            f"start some with `dask worker {address} --nthreads 1`"
        ) from error


def _refuse_others(client: Client) -> None:
    """Raises ClusterError where a worker has no diffkit, or other code than this process."""
    # By a function of the standard library, which a worker without diffkit has, too.
    versions = client.run(metadata.version, "diffkit", on_error="return")
    missing = [worker for worker, found in versions.items() if isinstance(found, Exception)]
    if missing:
        raise ClusterError(
            f"there is no diffkit on {_several(missing)}; install diffkit "
            f"{metadata.version('diffkit')} there, with Python {platform.python_version()}"
        )
    expected = remote.fingerprint()
    for worker, found in client.run(remote.fingerprint, on_error="return").items():
        unlike = str(found) if isinstance(found, Exception) else None
        if unlike := unlike or remote.differences(expected, found):
            raise ClusterError(f"{worker} is not fit for this run: {unlike}; install the same")


def _several(workers: list[str]) -> str:
    rest = len(workers) - 3
    return ", ".join(workers[:3]) + (f" and {rest} more" if rest > 0 else "")
