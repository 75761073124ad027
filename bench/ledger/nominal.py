"""Whether intervals hold the truth, and p-values are as rare, as often as they promise: equal sides. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.ledger.analysis import Share, by_condition
from bench.ledger.design import EQUAL
from bench.stats.effects import FEWEST_ROUNDS, effect_over_rounds
from bench.stats.signflip import sum_chances

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.ledger.analysis import Judged
    from bench.stats.effects import Effect

CHANCES = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90)
FIRST, SECOND, ALL = "first stage", "second stage", "all rounds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominal:
    """Of the equal sides of a condition, from the rounds of a stage or from all.

    ``covered``: 95 % intervals that held 0, those that are judged by, and ``by_mean`` Student's. ``chances``
    are the one-sided p of "slower", in order; ``below`` how many lie at or below some levels.
    """

    condition: str
    of: str
    rounds: int
    covered: Share
    by_mean: Share
    chances: Sequence[float]
    below: Mapping[float, Share]

    def expected(self, level: float) -> float:
        """The share of p at or below a level by chance: so few rounds have few signed-rank sums."""
        reached = np.cumsum(sum_chances(range(1, self.rounds + 1)))
        return float(reached[reached <= level + 1e-12].max(initial=0.0))


def nominal(gates: Sequence[Judged]) -> list[Nominal]:
    """By condition and stage. The two stages of a gate are disjoint data.

    Every gate has a first stage; what lies beyond it is only taken of whole ones.
    """
    equal = (gate for gate in gates if gate.kind == EQUAL and gate.is_sound)
    found = []
    for condition, some in by_condition(equal):
        for what in (FIRST, SECOND, ALL):
            effects = list(_effects(some, what))
            if effects:
                found.append(_nominal(condition, what, effects))
    return found


def _effects(gates: Sequence[Judged], what: str) -> Iterator[Effect]:
    for gate in gates:
        if what != FIRST and not gate.whole:
            continue
        values = {FIRST: gate.stage(1), SECOND: gate.stage(2), ALL: gate.effects()}[what]
        if len(values) >= FEWEST_ROUNDS:
            yield effect_over_rounds(values)


def _nominal(condition: str, what: str, effects: Sequence[Effect]) -> Nominal:
    chances = sorted(one.test.p_less for one in effects)
    return Nominal(
        condition=condition,
        of=what,
        rounds=min(one.rounds for one in effects),
        covered=Share.of_all(one.judged.contains(0.0) for one in effects),
        by_mean=Share.of_all(one.mean.contains(0.0) for one in effects),
        chances=chances,
        below={level: Share.of_all(p <= level + 1e-12 for p in chances) for level in CHANCES},
    )
