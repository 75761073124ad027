"""The methods that declare, bind and delete exchanges and queues; each returns its reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pamqp import commands

from bench.brokers.amqp import replies
from bench.brokers.amqp.broker import DEFAULT_EXCHANGE
from bench.brokers.amqp.exchanges import KINDS, Exchange
from bench.brokers.amqp.queues import Queue
from bench.brokers.amqp.replies import AmqpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pamqp.base import Frame

    from bench.brokers.amqp.channel import Channel

_KNOWN_QUEUE_ARGUMENTS = {
    "x-queue-type": ("classic",),
    "x-queue-mode": ("default", "lazy"),
    "x-queue-version": (1, 2),
}


class _DeclareOk(commands.Queue.DeclareOk):
    """pamqp lets names have the characters of the specification only; RabbitMQ and this broker take any."""

    def validate(self) -> None:
        pass


def declare_exchange(channel: Channel, method: commands.Exchange.Declare) -> Frame:
    broker = channel.broker
    if method.passive:
        broker.exchange(method.exchange)
        return commands.Exchange.DeclareOk()
    found = broker.exchanges.get(method.exchange)
    wanted = {
        "kind": method.exchange_type,
        "durable": method.durable,
        "auto_delete": method.auto_delete,
        "internal": method.internal,
    }
    if method.exchange == DEFAULT_EXCHANGE:
        raise AmqpError(replies.ACCESS_REFUSED, "operation not permitted on the default exchange")
    if found is not None:
        _insist(broker.what("exchange", method.exchange), found.differences(**wanted))
        return commands.Exchange.DeclareOk()
    _check_name(broker.what("exchange", method.exchange), method.exchange)
    if method.exchange_type == "headers" or method.arguments:
        raise AmqpError(replies.NOT_IMPLEMENTED, "headers exchanges, and arguments of exchanges")
    if method.exchange_type not in KINDS:
        raise AmqpError(replies.COMMAND_INVALID, f"unknown exchange type '{method.exchange_type}'")
    broker.add_exchange(
        Exchange(
            method.exchange,
            method.exchange_type,
            durable=method.durable,
            auto_delete=method.auto_delete,
            internal=method.internal,
        )
    )
    return commands.Exchange.DeclareOk()


def delete_exchange(channel: Channel, method: commands.Exchange.Delete) -> Frame:
    broker = channel.broker
    name = method.exchange
    if name == DEFAULT_EXCHANGE:
        raise AmqpError(replies.ACCESS_REFUSED, "operation not permitted on the default exchange")
    _check_name(broker.what("exchange", name), name)
    found = broker.exchanges.get(name)
    if found is not None and method.if_unused and found.in_use:
        raise AmqpError(replies.PRECONDITION_FAILED, f"{broker.what('exchange', name)} in use")
    if found is not None:
        broker.delete_exchange(found)
    return commands.Exchange.DeleteOk()


def declare_queue(channel: Channel, method: commands.Queue.Declare) -> Frame:
    broker = channel.broker
    name = method.queue or ("" if method.passive else broker.new_queue_name())
    if method.passive or name in broker.queues:
        queue = broker.queue(channel.queue_name(name), channel.connection)
    else:
        _check_name(broker.what("queue", method.queue), method.queue)
        queue = _new_queue(channel, name, method)
    if not method.passive:
        wanted = {
            "durable": method.durable,
            "exclusive": method.exclusive,
            "auto_delete": method.auto_delete,
            "arguments": _meaningful(method.arguments),
        }
        _insist(broker.what("queue", name), queue.differences(**wanted))
    channel.last_queue_name = queue.name
    return _DeclareOk(queue=queue.name, message_count=len(queue), consumer_count=len(queue.consumers))


def _new_queue(channel: Channel, name: str, method: commands.Queue.Declare) -> Queue:
    arguments = _meaningful(method.arguments)
    for argument, value in arguments.items():
        if value not in _KNOWN_QUEUE_ARGUMENTS.get(argument, ()):
            raise AmqpError(replies.NOT_IMPLEMENTED, f"queues with {argument}={value}")
    queue = Queue(
        name,
        channel.broker.turn,
        channel.broker.memory,
        durable=method.durable,
        auto_delete=method.auto_delete,
        owner=channel.connection if method.exclusive else None,
        arguments=arguments,
    )
    channel.broker.add_queue(queue)
    return queue


def bind_queue(channel: Channel, method: commands.Queue.Bind) -> Frame:
    queue = channel.queue(method.queue)
    exchange = _bindable(channel, method.exchange)
    channel.broker.bind(queue, exchange, _binding_key(queue, method))
    return commands.Queue.BindOk()


def unbind_queue(channel: Channel, method: commands.Queue.Unbind) -> Frame:
    """Removes a binding; as in RabbitMQ, it is no error if it is gone, or the exchange or queue is."""
    broker = channel.broker
    name = channel.queue_name(method.queue)
    if name in broker.queues and method.exchange in broker.exchanges:
        queue = channel.queue(name)
        broker.unbind(queue, _bindable(channel, method.exchange), _binding_key(queue, method))
    return commands.Queue.UnbindOk()


def purge_queue(channel: Channel, method: commands.Queue.Purge) -> Frame:
    return commands.Queue.PurgeOk(message_count=channel.queue(method.queue).purge())


def delete_queue(channel: Channel, method: commands.Queue.Delete) -> Frame:
    """As in RabbitMQ, deleting a queue that is gone is no error."""
    broker = channel.broker
    name = channel.queue_name(method.queue)
    if name not in broker.queues:
        return commands.Queue.DeleteOk(message_count=0)
    queue = channel.queue(name)
    if method.if_unused and queue.consumers:
        raise AmqpError(replies.PRECONDITION_FAILED, f"{broker.what('queue', name)} in use")
    if method.if_empty and len(queue):
        raise AmqpError(replies.PRECONDITION_FAILED, f"{broker.what('queue', name)} not empty")
    return commands.Queue.DeleteOk(message_count=broker.delete_queue(queue))


def _meaningful(arguments: dict[str, Any] | None) -> dict[str, Any]:
    """Those that mean something to a broker; as in RabbitMQ, others may differ between declarations."""
    return {name: value for name, value in (arguments or {}).items() if name.startswith("x-")}


def _check_name(what: str, name: str) -> None:
    if name.startswith("amq."):
        raise AmqpError(replies.ACCESS_REFUSED, f"{what} contains reserved prefix 'amq.*'")


def _insist(what: str, differences: list[tuple[str, Any, Any]]) -> None:
    for name, wish, fact in differences:
        if name == "exclusive":
            raise AmqpError(replies.RESOURCE_LOCKED, f"cannot obtain exclusive access to locked {what}")
        said = "type" if name == "kind" else name
        raise AmqpError(
            replies.PRECONDITION_FAILED,
            f"inequivalent arg '{said}' for {what}: received '{_said(wish)}' but current is '{_said(fact)}'",
        )


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bindable(channel: Channel, name: str) -> Exchange:
    if name == DEFAULT_EXCHANGE:
        raise AmqpError(replies.ACCESS_REFUSED, "operation not permitted on the default exchange")
    return channel.broker.exchange(name)


def _binding_key(queue: Queue, method: commands.Queue.Bind | commands.Queue.Unbind) -> str:
    """Where neither queue nor key is named, the key is the name of the queue declared last."""
    return method.routing_key or (queue.name if not method.queue else "")


TOPOLOGY: dict[type[Frame], Callable[[Channel, Any], Frame]] = {
    commands.Exchange.Declare: declare_exchange,
    commands.Exchange.Delete: delete_exchange,
    commands.Queue.Declare: declare_queue,
    commands.Queue.Bind: bind_queue,
    commands.Queue.Unbind: unbind_queue,
    commands.Queue.Purge: purge_queue,
    commands.Queue.Delete: delete_queue,
}
