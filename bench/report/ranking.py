"""How much faster one case of a run is than another, from the turns that they took side by side. Pure.

As in a comparison (bench.comparison), the effect of a round is the median over slice pairs of the logarithm
of the ratio, and rounds are the replicates. Cases of different blocks never took turns with each other: they
are compared through the reference case that their blocks share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bench.stats.intervals import CONFIDENCE, mean_interval
from bench.stats.rounds import round_effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.report.summary import CaseSummary

    Rows: TypeAlias = Sequence[Mapping[str, Any]]

FEWEST_ROUNDS = 3

Turns: TypeAlias = dict[tuple[int, int], dict[int, list[float]]]
"""By round and block, and then by case: the rates of a valid trial's slices in the order of its turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A case's rate over another's, with an interval over rounds; None from fewer than two rounds."""

    case: int
    reference: int
    estimate: float
    low: float | None
    high: float | None
    rounds: int

    @property
    def is_told_apart(self) -> bool:
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The valid cases of one scenario point, the fastest first.

    ``against_first`` compares each with the first case of the point, in the order of their numbers;
    ``behind_best`` the fastest with each other. Each set of intervals holds all at once (Bonferroni); that of
    the fastest counts every pair, because the fastest was chosen by looking.
    """

    place: tuple[str, str]
    cases: Sequence[CaseSummary]
    against_first: dict[int, Ratio] = field(default_factory=dict)
    behind_best: dict[int, Ratio] = field(default_factory=dict)

    @property
    def best(self) -> CaseSummary:
        return self.cases[0]

    @property
    def first(self) -> CaseSummary:
        return min(self.cases, key=lambda case: case.case)


def rankings(rows: Rows, slices: Rows, cases: Iterable[CaseSummary]) -> list[Ranking]:
    """One for each scenario point that has a valid case, from the rows of trials.csv and slices.csv."""
    turns = valid_turns(rows, slices)
    places: dict[tuple[str, str], list[CaseSummary]] = {}
    for case in cases:
        if case.status == "valid" and case.rate_per_s is not None:
            places.setdefault((case.scenario, case.point), []).append(case)
    return [_ranking(place, members, turns) for place, members in places.items()]


def valid_turns(rows: Rows, slices: Rows) -> Turns:
    known = {(row["round"], row["block"], row["case"]) for row in rows if row["status"] == "valid"}
    turns: Turns = {}
    for one in sorted(slices, key=lambda one: one["slice"] or 0):
        if (one["round"], one["block"], one["case"]) in known and one["rate_per_s"]:
            block = turns.setdefault((one["round"], one["block"]), {})
            block.setdefault(one["case"], []).append(float(one["rate_per_s"]))
    return turns


def ratio(turns: Turns, case: int, reference: int, *, among: int = 1) -> Ratio | None:
    """Of two cases, if need be through a third; its interval is one of ``among`` that hold at once.

    None where no round has both. Two rounds bound a ratio to within many powers of ten: no interval is said.
    """
    effects = list(_effects(turns, case, reference).values())
    shared = _partners(turns, case) & _partners(turns, reference)
    if not effects and shared:
        one, other = _effects(turns, case, min(shared)), _effects(turns, reference, min(shared))
        effects = [one[number] - other[number] for number in one.keys() & other.keys()]
    if not effects:
        return None
    found = None
    if len(effects) >= FEWEST_ROUNDS:
        found = mean_interval(effects, 1 - (1 - CONFIDENCE) / max(1, among))
    return Ratio(
        case=case,
        reference=reference,
        estimate=math.exp(float(np.mean(effects))),
        low=math.exp(found.low) if found else None,
        high=math.exp(found.high) if found else None,
        rounds=len(effects),
    )


def _ranking(place: tuple[str, str], members: list[CaseSummary], turns: Turns) -> Ranking:
    ranked = sorted(members, key=lambda case: case.rate_per_s or 0, reverse=True)
    first, best = members[0].case, ranked[0].case
    pairs = len(members) * (len(members) - 1) // 2
    against = {case.case: ratio(turns, case.case, first, among=len(members) - 1) for case in members[1:]}
    behind = {case.case: ratio(turns, best, case.case, among=pairs) for case in ranked[1:]}
    return Ranking(
        place=place,
        cases=ranked,
        against_first={number: one for number, one in against.items() if one is not None},
        behind_best={number: one for number, one in behind.items() if one is not None},
    )


def _partners(turns: Turns, case: int) -> set[int]:
    """The cases that took turns with this one."""
    return {other for block in turns.values() if case in block for other in block} - {case}


def _effects(turns: Turns, case: int, reference: int) -> dict[int, float]:
    """By round: the mean over the blocks in which both took turns."""
    found: dict[int, list[float]] = {}
    for (number, _), block in turns.items():
        mine, theirs = block.get(case), block.get(reference)
        if mine and theirs and len(mine) == len(theirs):
            found.setdefault(number, []).append(round_effect(theirs, mine))
    return {number: float(np.mean(effects)) for number, effects in found.items()}
