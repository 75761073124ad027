"""A hand-written loop for confluent-kafka: a window of futures, flushed by one task, and batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from confluent_kafka import OFFSET_STORED, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # documented there
from confluent_kafka.aio import AIOConsumer, AIOProducer
from in_flight import Arrivals, Send

from bench.scenario import Scenario

LIMIT_S = 10.0


async def has_controller(admin: AdminClient) -> bool:
    """The mock cluster of librdkafka has none: it makes the topics that it is asked about, and keeps them."""
    cluster = await asyncio.to_thread(admin.list_topics, timeout=LIMIT_S)
    return cluster.controller_id in cluster.brokers


async def flush(producer: AIOProducer, buffered: asyncio.Event) -> None:
    while await buffered.wait():
        buffered.clear()
        await producer.flush()


async def consume(consumer: AIOConsumer, most: int, arrivals: Arrivals) -> None:
    while True:
        first = await consumer.poll(0.1)
        if first is None:
            continue
        messages = [first, *await consumer.consume(most - 1, 0)]
        for _ in messages:
            arrivals.one()
        await consumer.commit(message=messages[-1], asynchronous=True)


@asynccontextmanager
async def with_confluent_kafka(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """An idempotent producer with acks=all, and commits of what was read, which are not waited for."""
    body = bytes(scenario.payload_bytes)
    servers: dict[str, Any] = {"bootstrap.servers": urlsplit(url).netloc, "log_level": 2}  # "critical" alone
    arrivals, room, buffered = Arrivals(), asyncio.Event(), asyncio.Event()
    outstanding = 0

    def done(_: Any) -> None:
        nonlocal outstanding
        outstanding -= 1
        room.set()

    admin = AdminClient(servers)
    real = await has_controller(admin)
    if real:
        await asyncio.wrap_future(admin.create_topics([NewTopic(queue, 1, 1)])[queue])
    else:
        await asyncio.to_thread(admin.list_topics, queue, timeout=LIMIT_S)
    producer = AIOProducer(
        {**servers, "acks": "all", "enable.idempotence": True},
        batch_size=scenario.in_flight + 1,
        buffer_timeout=0,
    )
    offsets = {"group.id": queue, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = AIOConsumer({**servers, **offsets, "fetch.wait.max.ms": 500 if real else 5})
    await consumer.assign([TopicPartition(queue, 0, OFFSET_STORED)])
    tasks = [
        asyncio.create_task(flush(producer, buffered)),
        asyncio.create_task(consume(consumer, scenario.prefetch, arrivals)),
    ]

    async def send(count: int) -> None:
        nonlocal outstanding
        arrivals.expect(count)
        for _ in range(count):
            while outstanding >= scenario.in_flight:
                room.clear()
                await room.wait()
            outstanding += 1
            (await producer.produce(queue, body, partition=0)).add_done_callback(done)
            buffered.set()
        await arrivals.all.wait()

    yield send
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await producer.close()
    await consumer.close()
    if real:
        await asyncio.wrap_future(admin.delete_topics([queue])[queue])
