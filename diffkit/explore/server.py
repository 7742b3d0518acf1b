"""The address of the explorer, and who may talk to it: this machine, and pages of its own."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

from dash import Dash
from flask import Response, abort, request
from werkzeug.serving import make_server

from ..errors import OutputError
from .app import make_app
from .jobs import Desks

ADDRESS = "127.0.0.1"
_LARGEST = 200_000  # bytes of what a page sends


def serve(port: int = 0, on_ready: Callable[[str], None] = lambda url: None) -> None:
    """Serve the explorer on this machine until interrupted; then no process is left.

    Args:
        port: where to listen; 0 for a port that is free.
        on_ready: called with the address once a browser can open it.

    Raises:
        OutputError: the port cannot be had.
    """
    with _listening(port) as listening:
        port = listening.getsockname()[1]
        desks = Desks()
        try:
            app = make_app(desks)
            guarded(app, port)
            logging.getLogger("werkzeug").setLevel(logging.ERROR)
            server = make_server(ADDRESS, port, app.server, threaded=True, fd=listening.fileno())
            on_ready(f"http://{ADDRESS}:{port}/")
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            desks.close()


def _listening(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise OutputError(
            f"port {port} cannot be had ({error.strerror}); without --port a free one is taken"
        ) from error
    return listening


def guarded(app: Dash, port: int) -> Dash:
    """The same application, which answers only browsers that mean it.

    A page from elsewhere can make a browser send requests here, also under a name of its own that
    it lets point to this machine (DNS rebinding). Such requests carry another Host or Origin. The
    content security policy keeps the page from loading, or running, anything from elsewhere.
    """
    hosts = {f"{name}:{port}" for name in (ADDRESS, "localhost")}
    origins = {f"http://{host}" for host in hosts}
    policy = _policy(app)
    app.server.config["MAX_CONTENT_LENGTH"] = _LARGEST

    @app.server.before_request
    def refuse_strangers() -> None:
        origin = request.headers.get("Origin")
        if request.host not in hosts or (origin is not None and origin not in origins):
            abort(403)

    @app.server.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app


def _policy(app: Dash) -> str:
    scripts: list[Any] = app.csp_hashes()
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *scripts]),
        "style-src": "'self' 'unsafe-inline'",  # Plotly and React write styles
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
