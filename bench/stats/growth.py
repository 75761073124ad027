"""Whether something grows with time: a slope with its interval, from means of long stretches.

Neighbouring samples of one process are alike (memory stays where it is, a slow minute is slow throughout), so
that the usual interval of a slope through all of them is far too narrow. Means of a few long stretches are
nearly independent: the method of batch means (A. M. Law, Simulation Modeling and Analysis, 5th ed., 9.5.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bench.stats.intervals import CONFIDENCE, Interval
from bench.stats.samples import between, sample

if TYPE_CHECKING:
    from bench.stats.samples import Numbers

BATCHES = 10
FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """``slope`` in units of the value per second, and how long the data is: ``span_s``."""

    slope: Interval
    span_s: float

    @property
    def change(self) -> Interval:
        """By how much the value grew from the first sample to the last, as the line through them has it."""
        estimate, low, high = (
            self.span_s * value for value in (self.slope.estimate, self.slope.low, self.slope.high)
        )
        return Interval(
            estimate=estimate, low=low, high=high, confidence=self.slope.confidence, count=self.slope.count
        )


def growth(times_s: Numbers, values: Numbers, confidence: float = CONFIDENCE) -> Growth:
    """The slope of at least five values over rising times, with Student's t interval of the batch means."""
    times = sample(times_s, "times", least=FEWEST)
    heights = sample(values, "values", least=FEWEST)
    between(confidence, "confidence", 0, 1)
    if times.size != heights.size:
        raise ValueError(f"each value has a time, got {times.size} and {heights.size}")
    if not (np.diff(times) > 0).all():
        raise ValueError("times must rise")
    batches = min(BATCHES, times.size)
    x = np.array([batch.mean() for batch in np.array_split(times, batches)])
    y = np.array([batch.mean() for batch in np.array_split(heights, batches)])
    apart = x - x.mean()
    slope = float((apart @ (y - y.mean())) / (apart @ apart))
    left = (y - y.mean()) - slope * apart
    error = math.sqrt(float(left @ left) / (batches - 2) / float(apart @ apart))
    reach = float(special.stdtrit(batches - 2, (1 + confidence) / 2)) * error
    interval = Interval(
        estimate=slope, low=slope - reach, high=slope + reach, confidence=confidence, count=batches
    )
    return Growth(slope=interval, span_s=float(times[-1] - times[0]))
