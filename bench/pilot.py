"""From a short pilot to how many rounds and slices to make: decided before, on rounds of its own. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.comparison import round_rates, rounds_needed
from bench.errors import UsageError
from bench.stats.planning import rounds_for_precision, slices_per_round
from bench.stats.rounds import round_effect

if TYPE_CHECKING:
    import pandas as pd

    from bench.sides import Arms

FEWEST_SLICES, MOST_SLICES = 5, 40
# What the median of many slices costs against their mean: pi / 2 times the variance.
_MEDIAN = math.pi / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """What a pilot showed: ``effects`` over rounds, a list a cell; ``within`` the variance of a slice pair
    around its round; what a round took without its ``slices``, and a slice of every case together.
    """

    effects: tuple[tuple[float, ...], ...]
    within: float
    round_cost_s: float
    slice_cost_s: float
    slices: int

    @property
    def needed(self) -> int:
        return rounds_needed(len(self.effects))

    def cost_s(self, rounds: int, slices: int) -> float:
        return rounds * (self.round_cost_s + slices * self.slice_cost_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How many rounds to make, with how many slices of each case, and why in words."""

    rounds: int
    slices: int
    why: str


def read(arms: Arms, trials: pd.DataFrame, slices: pd.DataFrame, took_s: float) -> Pilot:
    """What the pilot showed that took so long; raises UsageError where a side was never measured in it."""
    effects, spreads = [], []
    for pair in arms.pairs:
        if (trials.loc[trials["case"].isin(pair), "status"] == "skipped").all():
            continue
        rates = round_rates(trials, slices, pair)
        if len(rates) < 3:
            raise UsageError("the pilot has too few valid rounds to plan from; see its run folder")
        effects.append(tuple(round_effect(*both) for both in rates.values()))
        spreads += [float(np.log(np.divide(y, x)).var(ddof=1)) for x, y in rates.values() if len(x) > 1]
    rounds, turns = int(trials["round"].max()), int(slices["slice"].max()) + 1
    slice_cost_s = float(slices["elapsed_s"].sum()) / (rounds * turns)
    return Pilot(
        effects=tuple(effects),
        within=float(np.mean(spreads)) if spreads else 0.0,
        round_cost_s=max(0.1, took_s / rounds - turns * slice_cost_s),
        slice_cost_s=slice_cost_s,
        slices=turns,
    )


def for_precision(pilot: Pilot, share: float) -> Shape:
    """Rounds for an interval of at most ``share`` to either side in every cell; raises UsageError."""
    half_width = math.log1p(share)
    try:
        plans = [rounds_for_precision(effects, half_width) for effects in pilot.effects]
    except ValueError as error:
        raise UsageError(f"{share:.2%} cannot be reached: {error}") from error
    rounds = max(pilot.needed, *(plan.rounds for plan in plans))
    spread = max(plan.spread for plan in plans)
    why = (
        f"rounds of the pilot spread by {spread:.1%}: {rounds} rounds are planned for an interval of "
        f"{share:.2%} to either side, about {pilot.cost_s(rounds, pilot.slices):.0f} s"
    )
    return Shape(rounds=rounds, slices=pilot.slices, why=why)


def for_budget(pilot: Pilot, left_s: float) -> Shape:
    """The rounds and slices that fit and make the narrowest interval; raises UsageError if too few fit."""
    slices = min(MOST_SLICES, max(FEWEST_SLICES, _best_slices(pilot)))
    fewest_s = pilot.cost_s(pilot.needed, FEWEST_SLICES)
    if fewest_s > left_s:
        raise UsageError(
            f"the budget is too small: a verdict needs {pilot.needed} rounds, about {fewest_s:.0f} s here, "
            f"and {max(0.0, left_s):.0f} s are left after the pilot"
        )
    while pilot.cost_s(pilot.needed, slices) > left_s:
        slices -= 1
    rounds = int(left_s / pilot.cost_s(1, slices))
    why = f"{rounds} rounds of {slices} slices are planned, about {pilot.cost_s(rounds, slices):.0f} s"
    return Shape(rounds=rounds, slices=slices, why=why)


def _best_slices(pilot: Pilot) -> int:
    if pilot.within <= 0:
        return FEWEST_SLICES
    seen = float(np.mean([np.var(effects, ddof=1) for effects in pilot.effects]))
    within = _MEDIAN * pilot.within
    between = max(seen - within / pilot.slices, within / 100)  # the pilot's own slices blur its rounds
    return slices_per_round(
        between_variance=between,
        within_variance=within,
        round_cost_s=pilot.round_cost_s,
        slice_cost_s=pilot.slice_cost_s,
    )
