"""``mqbench soak``: is a rate held for hours, without drift, leak or error."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

import click

from bench.cli import complete
from bench.cli.options import (
    BROKER_VARIABLE,
    RESULTS,
    seconds,
    with_broker,
    with_client,
    with_fields,
    with_order,
    with_report,
    with_shape,
    with_view,
)
from bench.cli.output import interruptible, live, to_stderr
from bench.cli.report import written_after
from bench.cli.show import print_stored
from bench.errors import UsageError

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


def size(_: click.Context, parameter: click.Parameter, text: str) -> int:
    """``1MiB`` or ``500KiB`` in bytes.

    Raises:
        UsageError: The text is no such size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(KiB|MiB|GiB)", text)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"{parameter.opts[0]} takes a size such as 1MiB or 500KiB, got {text!r}")
    return round(float(match[1]) * {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[match[2]])


def growth(_: click.Context, parameter: click.Parameter, text: str) -> float:
    """``50%`` as 0.5.

    Raises:
        UsageError: The text is no percentage above 0.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", text)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"{parameter.opts[0]} takes a percentage such as 50%, got {text!r}")
    return float(match[1]) / 100


@click.command(epilog=EPILOG)
@click.argument("scenario", metavar="[SCENARIO]", required=False, shell_complete=complete.scenarios)
@click.option(
    "--rate", "rate_per_s", type=float, metavar="RATE", help="Messages a second, unless SCENARIO has a rate."
)
@click.option(
    "--for", "for_s", required=True, callback=seconds, metavar="TIME", help="How long: 30s, 30m or 2h."
)
@click.option(
    "--drift",
    default="50%",
    show_default=True,
    callback=growth,
    metavar="PERCENT",
    help="How much the median latency may surely grow from the settled beginning to the end.",
)
@click.option(
    "--leak",
    "leak_bytes",
    default="1MiB",
    show_default=True,
    callback=size,
    metavar="SIZE",
    help="How much the worker's memory may surely grow meanwhile.",
)
@click.option(
    "--window",
    "window_s",
    callback=seconds,
    metavar="TIME",
    help="How often it is looked at  [default: a sixtieth of the time, at most 10s]",
)
@with_client
@with_broker
@with_fields
@with_order
@with_view
@with_shape("table", "markdown", "json", "csv")
@with_report
def soak(shape: str, has_report: bool, **asked: Any) -> None:
    """Run SCENARIO (the headline if none is named) at one rate for long, in one worker and constant memory.

    Four gates: every message is accounted for, the rate is held, the median latency does not drift, and the
    worker's memory does not grow. The last two fail where the whole 95 % interval of the change lies beyond
    the limit; the first fifth of the time is for settling and is in no slope.
    """
    from bench.questions import soak as soaking

    os.environ.pop(BROKER_VARIABLE, None)  # it may hold a password, and no child needs it
    request = soaking.Request(results=RESULTS, command=tuple(sys.argv[1:]), quick=False, **asked)
    with live() as (say, tell):
        finished = interruptible(soaking.run(request, say=say, tell=tell))
    print_stored(finished.folder, shape)
    if has_report:
        written_after(finished.folder)
    for failure in finished.outcome.failures.values():
        to_stderr(f"invalid: {failure}")
    sys.exit(1 if finished.answer.failed else 0 if finished.answer.settled else 3)
