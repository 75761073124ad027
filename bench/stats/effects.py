"""Two sides over rounds: one effect, with everything that a verdict needs.

Effects are natural logarithms of candidate / base of a rate: above 0 the candidate is faster. "x % slower"
means x % more time per message, exp(-effect) - 1, and "x % faster" x % more messages in the same time,
exp(effect) - 1, so that the two are the same distance from no difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.intervals import CONFIDENCE, Interval, hodges_lehmann, mean_interval
from bench.stats.planning import detectable_effect
from bench.stats.samples import sample
from bench.stats.signflip import SignFlip, sign_flip

if TYPE_CHECKING:
    from bench.stats.samples import Numbers

FEWEST_ROUNDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What rounds say about candidate against base, in logarithms of the ratio.

    ``mean`` with its t interval, ``robust`` the Hodges-Lehmann estimate with its own, ``spread`` the standard
    deviation over rounds.
    """

    mean: Interval
    robust: Interval
    test: SignFlip
    spread: float

    @property
    def rounds(self) -> int:
        return self.mean.count

    @property
    def ratio(self) -> Interval:
        """Candidate / base: the geometric mean over rounds with its interval."""
        low, estimate, high = (
            math.exp(value) for value in (self.mean.low, self.mean.estimate, self.mean.high)
        )
        return Interval(
            estimate=estimate, low=low, high=high, confidence=self.mean.confidence, count=self.mean.count
        )

    @property
    def slow_down(self) -> float:
        """How much more time a message takes: 0.05 is 5 % slower, below 0 is faster."""
        return math.expm1(-self.mean.estimate)

    @property
    def slow_down_at_most(self) -> float:
        """The upper bound of the slow-down: what the interval's end on the slow side says."""
        return math.expm1(-self.mean.low)

    @property
    def robust_agrees(self) -> bool:
        """Whether the Hodges-Lehmann estimate lies in the mean's interval, so no few rounds made the mean."""
        slack = 1e-12 * max(abs(self.mean.low), abs(self.mean.high))
        return self.mean.low - slack <= self.robust.estimate <= self.mean.high + slack

    def detectable(self, alpha: float) -> float:
        """The smallest ratio above 1, less 1, that so many rounds with this spread see 9 times in 10."""
        return math.expm1(detectable_effect(self.spread, self.rounds, alpha))


def effect_over_rounds(effects: Numbers, confidence: float = CONFIDENCE, seed: int = 0) -> Effect:
    """The effect over at least two rounds, one ``round_effect`` each; ``seed`` is the test's."""
    array = sample(effects, "rounds", least=FEWEST_ROUNDS)
    return Effect(
        mean=mean_interval(array, confidence),
        robust=hodges_lehmann(array, confidence),
        test=sign_flip(array, seed),
        spread=float(array.std(ddof=1)),
    )
