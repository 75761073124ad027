"""One channel: publishing, consuming, settling. The methods that declare and bind are in ``topology``."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from pamqp import commands

from bench.brokers.amqp import replies, wire
from bench.brokers.amqp.assembly import MESSAGE_MAX_BYTES, Assembly
from bench.brokers.amqp.consumers import UNLIMITED, Consumer
from bench.brokers.amqp.messages import OVERHEAD_BYTES, Message, Origin, Publication
from bench.brokers.amqp.replies import AmqpError
from bench.brokers.amqp.topology import TOPOLOGY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pamqp.base import Frame

    from bench.brokers.amqp.connection import Connection
    from bench.brokers.amqp.queues import Queue

_CACHED_PUBLICATIONS = 1_000


class Channel:
    """``credit`` is what its consumers share (qos ``global``); ``unacked`` is in the order of delivery."""

    def __init__(self, channel_id: int, connection: Connection) -> None:
        self.id = channel_id
        self.connection = connection
        self.broker = connection.broker
        self.memory = connection.broker.memory
        self.assembly: Assembly | None = None
        self.publications: dict[bytes, Publication] = {}
        self.consumers: dict[str, Consumer] = {}
        self.unacked: dict[int, tuple[Message, Queue, Consumer | None]] = {}
        self.last_tag = 0
        self.credit = UNLIMITED
        self.flowing = True
        self.last_queue_name = ""
        self._open = True
        self._oldest_tag = 1
        self._prefetch = 0
        self._confirming = False
        self._published = 0
        self._confirmed = 0
        self._confirm_due = False

    # -- what arrives: by the frame where it is rare, straight from the connection where it is not

    def frame(self, kind: int, payload: bytes) -> None:
        if kind == wire.METHOD:
            if self.assembly is not None:
                raise AmqpError(replies.UNEXPECTED_FRAME, "expected content, got a method instead")
            self._method(payload)
            return
        if self.assembly is None:
            raise AmqpError(replies.UNEXPECTED_FRAME, "expected a method, got content instead")
        if kind == wire.HEADER:
            self.assembly.header(payload)
        else:
            self.assembly.body(payload)
        if self.assembly.whole:
            assembly, self.assembly = self.assembly, None
            self.publish(assembly.publication, assembly.content)

    def _method(self, payload: bytes) -> None:
        method_id = wire.method_id(payload)
        if method_id == wire.BASIC_PUBLISH:
            self._begin_publish(payload)
        elif method_id in _SETTLING and len(payload) == wire.SETTLE_SIZE:
            _, tag, flags = wire.settle_arguments(payload)
            _SETTLING[method_id](self, tag, flags)
        else:
            self._rare_method(self.connection.decoded(payload))

    def _rare_method(self, method: Frame) -> None:
        if type(method) in TOPOLOGY:
            reply: Frame | None = TOPOLOGY[type(method)](self, method)
        elif type(method) in _METHODS:
            reply = _METHODS[type(method)](self, method)
        else:
            raise AmqpError(replies.NOT_IMPLEMENTED, method.name.lower())
        if reply is not None and not getattr(method, "nowait", False):
            self.connection.send(reply, self.id)

    # -- publishing

    def _begin_publish(self, payload: bytes) -> None:
        publication = self.publications.get(payload)
        if publication is None:
            read = wire.read_publish(payload)
            if read is None:
                raise AmqpError(replies.SYNTAX_ERROR, "basic.publish cannot be read")
            exchange, routing_key, flags = read
            if flags & wire.IMMEDIATE:
                raise AmqpError(replies.NOT_IMPLEMENTED, "immediate=true")
            origin = Origin(
                exchange=exchange,
                routing_key=routing_key,
                channel_id=self.id,
                frame_max_bytes=self.connection.frame_max_bytes,
            )
            if len(self.publications) >= _CACHED_PUBLICATIONS:
                self.publications.clear()
            publication = self.publications[payload] = Publication(
                origin, mandatory=bool(flags & wire.MANDATORY)
            )
        self.assembly = Assembly(
            publication,
            user=self.broker.settings.user,
            most_bytes=min(MESSAGE_MAX_BYTES, self.memory.limit_bytes),
        )

    def publish(self, publication: Publication, content: bytes) -> None:
        """Puts a message where it goes; the confirm follows at the end of the turn."""
        broker = self.broker
        if publication.version != broker.version:
            broker.route(publication)
        queues = publication.queues
        if queues:
            message = Message(content, publication.origin, next(broker.positions))
            for queue in queues:
                queue.put(message)
            self.memory.held_bytes += (len(content) + OVERHEAD_BYTES) * len(queues)
        elif publication.mandatory:
            self._return(publication.origin, content)
        self._published += 1
        if not self._confirm_due:
            self._confirm_soon()

    def _confirm_soon(self) -> None:
        self._confirm_due = True
        self.broker.turn.confirm(self)
        self.connection.publishes()

    def confirm(self) -> None:
        self._confirm_due = False
        count = self._published - self._confirmed
        self._confirmed = self._published
        if self._confirming and self._open and count:
            self.connection.write(wire.ack(self.id, self._published, multiple=count > 1))

    def _return(self, origin: Origin, content: bytes) -> None:
        head = wire.returned(self.id, replies.NO_ROUTE, "NO_ROUTE", origin.exchange, origin.routing_key)
        self.connection.write(head + content)

    def _select_confirms(self, _: commands.Confirm.Select) -> Frame:
        if not self._confirming:
            self._confirming = True
            self._published = self._confirmed = 0
        return commands.Confirm.SelectOk()

    # -- settling

    def ack(self, tag: int, flags: int) -> None:
        if flags & wire.MULTIPLE:
            for message, _, consumer in self._settled(tag, multiple=True):
                self.memory.held_bytes -= message.held_bytes
                self._give_credit(consumer)
            return
        entry = self.unacked.pop(tag, None)
        if entry is None:
            raise self._unknown(tag)
        message, _, consumer = entry
        self.memory.held_bytes -= len(message.content) + OVERHEAD_BYTES
        self._give_credit(consumer)

    def nack(self, tag: int, flags: int) -> None:
        settled = self._settled(tag, multiple=bool(flags & wire.MULTIPLE))
        self._put_away(settled, requeue=bool(flags & wire.NACK_REQUEUE))

    def reject(self, tag: int, flags: int) -> None:
        self._put_away(self._settled(tag, multiple=False), requeue=bool(flags & wire.REJECT_REQUEUE))

    def _put_away(self, entries: Iterable[tuple[Message, Queue, Consumer | None]], *, requeue: bool) -> None:
        for message, queue, consumer in entries:
            if requeue:
                queue.put_back(message)
            else:
                self.memory.held_bytes -= message.held_bytes
            self._give_credit(consumer)

    def _settled(self, tag: int, *, multiple: bool) -> list[tuple[Message, Queue, Consumer | None]]:
        """Takes out what a tag settles, oldest first; tag 0 with ``multiple`` is everything."""
        unacked = self.unacked
        if tag not in unacked and not (multiple and tag == 0):
            raise self._unknown(tag)
        if not multiple:
            return [unacked.pop(tag)]
        tag = tag or self.last_tag
        if tag - self._oldest_tag < 2 * len(unacked):
            tags: Iterable[int] = range(self._oldest_tag, tag + 1)
        else:  # long settled one by one: the few that are left are found faster among themselves
            tags = [left for left in unacked if left <= tag]
        self._oldest_tag = tag + 1
        return [unacked.pop(settled) for settled in tags if settled in unacked]

    def _give_credit(self, consumer: Consumer | None) -> None:
        if consumer is None:
            return
        consumer.credit += 1
        if not consumer.waiting:
            consumer.queue.offer(consumer)
        self.credit += 1
        if self.credit == 1:
            self._offer_all()

    def _offer_all(self) -> None:
        for consumer in self.consumers.values():
            consumer.queue.offer(consumer)

    def _unknown(self, tag: int) -> AmqpError:
        return AmqpError(replies.PRECONDITION_FAILED, f"unknown delivery tag {tag}")

    def _recover(self, method: commands.Basic.Recover) -> Frame:
        self._recover_async(method)
        return commands.Basic.RecoverOk()

    def _recover_async(self, method: commands.Basic.Recover | commands.Basic.RecoverAsync) -> None:
        if not method.requeue:
            raise AmqpError(replies.NOT_IMPLEMENTED, "requeue=false")
        self._put_away(self._settled(0, multiple=True), requeue=True)

    # -- consuming

    def _qos(self, method: commands.Basic.Qos) -> Frame:
        if method.prefetch_size:
            raise AmqpError(replies.NOT_IMPLEMENTED, f"prefetch_size!=0 ({method.prefetch_size})")
        if method.global_:
            count = method.prefetch_count
            self.credit = count - len(self.unacked) if count else UNLIMITED
            self._offer_all()
        else:
            self._prefetch = method.prefetch_count
        return commands.Basic.QosOk()

    def _consume(self, method: commands.Basic.Consume) -> Frame:
        queue = self.queue(method.queue)
        tag = method.consumer_tag or f"amq.ctag-{secrets.token_urlsafe(16)}"
        if tag in self.consumers:
            raise AmqpError(replies.NOT_ALLOWED, f"attempt to reuse consumer tag '{tag}'")
        if any(consumer.exclusive for consumer in queue.consumers) or (method.exclusive and queue.consumers):
            what = self.broker.what("queue", queue.name)
            raise AmqpError(replies.ACCESS_REFUSED, f"{what} in exclusive use")
        for argument in method.arguments or {}:
            if argument.startswith("x-"):
                raise AmqpError(replies.NOT_IMPLEMENTED, f"consumers with {argument}")
        consumer = Consumer(
            tag, self, queue, no_ack=method.no_ack, exclusive=method.exclusive, prefetch=self._prefetch
        )
        self.consumers[tag] = consumer
        queue.add(consumer)
        return commands.Basic.ConsumeOk(consumer_tag=tag)

    def _cancel(self, method: commands.Basic.Cancel) -> Frame:
        consumer = self.consumers.pop(method.consumer_tag or "", None)
        if consumer is not None:
            self._leave_queue(consumer)
        return commands.Basic.CancelOk(consumer_tag=method.consumer_tag)

    def cancelled_by_broker(self, consumer: Consumer) -> None:
        """The queue of a consumer is gone; says so to clients that announced to understand it."""
        del self.consumers[consumer.tag]
        consumer.queue.remove(consumer)
        self.connection.parked.pop(consumer, None)
        if self.connection.announced("consumer_cancel_notify"):
            self.connection.send(commands.Basic.Cancel(consumer_tag=consumer.tag, nowait=True), self.id)

    def _leave_queue(self, consumer: Consumer) -> None:
        queue = consumer.queue
        queue.remove(consumer)
        self.connection.parked.pop(consumer, None)
        if queue.auto_delete and not queue.consumers and not queue.deleted:
            self.broker.delete_queue(queue)

    def _get(self, method: commands.Basic.Get) -> Frame | None:
        queue = self.queue(method.queue)
        if not len(queue):
            return commands.Basic.GetEmpty()
        message = queue.pop()
        self.last_tag += 1
        if method.no_ack:
            self.memory.held_bytes -= message.held_bytes
        else:
            self.unacked[self.last_tag] = message, queue, None
        origin = message.origin
        head = wire.get_ok(
            self.id,
            self.last_tag,
            origin.exchange,
            origin.routing_key,
            redelivered=origin.redelivered,
            messages_left=len(queue),
        )
        self.connection.write(head + wire.reframed(message.content, self.id, self.connection.frame_max_bytes))
        return None

    # -- the rest

    def queue_name(self, name: str) -> str:
        """No name stands for the queue that this channel declared last."""
        if not (name or self.last_queue_name):
            raise AmqpError(replies.NOT_FOUND, "no previously declared queue")
        return name or self.last_queue_name

    def queue(self, name: str) -> Queue:
        return self.broker.queue(self.queue_name(name), self.connection)

    def _flow(self, method: commands.Channel.Flow) -> Frame:
        self.flowing = bool(method.active)
        if self.flowing:
            self._offer_all()
        return commands.Channel.FlowOk(active=self.flowing)

    def _ignore(self, _: Frame) -> None:
        """A late answer to something that the broker asked."""

    def close(self) -> None:
        """Cancels its consumers and puts back what was not acknowledged."""
        self.confirm()
        self._open = False
        self.assembly = None
        for consumer in tuple(self.consumers.values()):
            self._leave_queue(consumer)
        self.consumers.clear()
        self._put_away(self._settled(0, multiple=True), requeue=True)


_SETTLING: dict[int, Callable[[Channel, int, int], None]] = {
    wire.BASIC_ACK: Channel.ack,
    wire.BASIC_NACK: Channel.nack,
    wire.BASIC_REJECT: Channel.reject,
}
_METHODS: dict[type[Frame], Callable[[Channel, Any], Frame | None]] = {
    commands.Basic.Qos: Channel._qos,
    commands.Basic.Consume: Channel._consume,
    commands.Basic.Cancel: Channel._cancel,
    commands.Basic.CancelOk: Channel._ignore,
    commands.Basic.Get: Channel._get,
    commands.Basic.Recover: Channel._recover,
    commands.Basic.RecoverAsync: Channel._recover_async,
    commands.Channel.Flow: Channel._flow,
    commands.Channel.FlowOk: Channel._ignore,
    commands.Confirm.Select: Channel._select_confirms,
}
