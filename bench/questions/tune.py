"""``mqbench tune``: a grid of settings, shortly; the best of them, longer; the choice, once more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from bench import environments, plan, questions, results, session, stage
from bench.answers import tune as answers
from bench.answers.tune import SETTINGS
from bench.errors import ScenarioError, UsageError
from bench.questions.asking import Asked, Workload, workload
from bench.runner import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.answers.tune import Tried
    from bench.catalogue import ClientEntry
    from bench.questions import Finished
    from bench.runner import Progress
    from bench.scenario import Scenario

GRID: Mapping[str, tuple[int, ...]] = {
    "prefetch": (1, 10, 100, 1000),
    "in_flight": (1, 10, 50, 200),
    "ack_every": (1, 10),
}
ROUNDS, SCREEN_ROUNDS = 8, 2
SCREEN: Mapping[str, float] = {"warmup_s": 0.3, "measure_s": 0.6}
QUICK: Mapping[str, float] = {"warmup_s": 0.1, "measure_s": 0.3}
MOST_POINTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Asked):
    """What ``mqbench tune`` was asked for; several values of a setting are its grid."""

    rounds: int
    slices: int | None


async def run(request: Request, *, say: Callable[[str], None], tell: Callable[[Progress], None]) -> Finished:
    """Measures and answers; raises UsageError and its kinds before anything is started."""
    tuning = Tuning.checked(request, say)
    folder = request.output or request.results / session.run_name(tuning.screening())
    wanted = tuning.workload.wanted
    async with environments.prepared([wanted], say=say) as ready:
        facts = {
            "command": session.shown_command(request.command),
            "seed": tuning.workload.seed,
            "question": {"kind": "tune", "stages": []},
        }
        protocol = tuning.workload.entry.abilities.protocol
        async with stage.opened(
            folder, [protocol], broker=request.broker, facts=facts, say=say, tell=tell, tls=request.tls
        ) as opened:
            outcome = await _Stages(tuning, opened, ready[wanted], say).run()
    if not outcome.valid:
        raise UsageError(_nothing(outcome))
    return questions.concluded(folder, outcome)


def _nothing(outcome: Outcome) -> str:
    reasons = (*outcome.unsupported.values(), *outcome.failures.values())
    return f"no setting could be measured: {'; '.join(dict.fromkeys(reasons))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """A checked request: the workload with its own settings, and the grid of others."""

    request: Request
    workload: Workload
    grid: tuple[Scenario, ...]

    @classmethod
    def checked(cls, request: Request, say: Callable[[str], None]) -> Tuning:
        given = {
            name: values
            for name, values in request.values.items()
            if name not in SETTINGS or len(values) == 1
        }
        free = {"prefetch": 10**6, "in_flight": 1, "ack_every": 1}
        one = workload(request, what="tuning", of=given, free=free)
        return cls(request=request, workload=one, grid=_grid(one.point, request, one.entry, say))

    @property
    def own(self) -> Scenario:
        return self.workload.point

    def screening(self) -> plan.Plan:
        points = [replace(point, **self._lengths(SCREEN)) for point in self.grid]
        return self._planned(points, rounds=SCREEN_ROUNDS, first=1)

    def final(self, points: Sequence[Scenario], *, first: int) -> plan.Plan:
        """Of scenarios that may have the screening's lengths."""
        own = {"warmup_s": self.own.warmup_s, "measure_s": self.own.measure_s}
        points = [replace(point, **self._lengths(own)) for point in points]
        return self._planned(points, rounds=self.request.rounds, first=first)

    def _lengths(self, usual: Mapping[str, float]) -> Mapping[str, Any]:
        return QUICK if self.request.quick else usual

    def _planned(self, points: Sequence[Scenario], *, rounds: int, first: int) -> plan.Plan:
        return self.workload.planned(
            points, rounds=rounds, first=first, varied=SETTINGS, slices=self.request.slices
        )


def _grid(
    own: Scenario, request: Request, entry: ClientEntry, say: Callable[[str], None]
) -> tuple[Scenario, ...]:
    """Every combination that a scenario can have and the client can do."""
    axes = {name: request.values.get(name, GRID[name]) for name in SETTINGS}
    if own.guarantee == "at-most-once":
        for name in ("prefetch", "ack_every"):
            if name not in request.values:
                axes[name] = (getattr(own, name),)
        say("at most once nothing is acknowledged: prefetch and ack_every keep their values")
    points, reasons = [], []
    for choice in product(*axes.values()):
        try:
            point = replace(own, **dict(zip(SETTINGS, choice, strict=True)))
        except ScenarioError as error:
            reasons.append(str(error))
            continue
        if (why := entry.abilities.shortfall(point)) is not None:
            reasons.append(why)
            continue
        points.append(point)
    points = list(dict.fromkeys(points))
    if not points:
        raise UsageError(f"no setting can be tried: {'; '.join(dict.fromkeys(reasons))}")
    if len(points) < 2:
        raise UsageError(
            "a grid of one setting leaves nothing to choose: give prefetch, in_flight or ack_every "
            "several values with --set, or leave them out"
        )
    if len(points) > MOST_POINTS:
        raise UsageError(f"a grid of {len(points)} settings is too large; {MOST_POINTS} is the most")
    return tuple(points)


@dataclass(frozen=True, slots=True)
class _Stages:
    tuning: Tuning
    opened: stage.Stage
    environment: environments.Environment
    say: Callable[[str], None]

    async def run(self) -> Outcome:
        """All three, as long as something valid is left; run.json says which cases were of which."""
        total, told = Outcome(), list[dict[str, Any]]()
        planned = self.tuning.screening()
        self.say(f"screening {len(planned.cases)} settings")
        screened = await self._stage("screen", planned, total, told)
        if not screened:
            return total
        went_on = answers.finalists(screened)
        told[-1]["chosen"] = [one.case.case for one in went_on]
        planned = self.tuning.final([_point(planned, one) for one in went_on], first=1 + _last(planned))
        self.say(f"{len(went_on)} settings go on to the final")
        final = await self._stage("final", planned, total, told)
        if not final:
            return total
        choice, best = answers.chosen(final), final[0]
        told[-1]["chosen"] = [choice.case.case]
        points = [_point(planned, choice), _point(planned, best), self.tuning.own]
        planned = self.tuning.final(points, first=1 + _last(planned))
        self.say(f"confirming {choice.words}")
        await self._stage("confirm", planned, total, told)
        first = planned.cases[0].number
        own = next(
            (case.number for case in planned.cases if _settings(case.scenario) == _settings(self.tuning.own)),
            None,
        )
        told[-1] |= {"chosen": [first], "own": own}
        self.opened.recorder.note(
            question={"kind": "tune", "stages": told},
            finished=True,
            outcome="invalid rows" if total.invalid else "valid",
        )
        return total

    async def _stage(
        self, name: str, planned: plan.Plan, total: Outcome, told: list[dict[str, Any]]
    ) -> list[Tried]:
        numbers = [case.number for case in planned.cases]
        told.append({"name": name, "cases": numbers, "rounds": planned.rounds})
        self.opened.recorder.note(question={"kind": "tune", "stages": told})
        outcome = await self.opened.carry_out(planned, dict.fromkeys(numbers, self.environment), {})
        total.add(outcome)
        return answers.tried(results.load(self.opened.recorder.folder).rows, numbers)


def _point(planned: plan.Plan, one: Tried) -> Scenario:
    return next(case.scenario for case in planned.cases if case.number == one.case.case)


def _settings(scenario: Scenario) -> tuple[int, ...]:
    return tuple(getattr(scenario, name) for name in SETTINGS)


def _last(planned: plan.Plan) -> int:
    return max(case.number for case in planned.cases)
