"""An honest client whose consumers take a while to leave, as many connections to a busy broker do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.clients.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.client import Client, Receive, Target

LEAVING_S = 0.08


class Unhurried(Memory):
    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        async with super().consumer(target, queue, receive):
            yield
        await asyncio.sleep(LEAVING_S)


CLIENT: Client = Unhurried()
