"""``mqbench sweep``: what does more of one field give, and where does it begin to cost more than it gains."""

from __future__ import annotations

import sys
from typing import Any

import click

from bench.cli import complete, values
from bench.cli.measuring import measured, requested, shown
from bench.cli.options import with_clients, with_quick, with_result, with_rounds, with_turns, with_workload

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
@click.argument("swept", metavar="FIELD=V1,V2,...", callback=values.swept)
@click.argument("scenarios", metavar="[SCENARIO]", nargs=-1, shell_complete=complete.scenarios)
@with_clients
@with_workload
@with_rounds("Replicates: fresh workers each.", default=5)
@with_turns
@with_result("table", "markdown", "json", "csv")
@with_quick("Two short rounds: a look, not a measurement.")
def sweep(shape: str, has_report: bool, swept: Any, **asked: Any) -> None:
    """Measure SCENARIO (the headline if none is named) with each value of FIELD in the same rounds.

    The knee is the value of the greatest power, which is rate over median latency: below it a percent more
    rate costs less than a percent of latency, above it more. Without --client it is aio-pika, on asyncio.
    """
    from bench import session
    from bench.questions import sweep as sweeping

    request = sweeping.Request(swept=swept, run=requested(session.Request, **asked))
    finished = measured(sweeping.run, request)
    shown(finished.folder, finished.outcome.failures, shape=shape, has_report=has_report)
    sys.exit(1 if finished.outcome.invalid else 0)
