"""The frames of the hot path, read and written by hand: publish, content, deliver, get-ok, ack, nack.

A frame is type (1 byte), channel (2), size (4), payload (size bytes), end mark (1).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = 0xCE
FRAME_END_BYTE = b"\xce"
FRAME_OVERHEAD_BYTES = 8
HEARTBEAT_FRAME = b"\x08\x00\x00\x00\x00\x00\x00\xce"
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
OLD_PROTOCOL_HEADER = b"AMQP\x01\x01\x00\x09"
"""AMQP 0-9, by which aioamqp announces itself; RabbitMQ takes it for 0-9-1 as well."""

METHOD_HEAD_BYTES = 11
"""A method frame up to its arguments: type, channel, size, class and method."""
BODY_HEAD_BYTES = 7
"""A body frame up to its payload: type, channel, size."""

BASIC_CLASS = 60
BASIC_PUBLISH = 60 << 16 | 40
BASIC_ACK = 60 << 16 | 80
BASIC_REJECT = 60 << 16 | 90
BASIC_NACK = 60 << 16 | 120
CHANNEL_OPEN, CHANNEL_CLOSE, CHANNEL_CLOSE_OK = 20 << 16 | 10, 20 << 16 | 40, 20 << 16 | 41
SETTLE_SIZE = 13
"""Payload size of ack, nack and reject: method (4), delivery tag (8), flags (1)."""

ACK_BYTES = 21

MANDATORY, IMMEDIATE = 1, 2
MULTIPLE, NACK_REQUEUE, REJECT_REQUEUE = 1, 2, 1

_CHECKED_PROPERTIES = 0x0100 | 0x0010 | 1
"""Property flags that the broker has to look into: expiration, user-id, and further flag words."""

frame_head = struct.Struct(">BHI").unpack_from
settle_arguments = struct.Struct(">IQB").unpack_from
ack_arguments = struct.Struct(">QBB").unpack_from
"""Delivery tag, flags and end mark of an ack, from the arguments on."""
pack_tag = struct.Struct(">Q").pack
_method_id = struct.Struct(">I").unpack_from
_size = struct.Struct(">I").unpack_from
_content_head = struct.Struct(">BHIHHQH").unpack_from
_header_payload = struct.Struct(">HHQH").unpack_from
_pack_head = struct.Struct(">BHI").pack
_pack_ack = struct.Struct(">BHIIQBB").pack
_DELIVER, _GET_OK, _RETURN = (struct.pack(">HH", BASIC_CLASS, method) for method in (60, 71, 50))


class Header(NamedTuple):
    """What the broker reads in a content header; ``checked`` says that its properties need a look."""

    class_id: int
    body_bytes: int
    checked: bool


def method_id(payload: bytes) -> int:
    """Class and method of a method frame, as one number; -1 where there is none."""
    return int(_method_id(payload)[0]) if len(payload) >= 4 else -1


def read_header(payload: bytes) -> Header | None:
    if len(payload) < 14:
        return None
    class_id, _, body_bytes, flags = _header_payload(payload)
    return Header(class_id, body_bytes, bool(flags & _CHECKED_PROPERTIES))


def read_publish(payload: bytes) -> tuple[str, str, int] | None:
    """Exchange, routing key and flags of basic.publish; None where the payload is not one."""
    try:
        key_at = 7 + payload[6]
        flags_at = key_at + 1 + payload[key_at]
        if flags_at + 1 != len(payload):
            return None
        return payload[7:key_at].decode(), payload[key_at + 1 : flags_at].decode(), payload[flags_at]
    except (IndexError, UnicodeDecodeError):
        return None


def plain_content_end(data: bytes, start: int, channel_id: int, frame_max_bytes: int) -> int:
    """Where the content that starts at ``start`` ends, if it is plain and all there; otherwise 0.

    Plain is what nearly all messages are: a header frame without properties to check, and one body frame that
    holds the whole body. Everything else, also what is wrong, is left to the careful way, frame by frame.
    """
    try:
        kind, channel, size, class_id, _, body_bytes, flags = _content_head(data, start)
        body_at = start + size + FRAME_OVERHEAD_BYTES
        body_kind, body_channel, body_size = frame_head(data, body_at)
        end: int = body_at + body_size + FRAME_OVERHEAD_BYTES
        if (
            data[end - 1] == data[body_at - 1] == FRAME_END
            and body_bytes == body_size > 0
            and kind == HEADER
            and body_kind == BODY
            and channel == body_channel == channel_id
            and class_id == BASIC_CLASS
            and end - start <= frame_max_bytes
            and not flags & _CHECKED_PROPERTIES
        ):
            return end
    except (struct.error, IndexError):
        pass  # it goes on in what has not arrived yet
    return 0


def header_frame_bytes(data: bytes, start: int) -> int:
    """How long the header frame that starts there is."""
    return int(_size(data, start + 3)[0]) + FRAME_OVERHEAD_BYTES


def ack_head(channel_id: int) -> bytes:
    return struct.pack(">BHII", METHOD, channel_id, SETTLE_SIZE, BASIC_ACK)


def content_head(header: bytes) -> bytes:
    """The header frame as messages hold it: without type and channel."""
    return b"".join((struct.pack(">I", len(header)), header, FRAME_END_BYTE))


def body_frame(channel_id: int, payload: bytes) -> bytes:
    return b"".join((_pack_head(BODY, channel_id, len(payload)), payload, FRAME_END_BYTE))


def reframed(content: bytes, channel_id: int, frame_max_bytes: int) -> bytes:
    """The content of a message for another channel, with body frames no longer than ``frame_max_bytes``."""
    most = frame_max_bytes - FRAME_OVERHEAD_BYTES
    at = int(_size(content, 0)[0]) + 5
    parts = [content[:at]]
    while at < len(content):
        size = frame_head(content, at)[2]
        payload_at, at = at + 7, at + size + FRAME_OVERHEAD_BYTES
        if size <= most:
            parts += (_pack_head(BODY, channel_id, size), content[payload_at:at])
        else:
            payload = content[payload_at : at - 1]
            parts += (body_frame(channel_id, payload[cut : cut + most]) for cut in range(0, size, most))
    return b"".join(parts)


def short_string(text: str) -> bytes:
    encoded = text.encode()
    return bytes((len(encoded),)) + encoded


def deliver_parts(
    channel_id: int,
    consumer_tag: str,
    exchange: str,
    routing_key: str,
    *,
    redelivered: bool,
    header: bytes = b"",
) -> tuple[bytes, bytes]:
    """basic.deliver in two parts, between which the delivery tag goes; the content follows the second.

    Where ``header`` is the header frame from its size on, that is the body frame from its own.
    """
    before = _DELIVER + short_string(consumer_tag)
    after = bytes((redelivered,)) + short_string(exchange) + short_string(routing_key)
    head = _pack_head(METHOD, channel_id, len(before) + 8 + len(after))
    content = header_mark(channel_id)
    if header:
        content += header + body_mark(channel_id)
    return head + before, after + FRAME_END_BYTE + content


def get_ok(
    channel_id: int, tag: int, exchange: str, routing_key: str, *, redelivered: bool, messages_left: int
) -> bytes:
    """basic.get-ok, up to where the content follows."""
    payload = b"".join(
        (
            _GET_OK,
            pack_tag(tag),
            bytes((redelivered,)),
            short_string(exchange),
            short_string(routing_key),
            struct.pack(">I", messages_left),
        )
    )
    return _method_frame(channel_id, payload) + header_mark(channel_id)


def returned(channel_id: int, code: int, text: str, exchange: str, routing_key: str) -> bytes:
    """basic.return, up to where the content follows."""
    names = short_string(text) + short_string(exchange) + short_string(routing_key)
    return _method_frame(channel_id, _RETURN + struct.pack(">H", code) + names) + header_mark(channel_id)


def ack(channel_id: int, tag: int, *, multiple: bool) -> bytes:
    return _pack_ack(METHOD, channel_id, SETTLE_SIZE, BASIC_ACK, tag, multiple, FRAME_END)


def _method_frame(channel_id: int, payload: bytes) -> bytes:
    return b"".join((_pack_head(METHOD, channel_id, len(payload)), payload, FRAME_END_BYTE))


def header_mark(channel_id: int) -> bytes:
    """The type and channel of the header frame, which messages are held without."""
    return struct.pack(">BH", HEADER, channel_id)


def body_mark(channel_id: int) -> bytes:
    """The type and channel of the body frame, which messages with a header in common are held without."""
    return struct.pack(">BH", BODY, channel_id)
