"""aiorabbit (RabbitMQ, AMQP 0-9-1).

The documented way: ``aiorabbit.connect`` for each producer and each consumer, ``Client.publish`` after
``confirm_select``, and a coroutine given to ``basic_consume`` after ``qos_prefetch``
(https://aiorabbit.readthedocs.io/en/latest/). The other documented way to consume, the generator ``consume``,
does 0.67 of the messages a second (28 pairs of 1000, RabbitMQ and embedded). Prefetch is the broker's count
of unacknowledged messages for the consumer; aiorabbit starts a task for each delivery.

aiorabbit 1.0 never delivers a message without a body. To acknowledge between the frames of a delivery is an
illegal transition of its state machine and raises: with acknowledgements it cannot consume bodies of several
frames (over 131072 - 8 bytes), nor a prefetch that does not arrive in one read of the socket (with a prefetch
of 100, 1 KiB bodies arrived and 4 KiB bodies did not). Nor can it acknowledge after a ``basic_get`` that
found nothing, so its consumers do not pull, nor after a ``basic_nack``, so they return nothing. It makes
itself the loop's exception handler, so the harness's is put back. It tells nobody that a consumer's
connection is lost: ``is_closed`` is looked at as often as its own ``consume`` does. It waits for confirms by
looking every millisecond.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiorabbit  # type: ignore[import-not-found]  # it lives in an environment of its own

from bench.client import Abilities
from bench.routing import bindings, exchange, exchanges, in_turn, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiorabbit.message import Message  # type: ignore[import-not-found]  # see above

    from bench.client import Client, Depth, Publish, Receive, Target


@asynccontextmanager
async def connection(target: Target) -> AsyncIterator[aiorabbit.client.Client]:
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    context = target.tls.context() if target.url.startswith("amqps:") else None
    async with aiorabbit.connect(target.url, ssl_context=context) as client:
        loop.set_exception_handler(handler)
        yield client


async def lost(client: aiorabbit.client.Client) -> None:
    while not client.is_closed:  # noqa: ASYNC110  # aiorabbit has no event for it
        await asyncio.sleep(0.1)
    raise client.exception or ConnectionError("the connection was closed")


class Aiorabbit:
    abilities = Abilities(
        distribution="aiorabbit",
        protocol="amqp",
        fan_out=True,
        topics=True,
        queue_types=("classic", "quorum"),
        replication=True,
        most_bytes=131064,
        least_bytes=1,
        trouble=(
            ("asyncio", "may fail when it acknowledges between the frames of a delivery"),
            ("uvloop", "may fail when it acknowledges between the frames of a delivery"),
            ("rloop", "may fail when it acknowledges between the frames of a delivery; no TLS"),
        ),
    )

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth]:
        async with connection(target) as client:

            async def depth() -> int:
                counts = [await client.queue_declare(name, passive=True) for name in queues]
                return sum(messages for messages, _ in counts)

            made = []
            try:
                for name in queues:
                    await client.queue_declare(
                        name, durable=target.persistent, arguments=target.queue_arguments
                    )
                    made.append(name)
                for name, kind in exchanges(target, queues):
                    await client.exchange_declare(name, kind)
                for name, source, key in bindings(target, queues):
                    await client.queue_bind(name, source, key)
                yield depth
            finally:
                for name, _ in exchanges(target, queues):
                    await client.exchange_delete(name)
                for name in made:
                    await client.queue_delete(name)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        mode = 2 if target.persistent else 1
        async with connection(target) as client:
            if target.acknowledged:
                await client.confirm_select()
            send, through = client.publish, exchange(target, queue)

            def publish_to(key: str) -> Publish:
                async def publish(body: bytes) -> None:
                    if await send(through, key, body, delivery_mode=mode) is False:
                        raise RuntimeError("the broker refused a message")

                return publish

            yield in_turn([publish_to(topic) for topic in topics(target, queue)])

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        every, unacknowledged, last_tag = target.ack_every, 0, 0

        async def handle(message: Message) -> None:
            nonlocal unacknowledged, last_tag
            handling = receive(message.body)
            if handling is not None:
                await handling
            last_tag = message.delivery_tag
            unacknowledged += 1
            if unacknowledged == every:
                unacknowledged = 0
                await acknowledge(last_tag, multiple=every > 1)

        async def take(message: Message) -> None:
            handling = receive(message.body)
            if handling is not None:
                await handling

        async with connection(target) as client, asyncio.TaskGroup() as group:
            acknowledge = client.basic_ack
            await client.qos_prefetch(target.prefetch)
            tag = await client.basic_consume(
                queue,
                no_ack=not target.acknowledged,
                callback=handle if target.acknowledged else take,
            )
            watching = group.create_task(lost(client), name=f"watch the consumer of {queue}")
            yield
            if unacknowledged:  # before the cancel: after it, aiorabbit refuses to acknowledge
                await acknowledge(last_tag, multiple=True)
            await client.basic_cancel(tag)
            watching.cancel()


CLIENT: Client = Aiorabbit()
