"""The documents: built without a warning, asking nobody for anything, and every command in them exists.

tests/test_shown.py runs the commands. ``<!-- file NAME -->`` before a block puts it there as a file.
"""

from __future__ import annotations

import html
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from documented import DOCS, PAGES, ROOT, WITH_COMMANDS, commands, shell_lines, spans, understood

from bench import catalogue, errors, schema
from bench.cli import main
from bench.scenario import Scenario

# The commands of others that a page may show.
OTHERS = {"make", "source", "cp", "export", "eval", "uv"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=named)
def test_every_command_in_a_document_is_one_that_there_is(path: Path) -> None:
    targets = set(re.findall(r"^([\w./]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in shell_lines(path):
        words = shlex.split(line, comments=True)
        if words[0] == "mqbench":
            check_names(line)
        elif "mqbench" in line and "_MQBENCH_COMPLETE" in line:
            assert re.search(r"_MQBENCH_COMPLETE=(bash|zsh|fish)_source mqbench\b", line)
        else:
            assert words[0] in OTHERS, line
            assert words[0] != "make" or words[1] in targets, line


def check_names(line: str) -> None:
    asked = understood(line).params
    for name in asked.get("scenarios") or ():
        if not name.endswith(".py"):
            catalogue.find_scenario(name)
    for client in (*(asked.get("clients") or ()), *filter(None, [asked.get("client")])):
        if not client.endswith(".py"):
            catalogue.find_client(client)


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=named)
def test_every_command_within_a_sentence_is_one_that_there_is(path: Path) -> None:
    known = {name for name, _ in commands()}
    for span in spans(path):
        assert " ".join(span.split()[:2]) in known, span


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 200


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="the documentation is built where its group is installed")
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"),
            *("-d", str(folder / "doctrees"), str(DOCS), str(folder / "html")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


class Requests(HTMLParser):
    """What a browser fetches for a page by itself: not where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        for name in ("src", "srcset", "data", "poster"):
            if named.get(name):
                self.found.append(str(named[name]))
        if tag == "link" and named.get("rel") not in {"search", "next", "prev", "author", "canonical"}:
            self.found.append(str(named.get("href")))


def test_no_page_asks_anybody_for_anything(built: Path) -> None:
    pages = sorted(built.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for path in pages:
        requests = Requests()
        requests.feed(path.read_text())
        assert requests.found
        for address in requests.found:
            assert not re.match(r"(\w+:)?//", address), f"{path.name} fetches {address}"
    for style in built.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text()), style.name


def test_the_method_is_included_and_its_links_lead_to_pages(built: Path) -> None:
    page = (built / "explanation" / "method.html").read_text()
    for heading in re.findall(r"^## (.*)$", (ROOT / "METHOD.md").read_text(), re.MULTILINE):
        assert html.escape(heading) in page
    assert 'href="../reference/generated/columns.html"' in page


def generator() -> Any:
    spec = spec_from_file_location("generated", DOCS / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_has_every_command_field_column_and_exit_code() -> None:
    pages = generator().pages()
    for name, command in commands():
        assert f"## {name}\n" in pages["cli"]
        for option in command.params:
            assert all(word in pages["cli"] for word in option.opts if word.startswith("--"))
            assert option.envvar is None or f"| `{option.envvar}` |" in pages["cli"]
    for field in Scenario().to_json():
        assert f"| `{field}` |" in pages["fields"]
    tables = {name: table for name, table in vars(schema).items() if name.endswith("_COLUMNS")}
    assert {"TRIAL_COLUMNS", "SLICE_COLUMNS", "COMPARISON_COLUMNS"} <= set(tables)
    for column in (column for table in tables.values() for column in table):
        assert f"| `{column.name}` |" in pages["columns"]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.BenchError)}
    for code in codes | {0, 130}:
        assert f"| **{code}** |" in pages["exit-codes"]


def test_what_help_says_is_what_the_reference_says() -> None:
    shown = CliRunner().invoke(main, ["doctor", "--help"], prog_name="mqbench", terminal_width=96).output
    assert shown.strip() in generator().pages()["cli"]
