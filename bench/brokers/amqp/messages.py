"""A message as the broker holds it, and what it shares with its like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.brokers.amqp import wire

if TYPE_CHECKING:
    from bench.brokers.amqp.queues import Queue

OVERHEAD_BYTES = 256
"""What a held message costs beside its content: objects, a place in a queue, an entry until it is settled."""


class Origin:
    """Where messages came from: everything that basic.deliver says of them beside the delivery tag.

    Messages published alike share one, so consumers can look up a prebuilt frame by its identity.
    ``channel_id`` and ``frame_max_bytes`` are those of the publisher, in which the content is framed.
    ``header`` is the header frame of them all, from its size on; empty where each message has its own.
    """

    __slots__ = (
        "_again",
        "channel_id",
        "exchange",
        "frame_max_bytes",
        "header",
        "redelivered",
        "routing_key",
    )

    def __init__(
        self,
        *,
        exchange: str,
        routing_key: str,
        channel_id: int,
        frame_max_bytes: int,
        header: bytes = b"",
        redelivered: bool = False,
    ) -> None:
        self.exchange = exchange
        self.routing_key = routing_key
        self.channel_id = channel_id
        self.frame_max_bytes = frame_max_bytes
        self.header = header
        self.redelivered = redelivered
        self._again: Origin | None = None

    @property
    def again(self) -> Origin:
        """The same origin, for messages that were delivered before."""
        if self.redelivered:
            return self
        if self._again is None:
            self._again = Origin(
                exchange=self.exchange,
                routing_key=self.routing_key,
                channel_id=self.channel_id,
                frame_max_bytes=self.frame_max_bytes,
                header=self.header,
                redelivered=True,
            )
        return self._again


Message = tuple[int, bytes, Origin]
"""A message, never changed, so the queues of a fanout share one: its position, content and origin.

The position grows with every publish, so messages sort by it. The content is what the publisher sent: header
frame and body frames, from the header's size on (its type and channel are left to the deliver frame that goes
before). Where the origin has the header, the content is one body frame, from its size on.
"""


def again(message: Message) -> Message:
    position, content, origin = message
    return position, content, origin.again


def held_bytes(message: Message) -> int:
    return len(message[1]) + OVERHEAD_BYTES


def whole_content(message: Message) -> bytes:
    """Header and body frames, from the header's size on, in the frames of the publisher."""
    _, content, origin = message
    return b"".join((origin.header, wire.body_mark(origin.channel_id), content)) if origin.header else content


class Publication:
    """What messages published alike have in common, kept by the bytes of their basic.publish.

    ``queues`` are where they go, as of ``version`` of the broker's topology.
    """

    __slots__ = ("mandatory", "origin", "queues", "version")

    def __init__(self, origin: Origin, *, mandatory: bool) -> None:
        self.origin = origin
        self.mandatory = mandatory
        self.queues: tuple[Queue, ...] = ()
        self.version = -1
