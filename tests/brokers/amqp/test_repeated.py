"""Messages that look like earlier ones, and acks in a row: the short way does what the careful one does."""

from __future__ import annotations

import pamqp.body
import pamqp.frame
import pamqp.header
import pytest
from pamqp import commands

from .peers import BrokerProcess, Wire

LIKE = commands.Basic.Properties(content_type="text/plain", headers={"a": 1}, delivery_mode=1)


def message(body: bytes, key: str = "q", channel_id: int = 1, *, mandatory: bool = False) -> bytes:
    frames: tuple[pamqp.frame.FrameTypes, ...] = (
        commands.Basic.Publish(routing_key=key, mandatory=mandatory),
        pamqp.header.ContentHeader(body_size=len(body), properties=LIKE),
        pamqp.body.ContentBody(body),
    )
    return b"".join(pamqp.frame.marshal(frame, channel_id) for frame in frames)


def bodies(count: int, size: int = 4) -> list[bytes]:
    return [str(number).encode().rjust(size) for number in range(count)]


def received(wire: Wire, count: int) -> list[tuple[int, bytes]]:
    """The tag and the body of so many deliveries, which all have the properties that they were sent with."""
    got = []
    for _ in range(count):
        method, header = wire.read(), wire.read()
        assert header.properties == LIKE
        body = b""
        while len(body) < header.body_size:
            body += wire.read().value
        got.append((method.delivery_tag, body))
    return got


@pytest.fixture
def queue(open_wire: Wire) -> str:
    return str(open_wire.ask(commands.Queue.Declare(queue="q", exclusive=True)).queue)


def test_they_come_to_another_channel_as_they_were_sent(open_wire: Wire, queue: str) -> None:
    open_wire.ask(commands.Channel.Open(), 2)
    open_wire.ask(commands.Basic.Consume(queue=queue, consumer_tag="t"), 2)
    sent = [*bodies(8), b"of another length", *bodies(3), *bodies(3, size=5)]
    open_wire.socket.sendall(b"".join(map(message, sent)))
    assert received(open_wire, len(sent)) == list(enumerate(sent, 1))
    for body in sent:
        open_wire.socket.sendall(message(body))
    assert received(open_wire, len(sent)) == list(enumerate(sent, len(sent) + 1))


def test_they_can_be_fetched_and_come_again(open_wire: Wire, queue: str) -> None:
    open_wire.socket.sendall(b"".join(map(message, bodies(4))))
    for again in (False, True):
        for body in bodies(4):
            assert open_wire.ask(commands.Basic.Get(queue=queue)).redelivered is again
            assert open_wire.read().properties == LIKE
            assert open_wire.read().value == body
        open_wire.send(commands.Basic.Nack(delivery_tag=0, multiple=True, requeue=True))
    open_wire.ask(commands.Basic.Consume(queue=queue, consumer_tag="t"))
    assert [body for _, body in received(open_wire, 4)] == bodies(4)


def test_they_are_cut_for_a_consumer_with_shorter_frames(open_wire: Wire, broker: BrokerProcess) -> None:
    consuming = Wire(broker.port)
    consuming.open(frame_max=4096)
    consuming.ask(commands.Queue.Declare(queue="shared", auto_delete=True))
    consuming.ask(commands.Basic.Consume(queue="shared", consumer_tag="t"))
    sent = bodies(5, size=10_000)
    open_wire.socket.sendall(b"".join(message(body, "shared") for body in sent))
    assert received(consuming, 5) == list(enumerate(sent, 1))
    consuming.socket.close()


def test_they_go_where_the_bindings_of_that_moment_say(open_wire: Wire, queue: str) -> None:
    four = b"".join(message(body, mandatory=True) for body in bodies(4))
    open_wire.socket.sendall(four)
    assert open_wire.ask(commands.Queue.Delete(queue=queue)).message_count == 4
    open_wire.socket.sendall(four)
    for body in bodies(4):
        assert [open_wire.read().name, open_wire.read().name] == ["Basic.Return", "ContentHeader"]
        assert open_wire.read().value == body
    open_wire.ask(commands.Queue.Declare(queue=queue))
    open_wire.socket.sendall(four)
    assert open_wire.ask(commands.Queue.Delete(queue=queue)).message_count == 4


def test_they_are_forgotten_with_their_channel(open_wire: Wire, queue: str) -> None:
    open_wire.socket.sendall(b"".join(map(message, bodies(4))))
    open_wire.ask(commands.Channel.Close(reply_code=200, reply_text="", class_id=0, method_id=0))
    open_wire.socket.sendall(message(b"   4"))
    assert open_wire.read().reply_code == 504


def test_one_that_does_not_end_where_it_says_is_501(open_wire: Wire, queue: str) -> None:
    open_wire.socket.sendall(b"".join(map(message, bodies(4))) + message(b"   4")[:-1] + b"x")
    assert open_wire.read().reply_code == 501


def test_a_method_amid_content_is_505_though_it_looks_like_an_earlier_one(
    open_wire: Wire, queue: str
) -> None:
    publish = pamqp.frame.marshal(commands.Basic.Publish(routing_key="q"), 1)
    open_wire.socket.sendall(b"".join(map(message, bodies(4))) + publish)
    open_wire.ask(commands.Channel.Open(), 2)  # what was sent before is read by now
    open_wire.socket.sendall(message(b"   4"))
    assert open_wire.read().reply_code == 505


def test_unknown_tag_among_acks_in_a_row_is_406_and_settles_those_before(open_wire: Wire, queue: str) -> None:
    open_wire.ask(commands.Basic.Consume(queue=queue, consumer_tag="t"))
    open_wire.socket.sendall(b"".join(map(message, bodies(6))))
    received(open_wire, 6)
    acks = (pamqp.frame.marshal(commands.Basic.Ack(tag), 1) for tag in (1, 2, 3, 2, 4))
    open_wire.socket.sendall(b"".join(acks))
    closed = open_wire.read()
    assert (closed.reply_code, closed.reply_text) == (406, "PRECONDITION_FAILED - unknown delivery tag 2")
    open_wire.send(commands.Channel.CloseOk())
    open_wire.ask(commands.Channel.Open())
    assert open_wire.ask(commands.Queue.Declare(queue=queue, passive=True)).message_count == 3


def test_acks_in_a_row_let_the_consumer_have_more(open_wire: Wire, queue: str) -> None:
    open_wire.ask(commands.Basic.Qos(prefetch_count=3))
    open_wire.ask(commands.Basic.Consume(queue=queue, consumer_tag="t"))
    open_wire.socket.sendall(b"".join(map(message, bodies(7))))
    assert [tag for tag, _ in received(open_wire, 3)] == [1, 2, 3]
    acks = (pamqp.frame.marshal(commands.Basic.Ack(tag), 1) for tag in (1, 2, 3))
    open_wire.socket.sendall(b"".join(acks))
    assert received(open_wire, 3) == list(enumerate(bodies(7), 1))[3:6]
    open_wire.send(commands.Basic.Ack(5, multiple=True))
    assert received(open_wire, 1) == [(7, bodies(7)[6])]
