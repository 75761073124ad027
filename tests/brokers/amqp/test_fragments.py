"""However the stream is cut, the same frames come out of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from unittest import mock

import pamqp.body
import pamqp.frame
import pamqp.header
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands
from pamqp.heartbeat import Heartbeat

from bench.brokers.amqp.broker import Broker, Settings
from bench.brokers.amqp.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

BODIES = [b"plain", b"", b"x" * 5000, b"also plain", *(b"plain", b"alike") * 3]


def frames_of(*frames: pamqp.frame.FrameTypes, channel_id: int = 1) -> bytes:
    return b"".join(pamqp.frame.marshal(frame, channel_id) for frame in frames)


def conversation() -> bytes:
    """A whole connection: opens, publishes bodies of all kinds, gets one and acks it, consumes the others."""
    stream = b"AMQP\x00\x00\x09\x01" + frames_of(
        commands.Connection.StartOk(response="\0guest\0guest"),
        commands.Connection.TuneOk(channel_max=10, frame_max=4096, heartbeat=0),
        commands.Connection.Open(),
        channel_id=0,
    )
    stream += frames_of(
        commands.Channel.Open(), commands.Confirm.Select(), commands.Queue.Declare(queue="q", exclusive=True)
    )
    for body in BODIES:
        stream += frames_of(
            commands.Basic.Publish(routing_key="q"),
            pamqp.header.ContentHeader(body_size=len(body)),
            *(pamqp.body.ContentBody(body[at : at + 4000]) for at in range(0, len(body), 4000)),
        )
    stream += frames_of(commands.Basic.Get(queue="q"), commands.Basic.Ack(1), Heartbeat())
    return stream + frames_of(commands.Basic.Consume(queue="q", consumer_tag="t", no_ack=True))


STREAM = conversation()


def answers(cuts: Sequence[int]) -> list[pamqp.frame.FrameTypes]:
    """What the broker says to the stream cut at these places, when it ends a turn after each piece."""
    loop = asyncio.new_event_loop()
    try:
        allowed = Settings(user="guest", password="guest", vhost="/", max_memory_bytes=1 << 20, version="0")
        connection = Connection(Broker(allowed, loop))
        transport = mock.Mock(spec=asyncio.Transport)
        transport.is_closing.return_value = False
        connection.connection_made(transport)
        for start, stop in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
            connection.data_received(STREAM[start:stop])
            loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        said = b"".join(call.args[0] for call in transport.write.call_args_list)
        connection.connection_lost(None)
    finally:
        loop.close()
    found = []
    while said:
        used, _, frame = pamqp.frame.unmarshal(said)
        found.append(frame)
        said = said[used:]
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40, unique=True).map(sorted))
def test_any_cut_gives_the_same_answers(cuts: list[int]) -> None:
    found = answers(cuts)
    names = [frame.name for frame in found]
    assert [name for name in names if name.startswith(("Connection", "Channel", "Confirm", "Queue"))] == [
        "Connection.Start",
        "Connection.Tune",
        "Connection.OpenOk",
        "Channel.OpenOk",
        "Confirm.SelectOk",
        "Queue.DeclareOk",
    ]
    acks = [frame.delivery_tag for frame in found if isinstance(frame, commands.Basic.Ack)]
    assert acks == sorted(set(acks))
    assert acks[-1] == len(BODIES)
    sizes = [frame.body_size for frame in found if isinstance(frame, pamqp.header.ContentHeader)]
    assert sizes == [len(body) for body in BODIES]
    bodies = [frame.value for frame in found if isinstance(frame, pamqp.body.ContentBody)]
    assert b"".join(body or b"" for body in bodies) == b"".join(BODIES)
    assert names.count("Basic.Deliver") == len(BODIES) - 1


def test_byte_by_byte_gives_the_same_answers() -> None:
    whole = [frame.name for frame in answers([]) if frame.name != "Basic.Ack"]
    assert whole == [frame.name for frame in answers(range(1, len(STREAM))) if frame.name != "Basic.Ack"]
