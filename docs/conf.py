"""Sphinx's settings, and the hook that generates the reference from code before anything is read."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import generated  # noqa: E402  # it is beside this file, which Sphinx executes

project = "mqbench"
author = "The mqbench engineers"
release = metadata.version("mqbench")
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
html_theme = "furo"
html_title = f"mqbench {release}"
html_show_copyright = False
html_copy_source = False
html_show_sphinx = False
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}

# Where what METHOD.md links to, from the folder that it lies in, is in these pages.
LINKS = {
    "results/README.md": "/reference/generated/columns.md",
    "METHOD.md": "/explanation/method.md",
}


WITH_LEDGER = (
    "- Asking for evidence: [how often the gate is right](validation.md), from gates whose answer is known."
)


def _relink(_: Sphinx, __: Path, ___: str, content: list[str]) -> None:
    content[0] = re.sub(r"\]\(([^)#]+)", lambda link: f"]({LINKS.get(link[1], link[1])}", content[0])


def _explain(_: Sphinx, page: str, source: list[str]) -> None:
    """Pages that a command writes beside the index, such as that of the ledger, are explanations too."""
    beside = sorted(path.stem for path in HERE.glob("*.md") if path.stem != "index")
    if page == "index" and "validation" in beside:
        what = "- Wondering whether to believe it:"
        source[0] = source[0].replace(what, f"{WITH_LEDGER}\n{what}")
    if page == "explanation/index" and beside:
        listed = "\n".join(f"/{name}" for name in beside)
        source[0] += f"\n```{{toctree}}\n{listed}\n```\n"


def _generate(_: Sphinx) -> None:
    generated.write(HERE / "reference" / "generated")


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", _generate)
    app.connect("include-read", _relink)
    app.connect("source-read", _explain)
