"""A hand-written loop for aiorabbit, which cannot be installed beside aio-pika."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiorabbit  # type: ignore[import-not-found]  # it needs an environment of its own
from in_flight import Arrivals, Send, by_lanes

from bench.scenario import Scenario


@asynccontextmanager
async def with_aiorabbit(url: str, queue: str, scenario: Scenario) -> AsyncIterator[Send]:
    body = bytes(scenario.payload_bytes)
    arrivals = Arrivals()

    async with aiorabbit.connect(url) as consuming, aiorabbit.connect(url) as publishing:

        async def on_message(message: Any) -> None:
            await consuming.basic_ack(message.delivery_tag)
            arrivals.one()

        await consuming.qos_prefetch(scenario.prefetch)
        await consuming.queue_declare(queue)
        tag = await consuming.basic_consume(queue, callback=on_message)
        await publishing.confirm_select()

        async def lane(_: int, numbers: Any) -> None:
            for _number in numbers:
                await publishing.publish("", queue, body, delivery_mode=1)

        yield by_lanes(scenario.in_flight, arrivals, lane)
        await consuming.basic_cancel(tag)
        await consuming.queue_delete(queue)
