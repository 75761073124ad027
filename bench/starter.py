"""The files that a project starts its gate with: a commented mqbench.toml and a workflow for GitHub."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from bench import catalogue, environments
from bench.errors import UsageError
from bench.gate.gatefile import OWN_FILE
from bench.results import write_text

WORKFLOW = Path(".github/workflows/mqbench.yml")

_GATE = """\
# The gate of `mqbench check`: is this client slower than it was?
# The same keys may stand under [tool.mqbench] in pyproject.toml instead.

{sides}
# A slow-down that passes no more. Less than 1 % is never called slower.
margin = "5%"

# Time for each cell: 4/10 for a first look, the rest for fresh rounds of what looked slower.
# Or fixed: rounds = [6, 10]
budget = "60s"

# What is measured: times; or the work of a message, counted by valgrind, which needs no budget and no quiet
# machine, and says nothing about time.
# meter = "instructions"

# "embedded" is the same everywhere and good for the cost of a client; "native" starts an installed server,
# "docker" a container, a URL uses a broker that runs.
broker = "embedded"

# loop = "uvloop"
# python = "3.13"

# What is measured: scenarios by name (`mqbench list scenarios`) or files of your own.
cells = [
    "headline",
    # {{ scenario = "publish", margin = "10%", loop = "asyncio", set = {{ payload_bytes = 1024 }} }},
]
"""

_CHECKOUT = """\
# What the candidate is compared with, measured again in the same job: a ref of this repository, or a release
# such as "{client}==1.2.3". The candidate is this checkout.
base = "git:origin/main"
# client = "{client}"          # if pyproject.toml names it otherwise
# checkout = "clients/here"    # if the client is not at the top
"""

_RELEASES = """\
# What is compared, both measured in the same job. A checkout is written "{client} @ file:///path/to/it".
base = "{client}{pin}"
candidate = "{client}"
"""

_WORKFLOW = """\
# Is a pull request slower than its base? Exit codes: 0 pass, 1 regression, 3 inconclusive, 5 unfit machine,
# 6 a cell was not measured or lost messages.
name: mqbench

on:
  pull_request:

permissions:
  contents: read

jobs:
  check:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0  # the base is a commit of this repository
      - uses: astral-sh/setup-uv@v6
      - name: Compare with the base
{env}        run: {mqbench} check{option} --junit mqbench.xml
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: mqbench
          path: |
            mqbench.xml
            results/
"""


_BASE = """\
          BASE: git:origin/${{ github.base_ref }}
"""
_SOURCE = """\
          # Where CI gets mqbench from: a release, or a commit (mqbench @ git+https://HOST/REPOSITORY@COMMIT).
          # With mqbench among the dev dependencies, leave this out and run: uv run mqbench check
          MQBENCH: {source}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was written, and whose gate it is; ``has_source`` where the workflow can install this mqbench."""

    files: tuple[Path, ...]
    client: str
    checkout: bool
    has_source: bool


def start(folder: Path, client: str | None, *, force: bool) -> Started:
    """Writes both files below a folder; raises UsageError or UnknownNameError before it wrote either.

    Without ``client`` it is the project in the folder, if there is an adapter for it.
    """
    known, own = catalogue.clients(), _project(folder)
    name = canonicalize_name(client) if client is not None else own
    if name is None or name not in known:
        if client is not None:
            raise catalogue.unknown_client(client)
        raise UsageError(
            f"this folder is no client that mqbench has an adapter for; say which with --client: "
            f"{', '.join(sorted(known))}"
        )
    here = name == own
    chosen = _chosen(folder)
    source = "" if chosen is not None else environments.pinned("mqbench")
    texts = {OWN_FILE: _gate(name, here=here), WORKFLOW: _workflow(chosen, source, here=here)}
    there = [str(path) for path in texts if (folder / path).exists()]
    if there and not force:
        raise UsageError(f"there is {' and '.join(there)} already; --force writes over it")
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_text(folder / path, text)
    return Started(files=tuple(texts), client=name, checkout=here, has_source=source is not None)


def _gate(client: str, *, here: bool) -> str:
    version = environments.installed_version(client) if client != "memory" else None
    sides = _CHECKOUT if here else _RELEASES
    pin = f"=={version}" if version else ""
    return _GATE.format(sides=sides.format(client=client, pin=pin))


def _workflow(chosen: str | None, source: str | None, *, here: bool) -> str:
    """``chosen`` are uv's options for the project's own mqbench; without, it is installed from ``source``."""
    env = _BASE if here else ""
    if chosen is None:
        env += _SOURCE.format(source=source or f"mqbench=={environments.installed_version('mqbench')}")
    return _WORKFLOW.format(
        env=f"        env:\n{env}" if env else "",
        mqbench='uvx --from "$MQBENCH" mqbench' if chosen is None else f"uv run{chosen} mqbench",
        option=' --base "$BASE"' if here else "",
    )


def _chosen(folder: Path) -> str | None:
    """The options with which ``uv run`` has the mqbench that a project depends on; None where it does not."""
    whole = _pyproject(folder)
    project = whole.get("project", {})
    if _names_mqbench(project.get("dependencies")):
        return ""
    for option, lists in (
        ("group", whole.get("dependency-groups", {})),
        ("extra", project.get("optional-dependencies", {})),
    ):
        for name, requirements in lists.items():
            if _names_mqbench(requirements):
                return "" if (option, name) == ("group", "dev") else f" --{option} {name}"
    return None


def _names_mqbench(requirements: Any) -> bool:
    words = (word for word in requirements or () if isinstance(word, str))
    return any(re.match(r"mqbench(?![\w.-])", word, re.IGNORECASE) for word in words)


def _pyproject(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def _project(folder: Path) -> str | None:
    """The distribution that a folder is the source of; None where it says none."""
    whole = _pyproject(folder)
    name = whole.get("project", {}).get("name") or whole.get("tool", {}).get("poetry", {}).get("name")
    return canonicalize_name(name) if isinstance(name, str) else None
