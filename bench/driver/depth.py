"""How many messages wait in the broker, by its own word: asked seldom, and one question at a time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import StalledError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bench.client import Depth

PERIOD_S = 0.5
ASKING_SHARE = 0.05
"""A question for each of a thousand queues takes a second: the time between questions grows with them."""
FREE_S = 1.0
"""What a case may spend on asking before its share counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many messages waited in the broker: the most that were seen in a turn, and at the turn's end."""

    most: int
    end: int


class DepthGauge:
    """Asks the way that a topology gave, on its own connection, which is asked one thing at a time."""

    def __init__(self, depth: Depth, clock: Callable[[], int]) -> None:
        self._depth = depth
        self._clock = clock
        self._lock = asyncio.Lock()
        self._made_ns = clock()
        self._last_ns = 0
        self._spent_ns = 0

    async def ask(self) -> int:
        async with self._lock:
            began_ns = self._clock()
            held = await self._depth()
            self._last_ns = self._clock() - began_ns
            self._spent_ns += self._last_ns
            return held

    @property
    def cheap(self) -> bool:
        """Questions have not taken more than their share of the time so far."""
        return self._spent_ns <= FREE_S * 1e9 + ASKING_SHARE * (self._clock() - self._made_ns)

    @property
    def pause_s(self) -> float:
        """How long to wait between questions while something is measured."""
        return max(PERIOD_S, self._last_ns / 1e9 / ASKING_SHARE)


class Look:
    """What was seen while a turn was going on. ``ended`` is set when nothing more is sent."""

    def __init__(self) -> None:
        self._seen: list[int] = []
        self.ended = asyncio.Event()

    @property
    def waiting(self) -> Waiting | None:
        return Waiting(most=max(self._seen), end=self._seen[-1]) if self._seen else None

    async def go_on(self, gauge: DepthGauge) -> None:
        """Asks now and then, and once more when the turn has ended."""
        while not self.ended.is_set():
            try:
                async with asyncio.timeout(gauge.pause_s):
                    await self.ended.wait()
            except TimeoutError:
                self._seen.append(await gauge.ask())
        self._seen.append(await gauge.ask())


@asynccontextmanager
async def looking(gauge: DepthGauge | None, limit_s: float) -> AsyncIterator[Look]:
    """Looks at the broker's queues while the block runs; what was seen is all there when it is left.

    Without a gauge nothing is seen. Raises what asking raised, or StalledError where the last answer does not
    come within ``limit_s``.
    """
    look = Look()
    if gauge is None:
        yield look
        return
    asking = asyncio.create_task(look.go_on(gauge), name="depth of the broker's queues")
    try:
        yield look
        look.ended.set()
        await asyncio.wait((asking,), timeout=limit_s)
        if not asking.done():
            raise StalledError(f"the broker did not say within {limit_s:g} s how many messages it holds")
        await asking
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
