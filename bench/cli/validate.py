"""``mqbench validate``: the ledger of how often the gate is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli import values
from bench.cli.options import with_quiet, with_stages
from bench.cli.output import interruptible, live, note, to_stderr

MAKE_EPILOG = """\b
Examples:
  mqbench validate make results/ledger --equal 300 --for 35m
  mqbench validate make results/ledger --equal 300 --neighbour busy --decided
  mqbench validate make results/ledger --injected 40 --reference 100

\b
It goes on where it was stopped: a gate that is in the ledger is not made again.
"""
EPILOG = """\b
Examples:
  mqbench validate make results/ledger --equal 300
  mqbench validate report results/ledger --page docs/validation.md
"""
REPORT_EPILOG = """\b
Examples:
  mqbench validate report results/ledger --page docs/validation.md
"""


@click.group(epilog=EPILOG)
def validate() -> None:
    """Make gates whose right answer is known, and count how often they are answered right."""


@validate.command(epilog=MAKE_EPILOG)
@click.argument("folder", metavar="LEDGER", type=click.Path(path_type=Path, file_okay=False))
@click.option("--equal", type=click.IntRange(0), default=0, help="Gates of equal sides that there should be.")
@click.option(
    "--injected",
    type=click.IntRange(0),
    default=0,
    help="Gates that there should be for each injected slow-down (kind and level).",
)
@click.option(
    "--reference",
    type=click.IntRange(0),
    default=0,
    metavar="ROUNDS",
    help="One long gate of so many rounds for each injected slow-down, for its true effect.",
)
@click.option(
    "--neighbour",
    type=click.Choice(["quiet", "shared", "busy", "bursty"]),
    default="quiet",
    show_default=True,
    help="What else the machine does meanwhile; shared: other people's work, which mqbench does not start.",
)
@click.option("--client", type=click.Choice(["aioamqp", "aio-pika", "memory"]), help="[default: aioamqp]")
@click.option("--broker", metavar="SPEC", help="As for mqbench run  [default: embedded]")
@with_stages("Of the two stages  [default: 6,8]")
@click.option("--slices", type=click.IntRange(1), help="Turns of a case in a round  [default: 4]")
@click.option(
    "--whole/--decided",
    default=True,
    show_default=True,
    help="Measure both stages of the gates that are added now, or end each where it is decided.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["work", "allocation", "hop", "batching"]),
    help="Kind of extra work; may be given again  [default: all]",
)
@click.option("--seed", type=int, help="Seed of the whole ledger  [default: drawn and recorded]")
@with_quiet
@click.option(
    "--for",
    "for_s",
    callback=values.seconds,
    metavar="TIME",
    help="Begin no gate that would not be over by then.",
)
def make(**asked: Any) -> None:
    """Add gates to LEDGER, a folder, which is made with its design where there is none."""
    from bench.ledger import making

    with live() as (say, _):
        made = interruptible(making.make(making.Request(**asked), say=say))
    left = f"; {made.left} are still to be made" if made.left else ""
    note(f"mqbench: {made.added} gates were added to {asked['folder']}{left}")


@validate.command(epilog=REPORT_EPILOG)
@click.argument("folder", metavar="LEDGER", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it there, plots beside it  [default: stdout, no plots]",
)
def report(folder: Path, page: Path | None) -> None:
    """Write the page of what a LEDGER's gates came to; its plots need matplotlib."""
    from bench.ledger import reading

    if page is None:
        click.echo(reading.page_of(folder), nl=False)
        return
    for path in reading.write_page(folder, page):
        to_stderr(f"wrote {path}")
