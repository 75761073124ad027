"""A client that publishes every 100th reply twice, and every request once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class DuplicatesReplies(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:
            count = 0

            async def publish(body: bytes) -> None:
                nonlocal count
                count += 1
                await honest(body)
                if not count % 100:
                    await honest(body)

            yield publish if "replies" in queue else honest


CLIENT: Client = DuplicatesReplies()
