"""Hand-written loops for the clients of MQTT, Kafka, NATS and Redis."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
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
    """gmqtt's messages without a confirm, with an event for each that leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.outstanding = 0
        self.room = asyncio.Event()

    def push_message(self, mid: int, raw_package: bytes) -> None:
        super().push_message(mid, raw_package)
        self.outstanding += 1

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        self.outstanding -= 1
        self.room.set()


@asynccontextmanager
async def with_gmqtt(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
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

    async def send(count: int) -> None:
        arrivals.expect(count)
        for _ in range(count):
            while confirms.outstanding >= scenario.in_flight:
                confirms.room.clear()
                await confirms.room.wait()
            publishing.publish(queue, body, qos=1)
        await arrivals.all.wait()

    yield send
    for client in (publishing, consuming):
        await client.disconnect()


@asynccontextmanager
async def with_aiokafka(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    body, server = bytes(scenario.payload_bytes), urlsplit(url).netloc
    arrivals, room = Arrivals(), asyncio.Event()
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
                await consumer.commit()

    admin = aiokafka.admin.AIOKafkaAdminClient(bootstrap_servers=server)
    await admin.start()
    await admin.create_topics([aiokafka.admin.NewTopic(queue, 1, 1)])
    async with (
        aiokafka.AIOKafkaProducer(
            bootstrap_servers=server, acks="all", enable_idempotence=True, max_batch_size=1 << 20
        ) as producer,
        aiokafka.AIOKafkaConsumer(
            queue,
            bootstrap_servers=server,
            group_id=queue,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        ) as consumer,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(consume(consumer))

        async def send(count: int) -> None:
            nonlocal outstanding
            arrivals.expect(count)
            for _ in range(count):
                while outstanding >= scenario.in_flight:
                    room.clear()
                    await room.wait()
                outstanding += 1
                (await producer.send(queue, body)).add_done_callback(done)
            await arrivals.all.wait()

        yield send
        task.cancel()
    await admin.delete_topics([queue])
    await admin.close()


@asynccontextmanager
async def with_nats_py(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
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

    async def lane(_: int, numbers: Any) -> None:
        for _number in numbers:
            await (await send_async(queue, body))

    yield by_lanes(scenario.in_flight, arrivals, lane)
    await stream.delete_stream(queue)
    await consuming.close()
    await publishing.close()


@asynccontextmanager
async def with_redis(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
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
