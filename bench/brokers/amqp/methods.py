"""The methods that are not hot, as pamqp reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pamqp import commands

from bench.brokers.amqp import replies, wire
from bench.brokers.amqp.replies import AmqpError

if TYPE_CHECKING:
    from pamqp.base import Frame


def read_method(payload: bytes) -> Frame:
    """The method in a method frame; 540 if there is no such method, 501 if it cannot be read."""
    method_id = wire.method_id(payload)
    kind = commands.INDEX_MAPPING.get(method_id)
    if kind is None:
        raise AmqpError(replies.NOT_IMPLEMENTED, f"method {method_id >> 16}.{method_id & 0xFFFF}")
    method: Frame = kind()
    try:
        method.unmarshal(payload[4:])
    except Exception as error:  # whatever pamqp trips over, the client wrote it
        raise AmqpError(replies.FRAME_ERROR, f"{method.name.lower()} cannot be read") from error
    return method
