"""AMQP 0-9-1 clients keep the contract."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pika
import pytest

from bench.brokers import Broker
from bench.scenario import Scenario
from contract.contract import LIMIT_S, WINDOW_S, Contract, Finding, first, queue_names, until
from contract.pulls import Pulls

OTHER_TYPE = {"classic": "quorum", "quorum": "classic", "stream": "quorum"}
DEAF = Finding(
    test="_cut_",
    loop="rloop",
    reason="rloop 0.5 never reports a reset connection (test_loops.py), and a failed write as no OSError",
    run=False,  # each would take as long as the harness waits for a client that says nothing
)


class Amqp(Contract):
    """What can be seen from outside with a second client is looked at with pika's blocking one."""

    protocol = "amqp"

    @staticmethod
    def looked_at(broker: Broker, queue: str, **how: Any) -> Any:
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
            return connection.channel().queue_declare(queue, **how)

    async def gone(self, broker: Broker, queue: str) -> bool:
        try:
            await asyncio.to_thread(self.looked_at, broker, queue, passive=True)
        except pika.exceptions.ChannelClosedByBroker as error:
            return bool(error.reply_code == 404)
        return False

    @pytest.mark.parametrize("persistent", [False, True])
    async def test_messages_are_marked_persistent_when_asked(self, broker: Broker, persistent: bool) -> None:
        def delivery_mode(queue: str) -> int:
            with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
                _, properties, _ = connection.channel().basic_get(queue)
                return int(properties.delivery_mode)

        target = self.target(broker, persistent=persistent)
        async with self.queue(target) as queue:
            await self.publish(target, queue, [b"kept?"])
            assert await asyncio.to_thread(delivery_mode, queue) == (2 if persistent else 1)

    async def test_requests_that_are_spread_over_topics_are_answered(self, broker: Broker) -> None:
        await self.drive(
            broker, Scenario(request_reply=True, topics=3, consumers=2, in_flight=4), messages=60
        )

    @pytest.mark.parametrize("kind", ["classic", "quorum", "stream"])
    async def test_queues_are_of_the_type_that_was_asked_for(self, broker: Broker, kind: Any) -> None:
        scenario = Scenario(queue_type=kind, persistent=True)
        if (why := broker.shortfall(scenario)) is not None:
            pytest.skip(why)
        await self.drive(broker, scenario, messages=60)
        target = self.target(broker, queue_type=kind, persistent=True)
        async with self.queue(target) as queue:
            same = {"durable": True, "arguments": target.queue_arguments}
            await asyncio.to_thread(self.looked_at, broker, queue, **same)
            other = {"durable": True, "arguments": {"x-queue-type": OTHER_TYPE[kind]}}
            with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="inequivalent arg"):
                await asyncio.to_thread(self.looked_at, broker, queue, **other)

    async def test_each_message_of_a_stream_comes_once_and_none_of_an_earlier_turn(
        self, broker: Broker
    ) -> None:
        scenario = Scenario(
            queue_type="stream", persistent=True, producers=3, consumers=2, queues=2, prefetch=10, in_flight=4
        )
        if (why := broker.shortfall(scenario) or self.client.abilities.shortfall(scenario)) is not None:
            pytest.skip(why)
        samples = await self.drive(broker, scenario, messages=120)
        assert [sample.waiting for sample in samples] == [None] * len(samples)
        await self.drive(broker, replace(scenario, rate_per_s=600.0, ack_every=5), messages=60)

    async def test_a_stream_sends_no_more_than_prefetch_and_keeps_what_was_acknowledged(
        self, broker: Broker
    ) -> None:
        target = self.target(broker, queue_type="stream", persistent=True, prefetch=5)
        why = broker.shortfall(Scenario(queue_type="stream", persistent=True))
        if why is not None or "stream" not in self.client.abilities.queue_types:
            pytest.skip(why or "cannot declare streams")
        bodies = [b"%d" % index for index in range(20)]
        held: list[bytes] = []
        gate = asyncio.Event()

        async def hold(body: bytes) -> None:
            held.append(body)
            await gate.wait()

        async with self.queue(target) as queue:
            await self.publish(target, queue, bodies)
            async with asyncio.timeout(2 * LIMIT_S), self.client.consumer(target, queue, hold):
                await until(lambda: bool(held), lambda: "nothing came")
                await asyncio.sleep(WINDOW_S)
                assert len(held) <= target.prefetch
                gate.set()
                await until(lambda: len(held) >= len(bodies), lambda: f"only {held} came")
            assert held == bodies
            await self.expect(target, queue, bodies)
        assert await self.gone(broker, queue)

    async def test_topics_are_gone_round_and_a_pattern_matches_one_that_nobody_named(
        self, broker: Broker
    ) -> None:
        """Seen by a queue that is bound to one topic alone, and by a message of another topic than theirs."""

        def listen(channel: Any, queue: str) -> None:
            channel.queue_declare(f"{queue}-beside", exclusive=True)
            channel.queue_bind(f"{queue}-beside", queue, f"{queue}.1")

        def taken(channel: Any, queue: str) -> list[bytes]:
            channel.basic_publish(queue, f"{queue}.unheard-of", b"by pattern")
            beside = f"{queue}-beside"
            count = channel.queue_declare(beside, passive=True).method.message_count
            return [channel.basic_get(beside, auto_ack=True)[2] for _ in range(count)]

        target, seen = self.target(broker, topics=3), list[bytes]()
        bodies = [b"%d" % number for number in range(9)]
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
            async with self.queue(target) as queue, self.client.consumer(target, queue, seen.append):
                channel = await asyncio.to_thread(connection.channel)
                await asyncio.to_thread(listen, channel, queue)
                await self.publish(target, queue, bodies)
                assert await asyncio.to_thread(taken, channel, queue) == [b"1", b"4", b"7"]
                await until(lambda: len(seen) > 9, lambda: f"{seen} came")
        assert seen == [*bodies, b"by pattern"]

    async def test_a_publish_that_the_broker_refuses_is_an_error(self, broker: Broker) -> None:
        if broker.kind != "rabbitmq":
            pytest.skip("only RabbitMQ has queues that refuse")
        (queue,) = queue_names(1)
        full = {"x-max-length": 1, "x-overflow": "reject-publish"}
        await asyncio.to_thread(self.looked_at, broker, queue, arguments=full)
        target = self.target(broker)
        try:
            with pytest.raises(Exception) as refused:  # noqa: PT011  # each client has its own
                await self.publish(target, queue, [b"fits", b"does not", b"nor this"])
            assert not isinstance(first(refused.value), TimeoutError), f"no answer within {LIMIT_S:g} s"
        finally:
            with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
                connection.channel().queue_delete(queue)


class TestAioPika(Amqp, Pulls):
    adapter = "aio_pika"
    findings = (DEAF,)


class TestAiormq(Amqp, Pulls):
    adapter = "aiormq"
    findings = (DEAF,)


class TestAioamqp(Amqp, Pulls):
    adapter = "aioamqp"
    findings = (
        DEAF,
        Finding(
            test="pulls_and_raises",
            loop="rloop",
            reason="rloop 0.5 leaves the socket of a closed transport open, so the broker is not told",
            run=False,  # it would wait for the message that the broker still keeps for the lost consumer
        ),
        Finding(
            broker="embedded",
            loop="rloop",
            reason="a connection that the broker closes right after its last answer confuses it",
            run=False,
        ),
    )


class TestPika(Amqp, Pulls):
    adapter = "pika"
