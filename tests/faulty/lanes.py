"""An honest client that has a Publish for each lane, as one whose lanes need channels of their own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Publish, Target


class Lanes(Memory):
    abilities = Abilities(distribution="", protocol="memory", requeues=True, ordering="lane")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[list[Publish]]:  # type: ignore[override]
        async with super().producer(target, queue) as honest:

            def lane() -> Publish:
                busy = False

                async def publish(body: bytes) -> None:
                    nonlocal busy
                    assert not busy
                    busy = True
                    await honest(body)
                    busy = False

                return publish

            yield [lane() for _ in range(target.in_flight)]


CLIENT: Client = Lanes()
