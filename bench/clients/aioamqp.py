"""aioamqp (RabbitMQ, AMQP 0-9-1).

The documented way: ``Channel.publish`` after ``confirm_select``, and a coroutine given to ``basic_consume``
after ``basic_qos`` (https://aioamqp.readthedocs.io/en/latest/api.html). aioamqp does not confirm unless told
to; the scenario's guarantee decides.

aioamqp 0.15 ignores ``multiple`` in the broker's confirms: with several publishes in flight on one channel,
all but the last of a batch would wait for ever. So with confirms each lane has a channel of its own, with
one publish in flight on it; order is then promised within a lane, not across a producer's lanes.

To pull is ``basic_get``, one message at a time: the next when the last is dealt with, so without a
prefetch.

It fills a body frame with as many bytes as were negotiated for the whole frame, 8 more than there is room
for; RabbitMQ tolerates exactly that. It tells nobody but ``on_error`` that a connection is lost, so that is
waited for. It awaits the consumer's coroutine before it reads on: although prefetch is the broker's count of
unacknowledged messages on the channel, one is handled at a time.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import aioamqp
from aioamqp.envelope import Envelope
from aioamqp.exceptions import EmptyQueue

from bench.client import EMPTY_S, Abilities
from bench.routing import bindings, exchange, exchanges, in_turn, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from aioamqp.channel import Channel
    from aioamqp.protocol import AmqpProtocol

    from bench.client import Client, Depth, Judge, Publish, Receive, Target

    Take = Callable[[Channel, bytes, Any, Any], Awaitable[None]]


async def lost(closing: asyncio.Future[Exception]) -> None:
    raise await closing


@asynccontextmanager
async def heard(closing: asyncio.Future[Exception]) -> AsyncIterator[None]:
    """Ends the block with what ends the connection."""
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(lost(closing), name="watch the connection")
        yield
        watching.cancel()


@asynccontextmanager
async def connection(target: Target) -> AsyncIterator[tuple[AmqpProtocol, asyncio.Future[Exception]]]:
    closing: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def fail(error: Exception) -> None:
        if not closing.done():
            closing.set_result(error)

    url = urlsplit(target.url)  # aioamqp.from_url does not decode what a URL has to encode
    transport, protocol = await aioamqp.connect(
        host=url.hostname,
        port=url.port,
        login=unquote(url.username or "guest"),
        password=unquote(url.password or "guest"),
        virtualhost=unquote(url.path[1:]) or "/",
        ssl=target.tls.context() if url.scheme == "amqps" else None,
        on_error=fail,
    )
    try:
        yield protocol, closing
        await protocol.close()
    finally:
        transport.close()


@asynccontextmanager
async def pushed(channel: Channel, target: Target, queue: str, take: Take) -> AsyncIterator[None]:
    await channel.basic_qos(prefetch_count=target.prefetch)
    consumed = await channel.basic_consume(
        take, queue, no_ack=not target.acknowledged, arguments=target.consumer_arguments
    )
    yield
    await channel.basic_cancel(consumed["consumer_tag"])


@asynccontextmanager
async def pulled(channel: Channel, target: Target, queue: str, take: Take) -> AsyncIterator[None]:
    leaving = False

    async def pull() -> None:
        while not leaving:
            try:
                got = await channel.basic_get(queue, no_ack=not target.acknowledged)
            except EmptyQueue:  # how basic_get says that nothing is there
                await asyncio.sleep(EMPTY_S)
                continue
            await take(channel, got["message"], Envelope(None, got["delivery_tag"], "", queue, None), None)

    async with asyncio.TaskGroup() as group:
        group.create_task(pull(), name=f"pull from {queue}")
        yield
        leaving = True  # a get that was cancelled would take its message with it


class Aioamqp:
    abilities = Abilities(
        distribution="aioamqp",
        protocol="amqp",
        fan_out=True,
        requeues=True,
        topics=True,
        pulls=("at-most-once", "at-least-once"),
        queue_types=("classic", "quorum", "stream"),
        replication=True,
        ordering="lane",
        trouble=(
            (
                "rloop",
                (
                    "does not hear that its connection was reset and leaves its socket open; "
                    "fails with the embedded broker; no TLS"
                ),
            ),
        ),
    )

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth]:
        async with connection(target) as (protocol, _):
            channel = await protocol.channel()

            async def depth() -> int:
                counts = [await channel.queue_declare(name, passive=True) for name in queues]
                return sum(count["message_count"] for count in counts)

            made = []
            try:
                for name in queues:
                    await channel.queue_declare(
                        name, durable=target.persistent, arguments=target.queue_arguments
                    )
                    made.append(name)
                for name, kind in exchanges(target, queues):
                    await channel.exchange_declare(name, kind)
                for name, source, key in bindings(target, queues):
                    await channel.queue_bind(name, source, key)
                yield depth
            finally:
                for name, _ in exchanges(target, queues):
                    await channel.exchange_delete(name)
                for name in made:
                    await channel.queue_delete(name)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish | Sequence[Publish]]:
        properties = {"delivery_mode": 2 if target.persistent else 1}
        through, keys = exchange(target, queue), topics(target, queue)
        async with connection(target) as (protocol, closing), heard(closing):
            if not target.acknowledged:
                send = (await protocol.channel()).basic_publish

                def publish_to(key: str) -> Publish:
                    return lambda body: send(body, through, key, properties)

                yield in_turn([publish_to(key) for key in keys])
                return
            channels = [await protocol.channel() for _ in range(target.in_flight)]
            for channel in channels:
                await channel.confirm_select()

            def confirmed_to(publish: Any, key: str) -> Publish:
                return lambda body: publish(body, through, key, properties)

            yield [in_turn([confirmed_to(channel.publish, key) for key in keys]) for channel in channels]

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        every, unacknowledged, last_tag = target.ack_every, 0, 0

        async def handle(channel: Channel, body: bytes, envelope: Any, _: Any) -> None:
            nonlocal unacknowledged, last_tag
            handling = receive(body)
            if handling is not None:
                await handling
            last_tag = envelope.delivery_tag
            unacknowledged += 1
            if unacknowledged == every:
                unacknowledged = 0
                await channel.basic_client_ack(last_tag, multiple=every > 1)

        async def take(_: Channel, body: bytes, __: Any, ___: Any) -> None:
            handling = receive(body)
            if handling is not None:
                await handling

        judge: Judge = receive  # type: ignore[assignment]  # what target.requeues says

        async def settle(channel: Channel, body: bytes, envelope: Any, _: Any) -> None:
            if judge(body, envelope.is_redeliver):
                await channel.basic_client_nack(envelope.delivery_tag, requeue=True)
            else:
                await channel.basic_client_ack(envelope.delivery_tag)

        async with connection(target) as (protocol, closing), heard(closing):
            channel = await protocol.channel()
            deliver = pulled if target.delivery == "pull" else pushed
            settling = settle if target.requeues else handle if target.acknowledged else take
            async with deliver(channel, target, queue, settling):
                yield
            if unacknowledged:
                await channel.basic_client_ack(last_tag, multiple=True)


CLIENT: Client = Aioamqp()
