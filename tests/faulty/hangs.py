"""A client that blocks the event loop for ever at the 1,000th publish."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class Hangs(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:
            count = 0

            async def publish(body: bytes) -> None:
                nonlocal count
                count += 1
                while count >= 1000:
                    time.sleep(1)  # noqa: ASYNC251  # that is the fault
                await honest(body)

            yield publish


CLIENT: Client = Hangs()
