"""Where the level of a series changed: change points of one value a run, in the order of their times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.stats.samples import sample
from bench.stats.unpaired import unpaired

if TYPE_CHECKING:
    from bench.stats.intervals import Interval
    from bench.stats.samples import Array, Numbers

FEWEST_RUNS = 6
SHORTEST = 3
"""Runs on each side of a change: a single run that is off is an outlier and not a new level."""

# The segmentation proposes and the test decides. As a change is placed where it looks largest, its p is too
# small; at this level about 1 series in 100 without a change get one (tests/test_stats_changes.py).
PENALTY = 4.0
ALPHA = 0.001
_SPREAD_OF_DIFFERENCES = 0.6745 * math.sqrt(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``index`` is the first value of the new level, ``difference`` the new level less the old one."""

    index: int
    difference: Interval
    p: float


def change_points(values: Numbers, *, least: float = 0.0) -> list[Change]:
    """The changes of level in a series, none where there are fewer than six values.

    PELT with a quadratic cost (Killick et al., JASA 107, 2012) proposes; then the weakest of them goes until
    each that is left parts two levels by Welch's t at 0.001, and by at least ``least``.
    """
    array = sample(values, "values", least=0)
    places = _proposed(array) if array.size >= FEWEST_RUNS else []
    while places:
        changes = _measured(array, places)
        weakest = max(changes, key=lambda change: change.p)
        too_small = min(changes, key=lambda change: abs(change.difference.estimate))
        if weakest.p >= ALPHA:
            places.remove(weakest.index)
        elif abs(too_small.difference.estimate) < least:
            places.remove(too_small.index)
        else:
            return changes
    return []


def _proposed(array: Array) -> list[int]:
    import ruptures  # noqa: PLC0415  # a second that few commands need wait

    # From one value to the next, so that the changes that are looked for hardly count as noise.
    noise = float(np.median(np.abs(np.diff(array)))) / _SPREAD_OF_DIFFERENCES
    scale = noise or float(array.std()) or 1.0
    search = ruptures.Pelt(model="l2", min_size=SHORTEST, jump=1)
    ends = search.fit((array / scale).reshape(-1, 1)).predict(pen=PENALTY * math.log(array.size))
    return [int(end) for end in ends[:-1]]


def _measured(array: Array, places: list[int]) -> list[Change]:
    edges = [0, *places, array.size]
    found = []
    for before, at, after in zip(edges, edges[1:], edges[2:], strict=False):
        told = unpaired(array[before:at], array[at:after])
        found.append(Change(index=at, difference=told.difference, p=told.p))
    return found
