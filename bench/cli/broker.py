"""``mqbench broker``: a broker, held until interrupted."""

from __future__ import annotations

import click

from bench.cli import complete
from bench.cli.output import interruptible, to_stderr

EPILOG = """\b
Examples:
  mqbench broker                          the first AMQP broker that can be had
  mqbench broker embedded                 our own, in a second
  mqbench broker mosquitto --protocol mqtt
"""


@click.command(epilog=EPILOG)
@click.argument("spec", default="auto", shell_complete=complete.brokers)
@click.option("--protocol", default="amqp", show_default=True, help="What the broker must speak.")
def broker(spec: str, protocol: str) -> None:
    """Start the broker SPEC, print its URL and hold it until interrupted."""
    from bench import session

    def ready(url: str, what: str) -> None:
        click.echo(f"mqbench: {what}; ends with Ctrl-C", err=True)
        click.echo(url)

    interruptible(session.hold_broker(spec, protocol, say=to_stderr, ready=ready))
