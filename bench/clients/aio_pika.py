"""aio-pika (RabbitMQ, AMQP 0-9-1).

The documented way for speed: one connection and channel for each producer and each consumer, ``publish`` on
the channel's default exchange, and a callback given to ``Queue.consume`` with ``Channel.set_qos``
(https://docs.aio-pika.com/quick-start.html). The other documented way to consume, ``Queue.iterator``, does
0.87 of the messages a second (28 pairs of 1000, RabbitMQ and embedded). ``connect`` rather than
``connect_robust``: the harness never wants a reconnection, a cut connection is an error here. aio-pika
confirms publishes unless told otherwise; the scenario's guarantee decides.

To pull is ``Queue.get``, one message at a time: the next when the last is dealt with, so without a
prefetch.

Prefetch is the broker's count of unacknowledged messages on the channel. aio-pika starts a task for each
delivery, and logs what such a task raises as an error. It tells nobody that a consumer's connection is lost
except by ``Channel.close_callbacks`` (https://docs.aio-pika.com/apidoc.html), so one is added.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aio_pika

from bench.client import EMPTY_S, Abilities
from bench.routing import bindings, exchange, exchanges, in_turn, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

    from bench.client import Client, Depth, Judge, Publish, Receive, Target

    Take = Callable[[AbstractIncomingMessage], Awaitable[None]]


async def connect(target: Target) -> AbstractConnection:
    secure = target.url.startswith("amqps:")
    return await aio_pika.connect(target.url, ssl_context=target.tls.context() if secure else None)


async def lost(closing: asyncio.Future[BaseException | None]) -> None:
    raise await closing or ConnectionError("the channel was closed")


@asynccontextmanager
async def pushed(channel: AbstractChannel, target: Target, queue: str, take: Take) -> AsyncIterator[None]:
    await channel.set_qos(prefetch_count=target.prefetch)
    source = await channel.get_queue(queue, ensure=False)
    tag = await source.consume(take, no_ack=not target.acknowledged, arguments=target.consumer_arguments)
    yield
    await source.cancel(tag)


@asynccontextmanager
async def pulled(channel: AbstractChannel, target: Target, queue: str, take: Take) -> AsyncIterator[None]:
    source = await channel.get_queue(queue, ensure=False)
    leaving = False

    async def pull() -> None:
        while not leaving:
            message = await source.get(no_ack=not target.acknowledged, fail=False, timeout=None)
            await (asyncio.sleep(EMPTY_S) if message is None else take(message))

    async with asyncio.TaskGroup() as group:
        group.create_task(pull(), name=f"pull from {queue}")
        yield
        leaving = True  # a get that was cancelled would take its message with it


class AioPika:
    abilities = Abilities(
        distribution="aio-pika",
        protocol="amqp",
        fan_out=True,
        requeues=True,
        topics=True,
        pulls=("at-most-once", "at-least-once"),
        queue_types=("classic", "quorum", "stream"),
        replication=True,
        trouble=(("rloop", "does not hear that its connection was reset; no TLS"),),
    )

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth]:
        async with await connect(target) as connection, connection.channel() as channel:

            async def depth() -> int:
                counts = [await channel.declare_queue(name, passive=True) for name in queues]
                return sum(queue.declaration_result.message_count or 0 for queue in counts)

            made = []
            try:
                for name in queues:
                    queue = await channel.declare_queue(
                        name, durable=target.persistent, arguments=target.queue_arguments
                    )
                    made.append(queue)
                for name, kind in exchanges(target, queues):
                    await channel.declare_exchange(name, kind)
                bound = bindings(target, queues)
                for queue, (_, source, key) in zip(made, bound, strict=bool(bound)):
                    await queue.bind(source, key)
                yield depth
            finally:
                for name, _ in exchanges(target, queues):
                    await channel.exchange_delete(name)
                for queue in made:
                    await queue.delete(if_unused=False, if_empty=False)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        mode = aio_pika.DeliveryMode.PERSISTENT if target.persistent else aio_pika.DeliveryMode.NOT_PERSISTENT
        message = aio_pika.Message
        async with (
            await connect(target) as connection,
            connection.channel(publisher_confirms=target.acknowledged) as channel,
        ):
            name = exchange(target, queue)
            through = await channel.get_exchange(name, ensure=False) if name else channel.default_exchange
            send = through.publish

            def publish_to(key: str) -> Publish:
                return lambda body: send(message(body, delivery_mode=mode), key, mandatory=False)

            yield in_turn([publish_to(topic) for topic in topics(target, queue)])

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        every, unacknowledged = target.ack_every, 0
        last: AbstractIncomingMessage | None = None

        async def handle(message: AbstractIncomingMessage) -> None:
            nonlocal unacknowledged, last
            handling = receive(message.body)
            if handling is not None:
                await handling
            last = message
            unacknowledged += 1
            if unacknowledged == every:
                unacknowledged = 0
                await message.ack(multiple=every > 1)

        async def take(message: AbstractIncomingMessage) -> None:
            handling = receive(message.body)
            if handling is not None:
                await handling

        judge: Judge = receive  # type: ignore[assignment]  # what target.requeues says

        async def settle(message: AbstractIncomingMessage) -> None:
            returned = judge(message.body, bool(message.redelivered))
            await (message.nack(requeue=True) if returned else message.ack())

        closing: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

        def close(_: Any, error: BaseException | None) -> None:
            if not closing.done():
                closing.set_result(error)

        async with (
            await connect(target) as connection,
            connection.channel() as channel,
            asyncio.TaskGroup() as group,
        ):
            channel.close_callbacks.add(close)
            deliver = pulled if target.delivery == "pull" else pushed
            settling = settle if target.requeues else handle if target.acknowledged else take
            async with deliver(channel, target, queue, settling):
                watching = group.create_task(lost(closing), name=f"watch the consumer of {queue}")
                yield
                watching.cancel()
            if last is not None and unacknowledged:
                await last.ack(multiple=True)


CLIENT: Client = AioPika()
