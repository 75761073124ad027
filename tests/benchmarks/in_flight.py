"""What every hand-written loop needs: publishes in flight, and a count of what has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[[int], Awaitable[None]]
"""Publishes that many constant bodies, and returns when all have come."""


class Arrivals:
    def __init__(self) -> None:
        self.left = 0
        self.all = asyncio.Event()

    def expect(self, count: int) -> None:
        self.left = count
        self.all.clear()

    def one(self) -> None:
        self.left -= 1
        if not self.left:
            self.all.set()


def by_lanes(in_flight: int, arrivals: Arrivals, lane: Callable[[int, Any], Awaitable[None]]) -> Send:
    """Sends with so many lanes, each of which publishes the next number when its last is confirmed."""

    async def send(count: int) -> None:
        arrivals.expect(count)
        numbers = iter(range(count))
        async with asyncio.TaskGroup() as group:
            for index in range(in_flight):
                group.create_task(lane(index, numbers))  # type: ignore[arg-type]  # lanes are coroutines
        await arrivals.all.wait()

    return send
