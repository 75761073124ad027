"""An honest client that does extra Python work for each publish, so that it is about half as slow again."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target

EXTRA = range(100)


class Slow(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:

            async def publish(body: bytes) -> None:
                for _ in EXTRA:
                    pass
                await honest(body)

            yield publish


CLIENT: Client = Slow()
