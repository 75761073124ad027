"""From the stored rows of a run with two arms to one judged cell for each pair of cases. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import naming
from bench.cell import Cell, Outcome, Pair
from bench.sides import Arms
from bench.stats.rounds import round_effect
from bench.stats.signflip import rounds_to_reject
from bench.stats.verdicts import ALPHA, Verdict, verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd


def stored_cells(facts: Mapping[str, Any], trials: pd.DataFrame, slices: pd.DataFrame) -> list[Cell]:
    """The cells of a stored run with these ``facts`` in its run.json; none where it has no arms."""
    if "arms" not in facts:
        return []
    return compare(Arms.from_json(facts["arms"]), trials, slices, seed=facts["seed"])


def compare(
    arms: Arms, trials: pd.DataFrame, slices: pd.DataFrame, *, margin: float | None = None, seed: int = 0
) -> list[Cell]:
    """One cell a pair, in order; p-values count how many cells were asked.

    ``margin`` is that of "no difference", the statistics' own if None.
    """
    effects = {pair: round_effects(trials, slices, pair) for pair in arms.pairs}
    given = {} if margin is None else {"margin": margin}
    judged = verdicts({pair: list(one.values()) for pair, one in effects.items()}, seed=seed, **given)
    cells = max(1, sum(len(one) > 1 for one in effects.values()))  # what was skipped was not asked
    return [_cell(arms, trials, pair, judged[pair], list(effects[pair]), cells) for pair in arms.pairs]


def rounds_needed(cells: int) -> int:
    """The fewest rounds in which a cell among so many can get a verdict at all."""
    return rounds_to_reject(ALPHA / max(1, cells))


def round_effects(trials: pd.DataFrame, slices: pd.DataFrame, pair: Pair) -> dict[int, float]:
    """The effect of each round in which both sides were valid, by its number."""
    return {
        number: round_effect(base, candidate)
        for number, (base, candidate) in round_rates(trials, slices, pair).items()
    }


def round_rates(
    trials: pd.DataFrame, slices: pd.DataFrame, pair: Pair
) -> dict[int, tuple[list[float], list[float]]]:
    """The slices' rates of both sides in each round in which both were valid; the k-th of each are a pair."""
    valid = trials[trials["status"] == "valid"]
    rounds = [set(valid.loc[valid["case"] == case, "round"]) for case in pair]
    found: dict[int, tuple[list[float], list[float]]] = {}
    for number in sorted(int(one) for one in rounds[0] & rounds[1]):
        rows = slices[slices["round"] == number].sort_values("slice")
        base, candidate = (
            [float(rate) for rate in rows.loc[rows["case"] == case, "rate_per_s"]] for case in pair
        )
        found[number] = (base, candidate)
    return found


def _cell(
    arms: Arms, trials: pd.DataFrame, pair: Pair, judged: Verdict, rounds: Sequence[int], cells: int
) -> Cell:
    base, candidate = (trials[trials["case"] == case] for case in pair)
    needed = rounds_needed(cells)
    outcome, reason = _unsound(base, candidate) or (judged.outcome, judged.reason)
    if outcome == "inconclusive" and len(rounds) < needed:
        among = f" among {cells} cells" if cells > 1 else ""
        reason = f"needs at least {needed} rounds to be sure at p < {ALPHA:g}{among}, has {len(rounds)}"
    names = naming.sides(arms, _first(base), _first(candidate))
    effect = judged.effect
    ratio = effect.ratio if effect is not None else None
    return Cell(
        base_case=pair[0],
        candidate_case=pair[1],
        place=naming.place(arms.differ, _first(base)),
        base=names[0],
        candidate=names[1],
        outcome=outcome,
        reason=reason,
        rounds=len(rounds),
        ratio=ratio.estimate if ratio else None,
        ratio_low=ratio.low if ratio else None,
        ratio_high=ratio.high if ratio else None,
        # With many cells at the level of the first that Holm looks at, which is the strictest.
        detectable=effect.detectable(ALPHA / cells) if effect and len(rounds) >= needed else None,
        p=judged.p,
        base_rate_per_s=_rate(base, rounds),
        candidate_rate_per_s=_rate(candidate, rounds),
    )


def _unsound(base: pd.DataFrame, candidate: pd.DataFrame) -> tuple[Outcome, str] | None:
    """Why no verdict may be given, whatever the valid rounds say; None if one may."""
    for name, rows in (("base", base), ("candidate", candidate)):
        if rows.empty:
            return "invalid", f"the {name} was not measured"
        wrong = rows[rows["status"] != "valid"]
        if wrong.empty:
            continue
        first = wrong.iloc[0]
        if first["status"] == "skipped":
            return "skipped", str(first["reason"])
        return "invalid", f"the {name} was invalid in round {first['round']}: {first['reason']}"
    return None


def _first(rows: pd.DataFrame) -> Mapping[str, Any] | None:
    if rows.empty:
        return None
    return {str(name): value for name, value in rows.iloc[0].items()}


def _rate(rows: pd.DataFrame, rounds: Sequence[int]) -> float | None:
    """The geometric mean over those rounds."""
    rates = rows.loc[rows["round"].isin(rounds), "rate_per_s"].astype(float)
    return math.exp(float(np.log(rates.to_numpy()).mean())) if len(rates) else None
