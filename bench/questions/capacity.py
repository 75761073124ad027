"""``mqbench capacity``: the highest rate that is held with p99 under a limit, searched and confirmed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench import catalogue, environments, questions, results, session, stage
from bench.answers import capacity as answers
from bench.errors import UsageError
from bench.questions.asking import Asked, Workload, workload
from bench.runner import Outcome
from bench.stats.highest import MOST_PER_S, Highest, Search, Seen, Trial, highest

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.arrivals import Arrivals
    from bench.questions import Finished
    from bench.runner import Progress
    from bench.scenario import Scenario

WINDOW_S, ROUNDS = 5.0, 5
P99_MESSAGES = 1200
"""A 99th percentile is shown with ten samples beyond it; with arrivals that are drawn, a few more."""
LONGEST_S = 60.0
LEAST_PER_S = P99_MESSAGES / LONGEST_S
SHORT_SHARE = 0.4
CLOSED_S = 1.0
START_SHARE = 0.5
"""Of the closed loop's rate: a queue with random arrivals is then half full, and so well below its limit."""
LEAST_SHARE = 1 / 16
"""Of the first rate: below it a broker has next to nothing to do, and latency is what it is."""
OPEN_FIELDS = ("rate_per_s", "schedule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Asked):
    """``most_per_s`` is never exceeded; None: no bound. ``window_s`` is how long a full trial's rounds last,
    ``rounds`` how many it has.
    """

    p99_us: float
    most_per_s: float | None
    window_s: float
    rounds: int


async def run(request: Request, *, say: Callable[[str], None], tell: Callable[[Progress], None]) -> Finished:
    """Searches and answers; raises UsageError and its kinds before anything is started."""
    one, arrivals = checked(request)
    first = one.planned([one.point], rounds=1, first=1, varied=())
    folder = request.output or request.results / session.run_name(first)
    async with environments.prepared([one.wanted], say=say) as ready:
        question = {"kind": "capacity", "p99_us": request.p99_us, "window_s": request.window_s, "trials": []}
        facts = {
            "command": session.shown_command(request.command),
            "seed": one.seed,
            "question": question,
        }
        protocol = one.entry.abilities.protocol
        async with stage.opened(
            folder, [protocol], broker=request.broker, facts=facts, say=say, tell=tell, tls=request.tls
        ) as opened:
            searching = _Searching(request, one, arrivals, opened, ready[one.wanted], say)
            await searching.run()
    return questions.concluded(folder, searching.outcome)


def checked(request: Request) -> tuple[Workload, Arrivals]:
    """The workload without a rate of its own, and its arrivals; raises UsageError and its kinds."""
    if given := [name for name in OPEN_FIELDS if name in request.values]:
        raise UsageError(f"the rate is what is searched for: leave --set {given[0]} out")
    own = catalogue.find_scenario(request.scenario or catalogue.HEADLINE).points[0].arrivals
    arrivals = request.values.get("arrivals", (own,))
    if len(arrivals) > 1:
        raise UsageError("a capacity is of one workload: give arrivals one value with --set")
    closed = {**request.values, **dict.fromkeys(OPEN_FIELDS, (None,)), "arrivals": ("constant",)}
    one = workload(request, what="a capacity", of=closed, free={})
    if one.point.fan_out:
        raise UsageError("a capacity is of messages that one consumer gets: fan_out must be false")
    replace(one.point, rate_per_s=LEAST_PER_S, arrivals=arrivals[0])  # what cannot be open says so here
    return one, arrivals[0]


class _Searching:
    """Answers the search with trials of real brokers; each has a case of its own in the run's tables."""

    def __init__(
        self,
        request: Request,
        one: Workload,
        arrivals: Arrivals,
        opened: stage.Stage,
        environment: environments.Environment,
        say: Callable[[str], None],
    ) -> None:
        self._request = request
        self._workload = one
        self._arrivals = arrivals
        self._opened = opened
        self._environment = environment
        self._say = say
        self._next = 1
        self._trials: list[dict[str, Any]] = []
        self.outcome = Outcome()

    async def run(self) -> None:
        first, why = await self._start_per_s()
        if why:
            self._note(unfit=why)
            self._opened.recorder.note(finished=True, outcome="invalid rows")
            return
        least, most = max(LEAST_PER_S, first * LEAST_SHARE), self._request.most_per_s or MOST_PER_S
        first, least = min(first, most), min(least, most)
        found = await self._answered(highest(first, least_per_s=least, most_per_s=most))
        best = None if found.best is None else list(found.best)
        self._note(found={"rate_per_s": found.rate_per_s, "above_per_s": found.above_per_s, "best": best})
        self._opened.recorder.note(
            finished=True, outcome="valid" if not self.outcome.invalid else "invalid rows"
        )

    async def _answered(self, search: Search) -> Highest:
        trial = next(search)
        while True:
            try:
                trial = search.send(await self._tried(trial))
            except StopIteration as ended:
                found: Highest = ended.value
                return found

    async def _start_per_s(self) -> tuple[float, str]:
        """Half of what a closed loop reaches, or why the workload cannot even be run in one."""
        point = replace(self._workload.point, measure_s=CLOSED_S)
        rows = await self._measured(point, rounds=1, slices=None)
        if self.outcome.unsupported:
            raise UsageError(f"nothing could be run: {next(iter(self.outcome.unsupported.values()))}")
        if rows[0]["status"] != "valid" or not rows[0]["rate_per_s"]:
            return 0.0, str(rows[0]["reason"])
        rate = float(rows[0]["rate_per_s"])
        self._say(f"in a closed loop it is {rate:,.0f} messages a second")
        return min(MOST_PER_S, max(LEAST_PER_S, rate * START_SHARE)), ""

    async def _tried(self, trial: Trial) -> Seen:
        request = self._request
        window_s = request.window_s if trial.full else SHORT_SHARE * request.window_s
        window_s = min(LONGEST_S, max(window_s, P99_MESSAGES / trial.rate_per_s))
        point = replace(
            self._workload.point, rate_per_s=trial.rate_per_s, arrivals=self._arrivals, measure_s=window_s
        )
        self._trials.append({"case": self._next, "rate_per_s": trial.rate_per_s, "full": trial.full})
        rows = await self._measured(point, rounds=request.rounds if trial.full else 1, slices=1)
        self._note()
        seen = answers.seen(rows, request.p99_us)
        why = next((why for row in rows if (why := answers.round_fails(row, request.p99_us))), "")
        kind = f"{request.rounds} windows of {window_s:g} s" if trial.full else f"{window_s:.3g} s"
        self._say(
            f"{trial.rate_per_s:,g} messages a second for {kind}: "
            f"{'holds' if seen.holds else f'does not hold, {why}'}"
        )
        return seen

    async def _measured(self, point: Scenario, *, rounds: int, slices: int | None) -> list[dict[str, Any]]:
        """The rows of a case; an overload that makes one invalid is an answer, and no failure of the run."""
        varied = ("rate_per_s",) if point.rate_per_s is not None else ()
        planned = self._workload.planned(
            [point], rounds=rounds, first=self._next, varied=varied, slices=slices
        )
        number = self._next
        self._next += 1
        self.outcome.add(await self._opened.carry_out(planned, {number: self._environment}, {}))
        stored = results.load(self._opened.recorder.folder)
        return [row for row in stored.rows if row["case"] == number]

    def _note(self, **more: Any) -> None:
        question = {
            "kind": "capacity",
            "p99_us": self._request.p99_us,
            "window_s": self._request.window_s,
            "trials": self._trials,
            **more,
        }
        self._opened.recorder.note(question=question)
