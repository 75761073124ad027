"""A message whose content is arriving frame by frame: long, empty or cut off by the end of what was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pamqp.header import ContentHeader

from bench.brokers.amqp import replies, wire
from bench.brokers.amqp.replies import AmqpError

if TYPE_CHECKING:
    from bench.brokers.amqp.messages import Publication

MESSAGE_MAX_BYTES = 128 << 20
"""The longest body accepted, which is RabbitMQ's default up to 3.13."""


class Assembly:
    """Expects one header frame, then body frames until nothing is missing; ``whole`` says when that is."""

    def __init__(self, publication: Publication, *, user: str, most_bytes: int) -> None:
        self.publication = publication
        self._user = user
        self._most_bytes = most_bytes
        self._missing_bytes: int | None = None
        self._parts: list[bytes] = []

    @property
    def whole(self) -> bool:
        return self._missing_bytes == 0

    @property
    def content(self) -> bytes:
        return b"".join(self._parts)

    def header(self, payload: bytes) -> None:
        if self._missing_bytes is not None:
            raise AmqpError(replies.UNEXPECTED_FRAME, "expected content body, got a second content header")
        header = wire.read_header(payload)
        if header is None:
            raise AmqpError(replies.FRAME_ERROR, "the content header is cut short")
        if header.class_id != wire.BASIC_CLASS:
            raise AmqpError(
                replies.UNEXPECTED_FRAME,
                f"expected a content header of class {wire.BASIC_CLASS}, got one of class {header.class_id}",
            )
        if header.body_bytes > self._most_bytes:
            raise AmqpError(
                replies.PRECONDITION_FAILED,
                f"message size {header.body_bytes} is larger than configured max size {self._most_bytes}",
            )
        if header.checked:
            self._check_properties(payload)
        self._missing_bytes = header.body_bytes
        self._parts.append(wire.content_head(payload))

    def body(self, payload: bytes) -> None:
        if self._missing_bytes is None:
            raise AmqpError(replies.UNEXPECTED_FRAME, "expected content header, got content body instead")
        if len(payload) > self._missing_bytes:
            raise AmqpError(replies.FRAME_ERROR, "the content body is longer than its header says")
        self._missing_bytes -= len(payload)
        if payload:
            self._parts.append(wire.body_frame(self.publication.origin.channel_id, payload))

    def _check_properties(self, payload: bytes) -> None:
        header = ContentHeader()
        try:
            header.unmarshal(payload)
        except Exception as error:  # whatever pamqp trips over, the client wrote it
            raise AmqpError(replies.FRAME_ERROR, "the message properties cannot be read") from error
        properties = header.properties
        if properties.expiration:
            raise AmqpError(replies.NOT_IMPLEMENTED, "messages with an expiration")
        if properties.user_id and properties.user_id != self._user:
            raise AmqpError(
                replies.PRECONDITION_FAILED,
                f"user_id property set to '{properties.user_id}' but authenticated user was '{self._user}'",
            )
