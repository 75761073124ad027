"""``mqbench history``: what was measured before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import RESULTS, with_shape
from bench.cli.output import print_page, to_stderr

if TYPE_CHECKING:
    from bench.report.history import Entry
    from bench.results import Run

EPILOG = """\b
Examples:
  mqbench history                          every run under results/, by machine
  mqbench history aio-pika uvloop          those that say both words
  mqbench history 2026-11 --format csv     those of a month
  mqbench history --under archive          another folder
"""


@click.command(epilog=EPILOG)
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option(
    "--under",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="Where to look for runs; may be given again  [default: results]",
)
@with_shape("table", "markdown", "json", "csv")
def history(words: tuple[str, ...], under: tuple[Path, ...], shape: str) -> None:
    """List stored runs with their headline, those of one fingerprint together, oldest first.

    Each WORD must be somewhere in the line, the run's clients, loops and brokers, or its command.
    """
    from bench import archive
    from bench.report import history as told
    from bench.report.words import measured_on

    runs, problems = archive.find(under, default=RESULTS)
    groups = []
    for machine in archive.machines(runs):
        lines = [(_entry(machine.id, run), run) for run in machine.runs]
        found = [line for line, run in lines if told.matches(line, _searchable(run), words)]
        if found:
            where = measured_on({"fingerprint": machine.facts.get("fingerprint", {})})
            groups.append((f"Machine {machine.id}: {where.partition(', ')[2]}", found))
    entries = [entry for _, found in groups for entry in found]
    if shape == "json":
        click.echo(told.as_json(entries))
    elif shape == "csv":
        click.echo(told.as_csv(entries), nl=False)
    else:
        print_page(told.page(groups), shape)
    for problem in problems:
        to_stderr(f"left out: {problem}")


def _entry(machine: str, run: Run) -> Entry:
    from bench.report.history import entry

    return entry(machine, run.folder.name, run.facts, run.rows, _verdict(run))


def _verdict(run: Run) -> str | None:
    """What a comparison or a question came to; None where the headline is a rate."""
    from bench import results
    from bench.cell import Cell
    from bench.report.history import compared

    if (path := run.folder / results.COMPARISON).is_file() and (stored := results.read_table(path)):
        return compared([Cell.from_row(row) for row in stored])
    if "question" in run.facts:
        from bench.answers import stored_answer

        answer = stored_answer(run.facts, run.rows, results.read_table(run.folder / results.SLICES))
        return next(iter(answer.sentences), None) if answer is not None else None
    return None


def _searchable(run: Run) -> str:
    names = ("point", "client", "client_version", "consumer_client", "loop", "broker_kind", "broker_version")
    words = {str(row[name]) for row in run.rows for name in names if row.get(name) is not None}
    return " ".join((*sorted(words), *map(str, run.facts.get("command", ()))))
