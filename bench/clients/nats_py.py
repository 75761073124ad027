"""nats-py (NATS; JetStream for what must not be lost).

The documented way (https://nats-io.github.io/nats.py/modules.html): at most once, ``publish``, and a callback
given to ``subscribe`` in a queue group. At least once, a stream of JetStream with the retention of a work
queue: ``publish_async``, whose future is awaited for the broker's confirm (22,000 a second with 50 in flight
on asyncio, where ``publish``, a request for each message, does 14,000), and each message acknowledged by
itself. A case's only consumer has them pushed to a callback, and its prefetch is max_ack_pending.
Several share a pull consumer and ``fetch``: prefetch is the size of a fetch, and the next follows when all of
one is acknowledged; a fetch that does not fill up keeps what it has got for 20 ms. Pushing is faster (end to
end 23,500 messages a second against 16,100 on asyncio, 21,800 against 18,300 on uvloop, 16,000 against 10,100
on rloop; from a full queue 67,000 against 19,000 on asyncio), but max_ack_pending is one for all consumers of
a queue: four with a prefetch of one would share one message. So ``delivery=push`` is for a case with
one consumer, and with ``delivery=pull`` that one fetches, too.

In a fan-out each consumer subscribes to the one subject, in no group. At least once the stream keeps a
message until each of its consumers has acknowledged it (interest retention), and pushes to them all, as each
has a max_ack_pending of its own. Topics are subjects of one more word, which are subscribed to by ``*``; at
least once the stream is, and its consumers have all that it holds.

Core NATS has no prefetch, and keeps no message for anybody who does not listen yet: at most once, only
end-to-end can be measured, and nothing is persistent. At least once, persistent is the stream's storage: file
or memory. A message that is not acknowledged comes again after ``AGAIN_S``, since JetStream does not tell a
lost consumer from a slow one.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import nats
from nats.errors import ConnectionClosedError
from nats.js.api import AckPolicy, RetentionPolicy, StorageType

from bench.client import Abilities
from bench.errors import UnsupportedError
from bench.routing import in_turn, pattern, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

    from nats.aio.client import Client as Connection
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

    from bench.client import Client, Depth, Judge, Publish, Receive, Target

AGAIN_S = 10.0
# A fetch waits for all that it asked for, and keeps what it has got until then: this long at most.
FETCH_S = 0.02
# What the broker has delivered must not be dropped here; at least once, max_ack_pending is the limit.
UNLIMITED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A queue in the words of NATS: a subject or what its topics begin with, and who consumes them.

    At least once, ``subject`` is also the name of a stream, and ``consumers`` that of a durable consumer.
    """

    subject: str
    consumers: str


def connect(target: Target, **callbacks: Any) -> Awaitable[Connection]:
    url = urlsplit(target.url)  # nats-py does not decode what a URL has to encode
    return nats.connect(
        f"{url.scheme}://{url.netloc.rpartition('@')[2]}",
        user=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        tls=target.tls.context() if url.scheme == "tls" else None,
        allow_reconnect=False,
        **callbacks,
    )


@asynccontextmanager
async def heard(target: Target) -> AsyncIterator[tuple[Connection, asyncio.TaskGroup]]:
    """A connection with a group of tasks, in which what the library tells its callbacks is raised."""
    errors: asyncio.Queue[Exception] = asyncio.Queue()

    async def closed() -> None:
        errors.put_nowait(ConnectionClosedError())

    async def watch() -> None:
        raise await errors.get()

    async with (
        asyncio.TaskGroup() as group,
        # Closed before the group waits for its tasks, as that ends whatever still waits for a message.
        await connect(target, error_cb=errors.put, closed_cb=closed) as client,
    ):
        watching = group.create_task(watch(), name="errors of NATS")
        try:
            yield client, group
        finally:
            watching.cancel()


def pushes(target: Target) -> bool:
    """Where no consumer has to share its max_ack_pending, unless it is to ask for its messages."""
    return (target.consumers == 1 or target.fan_out) and target.delivery != "pull"


async def finish(handling: Awaitable[None], message: Msg) -> None:
    await handling
    await message.ack()


async def wait_for(handling: Awaitable[None]) -> None:
    await handling


@asynccontextmanager
async def listening(
    client: Connection, group: asyncio.TaskGroup, target: Target, place: Place, receive: Receive
) -> AsyncIterator[None]:
    """At most once, by core NATS."""

    async def take(message: Msg) -> None:
        handling = receive(message.data)
        if handling is not None:
            group.create_task(wait_for(handling))

    shared = "" if target.fan_out else place.consumers
    await client.subscribe(
        pattern(target, place.subject),
        shared,
        take,
        pending_msgs_limit=UNLIMITED,
        pending_bytes_limit=UNLIMITED,
    )
    await client.flush()  # the broker has read the subscription
    yield


async def settle(message: Msg, judge: Judge) -> None:
    returned = judge(message.data, message.metadata.num_delivered > 1)
    await (message.nak() if returned else message.ack())


@asynccontextmanager
async def pushed(
    client: Connection, group: asyncio.TaskGroup, target: Target, place: Place, receive: Receive
) -> AsyncIterator[None]:
    """At least once, for a consumer that shares with no other."""
    unfinished: set[asyncio.Task[None]] = set()

    async def take(message: Msg) -> None:
        handling = receive(message.data)
        if handling is None:
            await message.ack()
        else:
            task = group.create_task(finish(handling, message))
            unfinished.add(task)
            task.add_done_callback(unfinished.discard)

    judge: Judge = receive  # type: ignore[assignment]  # what target.requeues says

    async def take_or_return(message: Msg) -> None:
        await settle(message, judge)

    stream = client.jetstream()
    config = (await stream.consumer_info(place.subject, place.consumers)).config
    source = await stream.subscribe_bind(
        place.subject,
        config,
        place.consumers,
        take_or_return if target.requeues else take,
        manual_ack=True,
        pending_msgs_limit=UNLIMITED,
        pending_bytes_limit=UNLIMITED,
    )
    yield
    await source.unsubscribe()
    await client.flush()  # see pulled
    if unfinished:
        await asyncio.wait(unfinished)


@asynccontextmanager
async def pulled(
    client: Connection, group: asyncio.TaskGroup, target: Target, place: Place, receive: Receive
) -> AsyncIterator[None]:
    """At least once, for one of several consumers, or for one that is to ask for its messages."""
    leaving = False

    async def take(messages: Sequence[Msg]) -> None:
        waiting = []
        for message in messages:
            handling = receive(message.data)
            if handling is None:
                await message.ack()
            else:
                waiting.append(finish(handling, message))
        if waiting:
            await asyncio.gather(*waiting)

    judge: Judge = receive  # type: ignore[assignment]  # what target.requeues says

    async def take_or_return(messages: Sequence[Msg]) -> None:
        for message in messages:
            await settle(message, judge)

    settling = take_or_return if target.requeues else take

    async def deliver() -> None:
        while not leaving:
            try:
                messages = await source.fetch(target.prefetch, FETCH_S)
            except TimeoutError:  # how fetch says that nothing has come
                continue
            await settling(messages)

    source = await client.jetstream().pull_subscribe_bind(place.consumers, place.subject)
    delivering = group.create_task(deliver(), name=f"deliver {place.subject}")
    yield
    leaving = True  # a fetch that was cancelled would take what it has got so far with it
    await delivering
    await source.unsubscribe()
    await client.flush()


async def waiting(stream: JetStreamContext, place: Place) -> int:
    """The messages that its consumers have not acknowledged yet."""
    info = await stream.consumer_info(place.subject, place.consumers)
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


class NatsPy:
    abilities = Abilities(
        distribution="nats-py",
        protocol="nats",
        pulls=("at-least-once",),
        stores=("at-least-once",),
        ack_every=False,
        requeues=True,
        fan_out=True,
        topics=True,
        replication=True,
        trouble=(("rloop", "does not hear that its connection was reset; no TLS"),),
    )

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth | None]:
        places = {
            name: Place(subject=queues[0] if target.fan_out else name, consumers=name) for name in queues
        }
        self.places |= places
        if not target.acknowledged:
            yield None
            return
        if target.delivery == "push" and not pushes(target):
            raise UnsupportedError(
                f"nats-py cannot have messages pushed to {target.consumers} consumers (delivery=push): they "
                "would share one prefetch, as JetStream counts max_ack_pending for all of them"
            )
        async with await connect(target) as client:
            stream, push = client.jetstream(), pushes(target)

            async def depth() -> int:
                return sum([await waiting(stream, place) for place in places.values()])

            made = []
            try:
                for name in dict.fromkeys(place.subject for place in places.values()):
                    await stream.add_stream(
                        name=name,
                        subjects=[pattern(target, name)],
                        retention=RetentionPolicy.INTEREST if target.fan_out else RetentionPolicy.WORK_QUEUE,
                        storage=StorageType.FILE if target.persistent else StorageType.MEMORY,
                        num_replicas=target.replication,
                    )
                    made.append(name)
                for place in places.values():
                    await stream.add_consumer(
                        place.subject,
                        durable_name=place.consumers,
                        ack_policy=AckPolicy.EXPLICIT,
                        ack_wait=AGAIN_S,
                        max_ack_pending=target.prefetch if push else -1,
                        deliver_subject=f"delivered.{place.consumers}" if push else None,
                    )
                yield depth
            finally:
                for name in made:
                    await stream.delete_stream(name)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with heard(target) as (client, _):
            if not target.acknowledged:
                yield in_turn([partial(client.publish, topic) for topic in topics(target, queue)])
                return
            send = client.jetstream(publish_async_max_pending=target.in_flight).publish_async

            def publish_to(topic: str) -> Publish:
                async def publish(body: bytes) -> None:
                    await (await send(topic, body))

                return publish

            yield in_turn([publish_to(topic) for topic in topics(target, queue)])

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        deliver = listening if not target.acknowledged else pushed if pushes(target) else pulled
        place = self.places.get(queue) or Place(subject=queue, consumers=queue)
        async with heard(target) as (client, group):
            async with deliver(client, group, target, place, receive):
                yield
            await client.flush()  # the broker has read the last acknowledgements


CLIENT: Client = NatsPy()
