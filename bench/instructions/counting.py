"""Instructions per message of a case: a worker under callgrind, and the slope between two message counts."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from math import log2
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.client import NO_FILES, Tls
from bench.engine.local import LocalEngine
from bench.errors import UnsupportedError, WorkerFailedError
from bench.instructions import callgrind
from bench.meters import cpu_seconds
from bench.runner.live import queue_names
from bench.trial.turn import Turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from bench.brokers import Broker
    from bench.engine import WorkerHandle
    from bench.environments import Environment
    from bench.plan import Case

REPEATS = 3
FEWER, MORE = 40, 340
"""Messages of the two slices of a repeat. The same work that does not grow with messages is in both."""
WORTH = 400_000
"""Instructions a message from which FEWER and MORE are enough; what a slice has besides varies by 30,000."""
WARM_UP = 3
"""Slices of the fewer messages that make up the one before the repeats."""
SPENT_S = 60.0
"""CPU time after which no further repeat is begun; the first always is."""
START_LIMIT_S, SLICE_LIMIT_S = 120.0, 300.0
PATIENCE = 3
"""How many times as long a worker under callgrind may make no progress."""
HASH_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a message of a case takes. ``repeats`` has the slope of each repeat, in instructions a message.

    ``turns`` are the slices with their messages accounted for, ``instructions`` what each took in all, and
    ``functions`` the instructions a message of each C function.
    """

    setup: Mapping[str, float]
    turns: Sequence[Turn]
    instructions: Sequence[int]
    repeats: Sequence[float]
    functions: Mapping[str, float] = field(repr=False)

    @property
    def per_message(self) -> float:
        """The median over the repeats."""
        return median(self.repeats)

    @property
    def low(self) -> float:
        return min(self.repeats)

    @property
    def high(self) -> float:
        return max(self.repeats)


async def counted(
    case: Case, environment: Environment, broker: Broker, *, limit_s: float, tls: Tls = NO_FILES
) -> Counted:
    """Counts a case in a fresh worker; raises EngineError and its kinds, UnsupportedError.

    WorkerFailedError also where a message is not accounted for.
    """
    if case.scenario.load_model != "closed":
        raise UnsupportedError("instructions are counted in a closed loop, and this load has a schedule")
    fewer, more = message_counts(case)
    with TemporaryDirectory(prefix="mqbench-callgrind-") as name:
        folder = Path(name)
        engine = LocalEngine(callgrind.prefix(folder))
        meter = "instructions"
        async with connected(engine, case, environment, broker, meter=meter, limit_s=limit_s, tls=tls) as one:
            worker, setup = one
            await taken(worker, WARM_UP * fewer, limit_s)  # what is only done once is done then
            times = enlarged(callgrind.total(callgrind.stretches(folder)[0]) / (WARM_UP * fewer))
            fewer, more = times * fewer, times * more
            turns: list[Turn] = []
            while len(turns) < 2 * REPEATS and (not turns or (cpu_seconds(worker.pids) or 0) < SPENT_S):
                turns += [await taken(worker, count, limit_s) for count in (fewer, more)]
            await worker.ask({"do": "close"}, START_LIMIT_S)
        parts = callgrind.stretches(folder)[1 : len(turns) + 1]
        totals = [callgrind.total(part) for part in parts]
        last = [callgrind.by_function(part) for part in parts[-2:]]
    lever = more - fewer
    return Counted(
        setup=setup,
        turns=turns,
        instructions=totals,
        repeats=[(high - low) / lever for low, high in zip(totals[::2], totals[1::2], strict=True)],
        functions=slopes(last[0], last[1], lever),
    )


async def both(
    cases: tuple[Case, Case],
    environments: tuple[Environment, Environment],
    brokers: tuple[Broker, Broker],
    *,
    limit_s: float,
    tls: Tls = NO_FILES,
) -> tuple[Counted, Counted]:
    """A base and a candidate, one after the other: counts do not drift as times do."""
    base, candidate = [
        await counted(case, environment, broker, limit_s=limit_s, tls=tls)
        for case, environment, broker in zip(cases, environments, brokers, strict=True)
    ]
    return base, candidate


@asynccontextmanager
async def connected(
    engine: LocalEngine,
    case: Case,
    environment: Environment,
    broker: Broker,
    *,
    meter: str,
    limit_s: float,
    tls: Tls = NO_FILES,
) -> AsyncIterator[tuple[WorkerHandle, Mapping[str, float]]]:
    """A worker of a case with a meter of ``bench.counting``, and how long the parts of connecting took."""
    variables = {"PYTHONHASHSEED": str(HASH_SEED), "PYTHONPATH": environment.bench_path}
    async with engine.worker(environment.python, variables) as worker:
        order = {
            "do": "connect",
            "meter": meter,
            "adapter": case.entry.adapter,
            "loop": environment.loop,
            "url": broker.url,
            "tls": asdict(tls),
            "queues": queue_names(case),
            "scenario": case.scenario.to_json(),
            "limit_s": PATIENCE * limit_s,
        }
        answer = await worker.ask(order, START_LIMIT_S + 3 * PATIENCE * limit_s)
        yield worker, answer["connected"]


async def taken(worker: WorkerHandle, count: int, limit_s: float) -> Turn:
    """A slice; raises WorkerFailedError where not every message is accounted for."""
    answer = await worker.ask({"do": "slice", "messages": count}, SLICE_LIMIT_S + 3 * PATIENCE * limit_s)
    turn = Turn.from_answer(answer["sample"], None)
    if turn.wrong is not None:
        raise WorkerFailedError(turn.wrong)
    return turn


def message_counts(case: Case) -> tuple[int, int]:
    """The messages of the two slices of a repeat; every lane has as many as every other in both."""
    lanes = case.scenario.producers * case.scenario.in_flight
    return _rounded(FEWER, lanes), _rounded(FEWER, lanes) + _rounded(MORE - FEWER, lanes)


def _rounded(count: int, lanes: int) -> int:
    return lanes * max(1, -(-count // lanes))


def enlarged(per_message: float) -> int:
    """By how much slices grow for a client that does little for a message: a power of two, up to 32."""
    return int(1 << min(5, max(0, round(log2(WORTH / max(1.0, per_message))))))


def slopes(fewer: Mapping[str, Any], more: Mapping[str, Any], lever: int) -> dict[str, float]:
    """What each name has a message, from its counts in the two slices."""
    names = [*more, *(name for name in fewer if name not in more)]
    return {name: (more.get(name, 0) - fewer.get(name, 0)) / lever for name in names}
