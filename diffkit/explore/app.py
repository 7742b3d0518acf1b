"""The page of the explorer and its callbacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dash import (
    ALL,
    MATCH,
    ClientsideFunction,
    Dash,
    Input,
    Output,
    State,
    ctx,
    dcc,
    html,
    no_update,
)

from ..errors import DiffkitError
from . import panels
from .jobs import DONE, Desks
from .request import EXAMPLES, Request, address, example, read_address, request

_POLL = 120  # milliseconds
_PAGE = re.compile(r"[a-z0-9-]{8,40}")

_TITLES = {
    "values": "The derivative, by every backend",
    "steps": "The V-curve of finite differences",
    "swell": "Expression swell",
    "trace": "The evaluation trace",
    "graph": "The computation graph",
}


def make_app(desks: Desks) -> Dash:
    """The application; it computes on these desks."""
    app = Dash(
        "diffkit.explore",
        title="diffkit explore",
        update_title="",
        serve_locally=True,
        enable_mcp=False,
        add_log_handler=False,
        suppress_callback_exceptions=True,  # fields come with the variables
    )
    app.layout = _layout()
    _connect(app, desks)
    return app


# The page


def _layout() -> Any:
    return html.Div(
        [
            dcc.Location(id="location", refresh=False),
            *(dcc.Store(id=name) for name in ("opened", "wish", "shown", "job", "seen", "markup")),
            *(dcc.Store(id=name) for name in ("stopped", "placed", "marked")),
            dcc.Interval(id="tick", interval=_POLL, disabled=True),
            html.Header(
                [
                    html.H1(["diffkit ", html.Span("explore")]),
                    html.P("Type a function and see its derivative by every method, with proof."),
                ]
            ),
            html.Div([_form(), _results()], className="columns"),
        ],
        className="page",
    )


def _form() -> Any:
    return html.Div(
        [
            html.Label("Function", htmlFor="function"),
            dcc.Input(
                id="function",
                type="text",
                debounce=0.3,
                spellCheck=False,
                autoComplete="off",
                maxLength=1000,
                className="function",
            ),
            html.Div(id="message", className="message", role="alert"),
            html.Details(
                [
                    html.Summary("What can be typed"),
                    html.P(
                        "Numbers, variables, pi, e, + − * / and ** for powers, sin, cos, tan, exp, "
                        "log, sqrt, abs, tanh, arctan, erf, gamma and more, min, max, and "
                        "where(x > 0, a, b)."
                    ),
                ],
                className="grammar",
            ),
            html.Div(id="fields"),
            html.Fieldset(
                [
                    html.Legend("Derivative"),
                    dcc.RadioItems(
                        id="order",
                        options=[
                            {"label": "first (derivative, gradient)", "value": 1},
                            {"label": "second (derivative, Hessian)", "value": 2},
                        ],
                        value=1,
                    ),
                ]
            ),
            html.Div(
                [
                    html.H2("Examples", id="examples"),
                    html.Ul(
                        [html.Li(_example(k)) for k in range(len(EXAMPLES))],
                        **{"aria-labelledby": "examples"},
                    ),
                ],
                className="examples",
            ),
        ],
        className="form",
        role="form",
        **{"aria-label": "Function and point"},
    )


def _example(index: int) -> Any:
    name, text, _ = EXAMPLES[index]
    return html.Button(
        [name, html.Code(text)], id={"type": "example", "index": index}, n_clicks=0, type="button"
    )


def _results() -> Any:
    bar = html.Div(
        [
            html.Progress(id="bar", value="0", max=str(len(panels.TASKS)), **_named("Progress")),
            html.Span("Starting …", id="progress", role="status"),
            html.Button("Cancel", id="cancel", n_clicks=0, disabled=True, type="button"),
            html.Button("Compute again", id="again", n_clicks=0, hidden=True, type="button"),
        ],
        className="bar",
    )
    return html.Main([bar, *(_panel(name) for name in panels.PANELS)], id="results")


def _panel(name: str) -> Any:
    body = [html.Div(id=f"{name}-body", className="body")]
    if name in panels.MARKUP:
        body.append(html.Div(id=f"{name}-markup", className="scroll markup", tabIndex=0))
    heading = html.H2(_TITLES[name], id=f"{name}-title")
    return html.Section(
        [heading, *body], className=f"panel {name}", **{"aria-labelledby": f"{name}-title"}
    )


def _named(label: str) -> dict[str, str]:
    return {"aria-label": label}


def _fields(wanted: Request) -> list[Any]:
    """A number field and a slider for each variable, and which of them to take steps along."""
    rows = [_row(name, value) for name, value in wanted.point.items()]
    found = [html.Fieldset([html.Legend("Point"), *rows], className="point")]
    if len(wanted.point) > 1:
        choice = dcc.RadioItems(
            id={"type": "along", "name": "steps"},
            options=list(wanted.point),
            value=wanted.along,
            inline=True,
        )
        found.append(html.Fieldset([html.Legend("V-curve along"), choice]))
    return found


def _row(name: str, value: float) -> Any:
    reach = 2.0 ** max(1, round(abs(value)).bit_length()) if abs(value) < 2.0**60 else abs(value)
    slider = {"min": -reach, "max": reach, "step": reach / 200}
    number_id, slider_id = {"type": "number", "name": name}, {"type": "slider", "name": name}
    return html.Div(
        [
            html.Label(f"{name} =", htmlFor=_dom_id(number_id)),
            dcc.Input(id=number_id, type="number", step="any", value=value, debounce=0.3),
            dcc.Slider(id=slider_id, value=value, marks=None, allow_direct_input=False, **slider),
        ],
        className="variable",
    )


def _dom_id(pattern: Mapping[str, str]) -> str:
    """How Dash writes such an id into the page."""
    inside = ",".join(f'"{key}":"{pattern[key]}"' for key in sorted(pattern))
    return f"{{{inside}}}"


# What happens


def _connect(app: Dash, desks: Desks) -> None:
    app.callback(
        Output("function", "value"),
        Output("order", "value"),
        Output("opened", "data"),
        Input("location", "search"),
        Input({"type": "example", "index": ALL}, "n_clicks"),
    )(_open)
    app.clientside_callback(
        ClientsideFunction("explore", "couple"),
        Output({"type": "number", "name": MATCH}, "value"),
        Output({"type": "slider", "name": MATCH}, "value"),
        Input({"type": "number", "name": MATCH}, "value"),
        Input({"type": "slider", "name": MATCH}, "value"),
        State({"type": "slider", "name": MATCH}, "max"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("explore", "wish"),
        Output("wish", "data"),
        Input("function", "value"),
        Input({"type": "number", "name": ALL}, "value"),
        Input({"type": "along", "name": ALL}, "value"),
        Input("order", "value"),
        Input("again", "n_clicks"),
        Input("opened", "data"),
        State({"type": "number", "name": ALL}, "id"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("message", "children"),
        Output("fields", "children"),
        Output("shown", "data"),
        Output("job", "data"),
        Input("wish", "data"),
        State("shown", "data"),
        prevent_initial_call=True,
    )
    def start(wish: Any, shown: Any) -> Any:
        return _start(desks, wish, shown)

    bodies = [Output(f"{name}-body", "children") for name in panels.PANELS]

    @app.callback(
        *bodies,
        Output("progress", "children"),
        Output("bar", "value"),
        Output("cancel", "disabled"),
        Output("again", "hidden"),
        Output("markup", "data"),
        Output("seen", "data"),
        Output("tick", "disabled"),
        Input("job", "data"),
        Input("tick", "n_intervals"),
        State("seen", "data"),
        prevent_initial_call=True,
    )
    def poll(job: Any, _: Any, seen: Any) -> Any:
        return _poll(desks, job, seen)

    @app.callback(
        Output("stopped", "data"),
        Input("cancel", "n_clicks"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def cancel(_: Any, job: Any) -> Any:
        desk = desks.find(_page(job))
        if desk is not None:
            desk.cancel()
        return no_update

    app.clientside_callback(
        ClientsideFunction("explore", "mark"),
        Output("marked", "data"),
        Input("markup", "data"),
        Input("message", "children"),
        Input("fields", "children"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("explore", "place"),
        Output("placed", "data"),
        Input("job", "data"),
        prevent_initial_call=True,
    )


def _open(search: Any, _: Any) -> tuple[Any, Any, Any]:
    """What the page opens with: an example that was clicked, the address, or the first example."""
    pressed = ctx.triggered_id
    if isinstance(pressed, dict) and isinstance(pressed.get("index"), int):
        wish = example(pressed["index"])
    else:
        wish = read_address(search) or example(0)
    return wish["text"], wish["order"], wish


def _page(job: Any) -> str:
    page = job.get("page") if isinstance(job, Mapping) else None
    return page if isinstance(page, str) and _PAGE.fullmatch(page) else ""


def _start(desks: Desks, wish: Any, shown: Any) -> tuple[Any, Any, Any, Any]:
    """Take a wish up: the message on what is wrong with it, its fields, and the job."""
    page = _page(wish)
    serial = wish.get("serial") if isinstance(wish, Mapping) else None
    if not page or isinstance(serial, bool) or not isinstance(serial, int):
        return no_update, no_update, no_update, no_update
    try:
        wanted = request(wish)
    except DiffkitError as error:
        desks.open(page).ask(serial, {})
        refused = {"page": page, "serial": serial, "names": [], "address": ""}
        return panels.complaint(error), no_update, no_update, refused
    desk = desks.open(page)
    if not desk.ask(serial, panels.plan(wanted)):
        return no_update, no_update, no_update, no_update
    names = list(wanted.point)
    job = {"page": page, "serial": serial, "names": names, "address": address(wanted)}
    if wish.get("fresh") is not True and shown == names:
        return [], no_update, no_update, job
    return [], _fields(wanted), names, job


def _poll(desks: Desks, job: Any, seen: Any) -> tuple[Any, ...]:
    """What has changed since the page last asked."""
    desk = desks.find(_page(job))
    parts = {} if desk is None else desk.parts(job.get("serial"))
    if not parts:
        told = "Closed, as other pages are in use" if desk is None else "Nothing to compute yet"
        none = (no_update,) * len(panels.PANELS)
        return (*none, told, "0", True, desk is not None, no_update, {}, True)
    names = [name for name in job.get("names", ()) if isinstance(name, str)]
    known = seen if isinstance(seen, Mapping) else {}
    bodies, now = [], {}
    for name, (tasks, draw) in panels.PANELS.items():
        now[name] = [parts[task].version for task in tasks]
        bodies.append(no_update if known.get(name) == now[name] else draw(parts, names))
    changed = any(known.get(name) != now[name] for name in panels.MARKUP)
    over = sum(part.over for part in parts.values())
    stopped = any(part.state == "cancelled" for part in parts.values())
    return (
        *bodies,
        panels.progress(parts),
        str(over),
        over == len(parts),
        not stopped,
        {n: _markup(parts[n]) for n in panels.MARKUP} if changed else no_update,
        now,
        over == len(parts),
    )


def _markup(part: Any) -> str:
    return part.value["markup"] if part.state == DONE else ""
