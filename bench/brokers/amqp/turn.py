"""What is put off to the end of a turn of the event loop, to be done once for many frames.

Sockets are read many frames at a time. Deliveries, confirms and writes wait until everything that had arrived
is read; then each queue delivers once, each channel confirms once (``multiple``, as RabbitMQ does it) and
each connection is written to once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from bench.brokers.amqp.channel import Channel
    from bench.brokers.amqp.connection import Connection
    from bench.brokers.amqp.memory import Memory
    from bench.brokers.amqp.queues import Queue


class Turn:
    """Who is put on a list keeps a mark of it, so as to stand there once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, memory: Memory) -> None:
        self.loop = loop
        self._memory = memory
        self._queues: list[Queue] = []
        self._channels: list[Channel] = []
        self._connections: list[Connection] = []
        self._scheduled = False

    def deliver(self, queue: Queue) -> None:
        self._queues.append(queue)
        self._due()

    def confirm(self, channel: Channel) -> None:
        self._channels.append(channel)
        self._due()

    def write(self, connection: Connection) -> None:
        self._connections.append(connection)
        self._due()

    def _due(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._end)

    def _end(self) -> None:
        self._scheduled = False
        queues, self._queues = self._queues, []
        for queue in queues:
            queue.deliver()
        channels, self._channels = self._channels, []
        for channel in channels:
            channel.confirm()
        self._memory.check()
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.flush()
