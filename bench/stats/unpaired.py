"""Two sides that never met in a round: rounds of one run against rounds of another. Advisory at best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bench.stats.intervals import CONFIDENCE, Interval
from bench.stats.planning import detectable_effect
from bench.stats.samples import between, sample

if TYPE_CHECKING:
    from bench.stats.samples import Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaired:
    """The difference of two means (candidate less base) with its interval, ``error`` its standard error,
    ``freedom`` the degrees of freedom of that, ``p`` two-sided.
    """

    difference: Interval
    error: float
    freedom: float
    p: float

    def detectable(self, alpha: float) -> float:
        """The smallest difference that a test at ``alpha`` with this error sees 9 times in 10."""
        rounds = max(2, math.floor(self.freedom) + 1)
        return detectable_effect(self.error * math.sqrt(rounds), rounds, alpha)


def unpaired(base: Numbers, candidate: Numbers, confidence: float = CONFIDENCE) -> Unpaired:
    """Welch's t (Biometrika 34, 1947): each side with a spread of its own, at least two values of each.

    The interval holds for what varied within the two runs. What differs between any two runs of the same
    (a day, a neighbour, a memory layout) is not in it.
    """
    first, second = sample(base, "base rounds", least=2), sample(candidate, "candidate rounds", least=2)
    between(confidence, "confidence", 0, 1)
    parts = [float(one.var(ddof=1)) / one.size for one in (first, second)]
    error = math.sqrt(sum(parts))
    mean = float(np.mean(second) - np.mean(first))
    if error == 0:
        freedom, p = float(first.size + second.size - 2), float(mean == 0)
    else:
        weights = [part / sum(parts) for part in parts]
        shares = zip(weights, (first.size, second.size), strict=True)
        freedom = 1 / sum(weight**2 / (size - 1) for weight, size in shares)
        p = 2 * float(special.stdtr(freedom, -abs(mean) / error))
    reach = float(special.stdtrit(freedom, (1 + confidence) / 2)) * error
    return Unpaired(
        difference=Interval(
            estimate=mean,
            low=mean - reach,
            high=mean + reach,
            confidence=confidence,
            count=min(first.size, second.size),
        ),
        error=error,
        freedom=freedom,
        p=p,
    )
