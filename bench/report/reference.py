"""The tables of the documents that are generated from code: ``python -m bench.report.reference`` writes them.

A generated table stands between ``<!-- name -->`` and ``<!-- /name -->``; a test compares.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.arrivals import Schedule
from bench.catalogue import clients, grouped
from bench.handler import Handler
from bench.loops import LOOPS
from bench.mix import Mix
from bench.scenario import Scenario
from bench.schema import (
    CAPACITY_COLUMNS,
    COMPARISON_COLUMNS,
    LEDGER_COLUMNS,
    LEDGER_ROUND_COLUMNS,
    PROFILE_COLUMNS,
    SLICE_COLUMNS,
    SOAK_COLUMNS,
    STEP_COLUMNS,
    SWEEP_COLUMNS,
    TRIAL_COLUMNS,
    TUNE_COLUMNS,
    WORK_COMPARISON_COLUMNS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.catalogue import ScenarioEntry
    from bench.schema import Column

ROOT = Path(__file__).parent.parent.parent
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Handler: "none, sleep:TIME or cpu:TIME; TIME may be drawn: TIME-TIME (even) or TIME~exponential",
    Mix: "SIZE:WEIGHT or SIZE-SIZE:WEIGHT, several joined by +; or file:PATH",
    Schedule: "RATE:TIME or RATE-RATE:TIME, several joined by +",
}


def markdown(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def client_table() -> str:
    rows = [
        (
            entry.name,
            entry.abilities.protocol,
            ", ".join(entry.abilities.guarantees),
            f"each {entry.abilities.ordering}'s messages",
            f"`{entry.how_to_get}`" if entry.abilities.distribution else entry.how_to_get,
        )
        for entry in clients().values()
    ]
    return markdown(("client", "protocol", "guarantees", "order is promised for", "how to get it"), rows)


def trouble_table() -> str:
    rows = [
        (entry.name, loop, sentence)
        for entry in clients().values()
        for loop, sentence in entry.abilities.trouble
    ]
    return markdown(("client", "loop", "what is known"), rows)


def loop_table() -> str:
    rows = [
        (loop.name, loop.summary, f"`{loop.how_to_get}`" if loop.distribution else loop.how_to_get)
        for loop in LOOPS.values()
    ]
    return markdown(("loop", "what it is", "how to get it"), rows)


def scenario_table() -> str:
    """A line a group: the questions are in ``mqbench list scenarios`` and on the page of scenarios."""
    rows = [
        (heading, ", ".join(f"`{entry.name}`" for entry in entries)) for heading, entries in grouped().items()
    ]
    return markdown(("about", "scenarios"), rows)


def scenario_page() -> str:
    """Every scenario with its question, what it sets and how it is run, by groups."""
    parts = [
        "# Scenarios",
        (
            "A scenario is one question, in a file of a few lines. Every field of it can be changed with "
            "`--set`, and `mqbench sweep` varies one. What a scenario does not name has the default of "
            "[its field](fields.md)."
        ),
    ]
    for heading, entries in grouped().items():
        parts.append(f"## {heading}")
        for entry in entries:
            parts += [f"### {entry.name}", entry.question, f"```sh\nmqbench run {entry.name}\n```"]
            parts.append(markdown(("field", "value"), _fixed(entry)))
    return "\n\n".join(parts) + "\n"


def _fixed(entry: ScenarioEntry) -> list[tuple[str, str]]:
    """What a scenario sets, and the values of what it varies."""
    plain, points = Scenario().to_json(), [point.to_json() for point in entry.points]
    rows = []
    for name, default in plain.items():
        values = list(dict.fromkeys(str(point[name]) for point in points))
        if values != [str(default)]:
            rows.append((f"`{name}`", ", ".join(values)))
    return rows or [("all", "their defaults")]


def columns(table: Sequence[Column]) -> str:
    return markdown(("column", "meaning"), [(f"`{column.name}`", column.meaning) for column in table])


def scenario_fields() -> str:
    meanings = field_meanings()
    rows = [
        (f"`{name}`", f"`{_default(value)}`", _kind(name, value), meanings[name])
        for name, value in ((field.name, field.default) for field in fields(Scenario))
    ]
    return markdown(("field", "default", "takes", "meaning"), rows)


def field_meanings() -> dict[str, str]:
    """What the docstring of a scenario says of each field: its names, two blanks or more, its meaning."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (inspect.getdoc(Scenario) or "").splitlines()[1:]:
        entry = re.match(r"(\w+(?:, \w+)*) {2,}(\S.*)", line)
        if entry is not None:
            names = entry[1].split(", ")
            found |= dict.fromkeys(names, entry[2])
        else:
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return {name: meaning.replace("``", "`") for name, meaning in found.items()}


def _default(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _kind(name: str, default: Any) -> str:
    if name in Scenario.CHOICES:
        return ", ".join(Scenario.CHOICES[name])
    return _KINDS.get(Scenario.OPTIONAL.get(name, type(default)), "text")


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "clients": client_table,
        "trouble": trouble_table,
        "loops": loop_table,
        "scenarios": scenario_table,
    },
    "results/README.md": {
        "trial columns": partial(columns, TRIAL_COLUMNS),
        "slice columns": partial(columns, SLICE_COLUMNS),
        "step columns": partial(columns, STEP_COLUMNS),
        "comparison columns": partial(columns, COMPARISON_COLUMNS),
        "sweep columns": partial(columns, SWEEP_COLUMNS),
        "tune columns": partial(columns, TUNE_COLUMNS),
        "capacity columns": partial(columns, CAPACITY_COLUMNS),
        "soak columns": partial(columns, SOAK_COLUMNS),
        "work columns": partial(columns, WORK_COMPARISON_COLUMNS),
        "profile columns": partial(columns, PROFILE_COLUMNS),
        "ledger columns": partial(columns, LEDGER_COLUMNS),
        "ledger round columns": partial(columns, LEDGER_ROUND_COLUMNS),
    },
}


def rewritten(document: str, tables: dict[str, Callable[[], str]]) -> str:
    """The document with its generated tables made anew; ValueError where a table has no place."""
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(document):
            raise ValueError(f"the document has no place for the table {name!r}")
        fresh = f"{begin}\n{table()}\n{end}"
        document = pattern.sub(lambda _, fresh=fresh: fresh, document)  # type: ignore[misc]
    return document


if __name__ == "__main__":
    for name, tables in TABLES.items():
        path = ROOT / name
        path.write_text(rewritten(path.read_text(encoding="utf-8"), tables), encoding="utf-8")
