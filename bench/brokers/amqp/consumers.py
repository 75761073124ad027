"""One consumer: deliveries within its credit and the room of its connection."""

from __future__ import annotations

import sys
from heapq import heappop
from typing import TYPE_CHECKING

from bench.brokers.amqp import wire
from bench.brokers.amqp.messages import held_bytes, whole_content

if TYPE_CHECKING:
    from bench.brokers.amqp.channel import Channel
    from bench.brokers.amqp.messages import Origin
    from bench.brokers.amqp.outbox import Outbox
    from bench.brokers.amqp.queues import Queue

UNLIMITED = sys.maxsize // 2
"""The credit of a consumer without prefetch: it is never used up."""
_CACHED_FRAMES = 1_000


class Consumer:
    """``credit`` is how many more messages may be unacknowledged; ``waiting``: the queue counts on it."""

    def __init__(
        self, tag: str, channel: Channel, queue: Queue, *, no_ack: bool, exclusive: bool, prefetch: int
    ) -> None:
        self.tag = tag
        self.channel = channel
        self.queue = queue
        self.no_ack = no_ack
        self.exclusive = exclusive
        self.credit = prefetch or UNLIMITED
        self.waiting = False
        self.cancelled = False
        self._frames: dict[Origin, tuple[bytes, bytes, bool]] = {}

    def take(self, most: int) -> bool:
        """Sends up to ``most`` messages of its queue; False when it has no room left."""
        channel, queue, no_ack = self.channel, self.queue, self.no_ack
        outbox, frame_max_bytes = channel.connection.outbox, channel.connection.frame_max_bytes
        if not no_ack:
            most = min(most, self.credit, channel.credit)
        room = outbox.room_bytes if channel.flowing else 0
        ready, returned, unacked = queue.ready, queue.returned, channel.unacked
        frames, out, pack_tag = self._frames, outbox.frames, wire.pack_tag
        first = tag = channel.last_tag
        last = tag + most
        while tag < last and room > 0 and (ready or returned):
            message = heappop(returned) if returned else ready.popleft()
            tag += 1
            _, content, origin = message
            before, after, verbatim = frames.get(origin) or self._frame(origin)
            if not verbatim:
                content = wire.reframed(whole_content(message), channel.id, frame_max_bytes)
            out += (before, pack_tag(tag), after, content)
            room -= len(content)
            if no_ack:
                channel.memory.held_bytes -= held_bytes(message)
            else:
                unacked[tag] = message, queue, self
        return self._sent(outbox, tag - first, room)

    def _sent(self, outbox: Outbox, count: int, room_bytes: int) -> bool:
        channel = self.channel
        if count:
            channel.last_tag += count
            if not self.no_ack:
                self.credit -= count
                channel.credit -= count
            outbox.write_soon()
        if not channel.flowing:
            return False
        outbox.room_bytes = room_bytes
        if room_bytes <= 0:
            outbox.parked[self] = None
            return False
        return self.no_ack or (self.credit > 0 and channel.credit > 0)

    def _frame(self, origin: Origin) -> tuple[bytes, bytes, bool]:
        """The deliver frame around the delivery tag, and whether content can follow as it was published."""
        if len(self._frames) >= _CACHED_FRAMES:
            self._frames.clear()
        channel = self.channel
        fits = origin.frame_max_bytes <= channel.connection.frame_max_bytes
        verbatim = fits and (bool(origin.header) or origin.channel_id == channel.id)
        before, after = wire.deliver_parts(
            channel.id,
            self.tag,
            origin.exchange,
            origin.routing_key,
            redelivered=origin.redelivered,
            header=origin.header if verbatim else b"",
        )
        frame = self._frames[origin] = before, after, verbatim
        return frame
