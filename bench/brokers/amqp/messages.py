"""A message as the broker holds it, and what it shares with its like."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.brokers.amqp.queues import Queue

OVERHEAD_BYTES = 256
"""What a held message costs beside its content: objects, a place in a queue, an entry until it is settled."""


class Origin:
    """Where messages came from: everything that basic.deliver says of them beside the delivery tag.

    Messages published alike share one, so consumers can look up a prebuilt frame by its identity.
    ``channel_id`` and ``frame_max_bytes`` are those of the publisher, in which the content is framed.
    """

    __slots__ = ("_again", "channel_id", "exchange", "frame_max_bytes", "redelivered", "routing_key")

    def __init__(
        self,
        *,
        exchange: str,
        routing_key: str,
        channel_id: int,
        frame_max_bytes: int,
        redelivered: bool = False,
    ) -> None:
        self.exchange = exchange
        self.routing_key = routing_key
        self.channel_id = channel_id
        self.frame_max_bytes = frame_max_bytes
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
                redelivered=True,
            )
        return self._again


class Message:
    """A message, never changed, so the queues of a fanout share one.

    ``content`` is what the publisher sent: header frame and body frames, from the header's size on (its type
    and channel are left to the deliver frame that goes before). ``position`` grows with every publish.
    """

    __slots__ = ("content", "origin", "position")

    def __init__(self, content: bytes, origin: Origin, position: int) -> None:
        self.content = content
        self.origin = origin
        self.position = position

    def __lt__(self, other: Message) -> bool:
        return self.position < other.position

    def again(self) -> Message:
        return Message(self.content, self.origin.again, self.position)

    @property
    def held_bytes(self) -> int:
        return len(self.content) + OVERHEAD_BYTES


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
