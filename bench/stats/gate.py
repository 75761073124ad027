"""The gate's decision: pass, regression, inconclusive or environment unfit, in two stages.

Stage 1 (:func:`screen`) flags what may be slower. Stage 2 (:func:`decide`) looks at fresh rounds only. A cell
can be called a regression only where both say so independently, which is what makes a false one rare: by
chance 0.10 * 0.01 a cell. Every gate carries a null control (:func:`judge_control`), base against a second
copy of base: where that differs, a regression says something about the environment and not about the
candidate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from bench.stats.effects import FEWEST_ROUNDS, By, Effect, effect_over_rounds
from bench.stats.multiplicity import holm
from bench.stats.samples import sample
from bench.stats.signflip import rounds_to_reject
from bench.stats.verdicts import ALPHA, LEAST_EFFECT, MARGIN, check_thresholds, percent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from bench.stats.samples import Numbers

Key = TypeVar("Key")
Outcome = Literal["pass", "regression", "inconclusive", "environment unfit"]

FLAG_ALPHA = 0.10
# Wider than the gate's own, as a control that misses a bad environment costs a false regression, and one that
# fails without cause only turns a true regression's exit code from 1 into 5. But that costs power, 2 % at
# this level; at 0.05 it would be all that a power of 95 % leaves.
CONTROL_ALPHA = 0.02
_WORST_CONTROL = ("fails", "unknown", "holds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What stage 1 says of a cell; what is not a pass goes on to stage 2."""

    outcome: Literal["pass", "flagged", "undecided"]
    reason: str
    effect: Effect | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Whether base differs from itself; "unknown" where there are too few rounds to say."""

    outcome: Literal["holds", "fails", "unknown"]
    reason: str
    effect: Effect | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What stage 2 says of a cell. ``p`` is one-sided and Holm's; None where the cell was not flagged."""

    outcome: Outcome
    reason: str
    effect: Effect | None
    p: float | None
    detectable: float | None


def screen(
    cells: Mapping[Key, Numbers],
    *,
    alpha: float = FLAG_ALPHA,
    margin: float = MARGIN,
    margins: Mapping[Key, float] | None = None,
    by: By = "ranks",
) -> dict[Key, Screened]:
    """Stage 1, from one effect per round and cell; ``margins`` are of cells with one of their own.

    Flagged where the one-sided signed-rank p of "slower" is below ``alpha``. Otherwise a pass where the upper
    bound of the slow-down is under the margin already, else undecided.
    """
    allowed = _margins(cells, margin, margins)
    for one in allowed.values():
        check_thresholds(alpha=alpha, margin=one, least_effect=0)
    needed = rounds_to_screen(alpha)
    return {key: _screen(values, by, needed, alpha, allowed[key]) for key, values in cells.items()}


def rounds_to_screen(alpha: float = FLAG_ALPHA) -> int:
    """The fewest rounds of a first stage that can flag anything."""
    return rounds_to_reject(alpha, sides=1)


def rounds_to_decide(flagged: int, alpha: float = ALPHA) -> int:
    """The fewest rounds of a second stage that can decide so many flagged cells."""
    return rounds_to_reject(alpha / max(1, flagged), sides=1)


def _margins(cells: Iterable[Key], margin: float, own: Mapping[Key, float] | None) -> dict[Key, float]:
    return {key: (own or {}).get(key, margin) for key in cells}


def _screen(values: Numbers, by: By, needed: int, alpha: float, margin: float) -> Screened:
    effect = _effect(values, by)
    if effect is None or effect.rounds < needed:
        return Screened(outcome="undecided", reason=_too_few(needed, len(values)), effect=effect)
    p = effect.test.p_less
    if p < alpha:
        reason = f"may be slower: {percent(effect.judged.estimate)}, p = {p:.2g}"
        return Screened(outcome="flagged", reason=reason, effect=effect)
    passes = effect.robust_agrees and effect.slow_down_at_most < margin
    return Screened(outcome="pass" if passes else "undecided", reason=_bound(effect, margin), effect=effect)


def judge_control(
    effects: Numbers,
    *,
    alpha: float = CONTROL_ALPHA,
    least_effect: float = LEAST_EFFECT,
    by: By = "ranks",
) -> Control:
    """Base against a second copy of itself: fails where they differ at ``alpha`` and by ``least_effect``."""
    needed, effect = rounds_to_reject(alpha), _effect(effects, by)
    if effect is None or effect.rounds < needed:
        return Control(outcome="unknown", reason=_too_few(needed, len(effects)), effect=effect)
    p, judged = effect.test.p_two_sided, effect.judged.estimate
    differs = p < alpha and abs(judged) >= math.log1p(least_effect)
    reason = f"base against itself: {percent(judged)}, p = {p:.2g}"
    return Control(outcome="fails" if differs else "holds", reason=reason, effect=effect)


def judge_controls(
    cells: Iterable[Numbers], *, alpha: float = CONTROL_ALPHA, least_effect: float = LEAST_EFFECT
) -> Control:
    """The control of a gate with several cells: the worst of them, each at its part of ``alpha``."""
    effects = list(cells)
    found = [
        judge_control(values, alpha=alpha / len(effects), least_effect=least_effect) for values in effects
    ]
    if not found:
        return Control(outcome="unknown", reason="no cell was measured", effect=None)
    return min(found, key=lambda one: _WORST_CONTROL.index(one.outcome))


def decide(
    cells: Mapping[Key, Numbers],
    *,
    flagged: Collection[Key],
    control: Control,
    alpha: float = ALPHA,
    margin: float = MARGIN,
    margins: Mapping[Key, float] | None = None,
    least_effect: float = LEAST_EFFECT,
    by: By = "ranks",
) -> dict[Key, Decision]:
    """Stage 2, from one effect per *fresh* round and cell; ``flagged`` are the cells that stage 1 flagged,
    ``margins`` those of cells with one of their own.

    - regression: flagged, Holm's one-sided p over the flagged cells is below ``alpha``, the interval leaves 0
      out, the slow-down is at least ``least_effect`` by the robust estimate and by the mean, and the two
      agree. Environment unfit instead where the control fails, inconclusive where it is unknown;
    - pass: the upper bound of the slow-down is under ``margin``, and the two estimates agree;
    - inconclusive: all else. A flagged cell without rounds is inconclusive, never a pass.

    The bound is that of the two-sided 95 % interval, 2.5 % a stage: a cell that is slower by the margin
    passes in at most 5 % of gates.
    """
    allowed = _margins(cells, margin, margins)
    for one in allowed.values():
        check_thresholds(alpha=alpha, margin=one, least_effect=least_effect)
    unknown = [key for key in flagged if key not in cells]
    if unknown:
        raise ValueError(f"flagged cells without a second stage: {', '.join(map(str, unknown))}")
    effects = {key: _effect(values, by) for key, values in cells.items()}
    asked = {key: effect.test.p_less for key, effect in effects.items() if effect and key in flagged}
    chances = holm(asked) if asked else {}
    needed, least = rounds_to_decide(len(flagged), alpha), math.log1p(least_effect)
    return {
        key: _decide(effect, chances.get(key), control, (alpha, allowed[key], least))
        if effect is not None and effect.rounds >= needed
        else _decision("inconclusive", _too_few(needed, len(cells[key])), effect, chances.get(key), alpha)
        for key, effect in effects.items()
    }


def _decide(
    effect: Effect, p: float | None, control: Control, thresholds: tuple[float, float, float]
) -> Decision:
    alpha, margin, least = thresholds
    mean, robust, judged = effect.mean.estimate, effect.robust.estimate, effect.judged
    slower = f"{percent(judged.estimate)}" + ("" if p is None else f", p = {p:.2g}")
    if not effect.robust_agrees:
        reason = f"a few rounds made the mean: {percent(mean)}, but the robust estimate {percent(robust)}"
        return _decision("inconclusive", reason, effect, p, alpha)
    if p is not None and p < alpha and judged.high < 0 and max(mean, robust) <= -least:
        outcomes: dict[str, Outcome] = {"holds": "regression", "fails": "environment unfit"}
        outcome = outcomes.get(control.outcome, "inconclusive")
        reason = (
            slower
            if outcome == "regression"
            else f"{slower}, but the control {control.outcome}: {control.reason}"
        )
        return _decision(outcome, reason, effect, p, alpha)
    passes = effect.slow_down_at_most < margin
    reason = _bound(effect, margin)
    if not passes and p is not None:
        reason = f"{slower} is not sure; {reason}"
    elif not passes and judged.high < 0:
        reason = f"{slower} in the second stage, but the first did not flag it; {reason}"
    return _decision("pass" if passes else "inconclusive", reason, effect, p, alpha)


def _effect(values: Numbers, by: By) -> Effect | None:
    array = sample(values, "rounds", least=0)
    return effect_over_rounds(array, by=by) if array.size >= FEWEST_ROUNDS else None


def _decision(
    outcome: Outcome, reason: str, effect: Effect | None, p: float | None, alpha: float
) -> Decision:
    detectable = effect.detectable(alpha) if effect else None
    return Decision(outcome=outcome, reason=reason, effect=effect, p=p, detectable=detectable)


def _too_few(needed: int, rounds: int) -> str:
    return f"needs at least {needed} rounds, has {rounds}"


def _bound(effect: Effect, margin: float) -> str:
    bound = max(0.0, effect.slow_down_at_most)
    under = "under" if effect.slow_down_at_most < margin else "not under"
    return f"slower by at most {bound * 100:.1f} %, {under} the margin of {margin * 100:g} %"
