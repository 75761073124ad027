"""``mqbench doctor``: is this machine fit to measure on, and what is here to measure with."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from bench.cli.options import with_shape, with_view
from bench.cli.output import console, interruptible, live

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.brokers import ListedBroker
    from bench.doctor import Tool
    from bench.fitness import Check

UNFIT = 5
_STYLES = {
    "fit": "green",
    "doubtful": "yellow",
    "unfit": "bold red",
    "unknown": "dim",
    "here": "green",
    "missing": "yellow",
}

EPILOG = """\b
Examples:
  mqbench doctor                        all of it, in about half a minute
  mqbench doctor --quick                without the noise run, in three seconds
  mqbench doctor --quick --format json  for a script

\b
Exit codes:
  0 fit, perhaps with doubts      5 unfit: a rate measured here would mislead
  2 usage                         130 interrupted
"""


@click.command(epilog=EPILOG)
@click.option("--quick", is_flag=True, help="Leave out the noise run, which takes about 25 seconds.")
@with_view
@with_shape("table", "json")
def doctor(quick: bool, shape: str) -> None:
    """Say whether this machine is fit to measure on, and which brokers and tools are here.

    The noise run lets the memory client take turns with itself and says which difference so few rounds could
    detect. What needs mending is said with how to mend it.
    """
    from bench import doctor as examining
    from bench import fitness
    from bench.brokers import list_brokers

    seen = examining.facts()
    if not quick:
        with live() as (say, tell):
            noise = interruptible(examining.noise(say=say, tell=tell))
        seen = replace(seen, noise=noise)
    found = fitness.checks(seen)
    brokers, tools = list_brokers(), examining.tools()
    if shape == "json":
        whole = {
            "fit": fitness.is_fit(found),
            "summary": fitness.summary(found),
            "checks": [asdict(check) for check in found],
            "brokers": [asdict(one) for one in brokers],
            "tools": [asdict(one) for one in tools],
            "facts": seen.to_json(),
        }
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
    else:
        _print(found, brokers, tools)
        out = console()
        out.print(fitness.summary(found), soft_wrap=not out.is_terminal)
    sys.exit(0 if fitness.is_fit(found) else UNFIT)


def _print(found: Sequence[Check], brokers: Sequence[ListedBroker], tools: Sequence[Tool]) -> None:
    """Three short tables; what mends a thing stands below it, so that it can be copied."""
    _print_part("this machine", [(check.verdict, check.name, check.found, check.mend) for check in found])
    grouped: dict[tuple[bool, str, str], list[str]] = {}
    for one in brokers:
        # What five brokers lack is often one and the same thing.
        why = (one.available, one.detail, "" if one.available else one.mend)
        grouped.setdefault(why, []).append(f"{one.kind} ({one.origin})")
    _print_part(
        "brokers",
        [(_here(here), ", ".join(names), detail, mend) for (here, detail, mend), names in grouped.items()],
    )
    _print_part(
        "tools",
        [(_here(one.available), one.name, f"{one.detail}: {one.use}", one.mend) for one in tools],
    )


def _print_part(title: str, rows: Sequence[tuple[str, str, str, str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("", title, "", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.columns[1].overflow = table.columns[2].overflow = "fold"
    for verdict, name, words, mend in rows:
        said = Text(words)
        if mend:
            said.append(f"\nto mend: {mend}", style="bold")
        table.add_row(Text(verdict, style=_STYLES[verdict]), name, said)
    console().print(table)


def _here(available: bool) -> str:
    return "here" if available else "missing"
