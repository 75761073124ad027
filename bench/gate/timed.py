"""From the stored rows of a gate's rounds to its cells, its control and its outcome. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bench.comparison import compare, round_effects
from bench.gate import Gate, GateCell, worst
from bench.sides import Arms
from bench.stats import gate
from bench.stats.verdicts import ALPHA

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from bench.cell import Cell
    from bench.gate import Design, Outcome
    from bench.stats.gate import Decision, Screened

NOISY_STEAL_SHARE, NOISY_OTHERS_CORES, NOISY_PRESSURE = 0.02, 0.2, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What the first stage found: the places of cells that were flagged, that stay open, and that pass."""

    flagged: tuple[int, ...]
    undecided: tuple[int, ...]
    passed: tuple[int, ...] = ()


def first_stage(design: Design, trials: pd.DataFrame, slices: pd.DataFrame) -> First:
    """Which cells need a second stage; those with an invalid or missing row need none."""
    sound = [
        place
        for place, cell in _compared(design, trials, slices).items()
        if _unsound(cell, design, place, trials) is None
    ]
    screened = _screened(design, trials, slices, sound)
    return First(
        flagged=tuple(place for place, one in screened.items() if one.outcome == "flagged"),
        undecided=tuple(place for place, one in screened.items() if one.outcome == "undecided"),
        passed=tuple(place for place, one in screened.items() if one.outcome == "pass"),
    )


def judged(design: Design, trials: pd.DataFrame, slices: pd.DataFrame) -> Gate:
    """The whole gate, from whatever rounds there are: a cell without its second stage is inconclusive."""
    compared = _compared(design, trials, slices)
    unsound = {place: _unsound(cell, design, place, trials) for place, cell in compared.items()}
    sound = [place for place, why in unsound.items() if why is None]
    screened = _screened(design, trials, slices, sound)
    open_ = [place for place in sound if screened[place].outcome != "pass"]
    flagged = [place for place in open_ if screened[place].outcome == "flagged"]
    control = gate.judge_controls(
        [_effects(design, trials, slices, place, stage=2, of="control") for place in open_]
        or [_effects(design, trials, slices, place, stage=1, of="control") for place in sound]
    )
    decided = gate.decide(
        {place: _effects(design, trials, slices, place, stage=2) for place in open_},
        flagged=flagged,
        control=control,
        margins=_margins(design),
    )
    cells = tuple(
        _cell(design, place, cell, screened.get(place), decided.get(place), unsound[place])
        for place, cell in compared.items()
    )
    return Gate(
        outcome=worst(cells),
        cells=cells,
        control=control.outcome,
        control_reason=control.reason,
        disturbed=disturbed(trials),
    )


def disturbed(trials: pd.DataFrame) -> str:
    """What else went on during the rounds, in words; "" where the machine was quiet."""
    words = []
    for column, least, text in (
        ("steal_share", NOISY_STEAL_SHARE, "the hypervisor took up to {:.0%} of the time"),
        ("others_cores", NOISY_OTHERS_CORES, "other processes used up to {:.1f} cores"),
        ("cpu_pressure_share", NOISY_PRESSURE, "something waited for a processor up to {:.0%} of the time"),
    ):
        most = trials[column].astype(float).max()
        if most > least:
            words.append(text.format(most).replace("%", " %"))
    return ", ".join(words)


def _compared(design: Design, trials: pd.DataFrame, slices: pd.DataFrame) -> dict[int, Cell]:
    """Names, rates and soundness of each cell, over the rounds of its last stage."""
    found = {}
    for place, trio in enumerate(design.trios, start=1):
        arms = Arms(
            differ="client",
            base=design.base,
            candidate=design.candidate,
            pairs=((trio.base, trio.candidate),),
        )
        last = trials[_in_stage(design, trials, 2 if place in design.second_cells else 1)]
        (cell,) = compare(arms, last if len(last) else trials, slices)
        whole = trials[trials["case"].isin((trio.base, trio.candidate))]
        if (whole["status"] != "valid").any():  # wherever it was
            (cell,) = compare(arms, trials, slices)
        found[place] = cell
    return found


def _unsound(cell: Cell, design: Design, place: int, trials: pd.DataFrame) -> tuple[Outcome, str] | None:
    """Why a cell may get no verdict; None if it may."""
    if cell.outcome == "skipped":
        return "missing", cell.reason
    if cell.outcome == "invalid":
        return ("missing" if "was not measured" in cell.reason else "invalid"), cell.reason
    control = trials[trials["case"] == design.trios[place - 1].control]
    wrong = control[control["status"] != "valid"]
    if control.empty:
        return "missing", "the second copy of the base was not measured"
    if len(wrong):
        first = wrong.iloc[0]
        return (
            "invalid",
            f"the second copy of the base was invalid in round {first['round']}: {first['reason']}",
        )
    return None


def _in_stage(design: Design, rows: pd.DataFrame, stage: int) -> pd.Series[bool]:
    return rows["round"] > design.first if stage == 2 else rows["round"].between(1, design.first)


def _effects(
    design: Design,
    trials: pd.DataFrame,
    slices: pd.DataFrame,
    place: int,
    *,
    stage: int,
    of: Literal["candidate", "control"] = "candidate",
) -> list[float]:
    trio = design.trios[place - 1]
    pair = (trio.base, trio.candidate if of == "candidate" else trio.control)
    return list(round_effects(trials[_in_stage(design, trials, stage)], slices, pair).values())


def _screened(
    design: Design, trials: pd.DataFrame, slices: pd.DataFrame, places: Sequence[int]
) -> dict[int, Screened]:
    effects = {place: _effects(design, trials, slices, place, stage=1) for place in places}
    return gate.screen(effects, margins=_margins(design))


def _margins(design: Design) -> dict[int, float]:
    return {place: trio.margin for place, trio in enumerate(design.trios, start=1)}


def _cell(
    design: Design,
    place: int,
    cell: Cell,
    screened: Screened | None,
    decided: Decision | None,
    unsound: tuple[Outcome, str] | None,
) -> GateCell:
    shown = GateCell(
        place=cell.place or f"cell {place}",
        base=cell.base,
        candidate=cell.candidate,
        outcome="inconclusive",
        reason="",
        margin=design.trios[place - 1].margin,
        stage=2 if decided is not None else 1,
        rounds=0,
    )
    if unsound is not None:
        return replace(shown, outcome=unsound[0], reason=unsound[1])
    last = decided or screened
    assert last is not None
    outcome: Outcome = decided.outcome if decided is not None else "pass"
    shown = replace(shown, outcome=outcome, reason=last.reason)
    if (effect := last.effect) is None:
        return shown
    return replace(
        shown,
        rounds=effect.rounds,
        ratio=effect.ratio.estimate,
        ratio_low=effect.ratio.low,
        ratio_high=effect.ratio.high,
        slow_down_at_most=effect.slow_down_at_most,
        p=decided.p if decided is not None else effect.test.p_less,
        detectable=effect.detectable(ALPHA),
        base_rate_per_s=cell.base_rate_per_s,
        candidate_rate_per_s=cell.candidate_rate_per_s,
    )
