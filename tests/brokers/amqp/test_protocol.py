"""What goes wrong on the wire, and what the broker answers: raw sockets."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pamqp.body
import pamqp.frame
import pamqp.header
import pytest
from pamqp import commands

if TYPE_CHECKING:
    from .peers import BrokerProcess, Wire

RIGHT_HEADER = b"AMQP\x00\x00\x09\x01"
BASIC_PUBLISH = commands.Basic.Publish(exchange="", routing_key="nowhere")


def raw(kind: int, channel_id: int, payload: bytes, end: bytes = b"\xce") -> bytes:
    return struct.pack(">BHI", kind, channel_id, len(payload)) + payload + end


def header(body_bytes: int, class_id: int = 60) -> bytes:
    return raw(2, 1, struct.pack(">HHQH", class_id, 0, body_bytes, 0))


def message(exchange: str, routing_key: str, body: bytes, channel_id: int = 1) -> bytes:
    frames: list[pamqp.frame.FrameTypes] = [
        commands.Basic.Publish(exchange=exchange, routing_key=routing_key),
        pamqp.header.ContentHeader(body_size=len(body)),
    ]
    if body:
        frames.append(pamqp.body.ContentBody(body))
    return b"".join(pamqp.frame.marshal(frame, channel_id) for frame in frames)


def assert_connection_closed(wire: Wire, code: int) -> None:
    close = wire.read()
    assert (close.name, close.reply_code) == ("Connection.Close", code)
    wire.send(commands.Connection.CloseOk(), 0)
    assert wire.read() is None


@pytest.mark.parametrize(
    "greeting", [b"AMQP\x03\x01\x00\x00", b"GET / HTTP/1.1\r\n\r\n", b"AMQP\x00\x00\x08\x00"]
)
def test_wrong_protocol_header_is_answered_with_the_right_one(wire: Wire, greeting: bytes) -> None:
    wire.socket.sendall(greeting)
    answer = b""
    while data := wire.socket.recv(100):
        answer += data
    assert answer == RIGHT_HEADER


def test_start_announces_mechanisms_and_capabilities(wire: Wire) -> None:
    wire.socket.sendall(RIGHT_HEADER)
    start = wire.read()
    assert start.mechanisms.split() == ["PLAIN", "AMQPLAIN"]
    capabilities = start.server_properties["capabilities"]
    for name in (
        "publisher_confirms",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "authentication_failure_close",
        "per_consumer_qos",
    ):
        assert capabilities[name] is True
    assert capabilities["exchange_exchange_bindings"] is False


def test_wrong_password_is_403_for_clients_that_understand_it(wire: Wire) -> None:
    refusal = wire.open(password="wrong", authentication_failure_close=True)
    assert (refusal.name, refusal.reply_code) == ("Connection.Close", 403)
    assert refusal.reply_text.startswith("ACCESS_REFUSED - Login was refused")
    assert "wrong" not in refusal.reply_text


def test_wrong_password_drops_the_socket_of_other_clients(wire: Wire) -> None:
    assert wire.open(password="wrong") is None
    assert wire.read() is None


def test_amqplain_logs_in(wire: Wire) -> None:
    wire.socket.sendall(RIGHT_HEADER)
    assert wire.read().name == "Connection.Start"
    login = b"\x05LOGINS\x00\x00\x00\x05guest\x08PASSWORDS\x00\x00\x00\x05guest"
    wire.send(commands.Connection.StartOk(mechanism="AMQPLAIN", response=login.decode()), 0)
    assert wire.read().name == "Connection.Tune"


def test_unknown_mechanism_is_503(wire: Wire) -> None:
    wire.socket.sendall(RIGHT_HEADER)
    assert wire.read().name == "Connection.Start"
    wire.send(commands.Connection.StartOk(mechanism="EXTERNAL"), 0)
    assert_connection_closed(wire, 503)


def test_missing_vhost_is_530(wire: Wire) -> None:
    refusal = wire.open(vhost="elsewhere")
    assert (refusal.name, refusal.reply_code) == ("Connection.Close", 530)
    assert refusal.reply_text == "NOT_ALLOWED - vhost elsewhere not found"


def test_frame_max_below_the_least_is_530(wire: Wire) -> None:
    assert wire.open(frame_max=100).reply_code == 530


def test_method_out_of_order_is_504(wire: Wire) -> None:
    wire.socket.sendall(RIGHT_HEADER)
    assert wire.read().name == "Connection.Start"
    wire.send(commands.Connection.TuneOk(), 0)
    assert_connection_closed(wire, 504)


def test_connection_method_after_opening_is_504(open_wire: Wire) -> None:
    open_wire.send(commands.Connection.StartOk(), 0)
    assert_connection_closed(open_wire, 504)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param(raw(1, 1, b"\x00\x14\x00\x0a", end=b"\x00"), 501, id="wrong frame end"),
        pytest.param(raw(7, 1, b"1234"), 501, id="unknown frame type"),
        pytest.param(struct.pack(">BHI", 1, 1, 1 << 30) + b"..", 501, id="longer than frame_max"),
        pytest.param(raw(8, 1, b""), 505, id="heartbeat on a channel"),
        pytest.param(raw(2, 0, b"1234"), 501, id="content on channel 0"),
        pytest.param(raw(1, 1, struct.pack(">HH", 60, 999)), 540, id="unknown method"),
        pytest.param(raw(1, 1, struct.pack(">HH", 999, 10)), 540, id="unknown class"),
        pytest.param(raw(1, 1, struct.pack(">HHHB", 50, 10, 0, 9) + b"\xff" * 3), 501, id="garbled method"),
        pytest.param(raw(1, 1, struct.pack(">HHHB", 60, 40, 0, 200) + b"x"), 501, id="garbled publish"),
        pytest.param(header(3), 505, id="header without publish"),
        pytest.param(raw(3, 1, b"body"), 505, id="body without publish"),
        pytest.param(pamqp.frame.marshal(BASIC_PUBLISH, 1) + raw(3, 1, b"body"), 505, id="no header"),
        pytest.param(pamqp.frame.marshal(BASIC_PUBLISH, 1) * 2, 505, id="publish instead of content"),
        pytest.param(pamqp.frame.marshal(BASIC_PUBLISH, 1) + header(3) * 2, 505, id="two headers"),
        pytest.param(pamqp.frame.marshal(BASIC_PUBLISH, 1) + header(3, class_id=50), 505, id="wrong class"),
        pytest.param(pamqp.frame.marshal(BASIC_PUBLISH, 1) + raw(2, 1, b"short"), 501, id="short header"),
        pytest.param(
            pamqp.frame.marshal(BASIC_PUBLISH, 1) + header(3) + raw(3, 1, b"four"), 501, id="long body"
        ),
        pytest.param(pamqp.frame.marshal(commands.Channel.Open(), 1), 504, id="channel opened twice"),
        pytest.param(pamqp.frame.marshal(commands.Basic.Qos(), 2), 504, id="channel not open"),
        pytest.param(pamqp.frame.marshal(commands.Channel.Open(), 11), 530, id="beyond channel_max"),
        pytest.param(pamqp.frame.marshal(commands.Channel.Open(), 0), 504, id="channel 0"),
        pytest.param(pamqp.frame.marshal(commands.Tx.Select(), 1), 540, id="transaction"),
        pytest.param(
            pamqp.frame.marshal(commands.Basic.Publish(routing_key="q", immediate=True), 1),
            540,
            id="immediate",
        ),
    ],
)
def test_broken_rules_close_the_connection(open_wire: Wire, frames: bytes, code: int) -> None:
    open_wire.socket.sendall(frames)
    assert_connection_closed(open_wire, code)


def test_breaking_the_rules_again_after_the_close_drops_the_socket(open_wire: Wire) -> None:
    open_wire.socket.sendall(raw(7, 1, b""))
    assert open_wire.read().reply_code == 501
    open_wire.socket.sendall(raw(7, 1, b""))
    assert open_wire.read() is None


def test_consumer_tag_used_twice_is_530(open_wire: Wire) -> None:
    queue = open_wire.ask(commands.Queue.Declare(exclusive=True)).queue
    assert open_wire.ask(commands.Basic.Consume(queue=queue, consumer_tag="t")).consumer_tag == "t"
    open_wire.send(commands.Basic.Consume(queue=queue, consumer_tag="t"))
    assert_connection_closed(open_wire, 530)


def test_channel_error_names_the_method_and_leaves_the_connection_open(open_wire: Wire) -> None:
    close = open_wire.ask(commands.Queue.Purge(queue="nowhere"))
    assert (close.name, close.reply_code, close.class_id, close.method_id) == ("Channel.Close", 404, 50, 30)
    open_wire.send(commands.Basic.Qos())  # overtaken by the close, so it is ignored
    open_wire.socket.sendall(message("", "nowhere", b"ignored as well"))
    open_wire.send(commands.Channel.CloseOk())
    assert open_wire.ask(commands.Channel.Open()).name == "Channel.OpenOk"


def test_message_beyond_the_largest_is_406(open_wire: Wire) -> None:
    open_wire.send(BASIC_PUBLISH)
    open_wire.socket.sendall(header(1 << 30))
    close = open_wire.read()
    assert (close.name, close.reply_code, close.class_id, close.method_id) == ("Channel.Close", 406, 60, 40)


def test_everything_works_byte_by_byte(open_wire: Wire) -> None:
    queue = open_wire.ask(commands.Queue.Declare(exclusive=True)).queue
    assert open_wire.ask(commands.Confirm.Select()).name == "Confirm.SelectOk"
    frames = message("", queue, b"slow") + pamqp.frame.marshal(
        commands.Basic.Get(queue=queue, no_ack=True), 1
    )
    for byte in frames * 2:
        open_wire.socket.sendall(bytes((byte,)))
    bodies: list[bytes] = []
    confirmed = 0
    while len(bodies) < 2 or confirmed < 2:
        frame = open_wire.read()
        if frame.name == "ContentBody":
            bodies.append(frame.value)
        elif frame.name == "Basic.Ack":
            confirmed = frame.delivery_tag
    assert bodies == [b"slow", b"slow"]


def test_protocol_header_may_come_in_pieces(wire: Wire) -> None:
    for byte in RIGHT_HEADER:
        wire.socket.sendall(bytes((byte,)))
    assert wire.read().name == "Connection.Start"


def test_confirms_are_batched_with_multiple(open_wire: Wire) -> None:
    assert open_wire.ask(commands.Confirm.Select()).name == "Confirm.SelectOk"
    open_wire.socket.sendall(message("", "nowhere", b"x") * 50)
    acks = [open_wire.read()]
    while acks[-1].delivery_tag < 50:
        acks.append(open_wire.read())
    assert len(acks) < 50
    assert any(ack.multiple for ack in acks)


def test_single_publish_is_confirmed_without_multiple(open_wire: Wire) -> None:
    assert open_wire.ask(commands.Confirm.Select()).name == "Confirm.SelectOk"
    for number in range(1, 4):
        open_wire.socket.sendall(message("", "nowhere", b"x"))
        ack = open_wire.read()
        assert (ack.name, ack.delivery_tag, ack.multiple) == ("Basic.Ack", number, False)


def test_return_comes_before_the_confirm(open_wire: Wire) -> None:
    assert open_wire.ask(commands.Confirm.Select()).name == "Confirm.SelectOk"
    open_wire.send(commands.Basic.Publish(exchange="", routing_key="nowhere", mandatory=True))
    open_wire.socket.sendall(header(1) + raw(3, 1, b"x"))
    names = [open_wire.read().name for _ in range(4)]
    assert names == ["Basic.Return", "ContentHeader", "ContentBody", "Basic.Ack"]


def test_nothing_is_answered_where_no_wait_is_set(open_wire: Wire) -> None:
    for method in (
        commands.Queue.Declare(queue="quiet", exclusive=True, nowait=True),
        commands.Exchange.Declare(exchange="quiet", exchange_type="fanout", nowait=True),
        commands.Queue.Bind(queue="quiet", exchange="quiet", nowait=True),
        commands.Confirm.Select(nowait=True),
        commands.Basic.Consume(queue="quiet", consumer_tag="t", nowait=True),
        commands.Basic.Cancel(consumer_tag="t", nowait=True),
        commands.Queue.Purge(queue="quiet", nowait=True),
        commands.Queue.Delete(queue="quiet", nowait=True),
        commands.Exchange.Delete(exchange="quiet", nowait=True),
    ):
        open_wire.send(method)
    assert open_wire.ask(commands.Basic.Qos()).name == "Basic.QosOk"


def test_flow_stops_and_resumes_deliveries(open_wire: Wire) -> None:
    queue = open_wire.ask(commands.Queue.Declare(exclusive=True)).queue
    assert open_wire.ask(commands.Basic.Consume(queue=queue, no_ack=True)).name == "Basic.ConsumeOk"
    assert open_wire.ask(commands.Channel.Flow(active=False)).active is False
    open_wire.socket.sendall(message("", queue, b"later"))
    assert open_wire.ask(commands.Queue.Declare(queue=queue, passive=True)).message_count == 1
    assert open_wire.ask(commands.Channel.Flow(active=True)).name == "Channel.FlowOk"
    assert open_wire.read().name == "Basic.Deliver"


def test_empty_message_has_a_header_and_no_body(open_wire: Wire) -> None:
    queue = open_wire.ask(commands.Queue.Declare(exclusive=True)).queue
    open_wire.socket.sendall(message("", queue, b""))
    assert open_wire.ask(commands.Basic.Get(queue=queue, no_ack=True)).name == "Basic.GetOk"
    assert open_wire.read().body_size == 0
    assert open_wire.ask(commands.Basic.Get(queue=queue)).name == "Basic.GetEmpty"


def test_heartbeats_are_sent_and_a_silent_peer_is_dropped(wire: Wire) -> None:
    assert wire.open(heartbeat=1) is None
    names = []
    while (frame := wire.read()) is not None:
        names.append(frame.name)
    assert names.count("Heartbeat") >= 2


def test_consumer_that_does_not_read_leaves_messages_in_the_queue(
    broker: BrokerProcess, connect: Any, open_wire: Wire
) -> None:
    channel = connect().channel()
    channel.queue_declare("waiting", auto_delete=True)
    open_wire.ask(commands.Basic.Consume(queue="waiting", no_ack=True))
    body = bytes(1 << 20)
    channel.confirm_delivery()
    for _ in range(40):
        channel.basic_publish("", "waiting", body)
    assert channel.queue_declare("waiting", passive=True).method.message_count > 20
    received = 0
    while received < 40 * len(body):
        frame = open_wire.read()
        received += len(getattr(frame, "value", b"") or b"")
    assert channel.queue_declare("waiting", passive=True).method.message_count == 0
