"""Hand-written loops for the clients of RabbitMQ.

Each has a connection and a channel to publish on and another pair to consume on, publishes with the broker's
confirms, and acknowledges each delivery once it has come: the guarantee, window and prefetch of the harness.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import aio_pika
import aioamqp
import aiormq
from in_flight import Arrivals, Send, by_lanes
from pika import BasicProperties, URLParameters
from pika.adapters.asyncio_connection import AsyncioConnection

from bench.scenario import Scenario


@asynccontextmanager
async def with_aio_pika(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """Lanes that await ``publish`` on the default exchange; a callback given to ``consume``."""
    body = bytes(scenario.payload_bytes)
    arrivals = Arrivals()

    async def on_message(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        await message.ack()
        arrivals.one()

    async with await aio_pika.connect(url) as consuming, await aio_pika.connect(url) as publishing:
        channel = await consuming.channel()
        await channel.set_qos(prefetch_count=scenario.prefetch)
        source = await channel.declare_queue(queue)
        await source.consume(on_message)
        exchange = (await publishing.channel(publisher_confirms=True)).default_exchange
        mode = aio_pika.DeliveryMode.NOT_PERSISTENT

        async def lane(_: int, numbers: Any) -> None:
            for _number in numbers:
                await exchange.publish(aio_pika.Message(body, delivery_mode=mode), queue, mandatory=False)

        yield by_lanes(scenario.in_flight, arrivals, lane)
        await source.delete(if_unused=False, if_empty=False)


@asynccontextmanager
async def with_aioamqp(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """Lanes that await ``publish``, each on a channel of its own, as aioamqp loses confirms of several."""
    body = bytes(scenario.payload_bytes)
    arrivals = Arrivals()
    parts = urlsplit(url)
    where = {
        "host": parts.hostname,
        "port": parts.port,
        "login": unquote(parts.username or "guest"),
        "password": unquote(parts.password or "guest"),
    }

    async def on_message(channel: Any, _: bytes, envelope: Any, __: Any) -> None:
        await channel.basic_client_ack(envelope.delivery_tag)
        arrivals.one()

    _, consuming = await aioamqp.connect(**where)
    _, publishing = await aioamqp.connect(**where)
    channel = await consuming.channel()
    await channel.basic_qos(prefetch_count=scenario.prefetch)
    await channel.queue_declare(queue)
    await channel.basic_consume(on_message, queue)
    channels = [await publishing.channel() for _ in range(scenario.in_flight)]
    for one in channels:
        await one.confirm_select()

    async def lane(index: int, numbers: Any) -> None:
        mine = channels[index]
        for _number in numbers:
            await mine.publish(body, "", queue, {"delivery_mode": 1})

    yield by_lanes(scenario.in_flight, arrivals, lane)
    await channel.queue_delete(queue)
    await publishing.close()
    await consuming.close()


@asynccontextmanager
async def with_aiormq(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """Lanes that await ``basic_publish``; neither they nor the acks wait for the socket to drain."""
    body = bytes(scenario.payload_bytes)
    arrivals = Arrivals()

    async def on_message(message: aiormq.abc.DeliveredMessage) -> None:
        await consuming.basic_ack(message.delivery_tag or 0, wait=False)
        arrivals.one()

    properties = aiormq.spec.Basic.Properties
    async with await aiormq.connect(url) as first, await aiormq.connect(url) as second:
        consuming = await first.channel()
        await consuming.basic_qos(prefetch_count=scenario.prefetch)
        await consuming.queue_declare(queue)
        await consuming.basic_consume(queue, on_message)
        publishing = await second.channel(publisher_confirms=True)

        async def lane(_: int, numbers: Any) -> None:
            for _number in numbers:
                await publishing.basic_publish(  # type: ignore[call-arg]  # its abstract channel forgets ``wait``
                    body, routing_key=queue, properties=properties(delivery_mode=1), wait=False
                )

        yield by_lanes(scenario.in_flight, arrivals, lane)
        await consuming.queue_delete(queue)


async def pika_channel(url: str) -> Any:
    opened = asyncio.get_running_loop().create_future()
    AsyncioConnection(
        URLParameters(url), on_open_callback=lambda made: made.channel(on_open_callback=opened.set_result)
    )
    return await opened


@asynccontextmanager
async def with_pika(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    """Callbacks: the broker's confirms publish what the window has room for, a delivery is acknowledged."""
    body, properties = bytes(scenario.payload_bytes), BasicProperties(delivery_mode=1)
    arrivals = Arrivals()
    consuming, publishing = await pika_channel(url), await pika_channel(url)
    ready = asyncio.Event()
    confirmed = sent = goal = 0

    def fill() -> None:
        nonlocal sent
        while sent < goal and sent - confirmed < scenario.in_flight:
            sent += 1
            publishing.basic_publish("", queue, body, properties)

    def on_confirm(frame: Any) -> None:
        nonlocal confirmed
        method = frame.method
        confirmed = method.delivery_tag if method.multiple else confirmed + 1
        fill()

    def on_message(channel: Any, method: Any, _: Any, __: bytes) -> None:
        channel.basic_ack(method.delivery_tag)
        arrivals.one()

    consuming.basic_qos(prefetch_count=scenario.prefetch)
    consuming.queue_declare(
        queue, callback=lambda _: consuming.basic_consume(queue, on_message, callback=lambda _: ready.set())
    )
    await ready.wait()
    selected = asyncio.Event()
    publishing.confirm_delivery(on_confirm, callback=lambda _: selected.set())
    await selected.wait()

    async def send(count: int) -> None:
        nonlocal goal
        arrivals.expect(count)
        goal = sent + count
        fill()
        await arrivals.all.wait()

    yield send
    deleted = asyncio.Event()
    consuming.queue_delete(queue, callback=lambda _: deleted.set())
    await deleted.wait()
    for channel in (consuming, publishing):
        channel.connection.close()
