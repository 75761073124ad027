"""``mqbench sweep``: what does more of one field give, and where does it begin to cost more than it gains."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from bench.cli import complete
from bench.cli.options import (
    BROKER_VARIABLE,
    RESULTS,
    with_broker,
    with_clients,
    with_fields,
    with_report,
    with_shape,
    with_turns,
    with_view,
)
from bench.cli.options import swept as swept_values
from bench.cli.output import interruptible, live, to_stderr
from bench.cli.report import written_after
from bench.cli.show import print_stored

EPILOG = """\b
Examples:
  mqbench sweep prefetch=1,4,16,64,256 --client aio-pika --client aiormq
  mqbench sweep payload_bytes=32,1024,32768 publish --client aiomqtt
  mqbench sweep in_flight=1,4,16,64 --set prefetch=10 --client aiokafka

\b
Exit codes:
  0 every row is valid     2 usage     5 the broker, a worker or the machine failed
  1 a row is invalid                   130 interrupted
"""


@click.command(epilog=EPILOG)
@click.argument("swept", metavar="FIELD=V1,V2,...", callback=swept_values)
@click.argument("scenarios", metavar="[SCENARIO]", nargs=-1, shell_complete=complete.scenarios)
@with_clients
@with_broker
@with_fields
@click.option(
    "--rounds", type=click.IntRange(1), default=5, show_default=True, help="Replicates: fresh workers each."
)
@with_turns
@with_view
@with_shape("table", "markdown", "json", "csv")
@with_report
@click.option("--quick", is_flag=True, help="Two short rounds: a look, not a measurement.")
def sweep(shape: str, has_report: bool, swept: Any, **asked: Any) -> None:
    """Measure SCENARIO (the headline if none is named) with each value of FIELD in the same rounds.

    The knee is the value of the greatest power, which is rate over median latency: below it a percent more
    rate costs less than a percent of latency, above it more. Without --client it is aio-pika, on asyncio.
    """
    from bench import session
    from bench.questions import sweep as sweeping

    os.environ.pop(BROKER_VARIABLE, None)  # it may hold a password, and no child needs it
    run = session.Request(results=RESULTS, command=tuple(sys.argv[1:]), **asked)
    request = sweeping.Request(swept=swept, run=run)
    with live() as (say, tell):
        finished = interruptible(sweeping.run(request, say=say, tell=tell))
    print_stored(finished.folder, shape)
    if has_report:
        written_after(finished.folder)
    for failure in finished.outcome.failures.values():
        to_stderr(f"invalid: {failure}")
    sys.exit(1 if finished.outcome.invalid else 0)
