"""Reply codes of AMQP 0-9-1, and the exception that carries one to the client."""

from __future__ import annotations

CONNECTION_FORCED = 320
ACCESS_REFUSED = 403
NOT_FOUND = 404
RESOURCE_LOCKED = 405
PRECONDITION_FAILED = 406
FRAME_ERROR = 501
COMMAND_INVALID = 503
CHANNEL_ERROR = 504
UNEXPECTED_FRAME = 505
NOT_ALLOWED = 530
NOT_IMPLEMENTED = 540
INTERNAL_ERROR = 541

NO_ROUTE = 312

_NAMES = {code: name for name, code in dict(globals()).items() if name.isupper() and isinstance(code, int)}
_CLOSING_THE_CHANNEL = frozenset({ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, PRECONDITION_FAILED})


class AmqpError(Exception):
    """What a client asked is refused: the channel is closed, or, as the code demands, the connection.

    ``text`` is made as RabbitMQ makes it, because clients and people look for these words.
    """

    def __init__(self, code: int, reason: str, *, closes_connection: bool | None = None) -> None:
        super().__init__(f"{_NAMES[code]} - {reason}")
        self.code = code
        self.closes_connection = (
            code not in _CLOSING_THE_CHANNEL if closes_connection is None else closes_connection
        )

    @property
    def text(self) -> str:
        """At most 255 bytes, which is all that a short string of the protocol holds."""
        return str(self).encode()[:255].decode(errors="ignore")
