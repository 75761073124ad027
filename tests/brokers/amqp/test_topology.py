"""Declaring, binding and deleting, through pika."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pika.exceptions
import pytest

ClosedByBroker = pika.exceptions.ChannelClosedByBroker


def depth(channel: Any, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def refused(code: int) -> Any:
    """The channel is closed with this reply code."""
    return pytest.raises(ClosedByBroker, match=rf"^\({code}, ")


def test_server_names_queues_and_counts_messages_and_consumers(channel: Any) -> None:
    declared = channel.queue_declare("", exclusive=True).method
    assert declared.queue.startswith("amq.gen-")
    channel.basic_publish("", declared.queue, b"1")
    channel.basic_publish("", declared.queue, b"2")
    assert depth(channel, declared.queue) == 2
    channel.basic_consume(declared.queue, lambda *_: None)
    assert channel.queue_declare(declared.queue, passive=True).method.consumer_count == 1


@pytest.mark.parametrize("name", ["größe*?!", "x" * 255])
def test_names_are_any_short_string(channel: Any, name: str) -> None:
    assert channel.queue_declare(name, exclusive=True).method.queue == name
    channel.exchange_declare(name, "topic", auto_delete=True)
    channel.queue_bind(name, name, name)
    channel.basic_publish(name, name, b"")
    method = channel.basic_get(name, auto_ack=True)[0]
    assert (method.exchange, method.routing_key) == (name, name)


def test_passive_declare_of_a_missing_queue_is_404(channel: Any) -> None:
    with refused(404):
        channel.queue_declare("nowhere", passive=True)


def test_passive_declare_of_a_missing_exchange_is_404(channel: Any) -> None:
    with refused(404):
        channel.exchange_declare("nowhere", passive=True)


def test_exclusive_queue_is_405_for_others_and_goes_with_its_connection(connect: Callable[..., Any]) -> None:
    owner, other = connect(), connect()
    owner.channel().queue_declare("mine", exclusive=True)
    with refused(405):
        other.channel().queue_declare("mine", passive=True)
    with refused(405):
        other.channel().queue_declare("mine")
    with refused(405):
        other.channel().basic_get("mine")
    owner.close()
    with refused(404):
        other.channel().queue_declare("mine", passive=True)


def test_auto_delete_queue_goes_with_its_last_consumer(channel: Any) -> None:
    channel.queue_declare("passing", auto_delete=True)
    tags = [channel.basic_consume("passing", lambda *_: None) for _ in range(2)]
    channel.basic_cancel(tags[0])
    assert channel.queue_declare("passing", passive=True).method.consumer_count == 1
    channel.basic_cancel(tags[1])
    with refused(404):
        channel.queue_declare("passing", passive=True)


@pytest.mark.parametrize(
    "change", [{"durable": True}, {"auto_delete": True}, {"arguments": {"x-queue-mode": "lazy"}}]
)
def test_inequivalent_queue_is_406(connect: Callable[..., Any], change: dict[str, Any]) -> None:
    connection = connect()
    connection.channel().queue_declare("declared")
    with refused(406):
        connection.channel().queue_declare("declared", **change)
    connection.channel().queue_delete("declared")


def test_inequivalent_exchange_is_406(connect: Callable[..., Any]) -> None:
    connection = connect()
    connection.channel().exchange_declare("declared", "fanout")
    with refused(406):
        connection.channel().exchange_declare("declared", "direct")
    with refused(406):
        connection.channel().exchange_declare("amq.topic", "fanout")
    connection.channel().exchange_delete("declared")


@pytest.mark.parametrize("name", ["amq.mine", ""])
def test_reserved_names_are_403(connect: Callable[..., Any], name: str) -> None:
    with refused(403):
        connect().channel().exchange_declare(name, "direct")
    with refused(403):
        connect().channel().exchange_delete(name)
    with refused(403):
        connect().channel().queue_declare("amq.mine")


def test_publish_to_internal_exchange_is_403(channel: Any) -> None:
    channel.exchange_declare("inner", "fanout", internal=True, auto_delete=True)
    channel.confirm_delivery()
    with refused(403):
        channel.basic_publish("inner", "", b"")


def test_default_exchange_cannot_be_bound(channel: Any, queue: str) -> None:
    with refused(403):
        channel.queue_bind(queue, "", "key")


def test_bind_to_missing_exchange_is_404(channel: Any, queue: str) -> None:
    with refused(404):
        channel.queue_bind(queue, "nowhere", "key")


@pytest.mark.parametrize(
    ("exchange", "binding", "reached", "missed"),
    [
        ("amq.direct", "key", "key", "other"),
        ("amq.fanout", "whatever", "anything", None),
        ("amq.topic", "a.*.c.#", "a.b.c", "a.c"),
    ],
)
def test_exchange_routes_by_its_kind(  # a table of cases
    channel: Any, queue: str, exchange: str, binding: str, reached: str, missed: str | None
) -> None:
    channel.queue_bind(queue, exchange, binding)
    channel.basic_publish(exchange, reached, b"")
    assert depth(channel, queue) == 1
    if missed is not None:
        channel.basic_publish(exchange, missed, b"")
        assert depth(channel, queue) == 1
    channel.queue_unbind(queue, exchange, binding)
    channel.basic_publish(exchange, reached, b"")
    assert depth(channel, queue) == 1


def test_cached_routes_follow_new_bindings(channel: Any, queue: str) -> None:
    other = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "amq.topic", "caches.#")
    channel.basic_publish("amq.topic", "caches.1", b"")
    channel.queue_bind(other, "amq.topic", "caches.*")
    channel.basic_publish("amq.topic", "caches.1", b"")
    assert (depth(channel, queue), depth(channel, other)) == (2, 1)
    channel.queue_delete(other)
    channel.basic_publish("amq.topic", "caches.1", b"")
    assert depth(channel, queue) == 3


def test_two_bindings_to_one_queue_deliver_once(channel: Any, queue: str) -> None:
    for pattern in ("once.#", "#.more", "once.*"):
        channel.queue_bind(queue, "amq.topic", pattern)
    channel.basic_publish("amq.topic", "once.more", b"")
    assert depth(channel, queue) == 1


def test_auto_delete_exchange_goes_with_its_last_binding(channel: Any, queue: str) -> None:
    channel.exchange_declare("passing", "fanout", auto_delete=True)
    channel.queue_bind(queue, "passing", "")
    channel.queue_unbind(queue, "passing", "")
    with refused(404):
        channel.exchange_declare("passing", passive=True)


def test_exchange_delete_if_unused_is_406_while_bound(channel: Any, queue: str) -> None:
    channel.exchange_declare("used", "fanout", auto_delete=True)
    channel.queue_bind(queue, "used", "")
    with refused(406):
        channel.exchange_delete("used", if_unused=True)


def test_queue_delete_if_empty_and_if_unused_are_406(connect: Callable[..., Any]) -> None:
    connection = connect()
    channel = connection.channel()
    channel.queue_declare("full")
    channel.basic_publish("", "full", b"")
    with refused(406):
        channel.queue_delete("full", if_empty=True)
    channel = connection.channel()
    channel.basic_consume("full", lambda *_: None)
    with refused(406):
        channel.queue_delete("full", if_unused=True)
    assert connection.channel().queue_delete("full").method.message_count == 1


def test_deleting_what_is_gone_is_no_error(channel: Any) -> None:
    assert channel.queue_delete("nowhere").method.message_count == 0
    channel.exchange_delete("nowhere")
    channel.queue_unbind("nowhere", "nowhere", "key")


def test_purge_drops_and_counts_what_is_ready(channel: Any, queue: str) -> None:
    for _ in range(3):
        channel.basic_publish("", queue, b"")
    channel.basic_get(queue)
    assert channel.queue_purge(queue).method.message_count == 2
    assert depth(channel, queue) == 0


def test_unnamed_queue_is_the_one_declared_last(channel: Any, queue: str) -> None:
    channel.queue_bind("", "amq.direct", "")
    channel.basic_publish("amq.direct", queue, b"")
    assert channel.queue_purge("").method.message_count == 1


def test_unnamed_queue_is_404_where_none_was_declared(channel: Any) -> None:
    with refused(404):
        channel.queue_purge("")


def test_deleted_queue_cancels_its_consumers(connect: Callable[..., Any]) -> None:
    consuming, deleting = connect(), connect().channel()
    channel = consuming.channel()
    channel.queue_declare("doomed")
    channel.basic_consume("doomed", lambda *_: None, consumer_tag="mourner")
    cancelled: list[Any] = []
    channel.add_on_cancel_callback(cancelled.append)
    deleting.queue_delete("doomed")
    consuming.process_data_events(time_limit=1)
    assert [frame.method.consumer_tag for frame in cancelled] == ["mourner"]


@pytest.mark.parametrize("arguments", [{"x-message-ttl": 1000}, {"x-queue-type": "quorum"}])
def test_queue_arguments_that_would_mean_something_are_540(channel: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match=r"540.*NOT_IMPLEMENTED"):
        channel.queue_declare("", arguments=arguments)


def test_headers_exchanges_are_540_and_unknown_kinds_503(connect: Callable[..., Any]) -> None:
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="540"):
        connect().channel().exchange_declare("new", "headers")
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match=r"503.*unknown exchange type"):
        connect().channel().exchange_declare("new", "imaginary")
