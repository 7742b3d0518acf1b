"""How Sphinx builds the site: ``make docs`` writes it to docs/_build/html, without a network."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # the checkout, and not another version

from sphinx.errors import ExtensionError

import diffkit

project = "diffkit"
author = copyright = "diffkit contributors"
version = release = diffkit.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

# Single backticks in docstrings name code of any kind, not only what has a page here.
default_role = "code"
smartquotes_action = "D"  # dashes; quotation marks stay as they are typed
toc_object_entries_show_parents = "hide"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# The docstrings tell what arguments are; nearly every annotation of an operator is Any.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# A method that only overrides one of the base class is described there.
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autosummary_generate = True
# Some file systems cannot tell dk.Function from dk.function.
autosummary_filename_map = {
    f"diffkit.{name}": f"diffkit.{name}_class"
    for name in diffkit.__all__
    if name[0].isupper() and name.lower() in diffkit.__all__
}
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]  # one entry may name two of them

# References are checked among our own pages; those to Python and other packages would need their
# inventories from a network.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!diffkit).*")]

html_theme = "pydata_sphinx_theme"
html_title = "diffkit"
html_static_path = ["_static"]
html_css_files = ["diffkit.css"]
html_copy_source = html_show_sourcelink = False
html_context = {"default_mode": "auto"}
html_sidebars = {"index": []}
html_theme_options = {
    "logo": {"text": "diffkit"},
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "navigation_with_keys": False,
}
# Commands without their prompt and output; and of what is printed there is nothing to copy.
copybutton_selector = "div:not(.highlight-text) > div.highlight > pre"
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

# Results are read, not made: how they are constructed is of no interest.
_RESULTS = ("Comparison", "Estimate", "Reference", "Swell", "Tape", "Trace", "Verdict")
_RUNNER = ("Run", "Results", "Difference")


def _signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    made_by_us = what == "class" and name.rpartition(".")[2] in (*_RESULTS, *_RUNNER)
    return ("", "") if made_by_us else None


def _as_written(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep reStructuredText and napoleon from reading into a docstring what is not meant."""
    # A magnitude |x| outside of code is no substitution.
    lines[:] = [re.sub(r"(``.*?``|`.*?`)|\|", lambda m: m[1] or r"\|", line) for line in lines]
    if what == "property":  # an attribute may begin with its type and a colon; here none does
        lines[:0] = ["..", ""]


def _as_typed(app: Any, context: Any, lines: list[str]) -> None:
    """Show the examples of a command as code; sphinx-click makes lines of verse of them."""
    out: list[str] = []
    for line in lines:
        code = line.startswith("|   ")
        if code and not (out and out[-1].startswith("   ")):
            out += ["", "::", ""]
        out.append(line[1:] if code else _with_options(line.removeprefix("| ")))
    lines[:] = out


def _help_as_typed(app: Any, context: Any, lines: list[str]) -> None:
    lines[:] = [line if line.startswith("..") else _with_options(line) for line in lines]


def _with_options(text: str) -> str:
    """--at in a sentence is an option, and no dash."""
    return re.sub(r"(`+.*?`+)|--[a-z][a-z-]*", lambda m: m[1] or f"``{m[0]}``", text)


def _require_offline(app: Any, exception: Exception | None) -> None:
    """No page may ask a network for scripts, styles or pictures."""
    remote = re.compile(r"""<(?:script|link|img|iframe)[^>]*\s(?:src|href)=["'](?:https?:)?//""")
    for page in Path(app.outdir).rglob("*.html"):
        if found := remote.search(page.read_text(encoding="utf-8")):
            raise ExtensionError(f"{page.name} needs a network: {found[0]}")


def setup(app: Any) -> None:
    app.connect("autodoc-process-signature", _signature)
    app.connect("sphinx-click-process-description", _as_typed)
    app.connect("sphinx-click-process-options", _help_as_typed)
    app.connect("build-finished", _require_offline)
    app.connect("autodoc-process-docstring", _as_written, priority=400)
