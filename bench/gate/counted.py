"""From the stored rows of a gate that counts instructions to its cells, its control and its outcome. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench import work
from bench.gate import Gate, GateCell, worst
from bench.sides import Arms
from bench.work import percent, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.gate import Design, Outcome, Trio
    from bench.work import WorkCell

    Rows = Sequence[Mapping[str, Any]]

CONTROL = work.MARGIN
"""By how much a base and its second copy may differ at the median: counts that do not repeat say nothing."""


def judged(design: Design, rows: Rows) -> Gate:
    """The whole gate from the rows of trials.csv. Counts repeat, so that one stage decides.

    - regression: the candidate does more work than the base by more than the margin, and so does its least
      repeat against the base's greatest;
    - pass: even its greatest repeat against the base's least is under the margin;
    - environment unfit: the base and its second copy differ by more than :data:`CONTROL`;
    - inconclusive: the repeats reach to both sides of the margin.
    """
    cells, controls, rounds = [], [], max((row["round"] or 0 for row in rows), default=0)
    for place, trio in enumerate(design.trios, start=1):
        compared = _pair(design, rows, trio.base, trio.candidate)
        control = _pair(replace(design, candidate=design.base), rows, trio.base, trio.control)
        cell = _cell(trio, compared, control, _unsound(rows, trio))
        cells.append(replace(cell, place=cell.place or f"cell {place}", rounds=rounds if cell.ratio else 0))
        if control.ratio is not None:
            controls.append(control.ratio - 1)
    furthest = max(controls, key=abs, default=None)
    return Gate(
        outcome=worst(cells),
        cells=tuple(cells),
        control="unknown" if furthest is None else "holds" if abs(furthest) <= CONTROL else "fails",
        control_reason="the base was not counted twice" if furthest is None else _against_itself(furthest),
        disturbed="",  # what else a machine does is in no count
        meter="instructions",
    )


def _pair(design: Design, rows: Rows, base: int, other: int) -> WorkCell:
    """A case with that number against its base."""
    arms = Arms(differ="client", base=design.base, candidate=design.candidate, pairs=((base, other),))
    (cell,) = work.compare(arms, rows)
    return cell


def _unsound(rows: Rows, trio: Trio) -> tuple[Outcome, str] | None:
    """Why a cell may get no verdict; None if it may."""
    named = {"base": trio.base, "candidate": trio.candidate, "second copy of the base": trio.control}
    found = work.unsound({name: [row for row in rows if row["case"] == case] for name, case in named.items()})
    if found is None:
        return None
    outcome, reason = found
    return ("missing" if outcome == "skipped" or "was not measured" in reason else "invalid"), reason


def _cell(trio: Trio, compared: WorkCell, control: WorkCell, unsound: tuple[Outcome, str] | None) -> GateCell:
    shown = GateCell(
        place=compared.place,
        base=compared.base,
        candidate=compared.candidate,
        outcome="inconclusive",
        reason="nothing was counted",
        margin=trio.margin,
        stage=1,
        rounds=0,
    )
    if unsound is not None:
        return replace(shown, outcome=unsound[0], reason=unsound[1])
    ratio, low, high = compared.ratio, compared.ratio_low, compared.ratio_high
    if ratio is None or low is None or high is None or control.ratio is None:
        return shown
    outcome, reason = decided(ratio, low, high, trio.margin, control.ratio)
    return replace(
        shown,
        outcome=outcome,
        reason=reason,
        repeats=compared.repeats,
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        more_work_at_most=high - 1,
        base_instructions_per_message=compared.base_instructions_per_message,
        candidate_instructions_per_message=compared.candidate_instructions_per_message,
    )


def decided(ratio: float, low: float, high: float, margin: float, control: float) -> tuple[Outcome, str]:
    """The outcome of a ratio of work whose repeats reach from ``low`` to ``high``, and why.

    ``control`` is the ratio of the base's second copy to the base.
    """
    if not 0 < low <= ratio <= high:
        raise ValueError(f"no ratio with its extremes: {low}, {ratio}, {high}")
    if abs(control - 1) > CONTROL:
        return "environment unfit", _against_itself(control - 1)
    limit = f"the margin of {100 * margin:g} %"
    if low > 1 + margin:
        return "regression", f"{signed(ratio - 1)}, and at least {signed(low - 1)}, over {limit}"
    if high < 1 + margin:
        return "pass", f"{signed(ratio - 1)}, and at most {signed(high - 1)}, under {limit}"
    reach = f"the repeats reach from {signed(low - 1)} to {signed(high - 1)}"
    return "inconclusive", f"{signed(ratio - 1)} at the median, and {reach}, to both sides of {limit}"


def _against_itself(share: float) -> str:
    within = "within" if abs(share) <= CONTROL else "not within"
    return f"the base against its second copy: {signed(share)}, {within} {percent(CONTROL)}"
