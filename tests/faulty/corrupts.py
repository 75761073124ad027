"""A client that changes one bit of every 300th message."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class Corrupts(Memory):
    abilities = Abilities(distribution="", protocol="memory", requeues=True)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:
            count = 0

            async def publish(body: bytes) -> None:
                nonlocal count
                count += 1
                if not count % 300:
                    body = body[:-1] + bytes([body[-1] ^ 1])
                await honest(body)

            yield publish


CLIENT: Client = Corrupts()
