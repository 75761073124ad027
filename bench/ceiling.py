"""What the harness itself costs and can reach: the memory client through the very same driver."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench.handler import Handler
from bench.trial.turn import Turn

if TYPE_CHECKING:
    from bench.engine import Engine
    from bench.environments import Environment
    from bench.scenario import Scenario

LIMIT_S = 20.0
FASTER_PER_S = 1000.0


def bared(scenario: Scenario) -> Scenario:
    """What is left of a scenario without its handler and what brokers do; the memory client can do all of it.

    An open load is offered at one rate, its highest, and at least FASTER_PER_S, so that a few turns suffice.
    """
    bare = replace(
        scenario,
        handler=Handler(),
        measure="end-to-end",
        warmup_s=0.15,
        topics=None,
        delivery=None,
        queue_type=None,
        partitions=None,
        replication=1,
    )
    if (schedule := scenario.scheduled(1.0)) is not None:
        bare = replace(bare, schedule=None, rate_per_s=max(FASTER_PER_S, schedule.highest_per_s))
    return bare


async def measure(
    engine: Engine,
    scenario: Scenario,
    environment: Environment,
    *,
    slices: int = 3,
    slice_messages: int | None = None,
) -> list[Turn]:
    """Turns of the memory client with what ``bared`` leaves of the scenario; ends its worker."""
    bare = bared(scenario)
    connect: dict[str, Any] = {
        "do": "connect",
        "adapter": "memory",
        "loop": environment.loop,
        "url": "memory://",
        "queues": [f"queue-{index}" for index in range(bare.queues)],
        "scenario": bare.to_json(),
        "limit_s": LIMIT_S,
    }
    variables = {"PYTHONHASHSEED": "0", "PYTHONPATH": environment.bench_path}
    async with engine.worker(environment.python, variables) as worker:
        await worker.ask(connect, LIMIT_S)
        warm = await worker.ask({"do": "warm-up"}, LIMIT_S)
        count = slice_messages or max(warm["fewest"], round(warm["rate_per_s"] * 0.1))
        answers = [await worker.ask({"do": "slice", "messages": count}, LIMIT_S) for _ in range(slices)]
        await worker.ask({"do": "close"}, LIMIT_S)
    return [Turn.from_answer(answer["sample"], None) for answer in answers]


async def harness_cpu_us(engine: Engine, scenario: Scenario, environment: Environment) -> float:
    """CPU time, in microseconds a message, that the harness and the memory client need together."""
    turns = await measure(engine, scenario, environment)
    spent_s = sum(turn.usage.cpu_user_s + turn.usage.cpu_system_s for turn in turns)
    return 1e6 * spent_s / sum(turn.account.received for turn in turns)
