"""The CSV that Apache Otava reads, a line a run, and the configuration that names its columns. Pure."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.exports.cases import Exported

Line: TypeAlias = "tuple[str, Mapping[str, Any], Sequence[Exported]]"
"""A run: its name, run.json, and its cases."""
_ATTRIBUTES = ("run", "mqbench_version")


def columns(runs: Sequence[Line]) -> tuple[list[str], list[str]]:
    """The cases that every run has, which are columns, and those that some lack (no cell may be empty)."""
    names = list(dict.fromkeys(case.name for _, _, cases in runs for case in cases))
    everywhere = [
        name for name in names if all(name in {case.name for case in cases} for _, _, cases in runs)
    ]
    return everywhere, [name for name in names if name not in everywhere]


def document(runs: Sequence[Line]) -> str:
    """Runs by name, run.json and cases; lines in the order of their times, rates in messages per second."""
    names, _ = columns(runs)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("time", *_ATTRIBUTES, *names))
    for name, facts, cases in sorted(runs, key=lambda run: str(run[1].get("started_at"))):
        rates = {case.name: case.rate_per_s for case in cases}
        values = (f"{rates[column]:.6g}" for column in names)
        writer.writerow((facts.get("started_at"), name, facts.get("mqbench_version"), *values))
    return text.getvalue()


def configuration(runs: Sequence[Line], file: str) -> str:
    """The ``otava.yaml`` for ``otava analyze mqbench``; JSON, which is YAML too."""
    names, _ = columns(runs)
    test = {
        "type": "csv",
        "file": file,
        "time_column": "time",
        "attributes": list(_ATTRIBUTES),
        "metrics": {name: {"column": name, "direction": 1, "scale": 1} for name in names},
    }
    return json.dumps({"tests": {"mqbench": test}}, indent=2, ensure_ascii=False) + "\n"
