"""The worker of a trial: what it is told, how long each answer may take, and what it means when it fails."""

from __future__ import annotations

import os
import time
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bench.errors import BrokerError, EngineError, UnsupportedError
from bench.meters import cpu_seconds, resident_bytes
from bench.pairing import Pair
from bench.payload import Account
from bench.plan import scheduled_s
from bench.trial.turn import Turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AsyncExitStack

    from bench.client import Tls
    from bench.engine import Engine, WorkerHandle
    from bench.environments import Environment
    from bench.plan import Case
    from bench.trial import Trial

SETUP_LIMIT_S = 30.0
CONNECTION_LIMIT_S = 0.1
"""A connection is made or left within some tens of milliseconds, also on a machine that is busy."""


@dataclass(slots=True, kw_only=True)
class Live:
    """A trial whose worker is loaded; its methods raise EngineError and its kinds.

    ``limit_s`` is how long its messages may stand still. ``fewest`` and ``rate_per_s`` are of the warm-up.
    """

    trial: Trial
    worker: WorkerHandle
    limit_s: float
    fewest: int = 0
    rate_per_s: float = 0.0

    @property
    def case(self) -> Case:
        return self.trial.case

    async def connect(self, tls: Tls, seed: int) -> None:
        """``seed`` is that of what is drawn: arrivals, sizes."""
        order = {
            "do": "connect",
            "adapter": self.case.entry.adapter,
            "loop": self.trial.environment.loop,
            "url": self.trial.broker.url,
            "tls": asdict(tls),
            "queues": queue_names(self.case),
            "scenario": self.case.scenario.to_json(),
            "limit_s": self.limit_s,
            "seed": seed,
        }
        answer = await self.worker.ask(order, self._setup_limit_s + 3 * self.limit_s)
        self.trial.setup = answer["connected"]

    async def warm_up(self) -> None:
        limit_s = self.case.scenario.warmup_s + self._setup_limit_s + 3 * self.limit_s
        answer = await self.worker.ask({"do": "warm-up"}, limit_s)
        account = Account(**answer["account"])
        if not account.whole(account.received):
            self.trial.failure = f"{account.describe(account.received + account.lost)} in the warm-up"
        self.fewest, self.rate_per_s = answer["fewest"], answer["rate_per_s"]
        self.trial.first_message_s = answer.get("first_message_s")

    async def turn(self) -> Turn:
        """A slice of as many messages as the trial's slices have."""
        pids, count = self.trial.broker.pids, self.trial.slice_messages
        expected_s = max(count / self.rate_per_s, scheduled_s(self.case.scenario, count))
        limit_s = self._setup_limit_s + 20 * expected_s + 3 * self.limit_s
        before_s = cpu_seconds(pids)
        answer = await self.worker.ask({"do": "slice", "messages": count}, limit_s)
        after_s = cpu_seconds(pids)
        used_s = after_s - before_s if after_s is not None and before_s is not None else None
        return Turn.from_answer(answer["sample"], used_s, resident_bytes(self.worker.pids))

    async def close(self) -> None:
        answer = await self.worker.ask({"do": "close"}, self._setup_limit_s)
        self.trial.peak_rss_bytes = answer["closed"]["peak_rss_bytes"]

    @property
    def _setup_limit_s(self) -> float:
        """How long connecting may take, or closing; consumers connect once more to be probed."""
        scenario = self.case.scenario
        return SETUP_LIMIT_S + CONNECTION_LIMIT_S * (scenario.producers + 2 * scenario.consumers)


async def loaded(
    engine: Engine, stack: AsyncExitStack, trial: Trial, variables: Mapping[str, str]
) -> WorkerHandle:
    """A worker, or a pair of them, with client and loop imported; on the stack until the trial is over."""

    async def worker(environment: Environment, adapter: str) -> WorkerHandle:
        mine = {**variables, "PYTHONPATH": environment.bench_path}
        made = await stack.enter_async_context(engine.worker(environment.python, mine))
        await made.ask({"do": "load", "adapter": adapter, "loop": environment.loop}, SETUP_LIMIT_S)
        return made

    entry, consumer = trial.case.entry, trial.case.consumer
    first = await worker(trial.environment, entry.adapter)
    if consumer is None or trial.consumer_environment is None:
        return first
    adapter = consumer[1].adapter
    second = await worker(trial.consumer_environment, adapter)
    return Pair(first, second, receiving={"adapter": adapter, "ordering": entry.abilities.ordering})


@asynccontextmanager
async def judging(trial: Trial, when: str) -> AsyncIterator[None]:
    """A worker that fails makes its trial invalid, with the reason; a broker that died ends the run."""
    try:
        yield
    except UnsupportedError as error:
        trial.unsupported, trial.failure = True, str(error)
    except EngineError as error:
        trial.failure = f"{error} ({when})"
        if (last_words := trial.broker.last_words()) is not None:
            broker = f"{trial.broker.origin} {trial.broker.kind}"
            trial.failure = f"the broker ({broker}) died {when}: {last_words}"
            raise BrokerError(trial.failure) from error


def queue_names(case: Case) -> list[str]:
    """Names that no other run uses, at home on a broker that somebody else runs."""
    stem = f"mqbench-{os.getpid()}-{time.time_ns():x}-{case.number}"
    return [f"{stem}-{index}" for index in range(case.scenario.queues)]
