"""What a number of rounds can see, and how many it takes to see something: decided before, never peeked."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy import special

from bench.stats.intervals import CONFIDENCE
from bench.stats.samples import between, sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.stats.samples import Numbers

POWER = 0.90
MOST_ROUNDS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsPlan:
    """How many rounds to make. ``spread`` is the standard deviation over rounds that the pilot showed,
    ``planned_spread`` its upper bound that the plan counts on.
    """

    rounds: int
    spread: float
    planned_spread: float


def detectable_effect(
    spread: float, rounds: int, alpha: float, *, power: float = POWER, sides: int = 2
) -> float:
    """The minimum detectable effect: the smallest that a t test at ``alpha`` sees with that power.

    In the unit of ``spread``, the standard deviation over rounds of the same quantity; 0 where that is 0.
    From the noncentral t distribution with noncentrality effect / spread * sqrt(n) (Cohen, Statistical Power
    Analysis, 2nd ed., 1988, ch. 2).
    """
    _check(rounds, alpha, sides)
    between(power, "power", alpha, 1)
    if not (math.isfinite(spread) and spread >= 0):
        raise ValueError(f"spread must be a finite number of at least 0, got {spread}")
    return spread * _noncentrality(rounds, alpha, power, sides) / math.sqrt(rounds)


def rounds_for_precision(
    pilot: Numbers, half_width: float, *, confidence: float = CONFIDENCE, assurance: float = 0.8
) -> RoundsPlan:
    """The fewest rounds whose t interval reaches at most ``half_width`` to either side.

    ``pilot`` is the same quantity over at least three rounds. Its spread is itself uncertain, so the plan
    counts on the upper bound that the true one stays below with the chance ``assurance`` (Browne, Statistics
    in Medicine 14, 1995): s * sqrt(df / chi2(1 - assurance, df)). ValueError if 10,000 rounds are not enough.
    """
    between(confidence, "confidence", 0, 1)
    if not half_width > 0:
        raise ValueError(f"half_width must be above 0, got {half_width}")

    def reaches(spread: float, rounds: int) -> bool:
        error = spread / math.sqrt(rounds)
        return bool(special.stdtrit(rounds - 1, (1 + confidence) / 2) * error <= half_width)

    return _plan(pilot, assurance, reaches, f"a precision of {half_width:g}")


def slices_per_round(
    *, between_variance: float, within_variance: float, round_cost_s: float, slice_cost_s: float
) -> int:
    """How many slices a round should have so that a given total time gives the narrowest interval.

    sqrt(round cost / slice cost * within / between), the optimum of two-stage sampling (Cochran, Sampling
    Techniques, 3rd ed., 1977, section 10.6). ``round_cost_s`` is what a round costs without its slices; the
    variances are those of a slice's value around its round, and of rounds around their mean.
    """
    if min(round_cost_s, slice_cost_s, between_variance, within_variance) <= 0:
        raise ValueError("variances and costs must be above 0")
    return max(1, round(math.sqrt(round_cost_s / slice_cost_s * within_variance / between_variance)))


def _plan(pilot: Numbers, assurance: float, enough: Callable[[float, int], bool], what: str) -> RoundsPlan:
    array = sample(pilot, "pilot rounds", least=3)
    between(assurance, "assurance", 0, 1)
    df, spread = array.size - 1, float(array.std(ddof=1))
    planned = spread * math.sqrt(df / float(special.chdtri(df, assurance)))
    low, high = 1, 2  # more rounds are never worse, so the first that is enough lies above low, up to high
    while not enough(planned, high):
        low, high = high, 2 * high
        if low >= MOST_ROUNDS:
            raise ValueError(f"{what} takes more than {MOST_ROUNDS:,} rounds at a spread of {planned:g}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(planned, middle) else (middle, high)
    return RoundsPlan(rounds=high, spread=spread, planned_spread=planned)


def _check(rounds: int, alpha: float, sides: int) -> None:
    between(alpha, "alpha", 0, 1)
    if rounds < 2 or sides not in (1, 2):
        raise ValueError(f"rounds must be at least 2 and sides 1 or 2, got {rounds} and {sides}")


def _power(noncentrality: float, rounds: int, alpha: float, sides: int) -> float:
    from scipy import stats  # noqa: PLC0415  # a second that a command which plans nothing need not wait

    df = rounds - 1
    critical = float(special.stdtrit(df, 1 - alpha / sides))
    own_side = float(stats.nct.sf(critical, df, noncentrality))
    if sides == 1:
        return own_side
    other_side = float(stats.nct.cdf(-critical, df, noncentrality))
    # Deep in the other tail scipy gives nan for what is below 1e-15.
    return own_side if math.isnan(other_side) else own_side + other_side


@functools.lru_cache(maxsize=256)  # a table asks for the same few combinations, 5 ms each
def _noncentrality(rounds: int, alpha: float, power: float, sides: int) -> float:
    """What a t test needs of effect / spread * sqrt(n) to have that power."""
    from scipy import optimize  # noqa: PLC0415  # as in _power

    high = 1.0
    while _power(high, rounds, alpha, sides) < power:
        high *= 2
    return float(optimize.brentq(lambda value: _power(value, rounds, alpha, sides) - power, 0.0, high))
