"""The page to step through, as a reader uses it: in a browser, from disk."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import OutputError, UnsupportedError
from diffkit.report.trace.step_through import LIMIT, not_live, operations
from diffkit.rules import RULES, load_families

from .chromium import Tab

GRIEWANK = dk.problems["griewank"], np.array([1.5, 0.5])
PRODUCT = dk.problems["product_plus_sine"], np.array([2.0, 3.0])

Show = Callable[..., Tab]


@pytest.fixture
def show(tab: Tab, tmp_path: Path) -> Show:
    def opened(f: Any, x: Any, names: str = "v") -> Tab:
        tab.open(dk.trace(f, x).page(tmp_path / "page.html", names))
        return tab

    return opened


def mode(tab: Tab, name: str) -> None:
    tab.evaluate(f"document.querySelector('.modes [data-mode={name}]').click()")


def click(tab: Tab, name: str) -> None:
    tab.evaluate(f"document.getElementById('{name}').click()")


def text(tab: Tab, name: str) -> str:
    return str(tab.evaluate(f"document.getElementById('{name}').textContent"))


def number(tab: Tab, row: str, column: str) -> float | None:
    """An unrounded number of the table; None while it is not shown."""
    query = f"[data-row={row}] .{column}"
    found = tab.evaluate(f"document.querySelector('{query}').dataset.value ?? null")
    return None if found is None else float(found)


def steps(tab: Tab) -> list[dict[str, Any]]:
    """Every step from the beginning to the end, as it is read."""
    found = []
    tab.press("Home")
    for _ in range(int(text(tab, "count").split()[-1])):
        tab.press("ArrowRight")
        found.append({n: text(tab, n) for n in ("equation", "partial", "contribution", "sum")})
    return found


def gradient(tab: Tab, inputs: int) -> list[float]:
    mode(tab, "reverse")
    tab.press("End")
    found = [number(tab, f"l{k}", "derivative") for k in range(inputs)]
    return [math.nan if v is None else v for v in found]


def move(tab: Tab, k: int, value: float) -> None:
    tab.evaluate(
        f"(() => {{ const box = document.getElementById('number-{k}'); box.value = '{value!r}';"
        f" box.dispatchEvent(new Event('input')); }})()"
    )


# --- every page -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(dk.problems))
def test_pages_open_from_disk_without_network_and_without_complaint(name: str, show: Show) -> None:
    problem = dk.problems[name]
    tab = show(problem, problem.points[0])
    for way in ("evaluate", "forward", "reverse"):
        mode(tab, way)
        tab.press("End")
        count = text(tab, "count").split()
        assert count[1] == count[3] != "0"
    assert tab.requests == []
    assert tab.complaints == []


def test_complaints_and_requests_would_be_noticed(tab: Tab, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<img src='http://127.0.0.1:9/x.png'><script>nothing.at.all</script>")
    tab.open(page)
    assert tab.requests == ["http://127.0.0.1:9/x.png"]
    assert any("nothing is not defined" in complaint for complaint in tab.complaints)


def test_a_page_is_small_and_a_trace_too_long_for_one_is_refused(tmp_path: Path) -> None:
    for problem in dk.problems.values():
        page = dk.trace(problem, problem.points[0]).page(tmp_path / "page.html")
        assert page.stat().st_size <= LIMIT == 300_000

    def long(x: Any) -> Any:
        for _ in range(2000):
            x = np.sin(x)
        return x

    with pytest.raises(UnsupportedError, match="2001 lines"):
        dk.trace(long, 0.5).page(tmp_path / "page.html")
    with pytest.raises(OutputError, match="choose another path"):
        dk.trace(np.sin, 0.5).page(tmp_path / "nowhere" / "page.html")


def test_names_are_only_text(show: Show) -> None:
    hostile = "</script><img src=x onerror=alert(1)>⟦0⟧"
    f = dk.Function(lambda x: x[0] * x[1], name=hostile, variables=(hostile, "<b>b</b>"),
                    description=hostile)  # fmt: skip
    tab = show(f, np.array([1.0, 2.0]))
    tab.press("End")
    assert tab.evaluate("document.querySelectorAll('img, b').length") == 0
    assert hostile in tab.evaluate("document.body.textContent")
    assert tab.complaints == []


# --- goldens at their steps -------------------------------------------------------------------


def test_griewank_evaluation_trace_step_by_step(show: Show) -> None:
    """Griewank & Walther 2008, chapter 1: the numbers that are printed, each at its step."""
    tab = show(*GRIEWANK)
    printed = ["1.50000", "0.50000", "3.00000", "0.14112", "1.64872", "1.35128", "1.49240"]
    for k, shown in enumerate(printed):
        assert number(tab, f"l{k}", "value") is None
        tab.press("ArrowRight")
        assert f"{number(tab, f'l{k}', 'value'):.5f}" == shown
    tab.press("ArrowRight")
    assert number(tab, "l7", "value") == 2.016646669428201
    assert text(tab, "equation") == "v₆ = v₅·v₄ = 1.4924·1.35128 = 2.01665"


def test_griewank_reverse_sweep_step_by_step(show: Show) -> None:
    tab = show(*GRIEWANK)
    mode(tab, "reverse")
    told = steps(tab)
    assert [step["equation"] for step in told][:7] == [
        "ȳ = 1",
        "v̄₆ = ȳ = 1",
        "v̄₅ = v̄₆·v₄ = 1.35128",
        "v̄₄ = v̄₅ + v̄₆·v₅",
        "v̄₄ = v̄₅ + v̄₆·v₅ = 2.84368",
        "v̄₃ = −v̄₄ = −2.84368",
        "v̄₂ = v̄₅ = 1.35128",
    ]
    assert told[7]["partial"] == "∂v₂/∂v₁ = cos v₁ = −0.989992"
    assert told[7]["contribution"] == "1.35128 · (−0.989992) = −1.33776"
    assert told[7]["sum"] == "−1.33776"
    assert told[8]["equation"] == "v̄₁ = v̄₂·cos v₁ + v̄₄ = 1.50592"
    assert number(tab, "l0", "derivative") == pytest.approx(3.0118433276739066, rel=1e-15)
    assert number(tab, "l1", "derivative") == pytest.approx(-13.723961509314075, rel=1e-15)
    assert "∂y/∂x₁ = 3.01184, ∂y/∂x₂ = −13.724" in text(tab, "sentence")


def test_product_plus_sine_with_every_adjoint_that_the_text_prints(show: Show) -> None:
    """Cross Validated 224140: dz/dw5 = dz/dw4 = dz/dw3 = 1, dz/dw2 = 2, dz/dw1 = 2.58."""
    tab = show(*PRODUCT, "w")
    mode(tab, "reverse")
    tab.press("ArrowRight")
    due = [("l4", 1.0), ("l3", 1.0), ("l2", 1.0), ("l1", 2.0)]
    for row, adjoint in due:
        assert number(tab, row, "derivative") is None
        tab.press("ArrowRight")
        assert number(tab, row, "derivative") == adjoint
    tab.press("ArrowRight")
    assert text(tab, "equation") == "w̄₁ = w̄₃·w₂ + w̄₄·cos w₁"
    assert (text(tab, "sum-word"), text(tab, "sum")) == ("Sum so far", "3")
    tab.press("ArrowRight")
    assert number(tab, "l0", "derivative") == pytest.approx(2.583853163452858, rel=1e-15)
    assert text(tab, "equation") == "w̄₁ = w̄₃·w₂ + w̄₄·cos w₁ = 2.58385"


def test_the_forward_sweep_has_a_direction_to_choose(show: Show) -> None:
    tab = show(*GRIEWANK)
    mode(tab, "forward")
    tab.press("End")
    assert number(tab, "r0", "derivative") == pytest.approx(3.0118433276739066, rel=1e-15)
    tab.evaluate("(() => { const s = document.getElementById('seed'); s.value = '1';"
                 " s.dispatchEvent(new Event('change')); })()")  # fmt: skip
    tab.press("End")
    assert number(tab, "r0", "derivative") == pytest.approx(-13.723961509314075, rel=1e-15)


def test_the_active_edge_and_its_partial_are_marked(show: Show) -> None:
    tab = show(*GRIEWANK)
    mode(tab, "reverse")
    for _ in range(8):
        tab.press("ArrowRight")
    title = "[...document.querySelectorAll('.edge.active > title')].map(t => t.textContent)"
    assert tab.evaluate(title) == ["v₁ = v₋₁/v₀ → v₂ = sin v₁, local partial cos v₁"]
    shown = "[...document.querySelectorAll('.partial.active')].map(t => t.textContent)"
    assert tab.evaluate(shown) == ["cos v₁"]
    assert tab.evaluate("document.querySelectorAll('.node.current').length") == 1


# --- sliders ----------------------------------------------------------------------------------

LIVE = [name for name, p in dk.problems.items() if not not_live(dk.trace(p, p.points[0]).lines)]


@pytest.mark.parametrize("name", LIVE)
def test_a_moved_input_gives_the_gradient_there(name: str, show: Show) -> None:
    f = dk.problems[name]
    at = f.points[0]
    tab = show(f, at)
    moved = np.atleast_1d(np.array(at, dtype=float)) * (1.0 + 2.0**-6) + 2.0**-10
    for k, value in enumerate(moved):
        move(tab, k, float(value))
    x = moved if np.ndim(at) else float(moved[0])
    first = np.eye(1, np.size(f(x)))[0]
    expected = dk.vjp(f, x, first) if first.size > 1 else dk.gradient(f, x)
    found = gradient(tab, moved.size)
    if "branch" in text(tab, "inputs-note"):
        assert np.all(np.isnan(found))
        return
    np.testing.assert_allclose(found, np.atleast_1d(expected), rtol=1e-12)
    value = number(tab, "r0", "value")
    assert value == pytest.approx(np.ravel(f(x))[0], rel=1e-12)


def test_enough_problems_are_live() -> None:
    assert len(LIVE) >= 30
    assert {"griewank", "product_plus_sine", "huber_loss", "pendulum"} <= set(LIVE)


def test_the_slider_itself_moves_the_point(show: Show) -> None:
    tab = show(*GRIEWANK)
    tab.evaluate("(() => { const r = document.getElementById('slider-0'); r.focus(); })()")
    tab.press("ArrowRight")  # the slider's own step, and not the trace's
    assert text(tab, "count").startswith("step 0")
    x1 = float(tab.evaluate("document.getElementById('number-0').value"))
    assert x1 != 1.5
    tab.evaluate("document.activeElement.blur()")
    expected = dk.gradient(GRIEWANK[0], np.array([x1, 0.5]))
    np.testing.assert_allclose(gradient(tab, 2), expected, rtol=1e-12)
    click(tab, "reset")
    np.testing.assert_allclose(gradient(tab, 2), [3.0118433276739066, -13.723961509314075])


def test_a_point_on_another_branch_has_no_numbers(show: Show) -> None:
    def f(x: Any) -> Any:
        return x**2 if x < 2.0 else 4.0 * x

    tab = show(f, 1.5)
    move(tab, 0, 1.75)
    assert gradient(tab, 1) == [3.5]
    move(tab, 0, 2.5)
    assert "takes another branch" in text(tab, "inputs-note")
    assert "v₀ < 2 does not hold" in text(tab, "sentence")
    assert math.isnan(gradient(tab, 1)[0])
    assert number(tab, "l2", "value") is None
    move(tab, 0, 1.0)
    assert gradient(tab, 1) == [2.0]


def test_a_point_outside_the_domain_is_told(show: Show) -> None:
    tab = show(np.log, 1.5)
    move(tab, 0, -1.0)
    assert "outside its domain" in text(tab, "inputs-note")


def test_sliders_that_cannot_work_say_why(show: Show) -> None:
    problem = dk.problems["softmax"]
    tab = show(problem, problem.points[0])
    assert "arrays" in text(tab, "inputs-note")
    assert tab.evaluate("document.querySelectorAll('#sliders input').length") == 0
    assert "sinc" in not_live(dk.trace(np.sinc, 0.5).lines)


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    load_families()
    found: dict[str, Any] = {}
    for rule in RULES.values():
        found.setdefault(rule.name, rule)
    return found


def test_the_page_computes_every_operation_and_partial_as_the_rules_do(
    tab: Tab, tmp_path: Path, rules: dict[str, Any]
) -> None:
    tab.open(dk.trace(np.sin, 0.5).page(tmp_path / "page.html"))
    assert set(tab.evaluate("Object.keys(traceOperations)")) == operations()
    compared = 0
    for name in sorted(operations() - {"guard"}):
        rule = rules[name]
        arity = 3 if name == "where" else getattr(rule.fn, "nin", 1)
        for args in POINTS[arity]:
            if name == "where":
                args = (args[0] > 0, *args[1:])
            with np.errstate(all="ignore"):
                y = rule.fn(*map(np.float64 if name != "where" else lambda v: v, args))
                slopes = [float(jvp(np.float64(1.0), y, *map(np.float64, args))) if jvp else 0.0
                          for jvp in rule.jvps]  # fmt: skip
            given = json.dumps([float(y), *(a if isinstance(a, bool) else float(a) for a in args)])
            call = (
                "((r, [y, ...a]) => [Number(r.f(...a)), ...r.d.map(d => d(y, ...a))].map(String))"
            )
            found = tab.evaluate(f"{call}(traceOperations.{name}, {given})")
            expected = [float(y), *slopes]
            for got, due in zip(map(_number, found), expected, strict=False):
                if math.isfinite(due):
                    assert got == pytest.approx(due, rel=1e-13, abs=1e-300), (name, args)
                    compared += 1
                elif math.isfinite(float(y)):
                    assert not math.isfinite(got), (name, args)
    assert compared > 400


CALL = "((r, [y, ...a]) => [Number(r.f(...a)), ...r.d.map(d => d(y, ...a))].map(String))"


def _number(shown: str) -> float:
    return float(shown.replace("Infinity", "inf"))


_VALUES = (0.3, -0.7, 1.7, 2.5, -2.5, 0.0)
POINTS = {
    1: [(a,) for a in _VALUES],
    2: [(a, b) for a in _VALUES for b in (0.6, 2.0, -1.3, 1.7)],
    3: [(a, 1.5, -2.0) for a in _VALUES],
}


# --- hide and guess ---------------------------------------------------------------------------


def guess(tab: Tab, answer: str) -> None:
    tab.evaluate(f"document.getElementById('answer').value = {json.dumps(answer)}")
    tab.evaluate("document.getElementById('guess').requestSubmit()")


def test_hide_and_guess(show: Show) -> None:
    tab = show(*PRODUCT, "w")
    mode(tab, "reverse")
    tab.press("End")
    click(tab, "guessing")
    assert text(tab, "question") == "What is w̄₁?"
    assert number(tab, "l0", "derivative") is None
    everything = "document.querySelector('main').innerText"
    assert "2.58" not in tab.evaluate(everything)
    hints = (("3", "too large"), ("2", "too small"), ("-2.58", "sign"), ("abc", "number"))
    for wrong, hint in hints:
        guess(tab, wrong)
        assert hint in text(tab, "verdict")
        assert number(tab, "l0", "derivative") is None
    guess(tab, "2.58")
    assert text(tab, "sentence").startswith("Right: 2.58385.")
    assert number(tab, "l0", "derivative") == pytest.approx(2.583853163452858, rel=1e-15)
    assert tab.evaluate("document.getElementById('guess').hidden")


def test_a_number_can_be_shown_instead(show: Show) -> None:
    tab = show(*GRIEWANK)
    click(tab, "guessing")
    for _ in range(3):
        tab.press("ArrowRight")
    assert text(tab, "question") == "What is v₁?"
    click(tab, "reveal")
    assert number(tab, "l2", "value") == 3.0


# --- keys, looks, sizes -----------------------------------------------------------------------


def test_keys(show: Show) -> None:
    tab = show(*GRIEWANK)
    places = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"):
        tab.press(key)
        places.append(int(text(tab, "count").split()[1]))
    assert places == [1, 2, 1, 9, 9, 0, 0]
    tab.press(" ")
    assert tab.evaluate("document.getElementById('play').ariaLabel") == "Pause"
    assert text(tab, "count").startswith("step 1")
    tab.press(" ")
    assert tab.evaluate("document.getElementById('play').ariaLabel") == "Play"


def test_playing_goes_on_by_itself(show: Show) -> None:
    tab = show(*GRIEWANK)
    # Time is the page's own: no waiting here.
    tab.evaluate("window.ticks = []; window.setInterval = (f) => (window.ticks.push(f), 1)")
    click(tab, "play")
    for _ in range(20):
        tab.evaluate("window.ticks[0]()")
    assert text(tab, "count") == "step 9 of 9"
    assert tab.evaluate("document.getElementById('play').ariaLabel") == "Play"


def test_everything_can_be_reached_with_the_tabulator(show: Show) -> None:
    tab = show(*GRIEWANK)
    reached = set()
    for _ in range(24):
        tab.press("Tab")
        reached.add(
            tab.evaluate("document.activeElement.id || document.activeElement.dataset.mode")
        )
    assert {"theme", "evaluate", "forward", "reverse", "play", "next", "last", "guessing",
            "slider-0", "number-1"} <= reached  # fmt: skip


def test_what_changes_is_announced(show: Show) -> None:
    tab = show(*GRIEWANK)
    live = "[...document.querySelectorAll('[aria-live=polite]')].map(e => e.id)"
    assert set(tab.evaluate(live)) == {"sentence", "verdict", "inputs-note"}
    unnamed = (
        "[...document.querySelectorAll('button, input, select')].filter(e => !(e.ariaLabel || "
        "e.textContent.trim() || (e.labels && e.labels.length))).map(e => e.outerHTML)"
    )
    assert tab.evaluate(unnamed) == []


def test_light_and_dark(show: Show) -> None:
    tab = show(*GRIEWANK)
    background = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(background) == "rgb(255, 255, 255)"
    click(tab, "theme")
    dark = tab.evaluate(background)
    assert dark == "rgb(18, 21, 24)"
    tab.screen(1280, 800, dark=True)
    fresh = show(*GRIEWANK)
    assert fresh.evaluate(background) == dark


CONTRAST = """
(() => {
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = (rgb) => {
    const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number).map(channel);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(document.documentElement);
  const probe = document.body.appendChild(document.createElement('i'));
  const colour = (name) => {
    probe.style.color = style.getPropertyValue(name);
    return luminance(getComputedStyle(probe).color);
  };
  const names = ['--ink', '--soft', '--active', '--link', '--trace-result', '--trace-input'];
  return names.map((name) => {
    const [a, b] = [colour(name), colour('--paper')].sort((p, q) => q - p);
    return (a + 0.05) / (b + 0.05);
  });
})()
"""


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_enough_contrast(dark: bool, show: Show) -> None:
    tab = show(*GRIEWANK)
    tab.screen(1280, 800, dark=dark)
    assert min(tab.evaluate(CONTRAST)) >= 4.5  # WCAG 2.2, 1.4.3


NAMES = ["griewank", "newton_sqrt", "four_layer_network", "pendulum", "puma_arm", "sigmoid_neuron"]


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wider_than_the_screen(name: str, size: tuple[int, int], show: Show) -> None:
    problem = dk.problems[name]
    tab = show(problem, problem.points[0])
    tab.screen(*size, mobile=size[0] < 500)
    mode(tab, "reverse")
    tab.press("End")
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    # Text in a node stays inside it.
    spilling = """[...document.querySelectorAll('.node')].filter(g => {
        const room = g.querySelector('rect:last-of-type').getBoundingClientRect();
        return [...g.querySelectorAll('text')].some(t => t.textContent &&
            t.getBoundingClientRect().width > room.width);
    }).map(g => g.textContent)"""
    assert tab.evaluate(spilling) == []
