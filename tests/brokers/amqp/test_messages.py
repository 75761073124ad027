"""Publishing, consuming and settling, through pika."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aioamqp
import pika
import pika.exceptions
import pytest

ClosedByBroker = pika.exceptions.ChannelClosedByBroker


def fill(channel: Any, queue: str, count: int) -> None:
    for number in range(count):
        channel.basic_publish("", queue, str(number).encode())


def taken(channel: Any, queue: str, count: int, **options: Any) -> list[tuple[int, bytes, bool]]:
    """Consumes until ``count`` deliveries have come (or none more comes): tag, body, redelivered."""
    got: list[tuple[int, bytes, bool]] = []
    for method, _, body in channel.consume(queue, inactivity_timeout=1, **options):
        if method is None:
            break
        got.append((method.delivery_tag, body, method.redelivered))
        if len(got) == count:
            break
    return got


def pump(channel: Any, got: Callable[[], int], count: int) -> None:
    """Lets pika work until ``count`` things were got, and a moment longer to see that no more come."""
    while got() < count:
        channel.connection.process_data_events(time_limit=1)
    channel.connection.process_data_events(time_limit=0.05)
    assert got() == count


def test_properties_pass_through_untouched(channel: Any, queue: str) -> None:
    sent = pika.BasicProperties(
        content_type="text/plain",
        content_encoding="utf-8",
        headers={"a": 1, "nested": {"list": [1, "two", None]}},
        delivery_mode=2,
        priority=3,
        correlation_id="c",
        reply_to="r",
        message_id="m",
        timestamp=1_700_000_000,
        type="t",
        user_id="guest",
        app_id="app",
    )
    channel.basic_publish("", queue, b"body", sent)
    method, properties, body = channel.basic_get(queue)
    assert (method.exchange, method.routing_key, method.message_count, body) == ("", queue, 0, b"body")
    assert properties == sent


@pytest.mark.parametrize("size", [0, 1, 131_064, 131_065, 1_000_000, 5_000_000])
@pytest.mark.parametrize("frame_max", [4096, 131_072])
def test_bodies_of_any_length_arrive_whole(connect: Callable[..., Any], size: int, frame_max: int) -> None:
    publishing, consuming = connect(), connect(frame_max=frame_max)
    channel = consuming.channel()
    queue = channel.queue_declare("long", auto_delete=True).method.queue
    body = bytes(range(251)) * (size // 251 + 1)
    publisher = publishing.channel()
    publisher.confirm_delivery()
    publisher.basic_publish("", queue, body[:size])
    method, _, received = channel.basic_get(queue, auto_ack=True)
    assert method is not None
    assert received == body[:size]
    publisher.basic_publish("", queue, body[:size])
    _, _, received = next(channel.consume(queue, auto_ack=True))
    assert received == body[:size]


def test_content_moves_to_another_channel_number(connect: Callable[..., Any]) -> None:
    connection = connect()
    first, second = connection.channel(), connection.channel()
    queue = second.queue_declare("", exclusive=True).method.queue
    first.basic_publish("", queue, b"moved")
    assert taken(second, queue, 1) == [(1, b"moved", False)]


def test_get_says_how_many_are_left_and_when_there_is_none(channel: Any, queue: str) -> None:
    assert channel.basic_get(queue) == (None, None, None)
    fill(channel, queue, 3)
    assert channel.basic_get(queue)[0].message_count == 2


def test_prefetch_bounds_what_is_unacknowledged(channel: Any, queue: str) -> None:
    got: list[int] = []
    channel.basic_qos(prefetch_count=3)
    channel.basic_consume(queue, lambda _, method, *__: got.append(method.delivery_tag))
    fill(channel, queue, 10)
    pump(channel, lambda: len(got), 3)
    channel.basic_ack(2, multiple=True)
    pump(channel, lambda: len(got), 5)
    assert channel.queue_declare(queue, passive=True).method.message_count == 5


def test_global_prefetch_is_shared_by_the_consumers_of_a_channel(channel: Any, queue: str) -> None:
    got: list[int] = []
    channel.basic_qos(prefetch_count=3, global_qos=True)
    for _ in range(2):
        channel.basic_consume(queue, lambda _, method, *__: got.append(method.delivery_tag))
    fill(channel, queue, 10)
    pump(channel, lambda: len(got), 3)
    channel.basic_ack(3, multiple=True)
    pump(channel, lambda: len(got), 6)


def test_consumers_take_turns(connect: Callable[..., Any]) -> None:
    connection = connect()
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    got: dict[str, list[bytes]] = {"a": [], "b": [], "c": []}
    for tag, bodies in got.items():
        channel.basic_consume(
            queue, lambda _, __, ___, body, bodies=bodies: bodies.append(body), consumer_tag=tag
        )
    fill(channel, queue, 9)
    pump(channel, lambda: sum(map(len, got.values())), 9)
    assert got == {"a": [b"0", b"3", b"6"], "b": [b"1", b"4", b"7"], "c": [b"2", b"5", b"8"]}


def test_consumer_without_acks_is_not_bound_by_prefetch(channel: Any, queue: str) -> None:
    channel.basic_qos(prefetch_count=1)
    fill(channel, queue, 50)
    got = taken(channel, queue, 50, auto_ack=True)
    assert [body for _, body, _ in got] == [str(number).encode() for number in range(50)]


def test_nack_with_requeue_keeps_order_and_sets_redelivered(channel: Any, queue: str) -> None:
    fill(channel, queue, 6)
    tags = [channel.basic_get(queue)[0].delivery_tag for _ in range(4)]
    channel.basic_ack(tags[0])
    channel.basic_nack(tags[2], requeue=True)
    channel.basic_nack(tags[1], requeue=True)
    channel.basic_ack(tags[3])
    got = [(body, redelivered) for _, body, redelivered in taken(channel, queue, 4)]
    assert got == [(b"1", True), (b"2", True), (b"4", False), (b"5", False)]


def test_nack_multiple_requeues_all_up_to_the_tag(channel: Any, queue: str) -> None:
    fill(channel, queue, 5)
    for _ in range(4):
        channel.basic_get(queue)
    channel.basic_nack(3, multiple=True, requeue=True)
    left = [channel.basic_get(queue, auto_ack=True) for _ in range(4)]
    assert [(method.redelivered, body) for method, _, body in left] == [
        (True, b"0"),
        (True, b"1"),
        (True, b"2"),
        (False, b"4"),
    ]


def test_reject_without_requeue_drops(channel: Any, queue: str) -> None:
    fill(channel, queue, 2)
    channel.basic_reject(channel.basic_get(queue)[0].delivery_tag, requeue=False)
    assert channel.basic_get(queue)[2] == b"1"
    assert channel.queue_declare(queue, passive=True).method.message_count == 0


def test_reject_with_requeue_puts_back(channel: Any, queue: str) -> None:
    fill(channel, queue, 2)
    channel.basic_reject(channel.basic_get(queue)[0].delivery_tag, requeue=True)
    method, _, body = channel.basic_get(queue)
    assert (method.redelivered, body) == (True, b"0")


def test_ack_zero_with_multiple_settles_everything(channel: Any, queue: str) -> None:
    fill(channel, queue, 3)
    for _ in range(3):
        channel.basic_get(queue)
    channel.basic_ack(0, multiple=True)
    channel.basic_recover(requeue=True)
    assert channel.queue_declare(queue, passive=True).method.message_count == 0


def test_multiple_settles_what_single_acks_left(channel: Any, queue: str) -> None:
    fill(channel, queue, 100)
    tags = [channel.basic_get(queue)[0].delivery_tag for _ in range(100)]
    for tag in tags[:95:2]:
        channel.basic_ack(tag)
    channel.basic_ack(96, multiple=True)
    channel.basic_recover(requeue=True)
    assert channel.queue_declare(queue, passive=True).method.message_count == 4


def test_unknown_delivery_tag_is_406(connect: Callable[..., Any]) -> None:
    connection = connect()
    for settle in ("basic_ack", "basic_nack", "basic_reject"):
        channel = connection.channel()
        getattr(channel, settle)(7)
        with pytest.raises(ClosedByBroker, match=r"406.*unknown delivery tag 7"):
            channel.queue_declare("", exclusive=True)


def test_settling_twice_is_406(channel: Any, queue: str) -> None:
    fill(channel, queue, 1)
    tag = channel.basic_get(queue)[0].delivery_tag
    channel.basic_ack(tag)
    channel.basic_ack(tag)
    with pytest.raises(ClosedByBroker, match="406"):
        channel.queue_purge(queue)


@pytest.mark.parametrize("ending", ["channel", "connection"])
def test_unacknowledged_is_requeued_when_its_channel_or_connection_ends(
    connect: Callable[..., Any], ending: str
) -> None:
    watching = connect().channel()
    watching.queue_declare("outlives")
    connection = connect()
    channel = connection.channel()
    fill(channel, "outlives", 3)
    assert len(taken(channel, "outlives", 2)) == 2
    (channel if ending == "channel" else connection).close()
    got = [watching.basic_get("outlives", auto_ack=True) for _ in range(3)]
    assert [body for *_, body in got] == [b"0", b"1", b"2"]
    assert got[0][0].redelivered
    watching.queue_delete("outlives")


def test_recover_redelivers_everything(channel: Any, queue: str) -> None:
    fill(channel, queue, 2)
    channel.basic_get(queue)
    channel.basic_get(queue)
    channel.basic_recover(requeue=True)
    method, _, body = channel.basic_get(queue)
    assert (method.redelivered, body) == (True, b"0")


def test_recover_without_requeue_is_540(channel: Any) -> None:
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="540"):
        channel.basic_recover(requeue=False)


def test_cancelled_consumer_gets_nothing_more(channel: Any, queue: str) -> None:
    tag = channel.basic_consume(queue, lambda *_: pytest.fail("it was cancelled"))
    channel.basic_cancel(tag)
    fill(channel, queue, 3)
    channel.connection.process_data_events(time_limit=0.2)
    assert channel.queue_declare(queue, passive=True).method.message_count == 3


def test_exclusive_consumer_is_403_for_others(connect: Callable[..., Any]) -> None:
    connection = connect()
    channel, other = connection.channel(), connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_consume(queue, lambda *_: None, exclusive=True)
    with pytest.raises(ClosedByBroker, match=r"403.*exclusive use"):
        other.basic_consume(queue, lambda *_: None)


def test_consume_exclusively_from_a_consumed_queue_is_403(connect: Callable[..., Any]) -> None:
    connection = connect()
    channel, other = connection.channel(), connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_consume(queue, lambda *_: None)
    with pytest.raises(ClosedByBroker, match="403"):
        other.basic_consume(queue, lambda *_: None, exclusive=True)


def test_consume_from_missing_queue_is_404(channel: Any) -> None:
    with pytest.raises(ClosedByBroker, match="404"):
        channel.basic_consume("nowhere", lambda *_: None)


def test_publish_to_missing_exchange_is_404(channel: Any) -> None:
    channel.confirm_delivery()
    with pytest.raises(ClosedByBroker, match=r"404.*no exchange 'nowhere' in vhost '/'"):
        channel.basic_publish("nowhere", "", b"")


def test_unroutable_is_dropped_and_confirmed(channel: Any) -> None:
    channel.confirm_delivery()
    channel.basic_publish("", "nowhere", b"")


def test_mandatory_unroutable_is_returned(channel: Any) -> None:
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError) as caught:
        channel.basic_publish("", "nowhere", b"back", mandatory=True)
    [message] = caught.value.messages
    assert (message.method.reply_code, message.method.reply_text) == (312, "NO_ROUTE")
    assert (message.method.routing_key, message.body) == ("nowhere", b"back")


def test_fanout_copies_are_settled_apart(channel: Any, queue: str) -> None:
    other = channel.queue_declare("", exclusive=True).method.queue
    for name in (queue, other):
        channel.queue_bind(name, "amq.fanout", "")
    channel.basic_publish("amq.fanout", "", b"both")
    channel.basic_nack(channel.basic_get(queue)[0].delivery_tag, requeue=True)
    assert channel.basic_get(queue)[0].redelivered
    assert not channel.basic_get(other)[0].redelivered


def test_wrong_user_id_is_406_and_expiration_540(connect: Callable[..., Any]) -> None:
    channel = connect().channel()
    channel.confirm_delivery()
    with pytest.raises(ClosedByBroker, match="406"):
        channel.basic_publish("", "q", b"", pika.BasicProperties(user_id="somebody"))
    channel = connect().channel()
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match=r"540.*expiration"):
        channel.basic_publish("", "q", b"", pika.BasicProperties(expiration="1000"))


def test_transactions_are_540(channel: Any) -> None:
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match=r"540.*tx\.select"):
        channel.tx_select()


def test_exchange_to_exchange_bindings_are_540(channel: Any) -> None:
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match=r"540.*exchange\.bind"):
        channel.exchange_bind("amq.topic", "amq.direct")


def test_many_channels_work_side_by_side(connect: Callable[..., Any]) -> None:
    connection = connect()
    channels = [connection.channel() for _ in range(200)]
    queue = channels[0].queue_declare("", exclusive=True).method.queue
    for number, channel in enumerate(channels):
        channel.basic_publish("", queue, str(number).encode())
    connection.process_data_events()
    bodies = [channel.basic_get(queue, auto_ack=True)[2] for channel in channels]
    assert bodies == [str(number).encode() for number in range(200)]


def test_body_frames_that_forget_their_own_8_bytes_are_taken_and_cut(connect: Callable[..., Any]) -> None:
    """RabbitMQ tolerates them (FRAME_SIZE_FUDGE in its rabbit_reader); aioamqp 0.15 sends them."""
    body, most = bytes(range(256)) * 1024, 131_072

    async def publish(url: str) -> None:
        transport, protocol = await aioamqp.from_url(url)
        channel = await protocol.channel()
        await channel.queue_declare("longer", auto_delete=False)
        await channel.basic_publish(body, "", "longer")
        await protocol.close()
        transport.close()

    connection = connect()
    parameters = connection._impl.params
    credentials = f"{parameters.credentials.username}:{parameters.credentials.password}"
    asyncio.run(publish(f"amqp://{credentials}@{parameters.host}:{parameters.port}/"))
    channel = connection.channel()
    _, _, got = channel.basic_get("longer", auto_ack=True)
    assert len(body) > most
    assert got == body
    channel.queue_delete("longer")
