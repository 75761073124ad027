"""One socket: frames in, pauses, closing."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, cast

import pamqp.frame
from pamqp import commands

from bench.brokers.amqp import replies, wire
from bench.brokers.amqp.channel import Channel
from bench.brokers.amqp.handshake import CHANNEL_MAX, FRAME_MAX_BYTES, Handshake
from bench.brokers.amqp.heartbeat import Heartbeat
from bench.brokers.amqp.methods import read_method
from bench.brokers.amqp.outbox import Outbox
from bench.brokers.amqp.replies import AmqpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pamqp.base import Frame

    from bench.brokers.amqp.broker import Broker

_HANDSHAKE_LIMIT_S = 10.0
_CLOSE_LIMIT_S = 3.0


class Connection(asyncio.Protocol):
    """``heard`` is set by what arrives, for the heartbeat to look at.

    ``ways`` are how to take several frames at once that begin alike, by their first bytes: from where in the
    data they begin to where they end, which is no further where the careful way has to look at them.
    """

    outbox: Outbox
    _transport: asyncio.Transport

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._memory = broker.memory
        self.channels: dict[int, Channel] = {}
        self.ways: dict[bytes, Callable[[bytes, int], int]] = {}
        self.capabilities: dict[str, Any] = {}
        self.frame_max_bytes = FRAME_MAX_BYTES
        self.heard = False
        self._channel_max = CHANNEL_MAX
        self._handshake: Handshake | None = None
        self._heartbeat: Heartbeat | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._rest = b""
        self._closing_channels: set[int] = set()
        self._closing = False
        self._publishes = False
        self._blocked = False
        self._clogged = False

    # -- asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of asyncio's
        self.outbox = Outbox(self._transport, self.broker.turn, self._clog)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.broker.connections.add(self)
        self._limit = self.broker.turn.loop.call_later(_HANDSHAKE_LIMIT_S, self.abort)

    def data_received(self, data: bytes) -> None:
        self.heard = True
        if self._rest:
            data = self._rest + data
        start = 0
        if self._handshake is None:
            start = self._begin(data)
        self._rest = data[self._read(data, start) :] if self._handshake is not None else data
        memory = self._memory
        if not memory.least_bytes <= memory.held_bytes <= memory.most_bytes:
            memory.check()

    def pause_writing(self) -> None:
        self.outbox.pause()

    def resume_writing(self) -> None:
        self._clogged = False
        self._read_or_pause()
        self.outbox.resume()

    def connection_lost(self, _: Exception | None) -> None:
        self._release()
        self.broker.left(self)
        if self._heartbeat is not None:
            self._heartbeat.stop()
        if self._limit is not None:
            self._limit.cancel()
        self.outbox.close()
        self._handshake = self._heartbeat = None  # the collector is off: cut the cycles

    # -- frames in

    def _begin(self, data: bytes) -> int:
        """Takes the protocol header; to any other the answer is the right one, and the end."""
        headers = wire.PROTOCOL_HEADER, wire.OLD_PROTOCOL_HEADER
        if data.startswith(headers):
            self._handshake = Handshake(self)
            return len(wire.PROTOCOL_HEADER)
        if not any(header.startswith(data) for header in headers):
            self._transport.write(wire.PROTOCOL_HEADER)
            self._transport.close()
        return 0

    def _read(self, data: bytes, start: int) -> int:
        """Takes all whole frames from ``start`` on; where the first one begins that is not whole.

        Acks, and publishes that look like earlier ones, are taken many at a time, other publishes in plain
        content on the spot. One frame that fails closes its channel,
        and reading goes on behind it; or it closes the connection, and nothing more is read.
        """
        channels, frame_max_bytes, end = self.channels, self.frame_max_bytes, len(data)
        head, content_end, ways = wire.frame_head, wire.plain_content_end, self.ways
        while end - start >= wire.FRAME_OVERHEAD_BYTES:
            take = ways.get(data[start : start + wire.METHOD_HEAD_BYTES])
            if take is not None and (after := take(data, start)) > start:
                start = after
                continue
            kind, channel_id, size = head(data, start)
            payload_at, stop = start + 7, start + 7 + size
            if stop >= end and size <= frame_max_bytes:
                break
            payload = data[payload_at:stop]
            try:
                channel = channels.get(channel_id)
                if (
                    kind == wire.METHOD
                    and channel is not None
                    and channel.publisher.assembly is None
                    and stop < end
                    and data[stop] == wire.FRAME_END
                ):
                    publication = channel.publisher.publications.get(payload)
                    if publication is not None:
                        begun, start = start, content_end(data, stop + 1, channel_id, frame_max_bytes)
                        if start:
                            channel.publisher.publish(publication, data[stop + 4 : start])
                            channel.publisher.learn(publication, data, (begun, stop + 1, start))
                            continue
                start = stop + 1
                self._frame(kind, channel_id, payload, data[stop:start])
            except Exception as error:  # noqa: BLE001  # a fault of ours ends one connection, not the broker
                failed = wire.method_id(payload) if kind == wire.METHOD else wire.BASIC_PUBLISH
                self._refuse(error, channel_id, failed)
                if self._closing:
                    return end
        return start

    def _frame(self, kind: int, channel_id: int, payload: bytes, frame_end: bytes) -> None:
        """The careful way, for every frame that is not hot."""
        if len(payload) > self.frame_max_bytes or frame_end != wire.FRAME_END_BYTE:
            raise AmqpError(replies.FRAME_ERROR, "a frame is too long or does not end where it says")
        if kind == wire.HEARTBEAT:
            if channel_id or payload:
                raise AmqpError(replies.UNEXPECTED_FRAME, "a heartbeat is empty and belongs to channel 0")
        elif kind not in (wire.METHOD, wire.HEADER, wire.BODY):
            raise AmqpError(replies.FRAME_ERROR, f"unknown frame type {kind}")
        elif channel_id == 0:
            if kind != wire.METHOD:
                raise AmqpError(replies.FRAME_ERROR, "content belongs to a channel")
            self._own_method(read_method(payload))
        elif not self._closing:
            # Clients that forget to count the 8 bytes around a payload are tolerated, as RabbitMQ does; what
            # they sent is cut to the length that others have negotiated.
            most = self.frame_max_bytes - wire.FRAME_OVERHEAD_BYTES
            if kind == wire.BODY and len(payload) > most:
                self._channel_frame(kind, channel_id, payload[:most])
                payload = payload[most:]
            self._channel_frame(kind, channel_id, payload)

    def _channel_frame(self, kind: int, channel_id: int, payload: bytes) -> None:
        channel = self.channels.get(channel_id)
        method_id = wire.method_id(payload) if kind == wire.METHOD else 0
        if method_id == wire.CHANNEL_CLOSE and (channel is not None or channel_id in self._closing_channels):
            if channel is not None:
                self.channels.pop(channel_id).close()
            self._closing_channels.discard(channel_id)
            self.send(commands.Channel.CloseOk(), channel_id)
        elif channel_id in self._closing_channels:
            if method_id == wire.CHANNEL_CLOSE_OK:
                self._closing_channels.discard(channel_id)
        elif method_id == wire.CHANNEL_OPEN:
            self._open_channel(channel_id)
        elif channel is None:
            raise AmqpError(replies.CHANNEL_ERROR, "expected 'channel.open'")
        else:
            channel.frame(kind, payload)

    def _open_channel(self, channel_id: int) -> None:
        if self._handshake is None or not self._handshake.done:
            raise AmqpError(replies.CHANNEL_ERROR, "the connection is not open yet")
        if channel_id in self.channels:
            raise AmqpError(replies.CHANNEL_ERROR, "second 'channel.open' seen")
        if channel_id > self._channel_max:
            raise AmqpError(
                replies.NOT_ALLOWED, f"channel {channel_id} is beyond channel_max ({self._channel_max})"
            )
        self.channels[channel_id] = Channel(channel_id, self)
        self.send(commands.Channel.OpenOk(), channel_id)

    def _own_method(self, method: Frame) -> None:
        """The methods of the connection itself, on channel 0."""
        if isinstance(method, commands.Connection.Close):
            self._release()
            self.send(commands.Connection.CloseOk())
            self._end()
        elif isinstance(method, commands.Connection.CloseOk) and self._closing:
            self._end()
        elif self._closing:
            return
        elif self._handshake is not None and not self._handshake.done:
            if self._handshake.take(method) and self._limit is not None:
                self._limit.cancel()
        elif isinstance(method, commands.Connection.UpdateSecret):
            raise AmqpError(replies.NOT_IMPLEMENTED, method.name.lower())
        else:
            raise AmqpError(replies.CHANNEL_ERROR, f"unexpected method {method.name.lower()} on channel 0")

    def tuned(self, frame_max_bytes: int, channel_max: int, heartbeat_s: int) -> None:
        self.frame_max_bytes = frame_max_bytes
        self._channel_max = channel_max
        if heartbeat_s:
            self._heartbeat = Heartbeat(self, heartbeat_s, self.broker.turn.loop)

    def announced(self, capability: str) -> bool:
        return bool(self.capabilities.get(capability))

    # -- frames out

    def send(self, method: Frame, channel_id: int = 0) -> None:
        self.outbox.write(pamqp.frame.marshal(method, channel_id))

    # -- pauses

    @property
    def reading(self) -> bool:
        return not (self._blocked or self._clogged)

    def publishes(self) -> None:
        """Something was published here, so this connection waits when the memory is full."""
        if not self._publishes:
            self._publishes = True
            self.broker.memory.joined(self)

    def block(self, *, blocked: bool) -> None:
        self._blocked = blocked
        self._read_or_pause()
        if self.announced("connection.blocked") and not self._closing:
            self.send(
                commands.Connection.Blocked("low on memory") if blocked else commands.Connection.Unblocked()
            )

    def _clog(self) -> None:
        self._clogged = True
        self._read_or_pause()

    def _read_or_pause(self) -> None:
        if self._transport.is_closing():
            return
        if self.reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # -- the end

    def force_close(self) -> None:
        """The broker is ending."""
        self._refuse(AmqpError(replies.CONNECTION_FORCED, "the broker is shutting down"), 0, 0)
        self.outbox.flush()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def _refuse(self, error: Exception, channel_id: int, failed: int) -> None:
        """Closes the channel or the connection; the client answers with close-ok."""
        if not isinstance(error, AmqpError):
            error = AmqpError(replies.INTERNAL_ERROR, f"{type(error).__name__}: {error}")
        class_id, method_id = divmod(max(failed, 0), 1 << 16)
        close: dict[str, Any] = {
            "reply_code": error.code,
            "reply_text": error.text,
            "class_id": class_id,
            "method_id": method_id,
        }
        if self._closing:
            self.abort()  # it goes on breaking the protocol after it was told so
        elif channel_id in self.channels and not error.closes_connection:
            self.channels.pop(channel_id).close()
            self._closing_channels.add(channel_id)
            self.send(commands.Channel.Close(**close), channel_id)
        else:
            self._release()
            self.send(commands.Connection.Close(**close))
            if self._limit is not None:
                self._limit.cancel()
            self._limit = self.broker.turn.loop.call_later(_CLOSE_LIMIT_S, self.abort)

    def _release(self) -> None:
        """Ends all channels; from here on nothing but close-ok is of interest."""
        self._closing = True
        for channel_id in tuple(self.channels):
            self.channels.pop(channel_id).close()

    def _end(self) -> None:
        self.outbox.flush()
        self._transport.close()
