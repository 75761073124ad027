"""aiokafka (Kafka).

The documented way for speed: ``send``, which returns a future of the broker's answer
(https://aiokafka.readthedocs.io/en/stable/producer.html), and ``getmany`` on a partition that was assigned
by hand (https://aiokafka.readthedocs.io/en/stable/consumer.html#manual-partition-assignment). A window of
futures, and not awaiting lanes: on librdkafka's mock cluster 115,000-150,000 messages a second against
90,000-135,000. linger_ms is the default, 0: what comes while a request is on its way goes with the next.
max_batch_size is 128 KiB: with the default of 16 KiB, 50 messages of 1 KiB in flight wait for three
requests (on Apache Kafka 4.3 12,000-26,000 a second against 32,000-70,000; 1 ms of linger did
21,000-29,000).

at-least-once is acks=all with an idempotent producer (no cost that we could measure) and offsets that are
committed after ``receive``: once ``ack_every`` or more are due, all that are due, at the end of each batch,
and after each message whose handling is awaited. A commit takes 2-6 ms, so one for every message would do
150-500 a second. at-most-once is acks=0, and the offsets of each batch committed before its first
``receive``. A batch is as large as ``prefetch`` leaves room for; what the library reads ahead is bounded by
its fetch sizes, in bytes. A topic has a partition for each of its consumers unless the scenario says how
many; consumers share them out, and producers go round them. In a fan-out there is one topic, and each
consumer, in a group of its own, reads all of its partitions. Topics by a pattern are left out: Kafka
subscribes to them only in a group that shares out partitions by itself. ``persistent`` changes nothing, Kafka
always writes to disk, and knows no other delivery than to be asked.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from itertools import cycle
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]  # no types
from aiokafka.errors import for_code  # type: ignore[import-untyped]  # no types

from bench.client import Abilities
from bench.errors import UnsupportedError
from bench.partitions import Shares

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

    from bench.client import Client, Depth, Receive, Send, Target

BATCH_BYTES = 1 << 17
LARGEST_BYTES = 1 << 26  # of a request, and so of a body and what surrounds it
KNOWN_S = 0.01
IDLE_MS = 60_000  # getmany returns earlier as soon as there is a message


def known(topic: dict[str, Any]) -> bool:
    """The topic and the leaders of all of its partitions are known to the broker that was asked."""
    return not any(each["error_code"] for each in (topic, *topic["partitions"]))


def servers(target: Target) -> dict[str, Any]:
    url = urlsplit(target.url)
    secure = url.scheme == "kafka+ssl"
    tls = {"security_protocol": "SSL", "ssl_context": target.tls.context()} if secure else {}
    return {"bootstrap_servers": url.netloc, **tls}


def placed(topic: str, partitions: range) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in partitions]


@asynccontextmanager
async def running(consumer: AIOKafkaConsumer) -> AsyncIterator[AIOKafkaConsumer]:
    """Started; stopped in a task of its own, out of which the cancellation of aiokafka's fetches cannot get.

    With aiokafka 0.14 it would stand in the place of the reason why a connection was lost.
    """
    try:
        await consumer.start()
        yield consumer
    finally:
        await asyncio.wait([asyncio.ensure_future(consumer.stop())])


class Aiokafka:
    abilities = Abilities(
        distribution="aiokafka",
        protocol="kafka",
        pushes=(),
        pulls=("at-most-once", "at-least-once"),
        publishing="future",
        most_bytes=67_000_000,
        fan_out=True,
        partitions=True,
        replication=True,
        trouble=(("rloop", "does not hear that its connection was reset; no TLS"),),
    )

    def __init__(self) -> None:
        self.shares = Shares()
        self.fetch_wait_ms = 500  # the default

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth]:
        counts = self.shares.plan(target, queues)
        settings = {"max.message.bytes": str(LARGEST_BYTES)}
        copies = target.replication
        topics = [NewTopic(topic, count, copies, topic_configs=settings) for topic, count in counts.items()]
        admin = AIOKafkaAdminClient(**servers(target))
        async with AsyncExitStack() as stack:
            stack.push_async_callback(admin.close)
            await admin.start()
            cluster = await admin.describe_cluster()
            if cluster["controller_id"] in [broker["node_id"] for broker in cluster["brokers"]]:
                for topic, code, *_ in (await admin.create_topics(topics)).topic_errors:
                    if code:
                        raise for_code(code)(topic)
                    stack.push_async_callback(admin.delete_topics, [topic])
                while not all(map(known, await admin.describe_topics(list(counts)))):  # noqa: ASYNC110  # no event tells
                    await asyncio.sleep(KNOWN_S)  # created they are, but brokers have yet to hear of it
            else:
                await self.mock(target, admin, counts)
            groups = {
                q: await stack.enter_async_context(running(AIOKafkaConsumer(group_id=q, **servers(target))))
                for q in queues
            }

            async def depth() -> int:
                total = 0
                for queue, group in groups.items():
                    partitions = placed(*self.shares.all_of(queue))
                    total += sum((await group.end_offsets(partitions)).values())
                    total -= sum([await group.committed(each) or 0 for each in partitions])
                return total

            yield depth

    async def mock(self, target: Target, admin: AIOKafkaAdminClient, counts: dict[str, int]) -> None:
        """The mock cluster of librdkafka has no controller, and makes the topics that it is asked about."""
        if not target.acknowledged:
            raise UnsupportedError(
                "aiokafka cannot send at most once (acks=0) to librdkafka's mock cluster, which answers it"
            )
        self.fetch_wait_ms = 5  # a fetch that found nothing is answered only when the wait is over
        for topic in await admin.describe_topics(list(counts)):
            if (most := len(topic["partitions"])) < counts[topic["topic"]]:
                raise UnsupportedError(f"librdkafka's mock cluster gives a queue {most} partitions at most")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Send]:
        async with AIOKafkaProducer(
            **servers(target),
            acks="all" if target.acknowledged else 0,
            enable_idempotence=target.acknowledged,
            max_batch_size=BATCH_BYTES,
            max_request_size=LARGEST_BYTES,
        ) as producer:
            there = len(await producer.partitions_for(queue))
            partitions = cycle(range(self.shares.written(target, queue, there)))
            send = producer.send

            def publish(body: bytes) -> Awaitable[Awaitable[object]]:
                return send(queue, body, None, next(partitions))  # type: ignore[no-any-return]  # no types

            yield publish

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        with self.shares.taken(queue) as (topic, partitions):
            mine = placed(topic, partitions)
            async with self.reading(target, queue, mine, receive) if mine else nullcontext():
                yield

    @asynccontextmanager
    async def reading(
        self, target: Target, queue: str, mine: Sequence[TopicPartition], receive: Receive
    ) -> AsyncIterator[None]:
        async with (
            running(
                AIOKafkaConsumer(
                    **servers(target),
                    group_id=queue,
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    fetch_max_wait_ms=self.fetch_wait_ms,
                )
            ) as consumer,
            asyncio.TaskGroup() as group,
        ):
            consumer.assign(mine)
            for partition in mine:
                await consumer.position(partition)
            reading = Reading(consumer, mine, target, receive)
            work = reading.acknowledge() if target.acknowledged else reading.forget()
            delivering = group.create_task(work, name=f"delivery of {queue}")
            yield
            async with reading.busy:
                delivering.cancel()
            if reading.due:
                await reading.commit()


class Reading:
    """What one consumer does with its partitions. ``busy`` is held while a batch is being handled."""

    def __init__(
        self, consumer: AIOKafkaConsumer, own: Sequence[TopicPartition], target: Target, receive: Receive
    ) -> None:
        self.consumer, self.own, self.target, self.receive = consumer, own, target, receive
        self.busy = asyncio.Lock()
        self.due: list[Any] = []

    async def commit(self) -> None:
        handled, self.due = self.due, []
        if len(self.own) == 1:
            offsets = {self.own[0]: handled[-1].offset + 1}
        else:
            offsets = {TopicPartition(one.topic, one.partition): one.offset + 1 for one in handled}
        await self.consumer.commit(offsets)

    async def batch(self, most: int) -> Sequence[Any]:
        messages = await self.consumer.getmany(timeout_ms=IDLE_MS, max_records=most)
        if len(self.own) == 1:
            return messages.get(self.own[0], ())  # type: ignore[no-any-return]  # no types
        return [message for some in messages.values() for message in some]

    async def acknowledge(self) -> None:
        receive, every = self.receive, self.target.ack_every
        while True:
            messages = await self.batch(self.target.prefetch - len(self.due))
            async with self.busy:
                for message in messages:
                    handling = receive(message.value)
                    if handling is not None:
                        await handling
                    self.due.append(message)
                    if handling is not None and len(self.due) >= every:
                        await self.commit()
                if len(self.due) >= every:
                    await self.commit()

    async def forget(self) -> None:
        receive = self.receive
        while True:
            messages = await self.batch(self.target.prefetch)
            async with self.busy:
                if messages:
                    self.due = list(messages)
                    await self.commit()
                for message in messages:
                    if (handling := receive(message.value)) is not None:
                        await handling


CLIENT: Client = Aiokafka()
