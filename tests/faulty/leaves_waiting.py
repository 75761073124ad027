"""A client whose second consumer of a queue is never given a message."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Receive, Target


class LeavesWaiting(Memory):
    abilities = Abilities(distribution="", protocol="memory")

    def __init__(self) -> None:
        super().__init__()
        self.known: set[str] = set()

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        if queue in self.known:
            yield
            return
        self.known.add(queue)
        async with super().consumer(target, queue, receive):
            yield


CLIENT: Client = LeavesWaiting()
