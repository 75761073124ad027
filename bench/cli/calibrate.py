"""``mqbench calibrate``: what the harness itself can do."""

from __future__ import annotations

import click

from bench.cli import complete
from bench.cli.options import with_quiet
from bench.cli.output import interruptible, live, print_table

EPILOG = """\b
Examples:
  mqbench calibrate                     every loop that is installed
  mqbench calibrate --loop uvloop
  mqbench calibrate --quiet             its table and nothing else
"""


@click.command(epilog=EPILOG)
@click.option(
    "--loop",
    "loops",
    multiple=True,
    metavar="NAME",
    shell_complete=complete.loops,
    help="Event loop; may be given again.",
)
@with_quiet
def calibrate(loops: tuple[str, ...]) -> None:
    """Measure the harness itself: the memory client with the headline scenario."""
    from bench import session

    with live() as (say, _):
        rows = interruptible(session.calibrate(loops or session.installed_loops(), say=say))
    print_table(("loop", "messages/s", "CPU µs/message", "p50 µs", "p99 µs"), rows, numbers=True)
