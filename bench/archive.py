"""The runs that are stored under some folders: found, read, and those of one machine together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import results
from bench.errors import ResultsError
from bench.machine import COMPARED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.results import Run

DEPTH = 3
"""Folders within folders that are looked into: results/, and those for reference runs in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The runs of one fingerprint, oldest first. ``id`` is the same on any day and names no host."""

    id: str
    facts: Mapping[str, Any]
    runs: tuple[Run, ...]


def find(roots: Sequence[Path], *, default: Path | None = None) -> tuple[list[Run], list[str]]:
    """Every run under these folders, oldest first, and a sentence for each that cannot be read.

    Without any it is the ``default``, which need not be there; ResultsError for one that was named and is
    not there.
    """
    if missing := [str(root) for root in roots if not root.is_dir()]:
        raise ResultsError(f"there is no folder {', '.join(missing)}; mqbench history lists the runs")
    roots = roots or [root for root in (default,) if root is not None]
    runs: dict[Path, Run] = {}
    problems = []
    for folder in (found for root in roots for found in _folders(root, DEPTH)):
        try:
            runs[folder.resolve()] = results.load(folder)
        except ResultsError as error:
            problems.append(str(error))
    return sorted(runs.values(), key=started), problems


def _folders(root: Path, depth: int) -> Iterator[Path]:
    if (root / results.RUN).is_file():
        yield root
    elif depth and root.is_dir():
        for inner in sorted(path for path in root.iterdir() if path.is_dir()):
            yield from _folders(inner, depth - 1)


def started(run: Run) -> str:
    """When, as run.json has it: text that sorts by time."""
    return str(run.facts.get("started_at") or "")


def machine_id(facts: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits of what must agree before runs are compared (METHOD.md)."""
    found = facts.get("fingerprint", {})
    names = (*COMPARED, "cpu_name") if found.get("cpu_family") is None else COMPARED
    told = json.dumps([(name, found.get(name)) for name in names])
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def machines(runs: Sequence[Run]) -> list[Machine]:
    """The runs by fingerprint, the machine of the newest run last."""
    grouped: dict[str, list[Run]] = {}
    for run in sorted(runs, key=started, reverse=True):
        grouped.setdefault(machine_id(run.facts), []).append(run)
    return [
        Machine(id=name, facts=found[0].facts, runs=tuple(reversed(found)))
        for name, found in reversed(grouped.items())
    ]
