"""The explorer in a browser, as a student uses it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from ..explore.processes import alive, children, eventually
from .chromium import Connection, find
from .explorer import Explorer, explorer, until

pytestmark = pytest.mark.skipif(find() is None, reason="there is no Chromium on this machine")

# Takes about ten seconds: the certified Hessian of a product of 39 sums.
LONG = "*".join(f"(x+{k}*y+sin(x*y))" for k in range(1, 40))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with explorer() as served:
        yield served


@pytest.fixture(scope="module")
def tab(connection: Connection, server: tuple[str, subprocess.Popen[str]]) -> Explorer:
    return Explorer(connection, server[0])


@pytest.fixture
def page(tab: Explorer) -> Iterator[Explorer]:
    tab.screen(1280, 800)
    tab.visit()
    yield tab
    assert tab.complaints == []
    assert tab.strangers == []


def certified(page: Explorer, backend: str) -> list[str]:
    """The row of a backend once its error is certified and all is done."""

    def row() -> list[str]:
        cells = page.cells(backend)
        return cells if page.is_done() and len(cells) > 2 and cells[2] not in ("", "…") else []

    return until(row)


def shows(page: Explorer, value: str) -> bool:
    return page.text(".f-value") == f"f = {value}" and page.is_done()


def test_the_first_example_is_there_at_once_with_every_panel(page: Explorer) -> None:
    # exp(1) sin(0.5) and exp(1) cos(0.5), by mpmath with 30 digits
    assert "1.3032137296869954" in page.cells("certified")[1]
    assert "2.3855167309591354" in page.cells("certified")[1]
    assert float(certified(page, "reverse")[2]) < 2
    for name in ("steps", "swell"):
        until(lambda name=name: page.evaluate(f"!!document.querySelector('.{name} .main-svg')"))
    assert "exp" in page.text("#trace-markup")
    assert page.evaluate("document.querySelectorAll('#graph-markup svg').length") == 1


def test_a_typed_function_is_differentiated_where_the_fields_say(page: Explorer) -> None:
    """The example of the lecture: z = x1 x2 + sin x1 at (2, 3) has the gradient (3 + cos 2, 2)."""
    page.type("x1*x2 + sin(x1)")
    until(lambda: page.evaluate("document.querySelectorAll('input[type=number]').length") == 2)
    until(lambda: page.text(".variable label") == "x1 =")
    for name, value in (("x1", "2"), ("x2", "3")):
        page.type(value, f"[id*='{name}'][type=number]")
    until(lambda: shows(page, "6.9092974268256819"))  # 6 + sin 2, 17 digits
    assert "2.583853163452857" in certified(page, "reverse")[1]
    assert "2.0" in certified(page, "reverse")[1]
    assert "x1%3D2.0%2Cx2%3D3.0" in page.evaluate("location.search")


def test_an_address_opens_what_it_was_copied_from(page: Explorer) -> None:
    page.visit("?function=x**3&at=x=2&order=2")
    until(lambda: shows(page, "8"))
    assert certified(page, "forward")[1] == "12.0"
    assert page.evaluate("document.querySelector('#function').value") == "x**3"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("__import__('os').system('id')", "Character 12:"),
        ("<img src=x onerror=document.title=1>", "Character 9:"),
        ("x + 2 )", "Character 7:"),
        ("x^2", "**"),
    ],
)
def test_a_bad_expression_gets_its_marked_message_in_place(
    page: Explorer, text: str, reason: str
) -> None:
    page.type(text)
    until(lambda: reason in page.text("#message"))
    excerpt = page.evaluate("document.querySelector('#message pre').textContent")
    assert text[:20] in excerpt
    assert excerpt.rstrip().endswith("^")
    assert page.evaluate("document.querySelectorAll('#message img').length") == 0
    assert page.evaluate("document.title") == "diffkit explore"
    until(lambda: page.evaluate("document.querySelector('#function').ariaInvalid") == "true")
    page.type("x + 2")
    until(lambda: page.text("#message") == "" and shows(page, "3"))


def test_after_ten_quick_edits_the_last_one_is_answered_and_no_process_is_left_over(
    page: Explorer, server: tuple[str, subprocess.Popen[str]]
) -> None:
    page.evaluate("document.querySelectorAll('#order input')[1].click()")
    before = len(children(server[1].pid))
    for k in range(9):
        page.type(f"{LONG} + {k}")
        until(
            lambda k=k: page.evaluate("document.querySelector('#function').value").endswith(str(k))
        )
        page.evaluate("document.querySelector('#function').blur()")  # takes an edit at once
    page.type("x*y**2 + 9")
    until(lambda: shows(page, "9.25"))
    assert certified(page, "reverse")[1].split() == ["x", "x0.0", "x", "y1.0", "y", "y2.0"]
    assert eventually(lambda: len(children(server[1].pid)) <= before)


def test_a_long_computation_shows_its_progress_and_can_be_cancelled(
    page: Explorer, server: tuple[str, subprocess.Popen[str]]
) -> None:
    page.evaluate("document.querySelectorAll('#order input')[1].click()")
    page.type(LONG)
    # What was there before is computed a second time first, and may be cancelled instead.
    until(lambda: "x%2B1%2Ay" in page.evaluate("location.search"))
    until(lambda: page.text("#progress").startswith("Computing"))
    page.click("#cancel")
    until(lambda: page.text("#progress") == "Cancelled")
    assert page.evaluate("document.querySelector('#cancel').disabled")
    page.type("x*y")
    until(lambda: shows(page, "0.5"))


def test_the_slider_and_the_number_move_together(page: Explorer) -> None:
    page.visit("?function=x**2&at=x=1")
    page.evaluate("document.querySelector('[role=slider]').focus()")
    for _ in range(3):
        page.press("ArrowRight")

    def number() -> float:
        return float(page.evaluate("document.querySelector('input[type=number]').value"))

    until(lambda: number() > 1 and page.text(".f-value") == f"f = {number() ** 2:.17g}")


def test_every_control_is_reached_by_the_keyboard_and_has_a_name(page: Explorer) -> None:
    until(lambda: page.evaluate("!!document.querySelector('[role=slider]')?.ariaLabel"))
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, button, [role=slider]')].filter("
        "e => e.offsetParent !== null && !(e.labels?.length || e.ariaLabel || e.innerText.trim()))"
        ".map(e => e.outerHTML)"
    )
    assert unnamed == []
    page.evaluate("document.querySelector('#function').focus()")
    reached = set()
    for _ in range(20):
        page.press("Tab")
        reached.add(page.evaluate("document.activeElement.type ?? document.activeElement.role"))
    assert {"number", "slider", "radio", "button"} <= reached


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_nothing_is_wider_than_the_screen_and_text_shows_on_its_ground(
    page: Explorer, size: tuple[int, int], dark: bool
) -> None:
    page.screen(*size, dark=dark, mobile=size[0] < 500)
    page.visit("?function=(sin(x1/x2)%2Bx1/x2-exp(x2))*(x1/x2-exp(x2))&at=x1=1.5,x2=0.5&order=2")
    until(lambda: page.evaluate("!!document.querySelector('.steps .xtick text')"))
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for place, of in (
        (".steps .xtick text", "fill"),
        (".values tr:last-child td", "color"),
        ("h2", "color"),
    ):
        colour = f"getComputedStyle(document.querySelector('{place}')).{of}"
        red = int(page.evaluate(colour).split("(")[1].split(",")[0])
        assert (red > 150) == dark


def test_the_server_ends_with_all_its_processes() -> None:
    with explorer() as (_, process):
        assert eventually(lambda: len(children(process.pid)) == 2)
        left = children(process.pid)
    assert process.returncode == 0
    assert not any(alive(pid) for pid in left)
