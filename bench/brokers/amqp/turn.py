"""What is put off to the end of a turn of the event loop, to be done once for many frames.

Sockets are read many frames at a time. Deliveries, confirms and writes wait until everything that had arrived
is read; then each queue delivers once, each channel confirms once (``multiple``, as RabbitMQ does it) and
each connection is written to once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from bench.brokers.amqp.memory import Memory
    from bench.brokers.amqp.outbox import Outbox
    from bench.brokers.amqp.publishing import Publisher
    from bench.brokers.amqp.queues import Queue


class Turn:
    """Who is put on a list keeps a mark of it, so as to stand there once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, memory: Memory) -> None:
        self.loop = loop
        self._memory = memory
        self._queues: list[Queue] = []
        self._publishers: list[Publisher] = []
        self._outboxes: list[Outbox] = []
        self._scheduled = False

    def deliver(self, queue: Queue) -> None:
        self._queues.append(queue)
        if not self._scheduled:
            self._schedule()

    def confirm(self, publisher: Publisher) -> None:
        self._publishers.append(publisher)
        if not self._scheduled:
            self._schedule()

    def write(self, outbox: Outbox) -> None:
        self._outboxes.append(outbox)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self.loop.call_soon(self._end)

    def _end(self) -> None:
        """What delivering and confirming give to write is written now: that needs no turn of its own."""
        try:
            queues, self._queues = self._queues, []
            for queue in queues:
                queue.deliver()
            publishers, self._publishers = self._publishers, []
            for publisher in publishers:
                publisher.confirm()
            memory = self._memory
            if not memory.least_bytes <= memory.held_bytes <= memory.most_bytes:
                memory.check()
        finally:
            self._scheduled = False
        outboxes, self._outboxes = self._outboxes, []
        for outbox in outboxes:
            outbox.flush()
