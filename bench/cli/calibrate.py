"""``mqbench calibrate``: what the harness itself can do."""

from __future__ import annotations

import click

from bench.cli import complete
from bench.cli.output import interruptible, print_table, to_stderr

EPILOG = """\b
Examples:
  mqbench calibrate                     every loop that is installed
  mqbench calibrate --loop uvloop
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
def calibrate(loops: tuple[str, ...]) -> None:
    """Measure the harness itself: the memory client with the headline scenario."""
    from bench import session

    rows = interruptible(session.calibrate(loops or session.installed_loops(), say=to_stderr))
    print_table(("loop", "messages/s", "CPU µs/message", "p50 µs", "p99 µs"), rows)
