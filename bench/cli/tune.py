"""``mqbench tune``: which settings does a client need."""

from __future__ import annotations

import sys
from typing import Any

import click

from bench.cli import complete
from bench.cli.measuring import measured, requested, shown
from bench.cli.options import with_client, with_quick, with_result, with_rounds, with_turns, with_workload

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
@with_workload
@with_rounds("Replicates of the final and of its confirmation.", least=2, default=8)
@with_turns
@with_result("table", "markdown", "json", "csv")
@with_quick("Short turns: a look, not a measurement.")
def tune(shape: str, has_report: bool, **asked: Any) -> None:
    """Find the prefetch, in_flight and ack_every that give 95 % of the best rate at the lowest latency.

    A grid is screened (--set prefetch=1,8,64 names another one, one value pins a setting), at most six
    settings go on to a final in which they take turns, and the choice is confirmed on fresh rounds
    beside the best and the settings of SCENARIO (the headline if none is named).
    """
    from bench.questions import tune as tuning

    finished = measured(tuning.run, requested(tuning.Request, **asked))
    shown(finished.folder, finished.outcome.failures, shape=shape, has_report=has_report)
    sys.exit(1 if finished.outcome.invalid else 0 if finished.answer.settled else 3)
