"""Latency by percentile: what the rounds of a case have in common, thinned to what a line can show."""

from __future__ import annotations

import math
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from bench.histogram import SAMPLES_BEYOND, Histogram, highest_us

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.hlog import Interval

POINTS_A_HALVING = 8
METRICS = {
    "latency": "end to end",
    "latency_uncorrected": "end to end, uncorrected",
    "confirm": "until the broker's confirm",
    "slip": "how late the harness sent",
    "loop_lag": "how late the loop ran a timer",
}
_TAG = re.compile(r"case=(\d+);round=(\d+);block=(\d+);metric=(\w+)")


def merged(
    intervals: Sequence[Interval], rows: Iterable[Mapping[str, Any]]
) -> dict[str, dict[int, Histogram]]:
    """By metric and case: the histograms of all rounds whose row, and whose latency, is valid."""
    valid = [row for row in rows if row["status"] == "valid"]
    known = {(row["case"], row["round"], row["block"]) for row in valid}
    doubted = {
        (row["case"], row["round"], row["block"]) for row in valid if row.get("latency_valid") is False
    }
    found: dict[str, dict[int, Histogram]] = {}
    for interval in intervals:
        match = _TAG.fullmatch(interval.tag or "")
        if match is None:
            continue
        key = (int(match[1]), int(match[2]), int(match[3]))
        if key not in known or (key in doubted and match[4].startswith("latency")):
            continue
        of_case = found.setdefault(match[4], {}).setdefault(int(match[1]), Histogram())
        of_case.merge(interval.histogram)
    return {metric: found[metric] for metric in sorted(found, key=[*METRICS, *found].index)}


def curve(histogram: Histogram) -> list[tuple[float, int]]:
    """Pairs of 1 / (1 - share of samples) and microseconds, up to where ten samples still lie beyond.

    That first number is HdrHistogram's axis: 10 is the 90th percentile, 100 the 99th. There are as many
    points for each halving of what lies beyond, so that the tail gets its share of the line.
    """
    total = histogram.total
    indexes = sorted(histogram.counts)
    reached = list(accumulate(histogram.counts[index] for index in indexes))
    points: list[tuple[float, int]] = []
    for index, up_to in zip(indexes, reached, strict=True):
        if total - up_to < SAMPLES_BEYOND:
            break
        points.append((total / (total - up_to), highest_us(index)))
    return _thinned(points)


def _thinned(points: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """The first point of each step of the axis, and the last of all."""
    steps: Mapping[int, tuple[float, int]] = {
        math.floor(math.log2(x) * POINTS_A_HALVING): (x, y) for x, y in reversed(points)
    }
    kept = [steps[step] for step in sorted(steps)]
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]
