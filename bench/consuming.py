"""The receiving half of a case: what every consumer calls for each message, and when all have come."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bench.payload import STAMP_BYTES, Inbox, filler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.client import Receive
    from bench.scenario import Handler

_BLANK = bytes(STAMP_BYTES)


class Consuming:
    """The inboxes of all consumers of a case, and the count-down to the end of a stretch."""

    def __init__(self, *, payload_bytes: int, handler: Handler, clock: Callable[[], int]) -> None:
        self._payload_bytes = payload_bytes
        self._handler = handler
        self._clock = clock
        self._countdown: Iterator[int] = iter(())
        self.inboxes: list[Inbox] = []
        self.arrived = asyncio.Event()
        self.last_ns = 0

    def begin(self, count: int) -> None:
        """From here on ``arrived`` waits for that many messages to be handled."""
        self._countdown = iter(range(count - 1, -1, -1))
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
        take = self._stamped(inbox) if self._payload_bytes >= STAMP_BYTES else self._bare(inbox)
        return self._handling(take)

    def _stamped(self, inbox: Inbox) -> Callable[[bytes], None]:
        clock, size, tail = self._clock, self._payload_bytes, filler(self._payload_bytes)
        received, stamps, damaged = inbox.received_ns.append, inbox.stamps.extend, inbox.damaged.append

        def take(body: bytes) -> None:
            received(clock())
            if len(body) == size and body.endswith(tail):
                stamps(body[:STAMP_BYTES])
            else:
                damaged(len(inbox.received_ns) - 1)
                stamps((bytes(body[:STAMP_BYTES]) + _BLANK)[:STAMP_BYTES])

        return take

    def _bare(self, inbox: Inbox) -> Callable[[bytes], None]:
        clock, whole = self._clock, filler(self._payload_bytes)
        received, damaged = inbox.received_ns.append, inbox.damaged.append

        def take(body: bytes) -> None:
            received(clock())
            if body != whole:
                damaged(len(inbox.received_ns) - 1)

        return take

    def _handling(self, take: Callable[[bytes], None]) -> Receive:
        count, time_s = self._count, self._handler.time_us / 1e6

        def receive(body: bytes) -> None:
            take(body)
            count()

        def receive_and_compute(body: bytes) -> None:
            take(body)
            until = time.thread_time() + time_s
            while time.thread_time() < until:
                pass
            count()

        async def sleep_and_count() -> None:
            await asyncio.sleep(time_s)
            count()

        def receive_and_sleep(body: bytes) -> asyncio.Future[None] | None:
            take(body)
            return sleep_and_count()  # type: ignore[return-value]

        return {"none": receive, "cpu": receive_and_compute, "sleep": receive_and_sleep}[self._handler.kind]

    def _count(self) -> None:
        if not next(self._countdown, 1):
            self.last_ns = self._clock()
            self.arrived.set()
