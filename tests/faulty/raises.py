"""A client that fails in a task of its own, where no caller hears of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class Raises(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:
            count = 0

            async def fail() -> None:
                raise ConnectionError("the background task lost its connection")

            async def publish(body: bytes) -> None:
                nonlocal count
                count += 1
                if count == 1000:
                    asyncio.get_running_loop().create_task(fail())  # nobody keeps it: that is the fault
                await honest(body)

            yield publish


CLIENT: Client = Raises()
