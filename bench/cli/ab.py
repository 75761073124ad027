"""``mqbench ab``: is the candidate faster than the base, slower, or neither."""

from __future__ import annotations

import sys
from typing import Any

import click

from bench.cli import complete, values
from bench.cli.measuring import measured, requested, shown
from bench.cli.options import (
    with_budget,
    with_client_of_both,
    with_meter,
    with_result,
    with_resume,
    with_rounds,
    with_turns,
    with_workload,
)
from bench.cli.resumable import Resumable

EPILOG = """\b
A side is one of (both sides of the same kind):
  aio-pika==9.6.2, 'aio-pika @ file:///checkout', my_adapter.py     a client
  loop=uvloop       python=3.12       prefetch=100 (any field of a scenario)

\b
Examples:
  mqbench ab aio-pika==9.6.2 aio-pika==10.2.1
  mqbench ab loop=asyncio loop=uvloop headline payload --client aioamqp
  mqbench ab prefetch=10 prefetch=100 --until 2%
  mqbench ab aio-pika==9.6.2 'aio-pika @ file:///checkout' --meter instructions --annotate

\b
Exit codes:
  0 a verdict, whatever it is      3 every cell is inconclusive
  1 a row is invalid               4 refused: the sides are not of the same work
  2 usage                          5 the broker, a worker or the machine failed     130 interrupted
"""


@click.command(cls=Resumable, epilog=EPILOG)
@click.argument("base", metavar="BASE", shell_complete=complete.sides)
@click.argument("candidate", metavar="CANDIDATE", shell_complete=complete.sides)
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1, shell_complete=complete.scenarios)
@with_client_of_both
@with_workload
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Choice(["guarantee", "persistent", "queue_type", "replication", "measure", "protocol"]),
    help="Compare sides that differ in this all the same; may be given again.",
)
@with_rounds("Replicates  [default: 12; a verdict needs 8; of instructions 1]")
@with_turns
@with_resume
@with_meter
@click.option(
    "--annotate", is_flag=True, help="With --meter instructions: name the functions that do more work."
)
@with_budget("Plan rounds and slices for this time, such as 60s, from a short pilot within it.")
@click.option(
    "--until",
    callback=values.share,
    metavar="PERCENT",
    help="Plan rounds for an interval of at most this to either side, such as 2%, from a pilot before it.",
)
@with_result("table", "markdown", "json")
def ab(shape: str, has_report: bool, **asked: Any) -> None:
    """Compare CANDIDATE with BASE, which differ in one way: is it faster, slower, or neither?

    Both are alive in each round and take turns in random order. For each cell (a point of a SCENARIO, the
    headline if none is named) it ends with the ratio candidate / base and its 95 % interval over rounds, a
    verdict, and the smallest difference that would have been seen.
    """
    from bench import ab as comparing

    finished = measured(comparing.run, requested(comparing.Request, **asked))
    shown(finished.folder, finished.outcome.failures, shape=shape, has_report=has_report)
    sys.exit(1 if finished.outcome.invalid else 0 if finished.decided else 3)
