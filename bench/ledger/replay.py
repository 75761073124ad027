"""The gate's rule put to stored rounds of equal sides, with a known difference added to them. Pure.

A difference that multiplies every rate of the candidate adds its logarithm to each round's effect, and leaves
the noise what it was. So what the rule says of such data is what it says of a candidate that is truly so much
slower, on the noise of real rounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

from bench.stats import gate
from bench.stats.verdicts import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.ledger.analysis import Judged
    from bench.stats.effects import By

Said = Literal["pass", "regression", "inconclusive", "environment unfit", "not measured"]
_CELL = "cell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Longer:
    """One or several gates' rounds as those of one gate: the first stage from their first stages, and so on.

    Effects are one a round, of the candidate and of the second copy of the base. Gates that ended with their
    first stage have no second.
    """

    first: Sequence[float]
    second: Sequence[float]
    control: Sequence[float]
    seconds: float

    @property
    def rounds(self) -> tuple[int, int]:
        return len(self.first), len(self.second)

    def said(self, slower: float = 0.0, by: By = "ranks") -> Said:
        """What the rule says, were the candidate slower by this share. "not measured": the first stage leaves
        it open, and there are no rounds to decide it with.
        """
        shift = shifted(slower)
        (screened,) = gate.screen({_CELL: [one + shift for one in self.first]}, by=by).values()
        if screened.outcome == "pass":
            return "pass"
        if not self.second:
            return "not measured"
        flagged = [_CELL] if screened.outcome == "flagged" else []
        fresh = {_CELL: [one + shift for one in self.second]}
        control = gate.judge_control(self.control, by=by)
        (decision,) = gate.decide(fresh, flagged=flagged, control=control, by=by).values()
        return decision.outcome

    def called_faster(self, slower: float = 0.0, by: By = "ranks") -> bool:
        """Whether ``mqbench ab`` would call the candidate faster, from all rounds at once."""
        shift = shifted(slower)
        return verdict([one + shift for one in (*self.first, *self.second)], by=by).outcome == "faster"


def shifted(slower: float) -> float:
    """The effect of taking this share more time; below 0, of so many more messages in the same time."""
    return math.copysign(math.log1p(abs(slower)), -slower) if slower else 0.0


def longer(gates: Sequence[Judged], each: int = 1) -> Iterator[Longer]:
    """Disjoint groups of ``each`` gates, in the order in which they were made; a rest is left out."""
    for start in range(0, len(gates) - each + 1, each):
        group = gates[start : start + each]
        yield Longer(
            first=list(chain.from_iterable(one.stage(1) for one in group)),
            second=list(chain.from_iterable(one.stage(2) for one in group)),
            control=list(chain.from_iterable(one.stage(2, of="control") for one in group)),
            seconds=sum(one.took_s for one in group),
        )
