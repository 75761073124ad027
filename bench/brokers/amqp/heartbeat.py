"""The pulse of a connection: sent when nothing else was, and missed when a peer falls silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.brokers.amqp import wire

if TYPE_CHECKING:
    import asyncio

    from bench.brokers.amqp.connection import Connection

_SILENT_TICKS = 4
"""Half intervals without a byte after which a peer is given up: two heartbeats missed."""


class Heartbeat:
    """Looks every half interval whether anything was heard or sent since."""

    def __init__(self, connection: Connection, interval_s: float, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._tick_s = interval_s / 2
        self._loop = loop
        self._silent_ticks = 0
        self._timer = loop.call_later(self._tick_s, self._tick)

    def stop(self) -> None:
        self._timer.cancel()

    def _tick(self) -> None:
        connection = self._connection
        if connection.heard or not connection.reading:  # who is not read from cannot be heard
            self._silent_ticks = 0
        else:
            self._silent_ticks += 1
        if self._silent_ticks >= _SILENT_TICKS:
            connection.abort()
            return
        if not connection.outbox.spoke:
            connection.outbox.write(wire.HEARTBEAT_FRAME)
        connection.heard = connection.outbox.spoke = False
        self._timer = self._loop.call_later(self._tick_s, self._tick)
