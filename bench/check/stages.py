"""How many rounds of what come next in a timed gate: counts come from times alone, or from what was asked."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bench import results
from bench.gate import Design
from bench.plan import Further

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.gate.gatefile import Asked
    from bench.plan import Plan
    from bench.results import Recorder
    from bench.resuming import Begun

    Say = Callable[[str], None]

FIRST_SHARE = 0.4
"""Of a cell's budget for the first stage; the second decides, on fresh rounds, and gets the rest."""


@dataclass(slots=True, kw_only=True)
class Stages:
    """The rounds of both stages, in their order; ``design`` has what was planned so far.

    ``whole``: the second stage has every cell, whatever the first said.

    A gate that was ``begun`` and interrupted is planned again from its start: the rounds that it has take no
    time, and what was planned from times stays planned.
    """

    asked: Asked
    planned: Plan
    design: Design
    say: Say
    whole: bool = False
    begun: Begun | None = None
    _took_s: list[float] = field(init=False)
    _steps: Iterator[Further | None] = field(init=False)
    _recorder: Recorder | None = None

    def __post_init__(self) -> None:
        self._took_s = list(self.begun.facts.get("round_s", [])) if self.begun is not None else []
        self._steps = self._all()

    def first(self) -> Plan:
        """The plan with the rounds that are made in any case: the first stage's, or one to learn the cost."""
        rounds = self.asked.rounds[0] if self.asked.rounds else 1
        self.design = replace(self.design, first=rounds)
        return replace(self.planned, rounds=rounds)

    def more(self, recorder: Recorder) -> Further | None:
        self._recorder = recorder
        stage = next(self._steps, None)
        rounds = self.design.first + self.design.second
        recorder.note(gate=self.design.to_json(), rounds=rounds, round_s=self._took_s)
        return stage

    def _all(self) -> Iterator[Further | None]:
        every = tuple(range(1, len(self.planned.blocks) + 1))
        if self.asked.rounds is None:
            yield from self._timed(every)
        yield self._second()

    def _timed(self, every: tuple[int, ...]) -> Iterator[Further]:
        """The rest of the first stage, as many rounds as fit: its first round also bore what a run costs
        once, so the next ones are timed.
        """
        from bench.stats.gate import rounds_to_screen  # noqa: PLC0415  # the statistics take seconds to load

        made, least = 1, rounds_to_screen()
        self.design = replace(self.design, first=least)
        there = self.begun.last_round if self.begun is not None else 0
        while made < least or not self._took_s:
            began_s = time.monotonic()
            yield Further(blocks=every, rounds=1)
            made += 1
            if made > there:  # else it was timed when it was made, or only a part of it is made now
                self._took_s.append((time.monotonic() - began_s) / len(every))
        fit = max(made, int(FIRST_SHARE * self.asked.budget_s / self._round_s))
        self.design = replace(self.design, first=fit)
        if fit > made:
            yield Further(blocks=every, rounds=fit - made)

    @property
    def _round_s(self) -> float:
        """What a round of a cell takes."""
        return sum(self._took_s) / len(self._took_s)

    def _second(self) -> Further | None:
        """Fresh rounds of the cells that the first stage flagged or could not pass; None without any."""
        from bench.gate.timed import first_stage  # noqa: PLC0415  # the statistics take seconds to load
        from bench.stats.gate import rounds_to_decide  # noqa: PLC0415  # the statistics take seconds to load

        if self.begun is not None and (planned := Design.from_json(self.begun.facts["gate"])).second:
            self.design = replace(self.design, second=planned.second, second_cells=planned.second_cells)
            return Further(blocks=self._blocks(planned.second_cells), rounds=planned.second)
        assert self._recorder is not None
        stored = results.load(self._recorder.folder)
        found = first_stage(self.design, stored.trials, stored.slices)
        passed = found.passed if self.whole else ()
        places = tuple(sorted((*found.flagged, *found.undecided, *passed)))
        if not places:
            return None
        least = rounds_to_decide(len(found.flagged))
        if self.asked.rounds is not None:
            rounds = self.asked.rounds[1]
            if rounds < least:
                self.say(f"{rounds} rounds of a second stage are too few to decide, which needs {least}")
        else:
            rounds = max(least, int((1 - FIRST_SHARE) * self.asked.budget_s / self._round_s))
            if least * self._round_s > (1 - FIRST_SHARE) * self.asked.budget_s * 1.1:
                self.say(f"the budget is too small here: a second stage needs {least} rounds all the same")
        self.design = replace(self.design, second=rounds, second_cells=places)
        self.say(
            f"stage 1: {len(found.flagged)} of {len(self.design.trios)} cells may be slower, "
            f"{len(found.undecided)} open; stage 2: {rounds} fresh rounds of these"
        )
        return Further(blocks=self._blocks(places), rounds=rounds)

    def _blocks(self, places: Sequence[int]) -> tuple[int, ...]:
        """The places in the plan of cells, which are by their places in the design."""
        numbers = {block[0].number: index for index, block in enumerate(self.planned.blocks, start=1)}
        return tuple(numbers[self.design.trios[place - 1].base] for place in places)
