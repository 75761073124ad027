"""``mqbench compare``: the cases of a stored run with each other, or with those of another run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli import complete
from bench.cli.options import with_shape
from bench.cli.output import print_page
from bench.cli.show import load_timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.cell import Cell
    from bench.results import Run

EPILOG = """\b
Examples:
  mqbench compare results/RUN                               every case against the first
  mqbench compare results/RUN --reference "aioamqp uvloop"  against another
  mqbench compare results/LAST_WEEK results/TODAY           advisory
  mqbench compare results/LAST_WEEK results/TODAY --allow broker_version

\b
Exit codes:
  0 compared      3 every cell is inconclusive
  1 a row is invalid      4 refused: machines, brokers, workloads or guarantees differ
  2 usage
"""


@click.command(epilog=EPILOG)
@click.argument("base", metavar="RUN", type=click.Path(path_type=Path), shell_complete=complete.runs)
@click.argument(
    "other", metavar="[RUN]", required=False, type=click.Path(path_type=Path), shell_complete=complete.runs
)
@click.option(
    "--reference",
    metavar="WORDS",
    help="Compare with the case that these name: a client, a loop, a point, a number  [default: the first]",
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="FIELD",
    help="Compare what differs in this all the same; may be given again.",
)
@with_shape("table", "markdown", "json", "csv")
def compare(
    base: Path, other: Path | None, reference: str | None, allowed: tuple[str, ...], shape: str
) -> None:
    """Compare the cases of a stored RUN with each other, or with those of a second RUN.

    Within a run every case stands against a reference, paired within rounds, and the intervals hold all at
    once. Two runs are compared only where the fingerprints of their machines, their brokers, workloads and
    guarantees agree, and what comes of it is advisory.
    """
    from bench.contrast.across import across
    from bench.contrast.within import within
    from bench.errors import UsageError

    first = load_timed(base)
    if other is None:
        seed = int(first.facts.get("seed", 0))
        cells = within(first.rows, first.slice_rows, reference=reference, allowed=allowed, seed=seed)
        _print(cells, [first], shape)
    elif reference is not None:
        raise UsageError("--reference names a case within one run; of two runs the first is the reference")
    else:
        second = load_timed(other)
        cells = across((first.facts, first.rows), (second.facts, second.rows), allowed=allowed)
        _print(cells, [first, second], shape)
    outcomes = {cell.outcome for cell in cells}
    sys.exit(1 if "invalid" in outcomes else 0 if any(cell.decided for cell in cells) else 3)


def _print(cells: Sequence[Cell], runs: Sequence[Run], shape: str) -> None:
    from bench.report import contrast, summary, versus, words

    advisory = len(runs) > 1
    if shape == "json":
        click.echo(contrast.as_json(cells, advisory=advisory, runs=[run.folder.name for run in runs]))
    elif shape == "csv":
        click.echo(versus.as_csv(cells), nl=False)
    else:
        notes = [note for run in runs for note in words.warnings(summary.summarise(run.rows))]
        page = contrast.page(cells, advisory=advisory, notes=dict.fromkeys(notes))
        page.say(words.measured_on(runs[0].facts))
        print_page(page, shape)
