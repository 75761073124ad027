"""Sends messages through the harness, or by hand, in marked stretches, for their instructions to be counted.

As a program its words are the side, the client, the loop and the broker's URL.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import minimal
from in_flight import Send

from bench.client import Target
from bench.counting import Marks, settle
from bench.driver import Driver
from bench.gauges import Gauges
from bench.loops import factory
from bench.scenario import Scenario
from bench.worker import load

LOCK_STEP = Scenario(in_flight=1)
"""A message waits for the one before: how many are read at once would depend on the time."""
LIMIT_S = 300
FEWER, MORE = 100, 400
"""Messages of the two stretches of a repeat: the difference of their counts is that of so many messages."""
REPEATS = 3


def driver_of(client: str, url: str, scenario: Scenario, gauges: Gauges, *, limit_s: float) -> Driver:
    target = Target(
        url=url,
        guarantee=scenario.guarantee,
        prefetch=scenario.prefetch,
        in_flight=scenario.in_flight,
        ack_every=scenario.ack_every,
        persistent=scenario.persistent,
    )
    queues = ["overhead-harness"]
    clock = time.monotonic_ns
    return Driver(load(client), target, scenario, queues, clock=clock, gauges=gauges, limit_s=limit_s)


@asynccontextmanager
async def harness(client: str, url: str, marks: Marks) -> AsyncIterator[Send]:
    driver = driver_of(client, url, LOCK_STEP, marks, limit_s=LIMIT_S)

    async def send(count: int) -> None:
        await driver.slice(count)  # marked by itself: from the first publish to the last message

    async with driver.connected():
        yield send


@asynccontextmanager
async def by_hand(client: str, url: str, marks: Marks) -> AsyncIterator[Send]:
    async with minimal.by_hand(client)(url, "overhead-minimal", LOCK_STEP) as hand:

        async def send(count: int) -> None:
            marks.start_lag()
            await hand(count)
            marks.stop_lag()

        yield send


SIDES = {"harness": harness, "by-hand": by_hand}


async def stretches(side: str, client: str, url: str) -> None:
    settle(asyncio.get_running_loop())
    with Marks(time.monotonic_ns) as marks:
        async with SIDES[side](client, url, marks) as send:
            await send(FEWER)
            for _ in range(REPEATS):
                for count in (FEWER, MORE):
                    await send(count)
                    gc.unfreeze()


if __name__ == "__main__":
    side, client, loop, url = sys.argv[1:]
    with asyncio.Runner(loop_factory=factory(loop)) as runner:
        runner.run(stretches(side, client, url))
