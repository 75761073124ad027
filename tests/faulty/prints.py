"""A client that writes to standard output and standard error, but is honest."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class Prints(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with super().producer(target, queue) as honest:

            async def publish(body: bytes) -> None:
                await honest(body)

            print("connected!")
            print("connected!", file=sys.stderr)
            yield publish


CLIENT: Client = Prints()
