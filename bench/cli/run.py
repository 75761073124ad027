"""``mqbench run``: measure scenarios and write a run folder."""

from __future__ import annotations

import sys
from typing import Any

import click

from bench.cli import complete
from bench.cli.measuring import measured, requested, shown
from bench.cli.options import (
    with_clients,
    with_meter,
    with_quick,
    with_result,
    with_resume,
    with_rounds,
    with_turns,
    with_workload,
)
from bench.cli.resumable import Resumable

EPILOG = """\b
Examples:
  mqbench run                                       aio-pika and aioamqp, asyncio and uvloop
  mqbench run prefetch --client aio-pika            one question about one client
  mqbench run --set payload_bytes=32,1024,65536     several values make a matrix
  mqbench run --client aio-pika==9.6.2 --client aio-pika --loop uvloop
  mqbench run my_scenario.py --broker amqp://user@host/
  mqbench run smoke --client memory --quick         does everything work at all
  mqbench run --resume RUN                          the rest of a run that was interrupted

\b
Exit codes:
  0 every row is valid     2 usage: what was asked for does not exist or make sense
  1 a row is invalid       5 the broker, a worker or the machine failed     130 interrupted
"""


@click.command(cls=Resumable, epilog=EPILOG)
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1, shell_complete=complete.scenarios)
@with_clients
@click.option(
    "--consumer-client",
    metavar="REQ",
    shell_complete=complete.clients,
    help="Client that consumes, in a worker of its own, what every --client publishes.",
)
@with_workload
@with_rounds("Replicates, with fresh workers each  [default: 5; of instructions 1]")
@with_turns
@with_resume
@with_meter
@with_result("table", "markdown", "json", "csv")
@with_quick("Two short rounds: a look, not a measurement.")
def run(shape: str, has_report: bool, **asked: Any) -> None:
    """Measure SCENARIO... (names, or paths of your own files) and write a run folder.

    Without a scenario it is the headline; without --client, aio-pika and aioamqp; without --loop, asyncio
    and uvloop.
    """
    from bench import session

    asked["rounds"] = asked["rounds"] or (5 if asked["meter"] == "time" else 1)
    finished = measured(session.run, requested(session.Request, **asked))
    shown(finished.folder, finished.outcome.failures, shape=shape, has_report=has_report)
    sys.exit(1 if finished.outcome.invalid else 0)
