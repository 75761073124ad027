"""The receiving half of a case: what every consumer calls for each message, and when all have come."""

from __future__ import annotations

import asyncio
import time
from operator import length_hint
from typing import TYPE_CHECKING

from bench.driver.sizing import MixedInbox
from bench.payload import Inbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bench.client import Receive
    from bench.driver.sizing import Sizes
    from bench.handler import Handler

KEPT_BYTES = 4 * 2**20
"""Bodies are kept until the stretch is over, or until there are so many: then they are checked within it."""
OBJECT_BYTES = 100
"""What a message kept costs beyond its payload: a bytes object, a time, and their places in two lists."""


class Consuming:
    """The inboxes of all consumers of a case, and the count-down to the end of a stretch.

    ``payload_bytes`` is the size of every body, or with ``sizes`` their mean; ``seed`` is that of the times
    that a handler takes, where they are drawn.
    """

    def __init__(
        self,
        *,
        payload_bytes: int,
        sizes: Sizes | None,
        handler: Handler,
        clock: Callable[[], int],
        seed: object = 0,
    ) -> None:
        self._payload_bytes = payload_bytes
        self._sizes = sizes
        self._handler = handler
        self._seed = seed
        self._clock = clock
        self._chunk = max(1, KEPT_BYTES // (payload_bytes + OBJECT_BYTES))
        self._countdown: Iterator[int] = iter(b"")
        self.inboxes: list[Inbox] = []
        self.arrived = asyncio.Event()
        self.last_ns = 0
        self.rewind()

    def rewind(self) -> None:
        """From here on messages take the handler's times from the first again: a warm-up has any number."""
        self._times_s = self._handler.times_s(self._seed)

    def begin(self, count: int) -> None:
        """From here on ``arrived`` waits for that many messages to be handled."""
        marks = bytearray(b"\1") * count
        marks[self._chunk - 1 :: self._chunk] = bytes(count // self._chunk)
        marks[-1:] = b"\0" if count else b""
        self._countdown = iter(marks)
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

    def new_inbox(self) -> Inbox:
        inbox = Inbox(self._payload_bytes) if self._sizes is None else MixedInbox(self._sizes)
        self.inboxes.append(inbox)
        return inbox

    def receiver(self) -> Receive:
        """The ``receive`` of one more consumer, with an inbox of its own."""
        inbox = self.new_inbox()
        match self._handler.kind:
            case "none":
                return self._receiving(inbox)
            case "cpu":
                return self._computing(inbox)
            case "sleep":
                return self._sleeping(inbox)

    def _receiving(self, inbox: Inbox) -> Receive:
        """The hot path: one function with every name bound, as each call more would cost every message."""
        clock, received, keep, mark = self._clock, inbox.received_ns.append, inbox.bodies.append, self._mark

        def receive(body: bytes) -> None:
            received(clock())
            keep(body)
            if not next(self._countdown, 1):
                mark()

        return receive

    def _computing(self, inbox: Inbox) -> Receive:
        clock, received, keep, mark = self._clock, inbox.received_ns.append, inbox.bodies.append, self._mark
        thread_time = time.thread_time

        def receive(body: bytes) -> None:
            received(clock())
            keep(body)
            until = thread_time() + next(self._times_s)
            while thread_time() < until:
                pass
            if not next(self._countdown, 1):
                mark()

        return receive

    def _sleeping(self, inbox: Inbox) -> Receive:
        clock, received, keep, mark = self._clock, inbox.received_ns.append, inbox.bodies.append, self._mark
        sleep = asyncio.sleep

        async def handle(time_s: float) -> None:
            await sleep(time_s)
            if not next(self._countdown, 1):
                mark()

        def receive(body: bytes) -> Awaitable[None]:
            received(clock())
            keep(body)
            return handle(next(self._times_s))

        return receive

    def _mark(self) -> None:
        """At the end of every chunk, and at the last message."""
        if not length_hint(self._countdown):
            self.last_ns = self._clock()
            self.arrived.set()
            return
        for inbox in self.inboxes:
            inbox.check()
