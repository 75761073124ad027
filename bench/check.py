"""What ``mqbench check`` does between its options and its output: a gate in two stages, in one run."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from bench import ab, catalogue, contenders, environments, plan, results, session, sides
from bench.brokers import check_spec, is_secure
from bench.client import NO_FILES, Tls
from bench.driver import SLICE_S
from bench.errors import MissingCellError, ResultsError, UnknownNameError, UnsupportedError, UsageError
from bench.plan import Further

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.gated import Design, Gate
    from bench.gatefile import Asked, CellAsked
    from bench.plan import Case, Plan
    from bench.results import Recorder
    from bench.runner import Outcome, Progress

    Say = Callable[[str], None]
    Tell = Callable[[Progress], None]

FIRST_SHARE = 0.4
"""Of a cell's budget for the first stage; the second decides, on fresh rounds, and gets the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What ``mqbench check`` was asked for: the gate of the file with what options changed in it.

    ``slice_s`` is how long a turn lasts. ``whole``: the second stage is measured whatever the first said,
    with the rounds that were asked for; what decides stays the same. ``ceiling``: what the harness itself
    needs is measured too, for harness_share.
    """

    asked: Asked
    broker: str
    allow_dirty: bool
    seed: int | None
    limit_s: float
    output: Path | None
    results: Path
    command: Sequence[str]
    tls: Tls = NO_FILES
    slice_s: float = SLICE_S
    whole: bool = False
    ceiling: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    folder: Path
    outcome: Outcome
    gate: Gate


async def run(request: Request, *, say: Say, tell: Tell) -> Finished:
    """Measures and decides; raises BenchError with whatever was measured so far on disk."""
    asked = request.asked
    base, candidate = await contenders.clients(asked)
    trios = cases_of(request, base, candidate)
    seed = secrets.randbits(32) if request.seed is None else request.seed
    planned = _planned(request, [trio for trio, _ in trios], seed)
    wanted = _apart(session.wanted_by(planned, consumers=False), planned)
    first = planned.blocks[0]
    if not request.allow_dirty:
        await contenders.refuse_dirty(wanted[first[0].number])
    day, time_, rest = session.run_name(planned).split("-", 2)
    folder = request.output or request.results / f"{day}-{time_}-check-{rest}"
    if folder.is_dir() and any(folder.iterdir()):
        raise ResultsError(f"the results folder {folder} is not empty; name a new one with --output")
    if await contenders.same(wanted[first[0].number], wanted[first[1].number]):
        say("base and candidate are the same: each has an environment of its own, and what differs is chance")
    from bench.gated import Design, Trio, judged  # noqa: PLC0415  # the statistics take seconds to load

    design = Design(
        base=base,
        candidate=candidate,
        trios=tuple(
            Trio(base=one.number, candidate=other.number, control=twin.number, margin=margin)
            for (one, other, twin), margin in trios
        ),
    )
    stages = _Stages(asked=asked, planned=planned, design=design, say=say, whole=request.whole)
    async with environments.prepared(wanted.values(), say=say) as built:
        ready = {number: built[one] for number, one in wanted.items()}
        outcome = await _measured(request, stages, ready, folder, say=say, tell=tell)
    stored = results.load(folder)
    return Finished(folder=folder, outcome=outcome, gate=judged(stages.design, stored.trials, stored.slices))


async def _measured(
    request: Request,
    stages: _Stages,
    ready: dict[int, environments.Environment],
    folder: Path,
    *,
    say: Say,
    tell: Tell,
) -> Outcome:
    begun = stages.begun()
    facts = {"command": session.shown_command(request.command), "gate": stages.design.to_json()}
    try:
        return await session.measured(
            begun,
            ready,
            {},
            folder,
            broker=request.broker,
            tls=request.tls,
            facts=facts,
            say=say,
            tell=tell,
            more=stages.more,
        )
    except UnsupportedError as error:
        raise MissingCellError(f"no cell can be measured, so the gate cannot pass: {error}") from error


def cases_of(request: Request, base: str, candidate: str) -> list[tuple[tuple[Case, Case, Case], float]]:
    """Base, candidate and a second copy of the base for each cell, and its margin.

    Raises UsageError and its kinds, ComparisonRefusedError, and MissingCellError where a cell is no more.
    """
    entries = [catalogue.find_client(one) for one in (base, candidate)]
    protocols = [entry.abilities.protocol for entry in entries]
    sides.agree("protocol", *protocols, allowed=())
    check_spec(request.broker, dict.fromkeys(protocols), request.tls)
    cells = list(chain.from_iterable(_points(cell) for cell in request.asked.cells))
    twice = [words for index, words in enumerate(cells) if words in cells[:index]]
    if twice:
        name, point = twice[0][:2]
        raise UsageError(f"{request.asked.origin} has the cell {f'{name} {point}'.strip()!r} twice")
    found = []
    for index, (name, point, loop, margin, scenario) in enumerate(cells):
        both = (base, entries[0]), (candidate, entries[1]), (base, entries[0])
        first, second, third = (
            plan.Case(
                number=3 * index + place,
                scenario_name=name,
                point=point,
                scenario=scenario,
                client=client,
                entry=entry,
                loop=loop,
                python=request.asked.python,
            )
            for place, (client, entry) in enumerate(both, start=1)
        )
        found.append(((first, second, third), margin))
    return found


def _points(cell: CellAsked) -> Iterator[tuple[str, str, str, float, Any]]:
    """Name, point, loop, margin and scenario of each cell that an entry of the gate's list makes."""
    try:
        entry = catalogue.find_scenario(cell.scenario)
    except UnknownNameError as error:
        raise MissingCellError(f"a cell cannot be measured, so the gate cannot pass: {error}") from error
    except UsageError as error:
        if cell.scenario.endswith(".py") and "there is no" in str(error):
            raise MissingCellError(f"a cell cannot be measured, so the gate cannot pass: {error}") from error
        raise
    environments.find_loop(cell.loop)
    entry = entry.with_values(cell.values)
    said = [name for name in cell.values if name != "warmup_s"]
    shown = list(dict.fromkeys([*entry.varied, *said]))
    for point in entry.points:
        yield entry.name, catalogue.point_label(point, shown), cell.loop, cell.margin, point


def _planned(request: Request, trios: Sequence[tuple[Case, Case, Case]], seed: int) -> Plan:
    python = environments.find_python(request.asked.python)
    try:
        planned = plan.paired(
            trios,
            missing=lambda _, loop, __: environments.missing(loop, python),
            secure=is_secure(request.broker),
            rounds=1,
            slices=None,
            seed=seed,
            limit_s=request.limit_s,
        )
    except UsageError as error:
        raise MissingCellError(f"no cell can be measured, so the gate cannot pass: {error}") from error
    planned = replace(planned, ceiling=request.ceiling)
    return ab.resized(planned, 1, request.asked.slices, seed, request.slice_s)


def _apart(wanted: dict[int, environments.Wanted], planned: Plan) -> dict[int, environments.Wanted]:
    """An environment for each of the three, built for itself: they differ in nothing else."""
    return {
        case.number: replace(wanted[case.number], twin=place)
        for block in planned.blocks
        for place, case in enumerate(block, start=1)
    }


@dataclass(slots=True, kw_only=True)
class _Stages:
    """How many rounds of what come next. Counts come from times alone, or from what was asked for."""

    asked: Asked
    planned: Plan
    design: Design
    say: Say
    whole: bool = False
    _round_s: float = 0.0
    _steps: Iterator[Further | None] = field(init=False)
    _recorder: Recorder | None = None

    def begun(self) -> Plan:
        """The plan with the rounds that are made in any case: the first stage's, or one to learn the cost."""
        rounds = self.asked.rounds[0] if self.asked.rounds else 1
        self.design = replace(self.design, first=rounds)
        self._steps = self._all()
        return replace(self.planned, rounds=rounds)

    def more(self, recorder: Recorder) -> Further | None:
        self._recorder = recorder
        stage = next(self._steps, None)
        recorder.note(gate=self.design.to_json(), rounds=self.design.first + self.design.second)
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
        from bench.stats.gate import rounds_to_screen  # noqa: PLC0415  # as in run

        least = rounds_to_screen()
        self.design = replace(self.design, first=least)
        began_s = time.monotonic()
        yield Further(blocks=every, rounds=least - 1)
        self._round_s = (time.monotonic() - began_s) / (least - 1) / len(every)
        fit = int(FIRST_SHARE * self.asked.budget_s / self._round_s)
        if fit > least:
            self.design = replace(self.design, first=fit)
            yield Further(blocks=every, rounds=fit - least)

    def _second(self) -> Further | None:
        """Fresh rounds of the cells that the first stage flagged or could not pass; None without any."""
        from bench.gated import first_stage  # noqa: PLC0415  # as in run
        from bench.stats.gate import rounds_to_decide  # noqa: PLC0415  # as in run

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
        numbers = {block[0].number: index for index, block in enumerate(self.planned.blocks, start=1)}
        blocks = tuple(numbers[self.design.trios[place - 1].base] for place in places)
        self.say(
            f"stage 1: {len(found.flagged)} of {len(self.design.trios)} cells may be slower, "
            f"{len(found.undecided)} open; stage 2: {rounds} fresh rounds of these"
        )
        return Further(blocks=blocks, rounds=rounds)
