"""``mqbench tune``: which settings does a client need."""

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
    with_client,
    with_fields,
    with_report,
    with_shape,
    with_turns,
    with_view,
)
from bench.cli.output import interruptible, live, to_stderr
from bench.cli.report import written_after
from bench.cli.show import print_stored

EPILOG = """\b
Examples:
  mqbench tune --client aio-pika
  mqbench tune --client aiomqtt --set payload_bytes=65536
  mqbench tune --set prefetch=1,8,64 --set ack_every=1 --set in_flight=16,64,256

\b
Exit codes:
  0 confirmed               2 usage     3 not confirmed: more rounds are needed
  1 a row is invalid        5 the broker, a worker or the machine failed     130 interrupted
"""


@click.command(epilog=EPILOG)
@click.argument("scenario", metavar="[SCENARIO]", required=False, shell_complete=complete.scenarios)
@with_client
@with_broker
@with_fields
@click.option(
    "--rounds",
    type=click.IntRange(2),
    default=8,
    show_default=True,
    help="Replicates of the final and of its confirmation.",
)
@with_turns
@with_view
@with_shape("table", "markdown", "json", "csv")
@with_report
@click.option("--quick", is_flag=True, help="Short turns: a look, not a measurement.")
def tune(shape: str, has_report: bool, **asked: Any) -> None:
    """Find the prefetch, in_flight and ack_every that give 95 % of the best rate at the lowest latency.

    A grid is screened (--set prefetch=1,8,64 names another one, one value pins a setting), at most six
    settings go on to a final in which they take turns, and the choice is confirmed on fresh rounds
    beside the best and the settings of SCENARIO (the headline if none is named).
    """
    from bench.questions import tune as tuning

    os.environ.pop(BROKER_VARIABLE, None)  # it may hold a password, and no child needs it
    request = tuning.Request(results=RESULTS, command=tuple(sys.argv[1:]), **asked)
    with live() as (say, tell):
        finished = interruptible(tuning.run(request, say=say, tell=tell))
    print_stored(finished.folder, shape)
    if has_report:
        written_after(finished.folder)
    for failure in finished.outcome.failures.values():
        to_stderr(f"invalid: {failure}")
    sys.exit(1 if finished.outcome.invalid else 0 if finished.answer.settled else 3)
