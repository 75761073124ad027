"""A mean, a rate, a proportion and a Hodges-Lehmann estimate, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bench.stats.samples import between, sample
from bench.stats.signflip import sum_chances

if TYPE_CHECKING:
    from bench.stats.samples import Numbers

CONFIDENCE = 0.95
# Up to here the signed-rank distribution is counted out; beyond, its normal approximation is off by less than
# one of some 10,000 Walsh averages.
_COUNTED_OUT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate from ``count`` replicates with its two-sided interval, in the unit of the data.

    ``confidence`` is what the interval has, which for an order statistic may differ from what was asked for.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    count: int

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high


def mean_interval(values: Numbers, confidence: float = CONFIDENCE) -> Interval:
    """The mean of at least two replicates with Student's t interval.

    mean +- t(1 - (1-confidence)/2, n-1) * s / sqrt(n).
    """
    array = sample(values, "values", least=2)
    between(confidence, "confidence", 0, 1)
    mean, error = float(array.mean()), float(array.std(ddof=1)) / math.sqrt(array.size)
    reach = float(special.stdtrit(array.size - 1, (1 + confidence) / 2)) * error
    return Interval(
        estimate=mean, low=mean - reach, high=mean + reach, confidence=confidence, count=array.size
    )


def rate_interval(rates: Numbers, confidence: float = CONFIDENCE) -> Interval:
    """The geometric mean of one rate per round, with its interval; all above 0, at least two.

    The t interval of the logarithms, taken back: rates vary by factors, and no bound falls below 0.
    """
    logs = mean_interval(np.log(sample(rates, "rates", least=2, positive=True)), confidence)
    estimate, low, high = (math.exp(value) for value in (logs.estimate, logs.low, logs.high))
    return Interval(estimate=estimate, low=low, high=high, confidence=confidence, count=logs.count)


def hodges_lehmann(values: Numbers, confidence: float = CONFIDENCE) -> Interval:
    """The median of all Walsh averages (x_i + x_j) / 2, i <= j, of at least two replicates; its interval.

    The interval's ends are the C-th smallest and largest Walsh average, C from the distribution of
    Wilcoxon's signed rank (Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, 3rd ed., 3.2 and
    3.3). With so few values that no such C exists it is their whole range, with the confidence that this
    has: 1 - 2^(1-n).
    """
    array = sample(values, "values", least=2)
    between(confidence, "confidence", 0, 1)
    rows, columns = np.triu_indices(array.size)
    walsh = np.sort((array[rows] + array[columns]) / 2)
    cut, reached = _signed_rank_cut(array.size, 1 - confidence)
    return Interval(
        estimate=float(np.median(walsh)),
        low=float(walsh[cut - 1]),
        high=float(walsh[-cut]),
        confidence=reached,
        count=array.size,
    )


def _signed_rank_cut(count: int, alpha: float) -> tuple[int, float]:
    """The largest C of at least 1 with P(W+ < C) <= alpha / 2, and the confidence that it gives."""
    if count > _COUNTED_OUT:
        mean, variance = count * (count + 1) / 4, count * (count + 1) * (2 * count + 1) / 24
        return max(1, int(mean - float(special.ndtri(1 - alpha / 2)) * math.sqrt(variance))), 1 - alpha
    below = np.cumsum(sum_chances(range(1, count + 1)))
    cut = max(1, int(np.searchsorted(below, alpha / 2 * (1 + 1e-12), side="right")))
    return cut, 1 - 2 * float(below[cut - 1])
