"""A client that reports a publish to all as confirmed when only the first queue has it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from bench.client import Client, Publish, Target


class ConfirmsOneCopy(Memory):
    abilities = Abilities(distribution="", protocol="memory", fan_out=True)

    def to_all(self, target: Target) -> Publish:
        one, *others = self.queues.values()
        loop = asyncio.get_running_loop()

        def finish(body: bytes) -> None:
            for place in others:
                place.ready.append(body)
                place.filled.set()

        async def publish(body: bytes) -> None:
            one.ready.append(body)
            one.filled.set()
            loop.call_later(0.05, finish, body)

        return publish


CLIENT: Client = ConfirmsOneCopy()
