"""A client that reports a publish as confirmed before the queue has it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class ConfirmsEarly(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:
            pending: set[asyncio.Task[None]] = set()

            async def later(body: bytes) -> None:
                await asyncio.sleep(0.02)
                await honest(body)

            async def publish(body: bytes) -> None:
                task = asyncio.create_task(later(body))
                pending.add(task)
                task.add_done_callback(pending.discard)
                await asyncio.sleep(0)

            yield publish


CLIENT: Client = ConfirmsEarly()
