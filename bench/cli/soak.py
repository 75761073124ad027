"""``mqbench soak``: is a rate held for hours, without drift, leak or error."""

from __future__ import annotations

import sys
from typing import Any

import click

from bench.cli import complete, values
from bench.cli.measuring import measured, requested, shown
from bench.cli.options import with_client, with_order, with_result, with_window, with_workload

EPILOG = """\b
Examples:
  mqbench soak --rate 500 --for 2h --client aio-pika
  mqbench soak --rate 2000 --for 30m --leak 4MiB --client aiokafka
  mqbench soak --rate 100 --for 30s --client memory

\b
Exit codes:
  0 every gate passed     2 usage     3 a gate could not be judged
  1 a gate failed         5 the broker, a worker or the machine failed     130 interrupted
"""


@click.command(epilog=EPILOG)
@click.argument("scenario", metavar="[SCENARIO]", required=False, shell_complete=complete.scenarios)
@click.option(
    "--rate", "rate_per_s", type=float, metavar="RATE", help="Messages a second, unless SCENARIO has a rate."
)
@click.option(
    "--for", "for_s", required=True, callback=values.seconds, metavar="TIME", help="How long: 30s, 30m or 2h."
)
@click.option(
    "--drift",
    default="50%",
    show_default=True,
    callback=values.growth,
    metavar="PERCENT",
    help="How much the median latency may surely grow from the settled beginning to the end.",
)
@click.option(
    "--leak",
    "leak_bytes",
    default="1MiB",
    show_default=True,
    callback=values.size,
    metavar="SIZE",
    help="How much the worker's memory may surely grow meanwhile.",
)
@with_window("How often it is looked at  [default: a sixtieth of the time, at most 10s]")
@with_client
@with_workload
@with_order
@with_result("table", "markdown", "json", "csv")
def soak(shape: str, has_report: bool, **asked: Any) -> None:
    """Run SCENARIO (the headline if none is named) at one rate for long, in one worker and constant memory.

    Four gates: every message is accounted for, the rate is held, the median latency does not drift, and the
    worker's memory does not grow. The last two fail where the whole 95 % interval of the change lies beyond
    the limit; the first fifth of the time is for settling and is in no slope.
    """
    from bench.questions import soak as soaking

    finished = measured(soaking.run, requested(soaking.Request, quick=False, **asked))
    shown(finished.folder, finished.outcome.failures, shape=shape, has_report=has_report)
    sys.exit(1 if finished.answer.failed else 0 if finished.answer.settled else 3)
