"""``mqbench broker``: a broker, held until interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli import complete
from bench.cli.options import with_tls
from bench.cli.output import interruptible, to_stderr

if TYPE_CHECKING:
    from bench.client import Tls

EPILOG = """\b
Examples:
  mqbench broker                          the first AMQP broker that can be had
  mqbench broker embedded                 our own, in a second
  mqbench broker mosquitto --protocol mqtt
"""


@click.command(epilog=EPILOG)
@click.argument("spec", default="auto", shell_complete=complete.brokers)
@click.option("--protocol", default="amqp", show_default=True, help="What the broker must speak.")
@with_tls
def broker(spec: str, protocol: str, tls: Tls) -> None:
    """Start the broker SPEC, print its URL and hold it until interrupted.

    Of a URL: look whether that broker answers, and hold on while it does.
    """
    from bench import session

    def ready(url: str, what: str) -> None:
        click.echo(f"mqbench: {what}; ends with Ctrl-C", err=True)
        click.echo(url)

    interruptible(session.hold_broker(spec, protocol, tls=tls, say=to_stderr, ready=ready))
