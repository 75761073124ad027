"""The publishing half of a channel: contents put together, routed, returned and confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.brokers.amqp import replies, wire
from bench.brokers.amqp.assembly import MESSAGE_MAX_BYTES, Assembly
from bench.brokers.amqp.messages import OVERHEAD_BYTES, Origin, Publication
from bench.brokers.amqp.repeated import Repeated
from bench.brokers.amqp.replies import AmqpError

if TYPE_CHECKING:
    from bench.brokers.amqp.connection import Connection

_CACHED_PUBLICATIONS = 1_000


class Publisher:
    """``publications`` are the publish methods seen so far, by their bytes: clients repeat a few of them.

    ``assembly`` is the message whose content is still arriving frame by frame.
    """

    def __init__(self, channel_id: int, connection: Connection) -> None:
        self.publications: dict[bytes, Publication] = {}
        self.assembly: Assembly | None = None
        self._repeated: dict[bytes, Repeated] = {}
        self._channel_id = channel_id
        self._connection = connection
        self.broker = connection.broker
        self._confirming = False
        self._published = 0
        self._confirmed = 0
        self._confirm_due = False
        self._joined = False
        self._open = True

    def begin(self, payload: bytes) -> None:
        """basic.publish: its content follows."""
        publication = self.publications.get(payload)
        if publication is None:
            if len(self.publications) >= _CACHED_PUBLICATIONS:
                self.publications.clear()
            publication = self.publications[payload] = self._new_publication(payload)
        self.assembly = Assembly(
            publication,
            user=self.broker.settings.user,
            most_bytes=min(MESSAGE_MAX_BYTES, self.broker.memory.limit_bytes),
        )

    def content(self, kind: int, payload: bytes) -> None:
        """A content frame; the message is published with the last of them."""
        assembly = self.assembly
        if assembly is None:
            raise AmqpError(replies.UNEXPECTED_FRAME, "expected a method, got content instead")
        if kind == wire.HEADER:
            assembly.header(payload)
        else:
            assembly.body(payload)
        if assembly.whole:
            self.assembly = None
            self.publish(assembly.publication, assembly.content)

    def publish(self, publication: Publication, content: bytes) -> None:
        """Puts a message where it goes; the confirm follows at the end of the turn."""
        broker = self.broker
        if publication.version != broker.version:
            broker.route(publication)
        queues = publication.queues
        if queues:
            message = next(broker.positions), content, publication.origin
            for queue in queues:
                queue.put(message)
            broker.memory.held_bytes += (len(content) + OVERHEAD_BYTES) * len(queues)
        elif publication.mandatory:
            self._return(publication.origin, content)
        self.published(1)

    def published(self, count: int) -> None:
        self._published += count
        if not self._confirm_due:
            self._confirm_due = True
            self.broker.turn.confirm(self)

    def learn(self, publication: Publication, data: bytes, places: tuple[int, int, int]) -> None:
        """Reads messages faster from now on that look like the one which has its method, its content and its
        end at these places.
        """
        head = data[places[0] : places[0] + wire.METHOD_HEAD_BYTES]
        repeated = self._repeated.get(head)
        if repeated is None:
            repeated = self._repeated[head] = Repeated(self)
            self._connection.ways[head] = repeated.take
        repeated.learn(publication, data, *places)

    def select_confirms(self) -> None:
        if not self._confirming:
            self._confirming = True
            self._published = self._confirmed = 0

    def confirm(self) -> None:
        """Confirms, if the channel asked for that, all that was published since the last time."""
        self._confirm_due = False
        if not self._joined:
            self._joined = True
            self._connection.publishes()
        count = self._published - self._confirmed
        self._confirmed = self._published
        if self._confirming and self._open and count:
            self._connection.outbox.write(wire.ack(self._channel_id, self._published, multiple=count > 1))

    def close(self) -> None:
        self.confirm()
        self._open = False
        self.assembly = None
        for head in self._repeated:
            del self._connection.ways[head]
        self._repeated.clear()

    def _new_publication(self, payload: bytes) -> Publication:
        read = wire.read_publish(payload)
        if read is None:
            raise AmqpError(replies.FRAME_ERROR, "basic.publish cannot be read")
        exchange, routing_key, flags = read
        if flags & wire.IMMEDIATE:
            raise AmqpError(replies.NOT_IMPLEMENTED, "immediate=true")
        origin = Origin(
            exchange=exchange,
            routing_key=routing_key,
            channel_id=self._channel_id,
            frame_max_bytes=self._connection.frame_max_bytes,
        )
        return Publication(origin, mandatory=bool(flags & wire.MANDATORY))

    def _return(self, origin: Origin, content: bytes) -> None:
        head = wire.returned(
            self._channel_id, replies.NO_ROUTE, "NO_ROUTE", origin.exchange, origin.routing_key
        )
        self._connection.outbox.write(head + content)
