"""``mqbench calibrate``: what the harness itself can do."""

from __future__ import annotations

import click

from bench.cli.output import interruptible, print_table, to_stderr


@click.command()
@click.option("--loop", "loops", multiple=True, metavar="NAME", help="Event loop; may be given again.")
def calibrate(loops: tuple[str, ...]) -> None:
    """Measure the harness itself: the memory client with the headline scenario."""
    from bench import session

    rows = interruptible(session.calibrate(loops or session.installed_loops(), say=to_stderr))
    print_table(("loop", "messages/s", "CPU µs/message", "p50 µs", "p99 µs"), rows)
