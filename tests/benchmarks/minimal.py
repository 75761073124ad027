"""The least that somebody would write by hand to move messages: what the harness is held against.

Each is a context manager that yields ``send(count)``: it publishes ``count`` constant bodies with as many
publishes in flight as the scenario says, counts and acknowledges them, and returns when all have come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import aio_pika
import aioamqp

from bench.scenario import Scenario

Send = Callable[[int], Awaitable[None]]


class Arrivals:
    def __init__(self) -> None:
        self.left = 0
        self.all = asyncio.Event()

    def expect(self, count: int) -> None:
        self.left = count
        self.all.clear()


async def _lanes(in_flight: int, count: int, lane: Callable[[int, Any], Awaitable[None]]) -> None:
    numbers = iter(range(count))
    async with asyncio.TaskGroup() as group:
        for index in range(in_flight):
            group.create_task(lane(index, numbers))  # type: ignore[arg-type]


@asynccontextmanager
async def with_aio_pika(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    body = bytes(scenario.payload_bytes)
    arrivals = Arrivals()

    async def on_message(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        await message.ack()
        arrivals.left -= 1
        if not arrivals.left:
            arrivals.all.set()

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

        async def send(count: int) -> None:
            arrivals.expect(count)
            await _lanes(scenario.in_flight, count, lane)
            await arrivals.all.wait()

        yield send
        await source.delete(if_unused=False, if_empty=False)


@asynccontextmanager
async def with_aioamqp(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
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
        arrivals.left -= 1
        if not arrivals.left:
            arrivals.all.set()

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

    async def send(count: int) -> None:
        arrivals.expect(count)
        await _lanes(scenario.in_flight, count, lane)
        await arrivals.all.wait()

    yield send
    await channel.queue_delete(queue)
    await publishing.close()
    await consuming.close()


LOOPS: dict[str, Callable[[str, str, Scenario], AbstractAsyncContextManager[Send]]] = {
    "aio_pika": with_aio_pika,
    "aioamqp": with_aioamqp,
}
