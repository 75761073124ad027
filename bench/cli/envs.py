"""``mqbench envs``: the environments that were built for what is not installed here."""

from __future__ import annotations

import click

from bench.cli import values
from bench.cli.output import print_table
from bench.errors import UsageError

EPILOG = """\b
Examples:
  mqbench envs                          what was built, when it was last used, how large it is
  mqbench envs --prune                  remove what was not used for 30 days
  mqbench envs --prune --all            remove all but those in use
"""


@click.command(epilog=EPILOG)
@click.option("--prune", is_flag=True, help="Remove those that no run has used for a while.")
@click.option(
    "--older-than",
    "days",
    type=values.FiniteRange(0),
    default=30.0,
    show_default=True,
    metavar="DAYS",
    help="With --prune: how long a while is.",
)
@click.option("--all", "everything", is_flag=True, help="With --prune: all but those in use.")
def envs(prune: bool, days: float, everything: bool) -> None:
    """List the environments that were built for what is not installed here, or remove them."""
    from bench import environments

    if everything and not prune:
        raise UsageError("--all says what --prune removes: give both")
    if not prune:
        print_table(environments.COLUMNS, [built.words() for built in environments.listed()])
        return
    pruned = environments.prune(0 if everything else days)
    for built in pruned.removed:
        click.echo(f"removed {built.name} (Python {built.python_version})")
    for built in pruned.in_use:
        click.echo(f"mqbench: kept {built.name}: a run is using it", err=True)
