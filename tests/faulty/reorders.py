"""A client that holds back every 300th message until the next one is sent."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class Reorders(Memory):
    abilities = Abilities(distribution="", protocol="memory", requeues=True)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:
            count, held = 0, b""

            async def publish(body: bytes) -> None:
                nonlocal count, held
                count += 1
                if not count % 300:
                    held = body
                    return
                await honest(body)
                if held:
                    body, held = held, b""
                    await honest(body)

            yield publish


CLIENT: Client = Reorders()
