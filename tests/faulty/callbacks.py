"""An honest client that calls back for each publish, as pika does."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.client import Abilities
from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Confirmed, Post, Target


class Callbacks(Memory):
    abilities = Abilities(distribution="", protocol="memory", requeues=True, publishing="callback")

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Post]:  # type: ignore[override]  # that is the other form
        outstanding = 0

        async with super().producer(target, queue) as honest, asyncio.TaskGroup() as group:

            async def finish(body: bytes, confirmed: Confirmed) -> None:
                nonlocal outstanding
                await honest(body)
                await asyncio.sleep(0)
                outstanding -= 1
                confirmed(None)

            def post(body: bytes, confirmed: Confirmed) -> None:
                nonlocal outstanding
                outstanding += 1
                assert outstanding <= target.in_flight
                group.create_task(finish(body, confirmed))

            yield post


CLIENT: Client = Callbacks()
