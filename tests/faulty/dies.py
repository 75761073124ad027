"""A client that is killed at the 1,000th publish."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class Dies(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:
            count = 0

            async def publish(body: bytes) -> None:
                nonlocal count
                count += 1
                if count == 1000:
                    os.kill(os.getpid(), signal.SIGKILL)
                await honest(body)

            yield publish


CLIENT: Client = Dies()
