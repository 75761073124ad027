"""From the protocol header to connection.open-ok."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from pamqp import commands, decode

from bench.brokers.amqp import replies
from bench.brokers.amqp.replies import AmqpError

if TYPE_CHECKING:
    from pamqp.base import Frame

    from bench.brokers.amqp.connection import Connection

CHANNEL_MAX = 2047
FRAME_MAX_BYTES = 131_072
HEARTBEAT_S = 60
_FRAME_MIN_BYTES = 4096
_CAPABILITIES = {
    "publisher_confirms": True,
    "exchange_exchange_bindings": False,
    "basic.nack": True,
    "consumer_cancel_notify": True,
    "connection.blocked": True,
    "authentication_failure_close": True,
    "per_consumer_qos": True,
    "consumer_priorities": False,
    "direct_reply_to": False,
}


class Handshake:
    """Takes the client's methods in the one order there is; ``done`` once the connection is open."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._settings = connection.broker.settings
        self._expected: type[Frame] = commands.Connection.StartOk
        self.done = False
        properties = {"product": "mqbench", "version": self._settings.version, "platform": "Python"}
        connection.send(
            commands.Connection.Start(
                server_properties={**properties, "capabilities": dict(_CAPABILITIES)},
                mechanisms="PLAIN AMQPLAIN",
                locales="en_US",
            )
        )

    def take(self, method: Frame) -> bool:
        """Answers the next method; True once the connection is open."""
        if type(method) is not self._expected:
            raise AmqpError(
                replies.CHANNEL_ERROR, f"expected {self._expected.name.lower()}, got {method.name.lower()}"
            )
        if isinstance(method, commands.Connection.StartOk):
            self._authenticate(method)
        elif isinstance(method, commands.Connection.TuneOk):
            self._tune(method)
        elif isinstance(method, commands.Connection.Open):
            self._open(method)
        return self.done

    def _authenticate(self, method: commands.Connection.StartOk) -> None:
        connection = self._connection
        capabilities = (method.client_properties or {}).get("capabilities")
        connection.capabilities = capabilities if isinstance(capabilities, dict) else {}
        user, password = _credentials(method.mechanism, method.response)
        if not (_same(user, self._settings.user) and _same(password, self._settings.password)):
            if not connection.announced("authentication_failure_close"):
                connection.abort()
                return
            raise AmqpError(
                replies.ACCESS_REFUSED,
                f"Login was refused using authentication mechanism {method.mechanism}.",
                closes_connection=True,
            )
        self._expected = commands.Connection.TuneOk
        connection.send(
            commands.Connection.Tune(
                channel_max=CHANNEL_MAX, frame_max=FRAME_MAX_BYTES, heartbeat=HEARTBEAT_S
            )
        )

    def _tune(self, method: commands.Connection.TuneOk) -> None:
        """Zero stands for no limit of the client's own."""
        frame_max_bytes = method.frame_max or FRAME_MAX_BYTES
        if not _FRAME_MIN_BYTES <= frame_max_bytes <= FRAME_MAX_BYTES:
            raise AmqpError(
                replies.NOT_ALLOWED,
                f"negotiated frame_max = {frame_max_bytes} must be {_FRAME_MIN_BYTES} to {FRAME_MAX_BYTES}",
            )
        channel_max = method.channel_max or CHANNEL_MAX
        if channel_max > CHANNEL_MAX:
            raise AmqpError(
                replies.NOT_ALLOWED,
                f"negotiated channel_max = {channel_max} is higher than {CHANNEL_MAX}",
            )
        self._connection.tuned(frame_max_bytes, channel_max, method.heartbeat)
        self._expected = commands.Connection.Open

    def _open(self, method: commands.Connection.Open) -> None:
        if method.virtual_host != self._settings.vhost:
            raise AmqpError(replies.NOT_ALLOWED, f"vhost {method.virtual_host} not found")
        self.done = True
        self._connection.send(commands.Connection.OpenOk())


def _credentials(mechanism: str, response: str | bytes) -> tuple[str, str]:
    """User and password as the client says them; empty ones where it says nothing that can be read."""
    raw = response if isinstance(response, bytes) else response.encode()
    if mechanism == "PLAIN":
        parts = raw.decode(errors="replace").split("\0")
        return (parts[1], parts[2]) if len(parts) == 3 else ("", "")
    if mechanism == "AMQPLAIN":
        try:  # a table without its size in front
            table: dict[str, Any] = dict(decode.field_table(len(raw).to_bytes(4, "big") + raw)[1])
        except Exception:  # noqa: BLE001  # whatever pamqp trips over, it is no password
            return "", ""
        return str(table.get("LOGIN", "")), str(table.get("PASSWORD", ""))
    raise AmqpError(replies.COMMAND_INVALID, f"unknown authentication mechanism '{mechanism}'")


def _same(said: str, right: str) -> bool:
    return hmac.compare_digest(said.encode(), right.encode())
