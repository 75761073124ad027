"""``mqbench init``: the files of a gate, to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import complete
from bench.cli.output import to_stderr

EPILOG = """\b
Examples:
  mqbench init                       in a checkout of a client that mqbench knows
  mqbench init --client aio-pika     for two releases of a client, in any folder
"""


@click.command(epilog=EPILOG)
@click.option(
    "--client",
    metavar="NAME",
    shell_complete=complete.clients,
    help="Client to guard  [default: the project in this folder]",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
def init(client: str | None, *, force: bool) -> None:
    """Write a commented gate (mqbench.toml) and a GitHub workflow that runs it on pull requests."""
    from bench import starter

    started = starter.start(Path(), client, force=force)
    for path in started.files:
        click.echo(f"wrote {path}")
    if not started.has_source:
        to_stderr(f"this mqbench is a folder of this machine: say in {starter.WORKFLOW} where CI gets it")
    which = (
        "this checkout against git:origin/main" if started.checkout else f"two releases of {started.client}"
    )
    click.echo(f"It compares {which}; try it with: mqbench check")
