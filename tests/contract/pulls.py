"""What an adapter promises whose consumers can also ask for their messages: the same, when they do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bench.brokers import Broker
from contract.contract import LIMIT_S, WINDOW_S, Contract, until

PROMISES = (
    "test_one_lane_one_queue_and_one_message_at_a_time_arrive",
    "test_acknowledging_every_tenth_message_loses_and_leaves_nothing",
    "test_what_was_acknowledged_before_leaving_does_not_come_again",
    "test_a_consumer_that_is_cut_off_before_the_ack_leaves_the_messages",
    "test_never_more_than_prefetch_are_unacknowledged",
)


class Pulls(Contract):
    """Inherit in place of Contract."""

    @pytest.mark.parametrize("promise", PROMISES)
    async def test_a_consumer_that_pulls_keeps_the_promise(self, broker: Broker, promise: str) -> None:
        self.delivery = "pull"
        await getattr(self, promise)(broker)

    async def test_one_that_pulls_and_raises_before_the_ack_leaves_the_message(self, broker: Broker) -> None:
        self.delivery = "pull"
        await self.test_a_consumer_that_raises_before_the_ack_leaves_the_message(broker)

    @pytest.mark.parametrize("measure", ["end-to-end", "consume"])
    @pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
    async def test_nothing_that_is_pulled_is_lost_duplicated_or_reordered(
        self, broker: Broker, guarantee: Any, measure: Any
    ) -> None:
        self.delivery = "pull"
        await self.test_nothing_is_lost_duplicated_or_reordered(broker, guarantee, measure)

    async def test_bodies_are_pulled_byte_for_byte(self, broker: Broker) -> None:
        self.delivery = "pull"
        await self.test_bodies_arrive_byte_for_byte(broker, self.guarantee)

    @pytest.mark.parametrize("kind", ["at once", "later"])
    async def test_an_exception_of_who_pulls_reaches_the_driver(self, broker: Broker, kind: str) -> None:
        self.delivery = "pull"
        await self.test_an_exception_in_the_handler_reaches_the_driver(broker, kind)

    @pytest.mark.parametrize("when", ["moving", "idle"])
    async def test_a_connection_cut_while_pulling_is_an_error(self, broker: Broker, when: str) -> None:
        self.delivery = "pull"
        await self.test_a_connection_cut_in_the_middle_is_an_error(broker, "consumer", when)

    async def test_what_comes_after_an_empty_answer_is_pulled_and_what_comes_after_leaving_is_not(
        self, broker: Broker
    ) -> None:
        self.delivery = "pull"
        target = self.target(broker)
        seen: list[bytes] = []
        async with asyncio.timeout(3 * LIMIT_S), self.queue(target) as queue:
            async with self.client.consumer(target, queue, self.copy_to(seen)):
                await asyncio.sleep(WINDOW_S)
                assert seen == []
                await self.publish(target, queue, [b"after a while"])
                await until(lambda: bool(seen), lambda: "it never came")
            await self.publish(target, queue, [b"after leaving"])
            await asyncio.sleep(WINDOW_S)
            assert seen == [b"after a while"]
            await self.expect(target, queue, [b"after leaving"])
