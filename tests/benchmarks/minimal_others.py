"""Hand-written loops for the clients of MQTT, Kafka, NATS and Redis.

Each publishes on one connection and consumes on another (redis: on two), waits for the broker's answer to
each message, and acknowledges what has come: the guarantee, window and prefetch of the harness.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import aiokafka  # type: ignore[import-untyped]  # no types
import aiokafka.admin  # type: ignore[import-untyped]  # no types
import aiomqtt
import gmqtt  # type: ignore[import-untyped]  # ships no types
import nats
from gmqtt.storage import PersistentStorage  # type: ignore[import-untyped]
from in_flight import Arrivals, Send, by_lanes
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bench.scenario import Scenario


@asynccontextmanager
async def with_aiomqtt(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """Lanes that await ``publish`` at QoS 1; iteration over messages, acknowledged by paho once received."""
    body, parts = bytes(scenario.payload_bytes), urlsplit(url)
    arrivals = Arrivals()

    def client() -> aiomqtt.Client:
        made = aiomqtt.Client(
            parts.hostname or "localhost",
            parts.port or 1883,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            protocol=aiomqtt.ProtocolVersion.V5,
            max_queued_incoming_messages=0,
            max_inflight_messages=scenario.in_flight,
        )
        made.pending_calls_threshold = 10 * scenario.in_flight
        return made

    async def consume(consuming: aiomqtt.Client) -> None:
        acknowledge = consuming._client.ack  # the only way to do it after receipt, as users do
        async for message in consuming.messages:
            arrivals.one()
            acknowledge(message.mid, message.qos)

    async with client() as consuming, client() as publishing, asyncio.TaskGroup() as group:
        consuming._client.manual_ack_set(True)
        await consuming.subscribe(queue, qos=1)
        task = group.create_task(consume(consuming))

        async def lane(_: int, numbers: Any) -> None:
            for _number in numbers:
                await publishing.publish(queue, body, qos=1, timeout=math.inf)

        yield by_lanes(scenario.in_flight, arrivals, lane)
        task.cancel()


class Confirms(PersistentStorage):  # type: ignore[misc]  # ships no types
    """gmqtt's messages without a confirm; each that leaves lets the next be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.left: Callable[[], None] = lambda: None

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        self.left()


@asynccontextmanager
async def with_gmqtt(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """QoS 1: a PUBACK publishes the next message; a coroutine ``on_message``, whose end acknowledges."""
    body, parts = bytes(scenario.payload_bytes), urlsplit(url)
    arrivals, confirms = Arrivals(), Confirms()

    async def on_message(*_: Any) -> int:
        arrivals.one()
        return 0

    async def connected(**more: Any) -> Any:
        client = gmqtt.Client(None, optimistic_acknowledgement=False, **more)
        if parts.username:
            client.set_auth_credentials(unquote(parts.username), unquote(parts.password or ""))
        await client.connect(parts.hostname, parts.port)
        return client

    publishing = await connected(persistent_storage=confirms)
    consuming = await connected(receive_maximum=scenario.prefetch)
    consuming.on_message = on_message
    subscribed = asyncio.Event()
    consuming.on_subscribe = lambda *_: subscribed.set()
    consuming.subscribe(queue, 1)
    await subscribed.wait()

    left = 0

    def fill() -> None:
        nonlocal left
        if left:
            left -= 1
            publishing.publish(queue, body, qos=1)

    async def send(count: int) -> None:
        nonlocal left
        arrivals.expect(count)
        left = count
        for _ in range(scenario.in_flight):
            fill()
        await arrivals.all.wait()

    confirms.left = fill
    yield send
    for client in (publishing, consuming):
        await client.disconnect()


@asynccontextmanager
async def with_aiokafka(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """A window of ``send``'s futures; ``getmany`` on the one partition, and a commit after each."""
    body, server = bytes(scenario.payload_bytes), urlsplit(url).netloc
    arrivals, room, partition = Arrivals(), asyncio.Event(), aiokafka.TopicPartition(queue, 0)
    outstanding = 0

    def done(_: Any) -> None:
        nonlocal outstanding
        outstanding -= 1
        room.set()

    async def consume(consumer: aiokafka.AIOKafkaConsumer) -> None:
        while True:
            for messages in (await consumer.getmany(timeout_ms=500, max_records=scenario.prefetch)).values():
                for _ in messages:
                    arrivals.one()
                await consumer.commit({partition: messages[-1].offset + 1})

    admin = aiokafka.admin.AIOKafkaAdminClient(bootstrap_servers=server)
    await admin.start()
    await admin.create_topics([aiokafka.admin.NewTopic(queue, 1, 1)])
    async with (
        aiokafka.AIOKafkaProducer(
            bootstrap_servers=server, acks="all", enable_idempotence=True, max_batch_size=1 << 17
        ) as producer,
        aiokafka.AIOKafkaConsumer(
            bootstrap_servers=server,
            group_id=queue,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        ) as consumer,
        asyncio.TaskGroup() as group,
    ):
        consumer.assign([partition])
        task = group.create_task(consume(consumer))

        async def send(count: int) -> None:
            nonlocal outstanding
            arrivals.expect(count)
            for _ in range(count):
                while outstanding >= scenario.in_flight:
                    room.clear()
                    await room.wait()
                outstanding += 1
                (await producer.send(queue, body, None, 0)).add_done_callback(done)
            await arrivals.all.wait()

        yield send
        task.cancel()
    await admin.delete_topics([queue])
    await admin.close()


@asynccontextmanager
async def with_nats_py(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """JetStream: a window of ``publish_async``'s futures (lanes that await them need 2 % more CPU time on
    asyncio, the same on uvloop); messages are pushed to a coroutine, which acknowledges each.
    """
    body = bytes(scenario.payload_bytes)
    arrivals = Arrivals()

    async def on_message(message: Any) -> None:
        await message.ack()
        arrivals.one()

    consuming, publishing = await nats.connect(url), await nats.connect(url)
    stream = consuming.jetstream()
    await stream.add_stream(
        name=queue, subjects=[queue], retention=RetentionPolicy.WORK_QUEUE, storage=StorageType.MEMORY
    )
    await stream.subscribe(
        queue,
        cb=on_message,
        manual_ack=True,
        config=ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_ack_pending=scenario.prefetch),
    )
    send_async = publishing.jetstream(publish_async_max_pending=scenario.in_flight).publish_async

    room, outstanding = asyncio.Event(), 0

    def done(_: Any) -> None:
        nonlocal outstanding
        outstanding -= 1
        room.set()

    async def send(count: int) -> None:
        nonlocal outstanding
        arrivals.expect(count)
        for _ in range(count):
            while outstanding >= scenario.in_flight:
                room.clear()
                await room.wait()
            outstanding += 1
            (await send_async(queue, body)).add_done_callback(done)
        await arrivals.all.wait()

    yield send
    await stream.delete_stream(queue)
    await consuming.close()
    await publishing.close()


@asynccontextmanager
async def with_redis(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """Lanes that await ``xadd`` on a pool of connections; what ``xreadgroup`` brings is acknowledged and
    removed in one pipeline.
    """
    body = bytes(scenario.payload_bytes)
    arrivals = Arrivals()
    plain: dict[str, Any] = {"socket_timeout": None, "retry": Retry(NoBackoff(), 0)}
    publishing = Redis.from_url(url, max_connections=scenario.in_flight, **plain)
    reading, settling = Redis.from_url(url, **plain), Redis.from_url(url, **plain)
    await publishing.xgroup_create(queue, "group", id="0", mkstream=True)

    async def consume() -> None:
        while True:
            answer: Any = await reading.xreadgroup(
                "group", "consumer", {queue: ">"}, count=scenario.prefetch, block=0
            )
            for _, entries in answer:
                pipeline = settling.pipeline(transaction=False)
                for identifier, _fields in entries:
                    pipeline.xack(queue, "group", identifier)
                pipeline.xdel(queue, *(identifier for identifier, _fields in entries))
                await pipeline.execute()
                for _entry in entries:
                    arrivals.one()

    async def lane(_: int, numbers: Any) -> None:
        for _number in numbers:
            await publishing.xadd(queue, {b"body": body})

    send = by_lanes(scenario.in_flight, arrivals, lane)

    task = asyncio.create_task(consume())
    yield send
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await publishing.delete(queue)
    for client in (publishing, reading, settling):
        await client.aclose()
