"""Flags, never filters: a warm-up left in, a drift, slices that are no replicates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.stats.effects import FEWEST_ROUNDS
from bench.stats.intervals import Interval, mean_interval
from bench.stats.samples import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stats.samples import Numbers

BATCH = 5
FEWEST_BATCHES = 6
# A drift within a round below this is not worth a flag, however sure it is.
LEAST_DRIFT = 0.02
# Stricter than an interval is elsewhere: a run has many cases, and each is looked at.
SURE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncation:
    """How many values from the start MSER would drop; not ``settled`` where it finds no steady half."""

    dropped: int
    count: int
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Last third against first third of a round, as the logarithm of the ratio, over rounds."""

    interval: Interval
    drifting: bool


def mser(values: Numbers, batch: int = BATCH) -> Truncation:
    """MSER-5: the truncation point that makes the mean of the rest most certain; at least 6 batches.

    Means of batches of 5; of all d it takes the one that makes sum((y_i - mean)^2, i > d) / (n - d)^2
    smallest, and distrusts one in the second half (White, Cobb & Spratt, Winter Simulation Conference 2000).
    The rates of slices are means of many messages already, so that ``batch`` is 1 for them.
    """
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    array = sample(values, "values", least=FEWEST_BATCHES * batch)
    count = array.size // batch
    means = array[: count * batch].reshape(count, batch).mean(axis=1)
    # Of two values or one the spread is 0 by luck or by nature, so the last two are never all that is left.
    rests = [means[dropped:] for dropped in range(count - 2)]
    statistic = [float(((rest - rest.mean()) ** 2).sum()) / rest.size**2 for rest in rests]
    best = int(np.argmin(statistic))
    return Truncation(dropped=best * batch, count=array.size, settled=best <= count // 2)


def drift_over_rounds(drifts: Numbers, *, least: float = LEAST_DRIFT, confidence: float = SURE) -> Drift:
    """Whether a case drifts: its mean over rounds, log(last third / first), is at least ``least``, and not 0.

    One round's drift may be the host's; what comes back in every round is the case's.
    """
    interval = mean_interval(sample(drifts, "rounds", least=FEWEST_ROUNDS), confidence)
    drifting = not interval.contains(0.0) and abs(interval.estimate) >= math.log1p(least)
    return Drift(interval=interval, drifting=drifting)


def intraclass_correlation(rounds: Sequence[Numbers]) -> float:
    """How much slices of a round are alike: 0 for replicates, 1 where a round's slices say all the same.

    ICC(1), (MSB - MSW) / (MSB + (k - 1) MSW), of a one-way analysis of variance over at least two rounds of
    at least two slices each, with k the mean size corrected for unequal ones (Shrout & Fleiss, Psychological
    Bulletin 86, 1979; Donner, International Statistical Review 54, 1986). An estimate below 0 means 0.
    """
    groups = [sample(slices, "slices of a round", least=2) for slices in rounds]
    if len(groups) < FEWEST_ROUNDS:
        raise ValueError(f"rounds must be at least {FEWEST_ROUNDS}, got {len(groups)}")
    sizes = np.array([group.size for group in groups], dtype=np.float64)
    everything = np.concatenate(groups)
    means = np.array([group.mean() for group in groups])
    between = float((sizes * (means - everything.mean()) ** 2).sum()) / (len(groups) - 1)
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    within /= everything.size - len(groups)
    size = float(sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(groups) - 1)
    spread = between + (size - 1) * within
    if spread == 0:
        raise ValueError("all values are the same: there is nothing to be alike in")
    return max(0.0, (between - within) / spread)
