"""An honest client that keeps every body that it ever published."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target

KEPT_TIMES = 4


class Leaks(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        kept: list[bytes] = []
        async with super().producer(target, queue) as honest:

            async def publish(body: bytes) -> None:
                kept.append(body * KEPT_TIMES)
                await honest(body)

            yield publish


CLIENT: Client = Leaks()
