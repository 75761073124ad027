"""Trends in words: a line a cell with a spark line, and a sentence for each new level."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from bench.report.grid import Heading, Page, Row, grid
from bench.report.summary import csv_of
from bench.stats.figures import figure_with_interval, plain_figure
from bench.stats.intervals import CONFIDENCE, Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.trend import Moment, Series, Shift

BLOCKS = "▁▂▃▄▅▆▇█"
SPARK_COLUMNS = 24
ADVISORY = (
    "Advisory: stored runs were not measured together. A new level says when to look and not what changed; "
    "a verdict comes from mqbench ab."
)


def spark(values: Sequence[float], columns: int = SPARK_COLUMNS) -> str:
    """The last values, each as a block between the lowest and the highest; level where all are the same."""
    shown = values[-columns:]
    low, high = min(shown), max(shown)
    if high == low:
        return BLOCKS[3] * len(shown)
    steps = len(BLOCKS) - 1
    return "".join(BLOCKS[round((value - low) / (high - low) * steps)] for value in shown)


def page(found: Sequence[Series], *, lone: int) -> Page:
    """``lone``: how many cells were measured in one run alone, and so have no trend."""
    told = Page()
    if found:
        told.table(_table(found))
        told.note(ADVISORY)
    for one in found:
        told.say(*(sentence(one, shift) for shift in one.shifts))
    if lone:
        told.say(f"{lone} cells were measured in one run only.")
    if not found:
        told.say("No cell was measured in two runs of one fingerprint.")
    return told


def _table(found: Sequence[Series]) -> Any:
    numbers = ("runs", "first msg/s", "last msg/s", "last against first")
    return grid(
        (
            *(Heading(name=name) for name in ("machine", "cell", "broker")),
            *(Heading(name=name, number=True) for name in numbers),
            Heading(name="trend", whole=True),
            Heading(name="new levels", number=True),
        ),
        (
            Row(
                (
                    *(one.machine, one.name, one.broker, str(len(one.moments))),
                    *(_rate(one.moments[0]), _rate(one.moments[-1])),
                    _ratio(one.moments[-1], one.moments[0]),
                    spark(one.rates_per_s),
                    str(len(one.shifts)),
                )
            )
            for one in found
        ),
    )


def _rate(moment: Moment) -> str:
    interval = moment.case.rate
    reach = interval.half_width if interval else 0.0
    return plain_figure(moment.case.rate_per_s, reach, digits=3)


def _ratio(last: Moment, first: Moment) -> str:
    """With the digits that the intervals of both leave it."""
    ratio = last.case.rate_per_s / first.case.rate_per_s
    shares = [
        moment.case.rate.half_width / moment.case.rate_per_s for moment in (last, first) if moment.case.rate
    ]
    return f"{plain_figure(ratio, ratio * math.hypot(*shares), digits=3)}x"


def sentence(one: Series, shift: Shift) -> str:
    """What changed, by how much, from which run on, and whether the client's version changed with it."""
    before, after = one.moments[shift.index - 1], one.moments[shift.index]
    slower = shift.ratio < 1
    bounds = (1 / shift.ratio_high, 1 / shift.ratio_low) if slower else (shift.ratio_low, shift.ratio_high)
    low, high = (100 * (bound - 1) for bound in bounds)
    estimate = 100 * ((1 / shift.ratio if slower else shift.ratio) - 1)
    interval = Interval(estimate=estimate, low=low, high=high, confidence=CONFIDENCE, count=0)
    figure, _, span = figure_with_interval(interval).partition(" ")
    versions = [moment.case.facts.get("client_version") for moment in (before, after)]
    client = (
        f"the client went from {versions[0]} to {versions[1]}"
        if versions[0] != versions[1]
        else f"the client stayed at {versions[1]}"
    )
    way = "slower" if slower else "faster"
    when = after.started_at[:10]
    return f"{one.name} is {figure} % {span} {way} from {after.run} ({when}) on; {client}."


def rows(found: Sequence[Series]) -> list[dict[str, Any]]:
    """A row a value; ``new_level`` where one begins."""
    return [
        {
            "machine": one.machine,
            "cell": one.name,
            "broker": one.broker,
            "run": moment.run,
            "started_at": moment.started_at,
            "client_version": moment.case.facts.get("client_version"),
            "rate_per_s": moment.case.rate_per_s,
            "rate_low_per_s": moment.case.rate.low if moment.case.rate else None,
            "rate_high_per_s": moment.case.rate.high if moment.case.rate else None,
            "new_level": next((sentence(one, shift) for shift in one.shifts if shift.index == index), None),
        }
        for one in found
        for index, moment in enumerate(one.moments)
    ]


def as_json(found: Sequence[Series]) -> str:
    return json.dumps({"advisory": True, "values": rows(found)}, indent=2, ensure_ascii=False)


def as_csv(found: Sequence[Series]) -> str:
    told = rows(found)
    return csv_of(told, list(told[0]) if told else ["machine", "cell"])
