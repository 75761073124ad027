"""``mqbench trend``: did it get better since."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import RESULTS, with_shape
from bench.cli.output import print_page, to_stderr
from bench.cli.show import stored_folder

EPILOG = """\b
Examples:
  mqbench trend                             every cell that results/ has more than once
  mqbench trend results/A results/B results/C
  mqbench trend --cell aio-pika --cell uvloop
  mqbench trend --format csv > trend.csv
"""


@click.command(epilog=EPILOG)
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--cell", "words", multiple=True, metavar="WORD", help="Only cells that say this; may be given again."
)
@with_shape("table", "markdown", "json", "csv")
def trend(runs: tuple[Path, ...], words: tuple[str, ...], shape: str) -> None:
    """Follow the same cell over stored runs of one fingerprint, and say where its level changed: advisory.

    RUN is a run folder, or a folder of them; results/ if none is named. Versions of the client may differ
    among the runs of a cell, and nothing else. A new level takes at least three runs on each side.
    """
    from bench import archive
    from bench import trend as following
    from bench.report import trend as told

    stored, problems = archive.find([stored_folder(run) for run in runs], default=RESULTS)
    found = [
        one
        for machine in archive.machines(stored)
        for one in following.series(
            machine.id, [(run.folder.name, run.facts, run.rows) for run in machine.runs]
        )
        if all(word.casefold() in one.name.casefold() for word in words)
    ]
    several = [one for one in found if len(one.moments) > 1]
    if shape == "json":
        click.echo(told.as_json(several))
    elif shape == "csv":
        click.echo(told.as_csv(several), nl=False)
    else:
        print_page(told.page(several, lone=len(found) - len(several)), shape)
    for problem in problems:
        to_stderr(f"left out: {problem}")
