"""What goes out to one peer: gathered until the end of the turn, and never more than the peer takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from bench.brokers.amqp.consumers import Consumer
    from bench.brokers.amqp.turn import Turn

_ROOM_BYTES = 256 * 1024
"""How much is delivered before it is written, and how much of that may wait unsent."""
_CLOGGED_BYTES = 1024 * 1024
"""How much may wait unsent, replies included, before nothing more is read from who does not take it."""


class Outbox:
    """``frames`` will be written at the end of the turn. Consumers deliver while there is ``room_bytes``;
    ``parked`` are those that ran out of it. ``spoke`` is set by writing, for the heartbeat to look at.
    """

    def __init__(self, transport: asyncio.Transport, turn: Turn, clogged: Callable[[], None]) -> None:
        self.frames: list[bytes] = []
        self.room_bytes = _ROOM_BYTES
        self.parked: dict[Consumer, None] = {}
        self.spoke = False
        self._transport = transport
        self._turn = turn
        self._clogged: Callable[[], None] | None = clogged
        self._full = False
        self._due = False
        transport.set_write_buffer_limits(high=_ROOM_BYTES)

    def write(self, frames: bytes) -> None:
        self.frames.append(frames)
        self.write_soon()

    def write_soon(self) -> None:
        if not self._due:
            self._due = True
            self._turn.write(self)

    def flush(self) -> None:
        self._due = False
        if self._clogged is None:
            return
        if self.frames:
            self.spoke = True
            self._transport.write(b"".join(self.frames))
            self.frames.clear()
        if not self._full:
            self.room_bytes = _ROOM_BYTES
            if self.parked:
                self._make_room()
        elif self._transport.get_write_buffer_size() > _CLOGGED_BYTES:
            self._clogged()

    def pause(self) -> None:
        """The peer does not take what was sent."""
        self._full = True
        self.room_bytes = 0

    def resume(self) -> None:
        self._full = False
        self.room_bytes = _ROOM_BYTES
        self._make_room()

    def close(self) -> None:
        """The connection is lost: nothing is written any more, and it is let go of."""
        self._clogged = None
        self.frames.clear()
        self.parked.clear()

    def _make_room(self) -> None:
        parked, self.parked = self.parked, {}
        for consumer in parked:
            consumer.queue.offer(consumer)
