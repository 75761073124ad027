"""What a gate compares, and what its cells and the whole of it come to, however they were measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.counting import Meter

Outcome = Literal["pass", "regression", "inconclusive", "environment unfit", "missing", "invalid"]

# What is worst decides: a cell that was not measured is not guarded, whatever the others say.
EXIT_CODES: dict[Outcome, int] = {
    "invalid": 6,
    "missing": 6,
    "regression": 1,
    "environment unfit": 5,
    "inconclusive": 3,
    "pass": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trio:
    """The numbers of a cell's three cases, ``control`` a second copy of the base; and the cell's margin."""

    base: int
    candidate: int
    control: int
    margin: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What was compared, as run.json has it under ``gate``.

    ``first`` rounds are of the first stage; those after them of the second, which only the cells in
    ``second_cells`` have, by their place from 1.
    """

    base: str
    candidate: str
    trios: tuple[Trio, ...]
    first: int = 0
    second: int = 0
    second_cells: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        cells = [[one.base, one.candidate, one.control, one.margin] for one in self.trios]
        return {
            "base": self.base,
            "candidate": self.candidate,
            "cells": cells,
            "first": self.first,
            "second": self.second,
            "second_cells": list(self.second_cells),
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        trios = (
            Trio(base=base, candidate=candidate, control=control, margin=margin)
            for base, candidate, control, margin in facts["cells"]
        )
        return cls(
            base=facts["base"],
            candidate=facts["candidate"],
            trios=tuple(trios),
            first=facts["first"],
            second=facts["second"],
            second_cells=tuple(facts["second_cells"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCell:
    """A cell with what was decided. ``stage`` is the one that decided; figures are of its rounds.

    Timed, ``ratio`` is candidate over base of the rate with its interval, and ``slow_down_at_most`` the upper
    end of the interval of the slow-down, as a share; below 0 it is faster. Counted, ``ratio`` is that of the
    instructions a message with what the ``repeats`` reach, and ``more_work_at_most`` its end as a share.
    """

    place: str
    base: str
    candidate: str
    outcome: Outcome
    reason: str
    margin: float
    stage: int
    rounds: int
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    slow_down_at_most: float | None = None
    p: float | None = None
    detectable: float | None = None
    base_rate_per_s: float | None = None
    candidate_rate_per_s: float | None = None
    repeats: int | None = None
    more_work_at_most: float | None = None
    base_instructions_per_message: float | None = None
    candidate_instructions_per_message: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A gate's end. ``control`` is holds, fails or unknown; ``disturbed`` what else the machine did."""

    outcome: Outcome
    cells: tuple[GateCell, ...]
    control: str
    control_reason: str
    disturbed: str
    meter: Meter = "time"

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]


def worst(cells: Iterable[GateCell]) -> Outcome:
    """The outcome of a gate with these cells; ValueError if there are none, as an empty gate is no pass."""
    outcomes = {cell.outcome for cell in cells}
    if not outcomes:
        raise ValueError("a gate without cells decides nothing")
    return next(outcome for outcome in EXIT_CODES if outcome in outcomes)
