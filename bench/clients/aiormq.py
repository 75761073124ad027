"""aiormq (RabbitMQ, AMQP 0-9-1).

The documented way: a connection and a channel for each producer and each consumer, ``basic_publish`` on a
channel with ``publisher_confirms``, and a coroutine given to ``basic_consume`` after ``basic_qos``
(https://github.com/mosquito/aiormq#readme). With ``wait=False`` neither an ack nor a publish that waits for
its confirm anyway waits for the write buffer to drain as well: 1.17 times the messages a second (28 pairs
of 1000, RabbitMQ and embedded). Without confirms the drain is all that holds a producer back.

To pull is ``basic_get``, one message at a time: the next when the last is dealt with, so without a
prefetch.

Prefetch is the broker's count of unacknowledged messages on the channel. aiormq starts a task for each
delivery, and logs what such a task raises as an error. It tells nobody that a consumer's connection is lost
except by ``Channel.closing``, so that is waited for.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiormq

from bench.client import EMPTY_S, Abilities
from bench.routing import bindings, exchange, exchanges, in_turn, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from aiormq.abc import AbstractChannel, DeliveredMessage

    from bench.client import Client, Depth, Judge, Publish, Receive, Target

    Take = Callable[[DeliveredMessage], Coroutine[Any, Any, None]]


@asynccontextmanager
async def channel(target: Target, *, confirms: bool = False) -> AsyncIterator[AbstractChannel]:
    secure = target.url.startswith("amqps:")
    connection = await aiormq.connect(target.url, context=target.tls.context() if secure else None)
    try:
        yield await connection.channel(publisher_confirms=confirms)
    finally:
        await connection.close()


async def lost(closing: asyncio.Future[object]) -> None:
    """Raises what closes the channel; shielded, since in aiormq 6 this is the channel's own future."""
    await asyncio.shield(closing)


@asynccontextmanager
async def pushed(consuming: AbstractChannel, target: Target, queue: str, take: Take) -> AsyncIterator[None]:
    await consuming.basic_qos(prefetch_count=target.prefetch)
    consumed = await consuming.basic_consume(
        queue, take, no_ack=not target.acknowledged, arguments=target.consumer_arguments
    )
    yield
    await consuming.basic_cancel(consumed.consumer_tag or "")


@asynccontextmanager
async def pulled(consuming: AbstractChannel, target: Target, queue: str, take: Take) -> AsyncIterator[None]:
    leaving = False

    async def pull() -> None:
        while not leaving:
            message = await consuming.basic_get(queue, no_ack=not target.acknowledged)
            empty = isinstance(message.delivery, aiormq.spec.Basic.GetEmpty)
            await (asyncio.sleep(EMPTY_S) if empty else take(message))

    async with asyncio.TaskGroup() as group:
        group.create_task(pull(), name=f"pull from {queue}")
        yield
        leaving = True  # a get that was cancelled would take its message with it


class Aiormq:
    abilities = Abilities(
        distribution="aiormq",
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
        async with channel(target) as declaring:

            async def depth() -> int:
                counts = [await declaring.queue_declare(name, passive=True) for name in queues]
                return sum(count.message_count or 0 for count in counts)

            made = []
            try:
                for name in queues:
                    await declaring.queue_declare(
                        name, durable=target.persistent, arguments=target.queue_arguments
                    )
                    made.append(name)
                for name, kind in exchanges(target, queues):
                    await declaring.exchange_declare(name, exchange_type=kind)
                for name, source, key in bindings(target, queues):
                    await declaring.queue_bind(name, source, key)
                yield depth
            finally:
                for name, _ in exchanges(target, queues):
                    await declaring.exchange_delete(name)
                for name in made:
                    await declaring.queue_delete(name)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        properties, mode = aiormq.spec.Basic.Properties, 2 if target.persistent else 1
        drained = not target.acknowledged
        through = exchange(target, queue)
        async with channel(target, confirms=target.acknowledged) as publishing:
            send = publishing.basic_publish

            def publish_to(key: str) -> Publish:
                # Properties of its own for each message: aiormq writes a message id into them.
                return lambda body: send(  # type: ignore[call-arg]  # its abstract channel forgets ``wait``
                    body,
                    exchange=through,
                    routing_key=key,
                    properties=properties(delivery_mode=mode),
                    wait=drained,
                )

            yield in_turn([publish_to(topic) for topic in topics(target, queue)])

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        every, unacknowledged, last_tag = target.ack_every, 0, 0

        async def handle(message: DeliveredMessage) -> None:
            nonlocal unacknowledged, last_tag
            handling = receive(message.body)
            if handling is not None:
                await handling
            last_tag = message.delivery_tag or 0
            unacknowledged += 1
            if unacknowledged == every:
                unacknowledged = 0
                await acknowledge(last_tag, multiple=every > 1, wait=False)

        async def take(message: DeliveredMessage) -> None:
            handling = receive(message.body)
            if handling is not None:
                await handling

        judge: Judge = receive  # type: ignore[assignment]  # what target.requeues says

        async def settle(message: DeliveredMessage) -> None:
            tag = message.delivery_tag or 0
            if judge(message.body, bool(message.redelivered)):
                await consuming.basic_nack(tag, requeue=True, wait=False)
            else:
                await acknowledge(tag, wait=False)

        async with channel(target) as consuming, asyncio.TaskGroup() as group:
            acknowledge = consuming.basic_ack
            deliver = pulled if target.delivery == "pull" else pushed
            settling = settle if target.requeues else handle if target.acknowledged else take
            async with deliver(consuming, target, queue, settling):
                watching = group.create_task(lost(consuming.closing), name=f"watch the consumer of {queue}")
                yield
                watching.cancel()
            if unacknowledged:
                await acknowledge(last_tag, multiple=True)


CLIENT: Client = Aiormq()
