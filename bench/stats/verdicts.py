"""Faster, slower, no difference or inconclusive, with the reason in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from bench.stats.effects import FEWEST_ROUNDS, By, Effect, effect_over_rounds
from bench.stats.intervals import CONFIDENCE
from bench.stats.multiplicity import benjamini_hochberg, holm
from bench.stats.samples import between, sample
from bench.stats.signflip import rounds_to_reject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.stats.samples import Numbers

Key = TypeVar("Key")
Outcome = Literal["faster", "slower", "no difference", "inconclusive"]

# Two-sided, so that one "faster" in 200 comparisons of equal sides is false; under 1 % is what we promise.
ALPHA = 0.01
# A difference below this is nobody's reason to choose a client, and layout alone can make it.
LEAST_EFFECT = 0.01
MARGIN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What two sides come to. ``effect`` and ``detectable`` (the minimum detectable ratio less 1,
    at ``alpha``) are None only where there are too few rounds to have any.
    """

    outcome: Outcome
    reason: str
    effect: Effect | None
    detectable: float | None
    p: float | None
    alpha: float
    margin: float


def verdict(
    effects: Numbers,
    *,
    alpha: float = ALPHA,
    margin: float = MARGIN,
    least_effect: float = LEAST_EFFECT,
    confidence: float = CONFIDENCE,
    p_adjusted: float | None = None,
    seed: int = 0,
    by: By = "ranks",
) -> Verdict:
    """Judges one cell from one :func:`~bench.stats.rounds.round_effect` per round.

    - faster, slower: the signed-rank test's two-sided p (``p_adjusted`` where many cells were asked at once)
      is below ``alpha``, the interval leaves 0 out, the difference is at least ``least_effect``, and the mean
      agrees;
    - no difference: the whole interval lies within ``margin`` to either side (a claim, and it needs
    evidence);
    - inconclusive: all else, too few rounds for any verdict among it.
    """
    array = sample(effects, "rounds", least=0)
    check_thresholds(alpha=alpha, margin=margin, least_effect=least_effect)
    effect = effect_over_rounds(array, confidence, seed, by) if array.size >= FEWEST_ROUNDS else None
    p = effect.test.p_two_sided if effect and p_adjusted is None else p_adjusted
    needed = rounds_to_reject(alpha)
    outcome: Outcome = "inconclusive"
    reason = f"needs at least {needed} rounds to be sure at p < {alpha:g}, has {array.size}"
    if effect is not None and p is not None and array.size >= needed:
        outcome, reason = _judge(effect, p, alpha, math.log1p(margin), math.log1p(least_effect))
    return Verdict(
        outcome=outcome,
        reason=reason,
        effect=effect,
        detectable=effect.detectable(alpha) if effect else None,
        p=p,
        alpha=alpha,
        margin=margin,
    )


def verdicts(
    cells: Mapping[Key, Numbers],
    *,
    alpha: float = ALPHA,
    margin: float = MARGIN,
    least_effect: float = LEAST_EFFECT,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> dict[Key, Verdict]:
    """Judges many cells at once: "slower" by Holm's p, "faster" by Benjamini-Hochberg's.

    A cell with fewer than two rounds has no p and is not counted among those that were asked.
    """
    asked = {
        key: effect_over_rounds(values, confidence, seed) for key, values in cells.items() if len(values) >= 2
    }
    chances = {key: effect.test.p_two_sided for key, effect in asked.items()}
    adjusted = {}
    if chances:
        slower, faster = holm(chances), benjamini_hochberg(chances)
        adjusted = {key: faster[key] if asked[key].judged.estimate > 0 else slower[key] for key in asked}
    return {
        key: verdict(
            values,
            alpha=alpha,
            margin=margin,
            least_effect=least_effect,
            confidence=confidence,
            p_adjusted=adjusted.get(key),
            seed=seed,
        )
        for key, values in cells.items()
    }


def check_thresholds(*, alpha: float, margin: float, least_effect: float) -> None:
    """ValueError, with every problem, if these cannot be meant."""
    between(alpha, "alpha", 0, 1)
    if not 0 <= least_effect <= margin < 1:
        got = f"got least effect {least_effect:g}, margin {margin:g}"
        raise ValueError(f"thresholds must be 0 <= least effect <= margin < 1, {got}")


def _judge(effect: Effect, p: float, alpha: float, margin: float, least: float) -> tuple[Outcome, str]:
    found, mean, robust = effect.judged, effect.mean.estimate, effect.robust.estimate
    if not effect.robust_agrees:
        reason = f"a few rounds made the mean: {percent(mean)}, but the robust estimate {percent(robust)}"
        return "inconclusive", reason
    if p < alpha and not found.contains(0.0) and abs(found.estimate) >= least:
        return ("faster" if found.estimate > 0 else "slower"), f"{percent(found.estimate)}, p = {p:.2g}"
    span, allowed = (
        f"{percent(found.low)} to {percent(found.high)}",
        f"{math.expm1(margin):.3%}".replace(".000%", " %"),
    )
    if -margin < found.low and found.high < margin:
        return "no difference", f"the whole interval, {span}, lies within {allowed}"
    return (
        "inconclusive",
        f"the interval, {span}, says neither a difference nor that there is none above {allowed}",
    )


def percent(effect: float) -> str:
    """An effect in words: "3.1 % slower" (time per message), "2.0 % faster" (messages per time)."""
    way = "faster" if effect > 0 else "slower"
    return f"{math.expm1(abs(effect)) * 100:.1f} % {way}"
