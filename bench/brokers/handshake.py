"""Logs in to an AMQP 0-9-1 broker and out again, to learn whether it is there and what it is.

Nothing is declared and nothing published: after it the broker is as it was before.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pamqp import commands, exceptions, frame

from bench.brokers.reaching import reaching
from bench.client import NO_FILES, Tls
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pamqp.common import FieldTable

    from bench.brokers.address import Address

LIMIT_S = 5.0
FRAME_HEADER_BYTES = 7
FRAME_MAX_BYTES = 1 << 20  # what an honest broker says before tuning is a few hundred bytes
METHOD_FRAME = 1
ACCESS_REFUSED = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a broker calls itself in its greeting."""

    product: str
    version: str


async def log_in(address: Address, tls: Tls = NO_FILES, *, limit_s: float = LIMIT_S) -> Server:
    """Completes a log-in; raises BrokerError with one sentence that says which step failed, and what next."""
    async with (
        reaching(address.shown, limit_s=limit_s, service="rabbitmq"),
        _connected(address, tls) as wire,
    ):
        return await _greet(wire, address)


class _HungUpError(Exception):
    """The other side closed the connection where it should have answered."""


class _Wire:
    """Method frames over a stream; raises BrokerError where the other side speaks something else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str) -> None:
        self._reader, self._writer, self._where = reader, writer, where

    async def ask(self, question: bytes | frame.FrameTypes) -> frame.FrameTypes:
        """Sends a method, or raw bytes, and returns the method that comes back."""
        try:
            self._writer.write(question if isinstance(question, bytes) else frame.marshal(question, 0))
            await self._writer.drain()
            start = await self._reader.readexactly(FRAME_HEADER_BYTES)
            kind, channel, size = struct.unpack(">BHI", start)
            if kind != METHOD_FRAME or channel or size > FRAME_MAX_BYTES:
                raise BrokerError(f"{self._where} {_what_speaks(start)}")
            return frame.unmarshal(start + await self._reader.readexactly(size + 1))[2]
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise BrokerError(f"{self._where} {_what_speaks(error.partial)}") from None
            raise _HungUpError from None
        except ConnectionError:
            raise _HungUpError from None
        except (exceptions.PAMQPException, ValueError, KeyError, struct.error):
            raise BrokerError(f"{self._where} does not speak AMQP 0-9-1") from None

    def tell(self, method: frame.FrameTypes) -> None:
        self._writer.write(frame.marshal(method, 0))


@asynccontextmanager
async def _connected(address: Address, tls: Tls) -> AsyncIterator[_Wire]:
    context = tls.context() if address.tls else None
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    try:
        yield _Wire(reader, writer, address.shown)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _greet(wire: _Wire, address: Address) -> Server:
    where = address.shown
    try:
        start = await wire.ask(b"AMQP\x00\x00\x09\x01")
    except _HungUpError:
        raise BrokerError(f"{where} hung up without a greeting; is it an AMQP 0-9-1 broker?") from None
    if not isinstance(start, commands.Connection.Start):
        raise BrokerError(f"{where} does not speak AMQP 0-9-1")
    if "PLAIN" not in start.mechanisms.split():
        raise BrokerError(f"{where} offers no log-in by password, only: {start.mechanisms}")
    await _authenticate(wire, address)
    await _enter(wire, address)
    properties = start.server_properties
    return Server(
        product=_text(properties.get("product"), "unknown product"),
        version=_text(properties.get("version"), "unknown"),
    )


async def _authenticate(wire: _Wire, address: Address) -> None:
    refused = f"{address.shown} refused the log-in; check user name and password"
    # Without this capability RabbitMQ hangs up on a wrong password instead of saying so.
    properties: FieldTable = {"product": "mqbench", "capabilities": {"authentication_failure_close": True}}
    credentials = f"\0{address.user}\0{address.password}"
    try:
        tune = await wire.ask(commands.Connection.StartOk(properties, "PLAIN", credentials, "en_US"))
    except _HungUpError:
        raise BrokerError(refused) from None
    if isinstance(tune, commands.Connection.Close):
        raise BrokerError(refused if tune.reply_code == ACCESS_REFUSED else _closed(tune, address))
    if not isinstance(tune, commands.Connection.Tune):
        raise BrokerError(f"{address.shown} asks for more than a password ({tune.name})")
    wire.tell(commands.Connection.TuneOk(tune.channel_max, tune.frame_max, 0))


async def _enter(wire: _Wire, address: Address) -> None:
    try:
        opened = await wire.ask(commands.Connection.Open(address.vhost))
    except _HungUpError:
        raise BrokerError(
            f"{address.shown} hung up when asked for its virtual host {address.vhost!r}"
        ) from None
    if isinstance(opened, commands.Connection.Close):
        raise BrokerError(_closed(opened, address))
    if not isinstance(opened, commands.Connection.OpenOk):
        raise BrokerError(f"{address.shown} answered {opened.name} instead of opening {address.vhost!r}")
    with contextlib.suppress(_HungUpError):  # we are leaving anyway
        await wire.ask(commands.Connection.Close(200, "bye", 0, 0))


def _closed(close: commands.Connection.Close, address: Address) -> str:
    """A refusal in the broker's own words, such as ``NOT_ALLOWED - vhost nope not found``."""
    words = close.reply_text.replace(address.password, "…") if address.password else close.reply_text
    return f"{address.shown} refused virtual host {address.vhost!r}: {close.reply_code} {words}"


def _what_speaks(start: bytes) -> str:
    if start.startswith(b"AMQP"):
        return "speaks another version of AMQP than 0-9-1"
    if start.startswith(b"\x15\x03"):  # an alert of TLS
        return "wants TLS; use amqps://"
    return "is not an AMQP server"


def _text(value: object, otherwise: str) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value or otherwise)
    return "".join(character for character in text if character.isprintable())[:100]
