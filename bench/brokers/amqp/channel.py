"""One channel: its methods, but for those that declare and bind; what it consumes and settles."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from pamqp import commands

from bench.brokers.amqp import replies, wire
from bench.brokers.amqp.consumers import UNLIMITED, Consumer
from bench.brokers.amqp.messages import OVERHEAD_BYTES, held_bytes, whole_content
from bench.brokers.amqp.methods import read_method
from bench.brokers.amqp.publishing import Publisher
from bench.brokers.amqp.replies import AmqpError
from bench.brokers.amqp.topology import TOPOLOGY
from bench.brokers.amqp.unacked import Unacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pamqp.base import Frame

    from bench.brokers.amqp.connection import Connection
    from bench.brokers.amqp.queues import Queue
    from bench.brokers.amqp.unacked import Delivery


class Channel:
    """``credit`` is what its consumers share (qos ``global``); ``flowing`` is what the client says."""

    def __init__(self, channel_id: int, connection: Connection) -> None:
        self.id = channel_id
        self.connection = connection
        self.broker = connection.broker
        self.memory = connection.broker.memory
        self.publisher = Publisher(channel_id, connection)
        self.consumers: dict[str, Consumer] = {}
        self.unacked = Unacked()
        self.last_tag = 0
        self.credit = UNLIMITED
        self.flowing = True
        self.last_queue_name = ""
        self._prefetch = 0
        self._ack_head = wire.ack_head(channel_id)
        connection.ways[self._ack_head] = self.take_acks

    def frame(self, kind: int, payload: bytes) -> None:
        """Any frame that the connection has not taken by the short way."""
        if kind != wire.METHOD:
            self.publisher.content(kind, payload)
            return
        if self.publisher.assembly is not None:
            raise AmqpError(replies.UNEXPECTED_FRAME, "expected content, got a method instead")
        method_id = wire.method_id(payload)
        if method_id == wire.BASIC_PUBLISH:
            self.publisher.begin(payload)
        elif method_id in self._SETTLING and len(payload) == wire.SETTLE_SIZE:
            _, tag, flags = wire.settle_arguments(payload)
            self._SETTLING[method_id](self, tag, flags)
        else:
            self._rare_method(read_method(payload))

    def close(self) -> None:
        """Cancels its consumers and puts back what was not acknowledged."""
        self.publisher.close()
        self.connection.ways.pop(self._ack_head, None)
        consumers, self.consumers = self.consumers, {}
        for consumer in consumers.values():
            self._leave_queue(consumer)
        self._put_away(self.unacked.settle_up_to(0), requeue=True)

    def _rare_method(self, method: Frame) -> None:
        if type(method) in TOPOLOGY:
            reply: Frame | None = TOPOLOGY[type(method)](self, method)
        elif type(method) in self._METHODS:
            reply = self._METHODS[type(method)](self, method)
        else:
            raise AmqpError(replies.NOT_IMPLEMENTED, method.name.lower())
        if reply is not None and not getattr(method, "nowait", False):
            self.connection.send(reply, self.id)

    # -- settling

    def ack(self, tag: int, flags: int) -> None:
        if flags & wire.MULTIPLE:
            self._put_away(self.unacked.settle_up_to(tag), requeue=False)
        else:
            self._put_away([self.unacked.settle(tag)], requeue=False)

    def take_acks(self, data: bytes, start: int) -> int:
        """Takes the acks of one message each that follow one another from ``start`` on; where they end.

        That is ``start`` where all is not well: that is for the careful way to say.
        """
        if self.publisher.assembly is not None:
            return start
        unacked, head, arguments, released = self.unacked, self._ack_head, wire.ack_arguments, 0
        last = len(data) - wire.ACK_BYTES
        while start <= last and data.startswith(head, start):
            tag, flags, frame_end = arguments(data, start + wire.METHOD_HEAD_BYTES)
            if flags or frame_end != wire.FRAME_END or (delivery := unacked.pop(tag, None)) is None:
                break
            message, _, consumer = delivery
            released += len(message[1]) + OVERHEAD_BYTES
            if consumer is not None:
                self._give_credit(consumer)
            start += wire.ACK_BYTES
        self.memory.held_bytes -= released
        return start

    def _nack(self, tag: int, flags: int) -> None:
        multiple = flags & wire.MULTIPLE
        deliveries = self.unacked.settle_up_to(tag) if multiple else [self.unacked.settle(tag)]
        self._put_away(deliveries, requeue=bool(flags & wire.NACK_REQUEUE))

    def _reject(self, tag: int, flags: int) -> None:
        self._put_away([self.unacked.settle(tag)], requeue=bool(flags & wire.REJECT_REQUEUE))

    def _recover(self, method: commands.Basic.Recover) -> Frame:
        self._recover_async(method)
        return commands.Basic.RecoverOk()

    def _recover_async(self, method: commands.Basic.Recover | commands.Basic.RecoverAsync) -> None:
        if not method.requeue:
            raise AmqpError(replies.NOT_IMPLEMENTED, "requeue=false")
        self._put_away(self.unacked.settle_up_to(0), requeue=True)

    def _put_away(self, deliveries: Iterable[Delivery], *, requeue: bool) -> None:
        for message, queue, consumer in deliveries:
            if requeue:
                queue.put_back(message)
            else:
                self.memory.held_bytes -= held_bytes(message)
            if consumer is not None:
                self._give_credit(consumer)

    def _give_credit(self, consumer: Consumer) -> None:
        consumer.credit += 1
        if not consumer.waiting:
            consumer.queue.offer(consumer)
        self.credit += 1
        if self.credit == 1:
            self._offer_all()

    def _offer_all(self) -> None:
        for consumer in self.consumers.values():
            consumer.queue.offer(consumer)

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
        self.consumers.pop(consumer.tag, None)
        self._stop(consumer)
        if self.connection.announced("consumer_cancel_notify"):
            self.connection.send(commands.Basic.Cancel(consumer_tag=consumer.tag, nowait=True), self.id)

    def _leave_queue(self, consumer: Consumer) -> None:
        self._stop(consumer)
        queue = consumer.queue
        if queue.auto_delete and not queue.consumers and not queue.deleted:
            self.broker.delete_queue(queue)

    def _stop(self, consumer: Consumer) -> None:
        consumer.queue.remove(consumer)
        self.connection.outbox.parked.pop(consumer, None)

    def _get(self, method: commands.Basic.Get) -> Frame | None:
        queue = self.queue(method.queue)
        if not len(queue):
            return commands.Basic.GetEmpty()
        message = queue.pop()
        origin = message[2]
        self.last_tag += 1
        if method.no_ack:
            self.memory.held_bytes -= held_bytes(message)
        else:
            self.unacked[self.last_tag] = message, queue, None
        head = wire.get_ok(
            self.id,
            self.last_tag,
            origin.exchange,
            origin.routing_key,
            redelivered=origin.redelivered,
            messages_left=len(queue),
        )
        content = wire.reframed(whole_content(message), self.id, self.connection.frame_max_bytes)
        self.connection.outbox.write(head + content)
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

    def _select_confirms(self, _: commands.Confirm.Select) -> Frame:
        self.publisher.select_confirms()
        return commands.Confirm.SelectOk()

    def _ignore(self, _: Frame) -> None:
        """A late answer to something that the broker asked."""

    _SETTLING: ClassVar[dict[int, Callable[[Channel, int, int], None]]] = {
        wire.BASIC_ACK: ack,
        wire.BASIC_NACK: _nack,
        wire.BASIC_REJECT: _reject,
    }
    _METHODS: ClassVar[dict[type[Frame], Callable[[Channel, Any], Frame | None]]] = {
        commands.Basic.Qos: _qos,
        commands.Basic.Consume: _consume,
        commands.Basic.Cancel: _cancel,
        commands.Basic.CancelOk: _ignore,
        commands.Basic.Get: _get,
        commands.Basic.Recover: _recover,
        commands.Basic.RecoverAsync: _recover_async,
        commands.Channel.Flow: _flow,
        commands.Channel.FlowOk: _ignore,
        commands.Confirm.Select: _select_confirms,
    }
