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
its fetch sizes, in bytes. A topic has a partition for each of its consumers, and producers go round them.
``persistent`` changes nothing, Kafka always writes to disk.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]  # no types
from aiokafka.errors import for_code  # type: ignore[import-untyped]  # no types

from bench.client import Abilities
from bench.errors import UnsupportedError

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
        publishing="future",
        most_bytes=67_000_000,
        trouble=(("rloop", "does not hear that its connection was reset; no TLS"),),
    )

    def __init__(self) -> None:
        self.shares: dict[str, int] = {}
        self.taken: set[TopicPartition] = set()
        self.fetch_wait_ms = 500  # the default

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth]:
        consumers = target.consumers
        self.shares = {q: len(range(i, consumers, len(queues))) or 1 for i, q in enumerate(queues)}
        partitions = {q: [TopicPartition(q, n) for n in range(share)] for q, share in self.shares.items()}
        settings = {"max.message.bytes": str(LARGEST_BYTES)}
        topics = [NewTopic(q, share, 1, topic_configs=settings) for q, share in self.shares.items()]
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
                while not all(map(known, await admin.describe_topics(list(queues)))):  # noqa: ASYNC110  # no event tells
                    await asyncio.sleep(KNOWN_S)  # created they are, but brokers have yet to hear of it
            else:
                await self.mock(target, admin)
            groups = {
                q: await stack.enter_async_context(running(AIOKafkaConsumer(group_id=q, **servers(target))))
                for q in queues
            }

            async def depth() -> int:
                total = 0
                for queue, group in groups.items():
                    total += sum((await group.end_offsets(partitions[queue])).values())
                    total -= sum([await group.committed(each) or 0 for each in partitions[queue]])
                return total

            yield depth

    async def mock(self, target: Target, admin: AIOKafkaAdminClient) -> None:
        """The mock cluster of librdkafka has no controller, and makes the topics that it is asked about."""
        if not target.acknowledged:
            raise UnsupportedError(
                "aiokafka cannot send at most once (acks=0) to librdkafka's mock cluster, which answers it"
            )
        self.fetch_wait_ms = 5  # a fetch that found nothing is answered only when the wait is over
        for topic in await admin.describe_topics(list(self.shares)):
            if len(topic["partitions"]) < self.shares[topic["topic"]]:
                raise UnsupportedError(
                    f"librdkafka's mock cluster gives a queue {len(topic['partitions'])} consumers at most"
                )

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
            partitions = cycle(range(self.shares.get(queue) or min(there, target.consumers)))
            send = producer.send

            def publish(body: bytes) -> Awaitable[Awaitable[object]]:
                return send(queue, body, None, next(partitions))  # type: ignore[no-any-return]  # no types

            yield publish

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        mine = next(
            (
                partition
                for number in range(self.shares[queue])
                if (partition := TopicPartition(queue, number)) not in self.taken
            ),
            None,
        )
        if mine is None:  # more consumers than partitions: as in any group, the rest have nothing to do
            yield
            return
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
            self.taken.add(mine)
            consumer.assign([mine])
            await consumer.position(mine)
            reading = Reading(consumer, mine, target, receive)
            work = reading.acknowledge() if target.acknowledged else reading.forget()
            delivering = group.create_task(work, name=f"delivery of {queue}")
            try:
                yield
                async with reading.busy:
                    delivering.cancel()
                if reading.due:
                    await reading.commit()
            finally:
                self.taken.discard(mine)


class Reading:
    """What one consumer does with its partition. ``busy`` is held while a batch is being handled."""

    def __init__(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, target: Target, receive: Receive
    ) -> None:
        self.consumer, self.partition, self.target, self.receive = consumer, partition, target, receive
        self.busy = asyncio.Lock()
        self.due = 0
        self.last: Any = None

    async def commit(self) -> None:
        await self.consumer.commit({self.partition: self.last.offset + 1})
        self.due = 0

    async def batch(self, most: int) -> Sequence[Any]:
        messages = await self.consumer.getmany(timeout_ms=IDLE_MS, max_records=most)
        return messages.get(self.partition, ())  # type: ignore[no-any-return]  # no types

    async def acknowledge(self) -> None:
        receive, every = self.receive, self.target.ack_every
        while True:
            messages = await self.batch(self.target.prefetch - self.due)
            async with self.busy:
                for message in messages:
                    handling = receive(message.value)
                    if handling is not None:
                        await handling
                    self.last = message
                    self.due += 1
                    if handling is not None and self.due >= every:
                        await self.commit()
                if self.due >= every:
                    await self.commit()

    async def forget(self) -> None:
        receive = self.receive
        while True:
            messages = await self.batch(self.target.prefetch)
            async with self.busy:
                if messages:
                    self.last = messages[-1]
                    await self.commit()
                for message in messages:
                    if (handling := receive(message.value)) is not None:
                        await handling


CLIENT: Client = Aiokafka()
