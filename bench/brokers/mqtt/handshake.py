"""Logs in to an MQTT broker and out again, to learn whether it is there, what it is, and what it speaks.

Nothing is published and no session is left: after it the broker is as it was before. The few packets that it
takes are written out here, so that a broker can be looked at without any client installed; the sections named
are those of MQTT 5 (https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.brokers.reaching import reaching
from bench.client import NO_FILES, Tls
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.brokers.mqtt.address import MqttAddress

LIMIT_S = 5.0
VERSION_LIMIT_S = 0.5  # a broker that publishes its version does so at once, since it is retained
MOST_BYTES = 1 << 16  # no packet that a broker sends while it is greeted is nearly as long

CONNECT, CONNACK, PUBLISH, SUBSCRIBE, SUBACK, DISCONNECT = 0x10, 0x20, 0x30, 0x82, 0x90, 0xE0
LEVELS = {"5": 5, "3.1.1": 4}
VERSION_TOPIC = b"$SYS/broker/version"  # by custom, not by the standard
# Reasons of CONNACK: sections 3.2.2.2 of MQTT 5 and 3.2.2.3 of MQTT 3.1.1.
UNKNOWN_VERSION = {0x01, 0x84}
REFUSED_LOG_IN = {0x04, 0x05, 0x86, 0x87}
REASONS = {
    0x02: "client identifier rejected",
    0x03: "server unavailable",
    0x85: "client identifier rejected",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x97: "quota exceeded",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9F: "connection rate exceeded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a broker is, and the address with the version of the protocol that it speaks."""

    kind: str
    version: str
    address: MqttAddress


async def log_in(address: MqttAddress, tls: Tls = NO_FILES, *, limit_s: float = LIMIT_S) -> Greeting:
    """Completes a log-in; raises BrokerError with one sentence that says which step failed, and what next.

    A broker that refuses MQTT 5 is asked once more in 3.1.1.
    """
    async with reaching(address.shown, limit_s=limit_s, service="mosquitto"):
        if (greeting := await _greeted(address, tls)) is None and address.version == "5":
            greeting = await _greeted(replace(address, version="3.1.1"), tls)
    if greeting is None:
        raise BrokerError(f"{address.shown} speaks neither MQTT 5 nor MQTT 3.1.1")
    return greeting


class _HungUpError(Exception):
    """The other side closed the connection where it should have answered."""


class _Wire:
    """Packets over a stream; raises BrokerError where the other side speaks something else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str) -> None:
        self._reader, self._writer, self._where = reader, writer, where

    def tell(self, kind: int, body: bytes) -> None:
        self._writer.write(bytes([kind]) + _length(len(body)) + body)

    async def hear(self) -> tuple[int, bytes]:
        """The first byte of the next packet, and all that follows its length."""
        try:
            await self._writer.drain()
            kind = (await self._reader.readexactly(1))[0]
            size = shift = 0
            while True:
                byte = (await self._reader.readexactly(1))[0]
                size += (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
            if kind & 0xF0 == CONNACK and not 2 <= size <= MOST_BYTES:
                raise BrokerError(f"{self._where} is not an MQTT server")
            return kind, await self._reader.readexactly(min(size, MOST_BYTES))
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise BrokerError(f"{self._where} is not an MQTT server") from None
            raise _HungUpError from None
        except ConnectionError:
            raise _HungUpError from None


@asynccontextmanager
async def _connected(address: MqttAddress, tls: Tls) -> AsyncIterator[_Wire]:
    context = tls.context() if address.tls else None
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    try:
        yield _Wire(reader, writer, address.shown)
    finally:
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _greeted(address: MqttAddress, tls: Tls) -> Greeting | None:
    """None if the broker does not speak this version of the protocol."""
    where = address.shown
    async with _connected(address, tls) as wire:
        wire.tell(CONNECT, _connect(address))
        try:
            kind, body = await wire.hear()
        except _HungUpError:
            # A broker may hang up on a version that it does not know, and some do on wrong credentials.
            if address.version == "5":
                return None
            raise BrokerError(
                f"{where} hung up without an answer; is it an MQTT broker, and is the log-in right?"
            ) from None
        if kind != CONNACK:
            raise BrokerError(f"{where} {_what_speaks(kind)}")
        reason = body[1]
        if reason in UNKNOWN_VERSION:
            return None
        if reason in REFUSED_LOG_IN:
            raise BrokerError(f"{where} refused the log-in; check user name and password")
        if reason:
            raise BrokerError(
                f"{where} refused the connection: {REASONS.get(reason, f'reason 0x{reason:02x}')}"
            )
        name, version = await _version(wire, address)
        wire.tell(DISCONNECT, b"")
        return Greeting(kind=name, version=version, address=address)


def _connect(address: MqttAddress) -> bytes:
    """Section 3.1, with a clean start and a session that ends with the connection."""
    flags = 0x02 | (0xC0 if address.user else 0)
    body = (
        _text("MQTT") + bytes([LEVELS[address.version], flags]) + struct.pack(">H", 30) + _properties(address)
    )
    body += _text(f"mqbench-{secrets.token_hex(6)}")
    return body + (_text(address.user) + _text(address.password) if address.user else b"")


async def _version(wire: _Wire, address: MqttAddress) -> tuple[str, str]:
    """Kind and version from the retained message that brokers such as mosquitto have; else what there is."""
    unknown = ("mqtt", f"speaks MQTT {address.version}")
    wire.tell(
        SUBSCRIBE,
        b"\x00\x01" + _properties(address) + struct.pack(">H", len(VERSION_TOPIC)) + VERSION_TOPIC + b"\x00",
    )
    try:
        async with asyncio.timeout(VERSION_LIMIT_S):
            while True:
                kind, body = await wire.hear()
                if kind == SUBACK and body[-1] & 0x80:
                    return unknown
                if kind & 0xF0 == PUBLISH:
                    said = body[2 + len(VERSION_TOPIC) + len(_properties(address)) :]
                    words = "".join(filter(str.isprintable, said.decode(errors="replace")))[:100].split()
                    return (words[0].lower(), words[-1]) if words else unknown
    except (TimeoutError, _HungUpError):
        return unknown


def _properties(address: MqttAddress) -> bytes:
    """None at all, which takes a byte in MQTT 5."""
    return b"\x00" if address.version == "5" else b""


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _length(size: int) -> bytes:
    """Section 1.5.5: seven bits a byte, the lowest first."""
    digits = bytearray()
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(digits)


def _what_speaks(first: int) -> str:
    if first == 0x15:  # an alert of TLS
        return "wants TLS; use mqtts://"
    return "is not an MQTT server"
