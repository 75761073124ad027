"""What ``mqbench check`` does between its options and its output: a gate in two stages, in one run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from bench import (
    ab,
    catalogue,
    environments,
    instructions,
    plan,
    results,
    resuming,
    session,
    sides,
)
from bench.brokers import check_spec, is_secure
from bench.check import contenders
from bench.check.stages import Stages
from bench.client import NO_FILES, Tls
from bench.driver import SLICE_S
from bench.errors import MissingCellError, UnknownNameError, UnsupportedError, UsageError
from bench.gate import Design, Trio, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.gate import Gate
    from bench.gate.gatefile import Asked, CellAsked
    from bench.plan import Case, Plan
    from bench.resuming import Begun
    from bench.runner import Outcome, Progress

    Say = Callable[[str], None]
    Tell = Callable[[Progress], None]


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
    resume: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    folder: Path
    outcome: Outcome
    gate: Gate


async def run(request: Request, *, say: Say, tell: Tell) -> Finished:
    """Measures and decides; raises BenchError with whatever was measured so far on disk."""
    asked = request.asked
    begun = resuming.taken_up(request.resume) if request.resume is not None else None
    instructions.check_meter(asked.meter, ())
    base, candidate = await contenders.clients(asked)
    trios = cases_of(request, base, candidate)
    seed = begun.seed if begun else secrets.randbits(32) if request.seed is None else request.seed
    planned = _planned(request, [trio for trio, _ in trios], seed)
    wanted = _apart(session.wanted_by(planned, consumers=False), planned)
    first = planned.blocks[0]
    if not request.allow_dirty:
        await contenders.refuse_dirty(wanted[first[0].number])
    day, time_, rest = session.run_name(planned).split("-", 2)
    folder = request.output or request.results / f"{day}-{time_}-check-{rest}"
    if begun is not None:
        folder = begun.folder
    else:
        results.check_unused(folder)
    if await contenders.same(wanted[first[0].number], wanted[first[1].number]):
        say("base and candidate are the same: each has an environment of its own, and what differs is chance")
    design = Design(
        base=base,
        candidate=candidate,
        trios=tuple(
            Trio(base=one.number, candidate=other.number, control=twin.number, margin=margin)
            for (one, other, twin), margin in trios
        ),
    )
    async with environments.prepared(wanted.values(), say=say) as built:
        ready = {number: built[one] for number, one in wanted.items()}
        job = _Job(request, planned, design, ready, folder, begun, say, tell)
        try:
            return await (job.counted() if asked.meter == "instructions" else job.timed())
        except UnsupportedError as error:
            raise MissingCellError(f"no cell can be measured, so the gate cannot pass: {error}") from error


@dataclass(frozen=True, slots=True)
class _Job:
    request: Request
    planned: Plan
    design: Design
    ready: dict[int, environments.Environment]
    folder: Path
    begun: Begun | None
    say: Say
    tell: Tell

    async def timed(self) -> Finished:
        from bench.gate.timed import judged  # noqa: PLC0415  # the statistics take seconds to load

        stages = Stages(
            asked=self.request.asked,
            planned=self.planned,
            design=self.design,
            say=self.say,
            whole=self.request.whole,
            begun=self.begun,
        )
        first = stages.first()
        outcome = await session.measured(
            first,
            self.ready,
            {},
            self.folder,
            broker=self.request.broker,
            tls=self.request.tls,
            facts=self._facts(stages.design),
            say=self.say,
            tell=self.tell,
            more=stages.more,
            begun=self.begun,
        )
        stored = results.load(self.folder)
        gate = judged(stages.design, stored.trials, stored.slices)
        return Finished(folder=self.folder, outcome=outcome, gate=gate)

    async def counted(self) -> Finished:
        """In instruction mode: one round of one stage, as counts repeat."""
        design = replace(self.design, first=1)
        outcome = await instructions.measured(
            self.planned,
            self.ready,
            self.folder,
            broker=self.request.broker,
            tls=self.request.tls,
            facts=self._facts(design),
            say=self.say,
            tell=self.tell,
            begun=self.begun,
        )
        gate = counted.judged(design, results.load(self.folder).rows)
        return Finished(folder=self.folder, outcome=outcome, gate=gate)

    def _facts(self, design: Design) -> dict[str, Any]:
        asked = {"rounds": self.request.asked.rounds, "budget_s": self.request.asked.budget_s}
        return {
            "command": session.shown_command(self.request.command),
            "gate": design.to_json(),
            "asked": asked,
        }


def cases_of(request: Request, base: str, candidate: str) -> list[tuple[tuple[Case, Case, Case], float]]:
    """Base, candidate and a second copy of the base for each cell, and its margin.

    Raises UsageError and its kinds, ComparisonRefusedError, and MissingCellError where a cell is no more.
    """
    entries = [catalogue.find_client(one) for one in (base, candidate)]
    protocols = [entry.abilities.protocol for entry in entries]
    sides.agree("protocol", *protocols, allowed=())
    meter = request.asked.meter
    check_spec(instructions.broker_for(meter, request.broker), dict.fromkeys(protocols), request.tls)
    cells = list(chain.from_iterable(_points(cell, meter) for cell in request.asked.cells))
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


def _points(cell: CellAsked, meter: instructions.Meter) -> Iterator[tuple[str, str, str, float, Any]]:
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
    entry = entry.with_values(instructions.lock_step(cell.values, meter))
    said = [name for name in cell.values if name != "warmup_s"]
    shown = list(dict.fromkeys([*entry.varied, *said]))
    for point in entry.points:
        if point.paced:
            raise UsageError(
                f"the load of {entry.name} is open: its rate is given, and a gate compares rates "
                '(set = { rate_per_s = "none", schedule = "none" }, or see latency with: mqbench run)'
            )
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
