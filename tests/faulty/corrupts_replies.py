"""A client that changes a bit behind the stamp of every 100th reply, and of no request."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class CorruptsReplies(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:
            count = 0

            async def publish(body: bytes) -> None:
                nonlocal count
                count += 1
                await honest(body if count % 100 else body[:-1] + bytes([body[-1] ^ 1]))

            yield publish if "replies" in queue else honest


CLIENT: Client = CorruptsReplies()
