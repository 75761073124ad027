"""``mqbench capacity``: the highest rate that is held with p99 under a limit."""

from __future__ import annotations

import sys
from typing import Any

import click

from bench.cli import complete, values
from bench.cli.measuring import measured, requested, shown
from bench.cli.options import (
    with_client,
    with_order,
    with_quick,
    with_result,
    with_rounds,
    with_window,
    with_workload,
)
from bench.errors import UsageError

QUICK_WINDOW_S, QUICK_ROUNDS = 1.5, 2

EPILOG = """\b
Examples:
  mqbench capacity --client aio-pika --p99 20ms
  mqbench capacity --p99 5ms --set payload_bytes=32768 --client aiormq
  mqbench capacity --p99 50ms --set arrivals=poisson --client aiomqtt

\b
Exit codes:
  0 there is such a rate     3 no rate meets the limit; the best that was seen is said
  1 the workload is invalid even in a closed loop
  2 usage                    5 the broker, a worker or the machine failed     130 interrupted
"""


@click.command(epilog=EPILOG)
@click.argument("scenario", metavar="[SCENARIO]", required=False, shell_complete=complete.scenarios)
@click.option(
    "--p99",
    "p99_us",
    required=True,
    callback=values.latency,
    metavar="TIME",
    help="The limit that 99 of 100 messages must keep, such as 20ms, from when they were due.",
)
@with_client
@with_workload
@with_window("How long a full trial's rounds last; short ones last two fifths of it  [default: 5s]")
@click.option(
    "--most",
    "most_per_s",
    type=values.FiniteRange(20),
    metavar="RATE",
    help="Offer no more messages a second than this.",
)
@with_rounds("Rounds of a full trial  [default: 5]")
@with_order
@with_result("table", "markdown", "json", "csv")
@with_quick("Short windows, two rounds: a look, not a measurement.")
def capacity(shape: str, has_report: bool, window_s: float | None, rounds: int | None, **asked: Any) -> None:
    """Find the highest rate that SCENARIO (the headline if none is named) holds with p99 under a limit.

    The load is open: messages are due at set times, and latency counts from them. Rates are doubled or
    quartered from half of what a closed loop reaches, then bisected; the answer is confirmed by full windows
    in fresh processes, and so is that 3 % more does not hold.
    """
    from bench.questions import capacity as searching

    if window_s is not None and window_s > searching.LONGEST_S:
        raise UsageError(f"--window takes at most {searching.LONGEST_S:g} s, got {window_s:g}")
    request = requested(
        searching.Request,
        window_s=window_s or (QUICK_WINDOW_S if asked["quick"] else searching.WINDOW_S),
        rounds=rounds or (QUICK_ROUNDS if asked["quick"] else searching.ROUNDS),
        **asked,
    )
    finished = measured(searching.run, request)
    # A rate that was not held is no failure: the search is for where that begins.
    shown(finished.folder, {}, shape=shape, has_report=has_report)
    sys.exit(1 if finished.answer.failed else 0 if finished.answer.settled else 3)
