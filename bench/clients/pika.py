"""pika (RabbitMQ, AMQP 0-9-1), with ``AsyncioConnection``.

The documented way on asyncio: callbacks. A connection and a channel for each producer and each consumer,
``confirm_delivery`` with a callback for the broker's acks, ``basic_consume`` with a callback for deliveries
(https://pika.readthedocs.io/en/stable/examples/asynchronous_publisher_example.html).

Each confirm sends the next message, from within its callback. Harness, adapter and asyncio then execute 170
bytecodes for a message, where lanes that await a future execute 340, of some 3,700 in all (pika 1.4.4,
asyncio, embedded broker).

To pull is ``basic_get``, one message at a time: the next when the last is dealt with, so without a
prefetch.
That nothing is there, pika tells by a callback for ``Basic.GetEmpty``
(https://pika.readthedocs.io/en/stable/modules/channel.html).

Prefetch is the broker's count of unacknowledged messages on the channel. pika calls back and does not wait:
what ``receive`` returns is awaited in a task. It has no back-pressure either: ``basic_publish`` appends to a
buffer, which is sent when the loop next runs; without confirms the next publish therefore waits for that.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from pika import BasicProperties, SSLOptions, URLParameters
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.spec import Basic

from bench.client import EMPTY_S, Abilities
from bench.routing import bindings, exchange, exchanges, posts_in_turn, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from bench.client import Client, Confirmed, Depth, Judge, Post, Receive, Target

    Closing = asyncio.Future[BaseException]
    Done = Callable[[int], object]


async def called(closing: Closing, start: Callable[[Callable[[Any], None]], object]) -> Any:
    """What a method of pika passes to the callback that it is given; raises what closes the channel first."""
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    start(answer.set_result)
    await asyncio.wait((answer, closing), return_when=asyncio.FIRST_COMPLETED)
    if closing.done():
        raise closing.result()
    return answer.result()


async def lost(closing: Closing) -> None:
    raise await asyncio.shield(closing)


def parameters(target: Target) -> URLParameters:
    found = URLParameters(target.url)
    if target.url.startswith("amqps:"):
        found.ssl_options = SSLOptions(target.tls.context(), found.host)
    return found


@asynccontextmanager
async def channel(target: Target) -> AsyncIterator[tuple[Any, Closing]]:
    """An open channel, and what closes it or its connection."""
    loop = asyncio.get_running_loop()
    opening: asyncio.Future[Any] = loop.create_future()
    closing: Closing = loop.create_future()
    closed = asyncio.Event()

    def close(_: Any, error: BaseException) -> None:
        if not closing.done():
            closing.set_result(error)

    def close_all(_: Any, error: BaseException) -> None:
        close(_, error)
        closed.set()

    connection = AsyncioConnection(
        parameters(target),
        on_open_callback=opening.set_result,
        on_open_error_callback=lambda _, error: opening.set_exception(error),
        on_close_callback=close_all,
        custom_ioloop=loop,
    )
    await opening
    try:
        opened = await called(closing, lambda done: connection.channel(on_open_callback=done))
        opened.add_on_close_callback(close)
        yield opened, closing
    finally:
        if connection.is_open:
            connection.close()
        await closed.wait()


@asynccontextmanager
async def pushed(
    consuming: Any, closing: Closing, target: Target, queue: str, receive: Receive, done: Done
) -> AsyncIterator[None]:
    async def finish(handling: Awaitable[None], tag: int) -> None:
        await handling
        if acknowledged:
            done(tag)

    acknowledged = target.acknowledged

    def handle(_: Any, method: Any, __: Any, body: bytes) -> None:
        handling = receive(body)
        if handling is not None:
            group.create_task(finish(handling, method.delivery_tag))
        elif acknowledged:
            done(method.delivery_tag)

    judge: Judge = receive  # type: ignore[assignment]  # what target.requeues says

    def settle(_: Any, method: Any, __: Any, body: bytes) -> None:
        if judge(body, method.redelivered):
            consuming.basic_nack(method.delivery_tag, requeue=True)
        else:
            done(method.delivery_tag)

    take = settle if target.requeues else handle
    how = {"auto_ack": not target.acknowledged, "arguments": target.consumer_arguments}
    async with asyncio.TaskGroup() as group:
        await called(closing, lambda ok: consuming.basic_qos(prefetch_count=target.prefetch, callback=ok))
        consumed = await called(closing, lambda ok: consuming.basic_consume(queue, take, callback=ok, **how))
        tag = consumed.method.consumer_tag
        yield
        await called(closing, lambda ok: consuming.basic_cancel(tag, callback=ok))


@asynccontextmanager
async def pulled(
    consuming: Any, _: Closing, target: Target, queue: str, receive: Receive, done: Done
) -> AsyncIterator[None]:
    loop, leaving = asyncio.get_running_loop(), False
    answer: asyncio.Future[tuple[Any, bytes] | None] = loop.create_future()

    def empty(_: Any) -> None:
        answer.set_result(None)

    def take(_: Any, method: Any, __: Any, body: bytes) -> None:
        answer.set_result((method, body))

    async def pull() -> None:
        nonlocal answer
        while not leaving:
            answer = loop.create_future()
            consuming.basic_get(queue, take, auto_ack=not target.acknowledged)
            if (got := await answer) is None:
                await asyncio.sleep(EMPTY_S)
                continue
            method, body = got
            if (handling := receive(body)) is not None:
                await handling
            if target.acknowledged:
                done(method.delivery_tag)

    consuming.add_callback(empty, [Basic.GetEmpty], one_shot=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(pull(), name=f"pull from {queue}")
        yield
        leaving = True  # a get that was cancelled would take its message with it


def heard(unconfirmed: dict[int, Confirmed], frame: Any) -> None:
    """What the broker has answered; a dictionary keeps the order of the tags."""
    method = frame.method
    tag, refused = method.delivery_tag, isinstance(method, Basic.Nack)
    tags = tuple(takewhile(tag.__ge__, unconfirmed)) if method.multiple else (tag,)
    for each in tags:
        confirmed = unconfirmed.pop(each)
        confirmed(RuntimeError(f"the broker refused message {each}") if refused else None)


class Pika:
    abilities = Abilities(
        distribution="pika",
        protocol="amqp",
        fan_out=True,
        requeues=True,
        topics=True,
        pulls=("at-most-once", "at-least-once"),
        publishing="callback",
        queue_types=("classic", "quorum", "stream"),
        replication=True,
        tls="own",
    )

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth]:
        async with channel(target) as (declaring, closing):

            async def declare(name: str, **how: Any) -> Any:
                return await called(closing, lambda done: declaring.queue_declare(name, callback=done, **how))

            async def call(method: Any, **how: Any) -> Any:
                return await called(closing, lambda done: method(callback=done, **how))

            async def depth() -> int:
                counts = [await declare(name, passive=True) for name in queues]
                return sum(count.method.message_count for count in counts)

            made = []
            try:
                for name in queues:
                    await declare(name, durable=target.persistent, arguments=target.queue_arguments)
                    made.append(name)
                for name, kind in exchanges(target, queues):
                    await call(declaring.exchange_declare, exchange=name, exchange_type=kind)
                for name, source, key in bindings(target, queues):
                    await call(declaring.queue_bind, queue=name, exchange=source, routing_key=key)
                yield depth
            finally:
                for name, _ in exchanges(target, queues):
                    await call(declaring.exchange_delete, exchange=name)
                for name in made:
                    await called(closing, lambda done, name=name: declaring.queue_delete(name, callback=done))  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Post]:
        properties = BasicProperties(delivery_mode=2 if target.persistent else 1)
        through, soon = exchange(target, queue), asyncio.get_running_loop().call_soon
        unconfirmed: dict[int, Confirmed] = {}
        next_tag = count(1).__next__

        async with channel(target) as (publishing, closing), asyncio.TaskGroup() as group:
            send = publishing.basic_publish

            def post_to(key: str) -> Post:
                def post(body: bytes, confirmed: Confirmed) -> None:
                    send(through, key, body, properties)
                    soon(confirmed, None)

                def post_confirmed(body: bytes, confirmed: Confirmed) -> None:
                    send(through, key, body, properties)
                    unconfirmed[next_tag()] = confirmed

                return post_confirmed if target.acknowledged else post

            if target.acknowledged:
                answer = partial(heard, unconfirmed)
                await called(closing, lambda done: publishing.confirm_delivery(answer, callback=done))
            watching = group.create_task(lost(closing), name=f"watch the producer of {queue}")
            yield posts_in_turn([post_to(topic) for topic in topics(target, queue)])
            watching.cancel()

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        every, unacknowledged, last_tag = target.ack_every, 0, 0

        def done(tag: int) -> None:
            nonlocal unacknowledged, last_tag
            last_tag = tag
            unacknowledged += 1
            if unacknowledged == every:
                unacknowledged = 0
                acknowledge(tag, multiple=True)

        async with channel(target) as (consuming, closing), asyncio.TaskGroup() as group:
            acknowledge = consuming.basic_ack
            deliver = pulled if target.delivery == "pull" else pushed
            settled = acknowledge if every == 1 else done
            watching = group.create_task(lost(closing), name=f"watch the consumer of {queue}")
            async with deliver(consuming, closing, target, queue, receive, settled):
                yield
            if unacknowledged:
                acknowledge(last_tag, multiple=True)
            watching.cancel()


CLIENT: Client = Pika()
