"""Messages that look like others of their channel: whatever is before their bodies was read once already.

Clients repeat themselves: the same exchange, routing key, flags, properties and size of body. Their frames up
to the body are then the same bytes, and so need not be read again, nor held again with every message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.brokers.amqp import wire
from bench.brokers.amqp.messages import OVERHEAD_BYTES, Origin, Publication

if TYPE_CHECKING:
    from bench.brokers.amqp.publishing import Publisher

_LONGEST_BYTES = 512
_KNOWN = 1_000
_SEEN_ONCE = 64


class Shape(NamedTuple):
    """What follows the bytes by which it is known: the rest of its body frame, up to ``size`` bytes in all.

    ``body_at`` is where the size of the body frame is, from where the content is held.
    """

    publication: Publication
    body_at: int
    size: int


class Repeated:
    """The shapes of messages whose basic.publish is of one size, by all the bytes before their bodies.

    A shape is learnt when it is seen for the second time: bodies of ever new sizes have nothing in common.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._broker = publisher.broker
        self._length = 0
        self._shapes: dict[bytes, Shape] = {}
        self._seen_once: set[bytes] = set()

    def take(self, data: bytes, start: int) -> int:
        """Publishes the known messages that follow one another from ``start`` on; where they end.

        That is ``start`` where all is not well, or goes to no queue: that is for the careful way to say.
        """
        publisher, shapes, length, end = self._publisher, self._shapes, self._length, len(data)
        if publisher.assembly is not None:
            return start
        broker, count, held_bytes = self._broker, 0, 0
        while (shape := shapes.get(data[start : start + length])) is not None:
            publication, body_at, size = shape
            stop = start + size
            queues = publication.queues
            if (
                stop > end
                or data[stop - 1] != wire.FRAME_END
                or publication.version != broker.version
                or not queues
            ):
                break
            content = data[start + body_at : stop]
            message = next(broker.positions), content, publication.origin
            for queue in queues:
                queue.put(message)
            held_bytes += (len(content) + OVERHEAD_BYTES) * len(queues)
            count += 1
            start = stop
        if count:
            broker.memory.held_bytes += held_bytes
            publisher.published(count)
        return start

    def learn(self, publication: Publication, data: bytes, start: int, content_at: int, stop: int) -> None:
        """A message in plain content, which begins, has its content and ends there, and was published."""
        body_at = content_at + wire.header_frame_bytes(data, content_at)
        known = data[start : body_at + wire.BODY_HEAD_BYTES]
        if len(known) > _LONGEST_BYTES:
            return
        if known not in self._seen_once:
            if len(self._seen_once) >= _SEEN_ONCE:
                self._seen_once.clear()
            self._seen_once.add(known)
            return
        if len(self._shapes) >= _KNOWN or len(known) != self._length:
            self._shapes.clear()
        self._length = len(known)
        self._shapes[known] = Shape(
            self._alike(publication, data[content_at + 3 : body_at]), body_at + 3 - start, stop - start
        )

    def _alike(self, publication: Publication, header: bytes) -> Publication:
        origin = publication.origin
        alike = Publication(
            Origin(
                exchange=origin.exchange,
                routing_key=origin.routing_key,
                channel_id=origin.channel_id,
                frame_max_bytes=origin.frame_max_bytes,
                header=header,
            ),
            mandatory=publication.mandatory,
        )
        self._broker.route(alike)
        return alike
