"""The receiving half of a case: what every consumer calls for each message, and when all have come."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bench.payload import STAMP_BYTES, Inbox, filler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bench.client import Receive
    from bench.scenario import Handler

_BLANK = bytes(STAMP_BYTES)


class Consuming:
    """The inboxes of all consumers of a case, and the count-down to the end of a stretch."""

    def __init__(self, *, payload_bytes: int, handler: Handler, clock: Callable[[], int]) -> None:
        self._payload_bytes = payload_bytes
        self._handler = handler
        self._clock = clock
        self.countdown: Iterator[int] = iter(())
        self.inboxes: list[Inbox] = []
        self.arrived = asyncio.Event()
        self.last_ns = 0

    def begin(self, count: int) -> None:
        """From here on ``arrived`` waits for that many messages to be handled."""
        self.countdown = iter(range(count - 1, -1, -1))
        self.last_ns = 0
        self.arrived.clear()

    @property
    def pending(self) -> int:
        """How many messages have come since the inboxes were last settled."""
        return sum(len(inbox.received_ns) for inbox in self.inboxes)

    @property
    def first_ns(self) -> int:
        """When the first message that is not settled yet came; 0 if none has."""
        return min((inbox.received_ns[0] for inbox in self.inboxes if inbox.received_ns), default=0)

    def receiver(self) -> Receive:
        """The ``receive`` of one more consumer, with an inbox of its own."""
        inbox = Inbox()
        self.inboxes.append(inbox)
        counts = self._handler.kind == "none"
        stamped = self._payload_bytes >= STAMP_BYTES
        take = self._stamped(inbox, counts=counts) if stamped else self._bare(inbox, counts=counts)
        match self._handler.kind:
            case "none":
                return take
            case "cpu":
                return self._computing(take)
            case "sleep":
                return self._sleeping(take)

    def _stamped(self, inbox: Inbox, *, counts: bool) -> Callable[[bytes], None]:
        """The hot path: one function with every name bound, as each call more would cost every message."""
        clock, size, tail, last = self._clock, self._payload_bytes, filler(self._payload_bytes), self._last
        received, stamps, damaged = inbox.received_ns.append, inbox.stamps.extend, inbox.damaged.append

        def take(body: bytes) -> None:
            received(clock())
            if len(body) == size and body.endswith(tail):
                stamps(body[:STAMP_BYTES])
            else:
                damaged(len(inbox.received_ns) - 1)
                stamps((bytes(body[:STAMP_BYTES]) + _BLANK)[:STAMP_BYTES])
            if counts and not next(self.countdown, 1):
                last()

        return take

    def _bare(self, inbox: Inbox, *, counts: bool) -> Callable[[bytes], None]:
        clock, whole, last = self._clock, filler(self._payload_bytes), self._last
        received, damaged = inbox.received_ns.append, inbox.damaged.append

        def take(body: bytes) -> None:
            received(clock())
            if body != whole:
                damaged(len(inbox.received_ns) - 1)
            if counts and not next(self.countdown, 1):
                last()

        return take

    def _computing(self, take: Callable[[bytes], None]) -> Receive:
        time_s, thread_time, last = self._handler.time_us / 1e6, time.thread_time, self._last

        def receive(body: bytes) -> None:
            take(body)
            until = thread_time() + time_s
            while thread_time() < until:
                pass
            if not next(self.countdown, 1):
                last()

        return receive

    def _sleeping(self, take: Callable[[bytes], None]) -> Receive:
        time_s, sleep, last = self._handler.time_us / 1e6, asyncio.sleep, self._last

        async def handle() -> None:
            await sleep(time_s)
            if not next(self.countdown, 1):
                last()

        def receive(body: bytes) -> Awaitable[None]:
            take(body)
            return handle()

        return receive

    def _last(self) -> None:
        self.last_ns = self._clock()
        self.arrived.set()
