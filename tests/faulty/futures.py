"""An honest client that answers each publish with a future, as Kafka's do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Send, Target


class Futures(Memory):
    abilities = Abilities(distribution="", protocol="memory", requeues=True, publishing="future")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Send]:
        outstanding = 0

        async with super().producer(target, queue) as honest:

            async def finish(body: bytes) -> None:
                nonlocal outstanding
                await honest(body)
                await asyncio.sleep(0)
                outstanding -= 1

            async def send(body: bytes) -> asyncio.Task[None]:
                nonlocal outstanding
                outstanding += 1
                assert outstanding <= target.in_flight
                return asyncio.create_task(finish(body))

            yield send


CLIENT: Client = Futures()
