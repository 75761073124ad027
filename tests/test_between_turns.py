"""What comes while no turn is under way: it belongs to nobody's time, and no account may lack it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.client import Receive, Target
from bench.clients.memory import Memory
from bench.driver import Driver
from bench.gauges import Gauges
from bench.payload import Account
from bench.scenario import Scenario


class Repeating(Memory):
    """Delivers the last message once more whenever it is told to."""

    last = b""

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        def kept(body: bytes) -> object:
            self.last = bytes(body)
            return receive(body)

        self.receive = receive
        async with super().consumer(target, queue, kept):  # type: ignore[arg-type]  # hands on what it got
            yield

    def repeat(self) -> None:
        self.receive(self.last)


@asynccontextmanager
async def connected(client: Repeating, scenario: Scenario) -> AsyncIterator[Driver]:
    clock = time.monotonic_ns
    target = Target.of(scenario, "memory://")
    with Gauges(clock) as gauges:
        driver = Driver(client, target, scenario, ["queue"], clock=clock, gauges=gauges, limit_s=1.0)
        async with driver.connected():
            yield driver


@pytest.mark.parametrize("payload_bytes", [32, 1024])
async def test_a_copy_that_comes_between_two_turns_is_in_the_account_of_the_next(payload_bytes: int) -> None:
    client = Repeating()
    async with connected(client, Scenario(payload_bytes=payload_bytes)) as driver:
        accounts = [(await driver.slice(200)).account]
        client.repeat()
        accounts += [(await driver.slice(200)).account for _ in range(2)]
    whole = Account(received=200)
    assert accounts == [whole, whole + Account(duplicated=1), whole]


async def test_a_turn_is_not_over_sooner_for_a_copy_that_came_before_it() -> None:
    client = Repeating()
    async with connected(client, Scenario()) as driver:
        await driver.slice(200)
        client.repeat()
        sample = await driver.slice(200)
    assert (sample.messages, sample.account.received, sum(sample.consumed)) == (200, 200, 200)
