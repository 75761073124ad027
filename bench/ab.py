"""What ``mqbench ab`` does between its options and its output: two sides, perhaps a pilot, one run, cells."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench import catalogue, environments, instructions, plan, results, resuming, session, sides, work
from bench.brokers import check_spec, is_secure
from bench.client import NO_FILES, Tls
from bench.driver import SLICE_S
from bench.errors import UsageError
from bench.mixfile import resolved_word
from bench.report import work as report
from bench.schema import COMPARISON_COLUMNS, WORK_COMPARISON_COLUMNS
from bench.sides import Arms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.cell import Cell
    from bench.environments import Wanted
    from bench.plan import Case, Plan
    from bench.resuming import Begun
    from bench.runner import Outcome, Progress
    from bench.scenario import Scenario
    from bench.sides import Side
    from bench.work import WorkCell

    Say = Callable[[str], None]
    Tell = Callable[[Progress], None]
    Pairs = Sequence[tuple[Case, Case]]
    Ready = Mapping[int, environments.Environment]

CLIENT, LOOP = "aio-pika", "asyncio"
ROUNDS = 12
COUNTED_ROUNDS = 1
BUDGET_PILOT_ROUNDS, BUDGET_PILOT_SLICES = 3, 10
PRECISION_PILOT_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What ``mqbench ab`` was asked for; ``until`` is a share. None: not said."""

    base: str
    candidate: str
    scenarios: Sequence[str]
    client: str | None
    loop: str | None
    python: str | None
    broker: str
    values: Mapping[str, tuple[Any, ...]]
    allowed: Collection[str]
    rounds: int | None
    slices: int | None
    budget_s: float | None
    until: float | None
    seed: int | None
    limit_s: float
    output: Path | None
    results: Path
    command: Sequence[str]
    tls: Tls = NO_FILES
    meter: instructions.Meter = "time"
    annotate: bool = False
    resume: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    folder: Path
    outcome: Outcome
    cells: Sequence[Cell] | Sequence[WorkCell]

    @property
    def decided(self) -> bool:
        return any(cell.decided for cell in self.cells)


async def run(request: Request, *, say: Say, tell: Tell) -> Finished:
    """Measures and judges; raises BenchError with whatever was measured so far on disk."""
    check(request)
    begun = resuming.taken_up(request.resume) if request.resume is not None else None
    base, candidate = sides.parse_both(
        *map(resolved_word, (request.base, request.candidate)), allowed=request.allowed
    )
    pairs = pairs_of(request, base, candidate)
    seed = begun.seed if begun else secrets.randbits(32) if request.seed is None else request.seed
    rounds = request.rounds or (ROUNDS if request.meter == "time" else COUNTED_ROUNDS)
    planned = _plan(request, pairs, rounds, request.slices, seed)
    folder = request.output or request.results / session.run_name(planned)
    if begun is not None:
        folder = begun.folder
    else:
        results.check_unused(folder)
    arms = Arms(
        differ=base.differ,
        base=str(base),
        candidate=str(candidate),
        pairs=tuple((one.number, other.number) for one, other in pairs),
    )
    wanted = apart(planned, session.wanted_by(planned, consumers=False))
    from bench.comparison import rounds_needed  # noqa: PLC0415  # the statistics take seconds to load

    async with environments.prepared(wanted.values(), say=say) as built:
        if base == candidate:
            say("both sides are the same: each has an environment of its own, and what differs is chance")
        elif any(_one(built, wanted, *block) for block in planned.blocks):
            say("both sides are the same installation by two names: what differs is chance")
        ready = {number: built[one] for number, one in wanted.items()}
        job = _Job(request, arms, ready, begun, say, tell)
        if request.meter == "instructions":
            return await job.counted(planned, folder)
        is_planned = request.budget_s is not None or request.until is not None
        if begun is not None and is_planned:
            planned = _shaped_before(request, planned, begun)
        elif is_planned:
            tried = folder.with_name(f"{folder.name}-pilot")
            began_s = time.monotonic()
            finished = await job.measured(_pilot_of(request, planned), tried, pilot=True)
            if finished.outcome.invalid:
                return finished
            planned = _shaped(request, planned, finished, time.monotonic() - began_s, say)
        elif planned.rounds < (needed := rounds_needed(len(planned.blocks))):
            say(f"{planned.rounds} rounds are too few for a verdict, which needs at least {needed}")
        return await job.measured(planned, folder)


@dataclass(frozen=True, slots=True)
class _Job:
    request: Request
    arms: Arms
    ready: Ready
    begun: Begun | None
    say: Say
    tell: Tell

    async def measured(self, planned: Plan, folder: Path, *, pilot: bool = False) -> Finished:
        """Carries a plan out and judges it; comparison.csv is the last that a run folder gets."""
        facts = {
            "command": session.shown_command(self.request.command),
            "arms": self.arms.to_json(),
            **({"pilot": True} if pilot else {}),
        }
        outcome = await session.measured(
            planned,
            self.ready,
            {},
            folder,
            broker=self.request.broker,
            tls=self.request.tls,
            facts=facts,
            say=self.say,
            tell=self.tell,
            begun=self.begun,
        )
        from bench.comparison import stored_cells  # noqa: PLC0415  # as in run
        from bench.report import versus  # noqa: PLC0415  # as in run

        stored = results.load(folder)
        cells = stored_cells(stored.facts, stored.trials, stored.slices)
        results.write_table(folder / results.COMPARISON, COMPARISON_COLUMNS, versus.rows(cells))
        return Finished(folder=folder, outcome=outcome, cells=cells)

    async def counted(self, planned: Plan, folder: Path) -> Finished:
        """As :meth:`measured`, in instruction mode; work.csv is the last."""
        outcome = await instructions.measured(
            planned,
            self.ready,
            folder,
            broker=self.request.broker,
            tls=self.request.tls,
            facts={
                "command": session.shown_command(self.request.command),
                "arms": self.arms.to_json(),
            },
            say=self.say,
            tell=self.tell,
            annotate=self.request.annotate,
            begun=self.begun,
        )
        cells = work.compare(self.arms, results.load(folder).rows)
        results.write_table(folder / results.WORK, WORK_COMPARISON_COLUMNS, report.rows(cells))
        return Finished(folder=folder, outcome=outcome, cells=cells)


def check(request: Request) -> None:
    """Raises UsageError, with every problem, where the ways to say how long do not go together."""
    problems = []
    if request.budget_s is not None and request.until is not None:
        problems.append("--budget and --until each plan the rounds: give one")
    if request.rounds is not None and (request.budget_s is not None or request.until is not None):
        problems.append("--rounds says what --budget or --until would plan: give one")
    if request.budget_s is not None and (request.slices is not None or "measure_s" in request.values):
        problems.append("--budget plans the slices of a round: leave --slices and measure_s out")
    if request.annotate and request.meter != "instructions":
        problems.append("--annotate names functions in instruction mode: give --meter instructions too")
    if problems:
        raise UsageError("; ".join(problems))
    instructions.check_meter(
        request.meter,
        ((request.budget_s, "--budget"), (request.until, "--until"), (request.slices, "--slices")),
    )


def pairs_of(request: Request, base: Side, candidate: Side) -> list[tuple[Case, Case]]:
    """The base and the candidate of each cell; raises UsageError and its kinds."""
    shared = {"client": request.client, "loop": request.loop, "python": request.python, **request.values}
    if shared.get(base.differ) is not None:
        option = f"--set {base.differ}" if base.is_field else f"--{base.differ}"
        raise UsageError(f"the sides say the {base.differ} already: leave {option} out")
    whole = {"client": request.client or CLIENT, "loop": request.loop or LOOP, "python": request.python}
    both: list[dict[str, Any]] = [
        {**whole, side.differ: side.value} if side.differ in whole else dict(whole)
        for side in (base, candidate)
    ]
    entries = [catalogue.find_client(one["client"]) for one in both]
    protocols = [entry.abilities.protocol for entry in entries]
    sides.agree("protocol", *protocols, allowed=request.allowed)
    broker = instructions.broker_for(request.meter, request.broker)
    check_spec(broker, dict.fromkeys(protocols), request.tls)
    for one in both:
        environments.find_loop(one["loop"])
    cells = list(_cells(request, base, candidate))
    first, second = (
        [
            plan.Case(
                number=2 * index + place + 1,
                scenario_name=name,
                point=f"{label} {side}".strip() if side.differ not in ("client", "loop") else label,
                scenario=points[place],
                entry=entries[place],
                **both[place],
            )
            for index, (name, label, points) in enumerate(cells)
        ]
        for place, side in enumerate((base, candidate))
    )
    return list(zip(first, second, strict=True))


def _cells(
    request: Request, base: Side, candidate: Side
) -> Iterator[tuple[str, str, tuple[Scenario, Scenario]]]:
    """For each cell the scenario's name, what tells its point from the others, and what each side runs."""
    own = {base.differ: (base.value,)} if base.is_field else {}
    for name in request.scenarios or (catalogue.HEADLINE,):
        values = instructions.lock_step(request.values, request.meter)
        entry = catalogue.find_scenario(name).with_values({**values, **own})
        for point in entry.points:
            other = point.with_fields({candidate.differ: candidate.value}) if own else point
            if point.paced or other.paced:
                raise UsageError(
                    f"the load of {name} is open: its rate is given, and mqbench ab compares rates "
                    "(--set rate_per_s=none --set schedule=none, or see latency with: mqbench run)"
                )
            yield entry.name, entry.label(point), (point, other)


def apart(planned: Plan, wanted: Mapping[int, Wanted]) -> dict[int, Wanted]:
    """What to ask an environment for, so that the sides differ in what was asked for and in nothing else.

    Identical sides get twins. Where one side needs an environment of its own, the other gets one too.
    """
    arranged: dict[int, Wanted] = {}
    for base, candidate in planned.blocks:
        one, other = wanted[base.number], wanted[candidate.number]
        twins = (0, 0)
        if _same(one, other) and base.scenario == candidate.scenario:
            twins = (1, 2)
        elif one.is_here != other.is_here:
            twins = (int(one.is_here), int(other.is_here))
        arranged[base.number] = replace(one, twin=twins[0])
        arranged[candidate.number] = replace(other, twin=twins[1])
    return arranged


def _same(one: Wanted, other: Wanted) -> bool:
    first, second = (
        (each.entry.adapter, str(each.requirement), each.loop, str(each.loop_requirement), each.python)
        for each in (one, other)
    )
    return first == second


def _one(
    built: Mapping[Wanted, environments.Environment],
    wanted: Mapping[int, Wanted],
    base: Case,
    candidate: Case,
) -> bool:
    """Whether two cases run the same adapter and scenario in one and the same environment."""
    one, other = wanted[base.number], wanted[candidate.number]
    return (built[one], one.entry.adapter, base.scenario) == (
        built[other],
        other.entry.adapter,
        candidate.scenario,
    )


def _plan(request: Request, pairs: Pairs, rounds: int, slices: int | None, seed: int) -> Plan:
    pythons = {case.python: environments.find_python(case.python) for case in pairs[0]}
    return plan.paired(
        pairs,
        missing=lambda _, loop, python: environments.missing(loop, pythons[python]),
        secure=is_secure(request.broker),
        rounds=rounds,
        slices=slices,
        seed=seed,
        limit_s=request.limit_s,
    )


def _pilot_of(request: Request, planned: Plan) -> Plan:
    """Rounds of its own, in random orders of their own."""
    seed = planned.order("pilot").getrandbits(32)
    if request.budget_s is not None:
        return resized(planned, BUDGET_PILOT_ROUNDS, BUDGET_PILOT_SLICES, seed)
    return replace(planned, rounds=PRECISION_PILOT_ROUNDS, seed=seed)


def _shaped(request: Request, planned: Plan, tried: Finished, took_s: float, say: Say) -> Plan:
    """The plan with the rounds, and for a budget the slices, that its pilot led to."""
    from bench import pilot  # noqa: PLC0415  # as in run

    stored = results.load(tried.folder)
    shown = pilot.read(Arms.from_json(stored.facts["arms"]), stored.trials, stored.slices, took_s)
    if request.until is not None:
        shape = pilot.for_precision(shown, request.until)
        shaped = replace(planned, rounds=shape.rounds)
    else:
        assert request.budget_s is not None
        shape = pilot.for_budget(shown, request.budget_s - took_s)
        shaped = resized(planned, shape.rounds, shape.slices, planned.seed)
    say(f"pilot: {shape.why}")
    return shaped


def _shaped_before(request: Request, planned: Plan, begun: Begun) -> Plan:
    """The plan with the shape that its pilot led to before it was interrupted."""
    rounds, slices = begun.facts["rounds"], begun.facts["slices"]
    if request.until is not None:
        return replace(planned, rounds=rounds)
    return resized(planned, rounds, slices, planned.seed)


def resized(planned: Plan, rounds: int, slices: int, seed: int, slice_s: float = SLICE_S) -> Plan:
    """The same plan with slices of the usual length (or of another), however many."""
    resized = {
        case.number: replace(case, scenario=replace(case.scenario, measure_s=slices * slice_s))
        for case in planned.cases
    }
    return replace(
        planned,
        cases=tuple(resized.values()),
        blocks=tuple(tuple(resized[case.number] for case in block) for block in planned.blocks),
        rounds=rounds,
        slices=slices,
        seed=seed,
    )
