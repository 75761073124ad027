"""confluent-kafka (Kafka), by its asyncio producer and consumer.

The documented way: ``AIOProducer.produce``, which returns a future, ``flush``, and ``AIOConsumer`` with
batches of ``consume``
(https://docs.confluent.io/platform/current/clients/confluent-kafka-python/html/index.html).

``produce`` only fills a buffer, which leaves at ``batch_size`` bodies (1,000) or once nothing was added for
``buffer_timeout`` (1 s), and a future is resolved by a later call. So one task flushes whenever there is
something to flush: that sends at once, past linger.ms, resolves the futures and keeps the order. Measured
on Apache Kafka 4.3 and on librdkafka's mock cluster, 50 messages of 1 KiB in flight: 83,000-95,000 and
133,000-140,000 a second, where a batch size of half the window does 51,000-63,000 and 97,000-109,000 (and
the last bodies of a turn wait for the timer), and a batch size of 1 with a task that polls 7,000-8,000 and
9,000.

at-least-once is acks=all with an idempotent producer and offsets that are committed after ``receive``: once
``ack_every`` or more are due, all that are due, at the end of each batch, and after each message whose
handling is awaited; a commit is sent and not waited for, as acks of other protocols are. at-most-once is
acks=0, and the offsets of each batch committed before its first ``receive``. ``poll`` waits for a message
and ``consume`` takes what else is there; waiting in ``consume`` would last until a batch is full. A batch
is as large as ``prefetch`` leaves room for; what librdkafka reads ahead is bounded by its own fetch sizes;
Kafka knows no other delivery than to be asked.
A topic has a partition for each of its consumers unless the scenario says how many; consumers share them
out, and producers go round them. In a fan-out there is one topic, and each consumer, in a group of its own,
reads all of its partitions. Topics by a pattern are left out: Kafka subscribes to them only in a group that
shares out partitions by itself. ``persistent`` changes nothing, Kafka always writes to disk.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from functools import partial
from itertools import cycle
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from confluent_kafka import OFFSET_STORED, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # documented there
from confluent_kafka.aio import AIOConsumer, AIOProducer

from bench.client import Abilities
from bench.errors import UnsupportedError
from bench.partitions import Shares

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

    from bench.client import Client, Depth, Receive, Send, Target

LARGEST_BYTES = 1 << 26  # of a batch, and so of a body and what surrounds it
LIMIT_S = 10.0
# Leaving waits for commits, and these for a coordinator that may be lost: as long as a session of its group,
# of which there is none here, and a request are given, 45 and 60 s.
LEAVING = {"session.timeout.ms": 3000, "heartbeat.interval.ms": 1000, "socket.timeout.ms": 3000}
CLOSING_S = 1.0
QUIET = 2  # syslog's number for "critical"; errors are told to ``Failure``, and need no line on stderr
WAIT_S = 0.1  # a poll cannot be interrupted: so long may leaving a consumer take


class Failure:
    """Hears of errors where the library tells them, and raises the first of them in ``raised``."""

    def __init__(self) -> None:
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def heard(self, error: KafkaError) -> None:
        if not self._first.done():
            self._first.set_exception(KafkaException(error))

    async def raised(self) -> None:
        await self._first


def settings(target: Target, **more: Any) -> dict[str, Any]:
    url, tls = urlsplit(target.url), target.tls
    files = {
        "ssl.ca.location": tls.ca,
        "ssl.certificate.location": tls.certificate,
        "ssl.key.location": tls.key or tls.certificate,
    }
    if url.scheme == "kafka+ssl":
        more |= {"security.protocol": "ssl", **{name: path for name, path in files.items() if path}}
    return {"bootstrap.servers": url.netloc, "log_level": QUIET, **more}


class ConfluentKafka:
    abilities = Abilities(
        distribution="confluent-kafka",
        protocol="kafka",
        pushes=(),
        pulls=("at-most-once", "at-least-once"),
        publishing="future",
        most_bytes=67_000_000,
        fan_out=True,
        partitions=True,
        replication=True,
        tls="own",
    )

    def __init__(self) -> None:
        self.shares = Shares()
        self.fetch_wait_ms = 500  # the default
        self.admin: AdminClient | None = None

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth]:
        counts = self.shares.plan(target, queues)
        # Kept beyond the block: the thread of librdkafka that answers a request holds it too, and librdkafka
        # aborts the process if that thread is the last to let go of it.
        admin = self.admin = AdminClient(settings(target))
        async with AsyncExitStack() as stack:
            cluster = await asyncio.to_thread(admin.list_topics, timeout=LIMIT_S)
            if cluster.controller_id in cluster.brokers:
                larger = {"max.message.bytes": str(LARGEST_BYTES)}
                for q, count in counts.items():
                    topic = NewTopic(q, count, target.replication, config=larger)
                    await asyncio.wrap_future(admin.create_topics([topic])[q])
                    stack.push_async_callback(partial(remove, admin, q))
            else:
                await self.mock(admin, counts)
            groups = {
                q: await stack.enter_async_context(AIOConsumer(settings(target, **{"group.id": q})))
                for q in queues
            }

            async def depth() -> int:
                total = 0
                for q, group in groups.items():
                    topic, partitions = self.shares.all_of(q)
                    own = [TopicPartition(topic, number) for number in partitions]
                    for partition in await group.committed(own, timeout=LIMIT_S):
                        _, end = await group.get_watermark_offsets(partition, timeout=LIMIT_S)
                        total += end - max(partition.offset, 0)
                return total

            yield depth

    async def mock(self, admin: AdminClient, counts: dict[str, int]) -> None:
        """The mock cluster of librdkafka has no controller, and makes the topics that it is asked about."""
        self.fetch_wait_ms = 5  # a fetch that found nothing is answered only when the wait is over
        for queue, count in counts.items():
            made = await asyncio.to_thread(admin.list_topics, queue, timeout=LIMIT_S)
            if (most := len(made.topics[queue].partitions)) < count:
                raise UnsupportedError(f"librdkafka's mock cluster gives a queue {most} partitions at most")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Send]:
        acks = {"acks": "all" if target.acknowledged else "0", "enable.idempotence": target.acknowledged}
        size = {"message.max.bytes": LARGEST_BYTES}
        failure = Failure()
        producer = AIOProducer(
            settings(target, error_cb=failure.heard, **acks, **size),
            batch_size=target.in_flight + 1,
            buffer_timeout=0,
        )
        produce, flush, buffered = producer.produce, producer.flush, asyncio.Event()

        async def publish(body: bytes) -> Awaitable[object]:
            future = await produce(queue, body, partition=next(partitions))
            buffered.set()
            return future

        async def sending() -> None:
            while await buffered.wait():
                buffered.clear()
                await flush()

        try:
            known = len((await producer.list_topics(queue, timeout=LIMIT_S)).topics[queue].partitions)
            partitions = cycle(range(self.shares.written(target, queue, known)))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work) for work in (sending(), failure.raised())]
                yield publish
                for task in tasks:
                    task.cancel()
        finally:
            await producer.purge()  # all is confirmed, or will never be: do not wait for it
            await producer.close()

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        with self.shares.taken(queue) as (topic, partitions):
            mine = [TopicPartition(topic, number, OFFSET_STORED) for number in partitions]
            async with self.reading(target, queue, mine, receive) if mine else nullcontext():
                yield

    @asynccontextmanager
    async def reading(
        self, target: Target, queue: str, mine: list[TopicPartition], receive: Receive
    ) -> AsyncIterator[None]:
        offsets = {"group.id": queue, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        waiting = {"fetch.wait.max.ms": self.fetch_wait_ms, **LEAVING}
        failure = Failure()
        own = settings(target, error_cb=failure.heard, **offsets, **waiting)
        async with (
            closed(own, mine[0].topic) as consumer,
            asyncio.TaskGroup() as group,
        ):
            await consumer.assign(mine)
            reading = Reading(consumer, target, receive, alone=len(mine) == 1)
            work = reading.acknowledge() if target.acknowledged else reading.forget()
            delivering = group.create_task(work, name=f"delivery of {queue}")
            listening = group.create_task(failure.raised(), name=f"errors of {queue}")
            yield
            async with reading.busy:
                delivering.cancel()
            listening.cancel()
            if reading.due:
                await reading.commit()


class Reading:
    """What one consumer does with its partitions, or the one that it has ``alone``.

    ``busy`` is held while a batch is being handled.
    """

    def __init__(self, consumer: AIOConsumer, target: Target, receive: Receive, *, alone: bool) -> None:
        self.consumer, self.target, self.receive, self.alone = consumer, target, receive, alone
        self.busy = asyncio.Lock()
        self.due: list[Message] = []

    async def commit(self) -> None:
        """Sends it, as acks are sent; waited for, it would wait for ever for a coordinator that is gone."""
        handled, self.due = self.due, []
        await self.consumer.commit(**self.past(handled), asynchronous=True)

    def past(self, handled: Sequence[Message]) -> dict[str, Any]:
        """What to commit: the place after the last message of each partition."""
        if self.alone:
            return {"message": handled[-1]}
        last = {message.partition(): message for message in handled}
        return {
            "offsets": [
                TopicPartition(m.topic() or "", n or 0, (m.offset() or 0) + 1) for n, m in last.items()
            ]
        }

    async def batch(self, most: int) -> list[Message]:
        first = await self.consumer.poll(WAIT_S)
        if first is None:
            return []
        messages = [first, *await self.consumer.consume(most - 1, 0)] if most > 1 else [first]
        for message in messages:
            if (error := message.error()) is not None:
                raise KafkaException(error)
        return messages

    async def acknowledge(self) -> None:
        receive, every = self.receive, self.target.ack_every
        while True:
            messages = await self.batch(self.target.prefetch - len(self.due))
            async with self.busy:
                for message in messages:
                    handling = receive(message.value())  # type: ignore[arg-type]  # as bytes as it was sent
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
                    await self.consumer.commit(**self.past(messages), asynchronous=False)
                for message in messages:
                    handling = receive(message.value())  # type: ignore[arg-type]  # as bytes as it was sent
                    if handling is not None:
                        await handling


@asynccontextmanager
async def closed(settings: dict[str, Any], topic: str) -> AsyncIterator[AIOConsumer]:
    """Closed in the end, unless its coordinator is lost.

    With librdkafka 2.16 a commit that a lost coordinator did not answer is tried again for ever, and both
    ``close`` and collecting the garbage wait for it: such a consumer is kept, and asked nothing any more.
    What the coordinator answers now, it answers after every commit.
    """
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="consumer")
    consumer, lost = AIOConsumer(settings, executor=threads), True
    try:
        yield consumer
    finally:
        try:
            with suppress(KafkaException):
                await consumer.committed([TopicPartition(topic, 0)], timeout=CLOSING_S)
                lost = False
                await consumer.close()
        finally:
            if lost:
                Thread(target=keep, args=(consumer,), name="keeps a consumer", daemon=True).start()


def keep(_: AIOConsumer) -> None:
    Event().wait()


async def remove(admin: AdminClient, queue: str) -> None:
    await asyncio.wrap_future(admin.delete_topics([queue])[queue])


CLIENT: Client = ConfluentKafka()
