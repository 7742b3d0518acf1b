"""The server answers its own pages alone, and hostile input with a message."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from diffkit.errors import MissingPackageError, OutputError
from diffkit.explore.app import make_app
from diffkit.explore.jobs import Desks
from diffkit.explore.server import guarded, serve

PORT = 8765
HOST = {"Host": f"127.0.0.1:{PORT}"}
PAGE = "page-of-the-test"
TASKS = str(Path(__file__).with_name("stand_ins.py"))


@pytest.fixture(scope="module")
def desks() -> Iterator[Desks]:
    made = Desks(tasks=TASKS, preload=())
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(desks: Desks) -> FlaskClient:
    return guarded(make_app(desks), PORT).server.test_client()


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}"])
def test_this_machine_is_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.evil:{PORT}",
     f"192.168.0.1:{PORT}", f"[::1]:{PORT}", ""],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/_dash-layout", "/_dash-dependencies"])
def test_another_name_for_this_machine_is_refused(
    client: FlaskClient, host: str, path: str
) -> None:
    assert client.get(path, headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", f"https://127.0.0.1:{PORT}"])
def test_a_page_from_elsewhere_cannot_compute(client: FlaskClient, origin: str) -> None:
    answer = client.post("/_dash-update-component", json={}, headers={**HOST, "Origin": origin})
    assert answer.status_code == 403


def test_the_page_loads_and_runs_nothing_from_elsewhere(client: FlaskClient) -> None:
    answer = client.get("/", headers=HOST)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    scripts = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert "unsafe" not in scripts
    assert "http" not in policy
    page = answer.get_data(as_text=True)
    assert 'src="http' not in page
    assert 'href="http' not in page


def start(client: FlaskClient, wish: Any, shown: Any = None) -> dict[str, Any]:
    """What the page gets for a wish."""
    outputs = [("message", "children"), ("fields", "children"), ("shown", "data"), ("job", "data")]
    answer = client.post(
        "/_dash-update-component",
        headers={**HOST, "Origin": f"http://127.0.0.1:{PORT}"},
        json={
            "output": ".." + "...".join(f"{i}.{p}" for i, p in outputs) + "..",
            "outputs": [{"id": i, "property": p} for i, p in outputs],
            "inputs": [{"id": "wish", "property": "data", "value": wish}],
            "state": [{"id": "shown", "property": "data", "value": shown}],
            "changedPropIds": ["wish.data"],
        },
    )
    assert answer.status_code in (200, 204)
    return (answer.get_json() or {"response": {}})["response"]


serials = iter(range(1, 10_000))


def wish(text: Any, **more: Any) -> dict[str, Any]:
    return {"page": PAGE, "serial": next(serials), "text": text, "point": {}, **more}


def test_a_function_gets_its_fields_and_its_address(client: FlaskClient) -> None:
    found = start(client, wish("x*sin(y)", point={"x": 2, "y": 0.5}))
    assert found["message"]["children"] == []
    assert found["shown"]["data"] == ["x", "y"]
    assert found["job"]["data"]["address"] == "?function=x%2Asin%28y%29&at=x%3D2.0%2Cy%3D0.5"


def test_fields_stay_while_the_variables_do(client: FlaskClient) -> None:
    found = start(client, wish("x + y"), shown=["x", "y"])
    assert "fields" not in found


HOSTILE = [
    "__import__('os').system('id')",
    "().__class__.__bases__[0]",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "lambda: x",
    "x" * 5000,
    "(" * 900,
    "9**9**9**9**9*x",
    "x; import os",
    "ｅｘｐ(x)",
    "x\u202e + 1",
    "\x00x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_gets_a_marked_message_and_no_computation(
    client: FlaskClient, desks: Desks, text: str
) -> None:
    found = start(client, wish(text))
    sentence, *marked = found["message"]["children"]
    assert sentence["type"] == "P"
    assert marked[0]["type"] == "Pre"
    assert marked[0]["props"]["children"].rstrip().endswith("^")
    desk = desks.find(PAGE)
    assert desk is not None
    assert desk.parts() == {}


@pytest.mark.parametrize(
    "odd",
    [
        None, 3, "x", [], {}, {"page": 3, "serial": 1}, {"page": "../../etc", "serial": 1},
        {"page": PAGE, "serial": "9"}, {"page": PAGE, "serial": None}, {"page": PAGE},
        {"page": "another-page", "serial": 10**30, "text": {"a": 1}},
    ],
)  # fmt: skip
def test_what_is_no_wish_is_no_error_of_the_server(client: FlaskClient, odd: Any) -> None:
    found = start(client, odd)
    assert "fields" not in found


@pytest.mark.parametrize("point", [3, ["x"], {"x": "1"}, {"x": None}, {"x": 1e999}, {"x": {}}])
def test_a_point_that_is_none_never_reaches_a_task(
    client: FlaskClient, desks: Desks, point: Any
) -> None:
    found = start(client, wish("x", point=point))
    told = str(found["message"]["children"])
    assert ("x has no value" in told or "not finite" in told) == isinstance(point, dict)


def test_large_requests_are_refused(client: FlaskClient) -> None:
    answer = client.post(
        "/_dash-update-component", data="x" * 300_000, headers=HOST,
        content_type="application/json",
    )  # fmt: skip
    assert answer.status_code in (400, 413)


def test_a_port_in_use_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OutputError, match=f"port {port} cannot be had"):
            serve(port)


def test_the_command_says_how_to_install_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffkit.commands import explore

    monkeypatch.setattr(explore.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'diffkit\[explore\]'"):
        explore.explore.main(["--no-browser"], standalone_mode=False)
