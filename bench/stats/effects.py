"""Two sides over rounds: one effect, with everything that a verdict needs.

Effects are natural logarithms of candidate / base of a rate: above 0 the candidate is faster. "x % slower"
means x % more time per message, exp(-effect) - 1, and "x % faster" x % more messages in the same time,
exp(effect) - 1, so that the two are the same distance from no difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from scipy import special

from bench.stats.intervals import CONFIDENCE, Interval, hodges_lehmann, mean_interval
from bench.stats.planning import detectable_effect
from bench.stats.samples import sample
from bench.stats.signflip import SignFlip, sign_flip, signed_ranks

if TYPE_CHECKING:
    from bench.stats.samples import Numbers

FEWEST_ROUNDS = 2
# That of a test at 0.01, as far out as which rounds must be known to say what it can see.
_SPREAD_CONFIDENCE = 0.99
By = Literal["ranks", "mean"]
"""What is judged by. Ranks are the rule; the mean was it, and a ledger shows what that would have said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What rounds say about candidate against base, in logarithms of the ratio.

    ``robust`` is the Hodges-Lehmann estimate with the interval of signed ranks, which verdicts go by, and
    ``mean`` with its t interval checks it; ``by`` the mean it is the other way round. ``spread`` is the
    standard deviation of normal rounds that have as wide an interval.
    """

    mean: Interval
    robust: Interval
    test: SignFlip
    spread: float
    by: By

    @property
    def judged(self) -> Interval:
        """The estimate with its interval that verdicts go by."""
        return self.robust if self.by == "ranks" else self.mean

    @property
    def rounds(self) -> int:
        return self.mean.count

    @property
    def ratio(self) -> Interval:
        """Candidate / base, as it is judged, with its interval."""
        low, estimate, high = (
            math.exp(value) for value in (self.judged.low, self.judged.estimate, self.judged.high)
        )
        return replace(self.judged, estimate=estimate, low=low, high=high)

    @property
    def slow_down(self) -> float:
        """How much more time a message takes: 0.05 is 5 % slower, below 0 is faster."""
        return math.expm1(-self.judged.estimate)

    @property
    def slow_down_at_most(self) -> float:
        """The upper bound of the slow-down: what the interval's end on the slow side says."""
        return math.expm1(-self.judged.low)

    @property
    def robust_agrees(self) -> bool:
        """Whether the Hodges-Lehmann estimate lies in the mean's interval, so no few rounds made the mean."""
        slack = 1e-12 * max(abs(self.mean.low), abs(self.mean.high))
        return self.mean.low - slack <= self.robust.estimate <= self.mean.high + slack

    def detectable(self, alpha: float) -> float:
        """The smallest ratio above 1, less 1, that so many rounds with this spread see 9 times in 10."""
        return math.expm1(detectable_effect(self.spread, self.rounds, alpha))


def effect_over_rounds(
    effects: Numbers, confidence: float = CONFIDENCE, seed: int = 0, by: By = "ranks"
) -> Effect:
    """The effect over at least two rounds, one ``round_effect`` each; ``seed`` is the test's."""
    array = sample(effects, "rounds", least=FEWEST_ROUNDS)
    mean = mean_interval(array, confidence)
    robust = _sure(hodges_lehmann(array, confidence), mean)
    return Effect(
        mean=mean,
        robust=robust,
        test=signed_ranks(array, seed) if by == "ranks" else sign_flip(array, seed),
        spread=_spread(hodges_lehmann(array, _SPREAD_CONFIDENCE))
        if by == "ranks"
        else float(array.std(ddof=1)),
        by=by,
    )


def _sure(robust: Interval, mean: Interval) -> Interval:
    """So few rounds that signed ranks have no interval of that confidence get the t interval's ends, too."""
    if robust.confidence >= mean.confidence:
        return robust
    return replace(
        robust,
        low=min(robust.low, mean.low),
        high=max(robust.high, mean.high),
        confidence=mean.confidence,
    )


def _spread(interval: Interval) -> float:
    reach = float(special.stdtrit(interval.count - 1, (1 + interval.confidence) / 2))
    return interval.half_width * math.sqrt(interval.count) / reach
