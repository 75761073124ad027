"""Asks a Kafka cluster who its brokers are, and whether they can be reached where they say they are.

By hand, since the harness needs no client library of Kafka; nothing is created by it. The protocol:
https://kafka.apache.org/protocol
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench.brokers import readiness
from bench.brokers.kafka.address import SCHEMES, KafkaAddress, Server
from bench.brokers.ports import os_reason
from bench.brokers.reaching import reaching
from bench.brokers.tls import tls_reason
from bench.client import NO_FILES, Tls
from bench.errors import BrokerError, WrongBrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LIMIT_S = 5.0
MOST_BYTES = 1 << 24  # a cluster of thousands of brokers says less
METADATA, METADATA_VERSION = 3, 4  # what brokers since 0.11 and up to 4 understand
FIND_COORDINATOR, FIND_COORDINATOR_VERSION = 10, 1
CORRELATION = 0x6D716265


@dataclass(frozen=True, slots=True)
class _Peer:
    """A server and how it is talked to: in the clear where ``tls`` is None."""

    server: Server
    tls: Tls | None

    def __str__(self) -> str:
        return f"{SCHEMES[self.tls is not None]}://{self.server}"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = self.tls.context() if self.tls is not None else None
        return await asyncio.open_connection(self.server.host, self.server.port, ssl=context)


async def look(address: KafkaAddress, tls: Tls = NO_FILES, *, limit_s: float = LIMIT_S) -> None:
    """Raises BrokerError unless one of the servers answers and every broker that it names can be reached."""
    refusals = []
    for server in address.servers:
        peer = _Peer(server, tls if address.tls else None)
        try:
            brokers = await _brokers(peer, limit_s)
        except BrokerError as error:
            refusals.append(str(error))
            continue
        for broker in brokers:
            await _reach(_Peer(broker, peer.tls), peer, limit_s)
        return
    raise BrokerError("; ".join(refusals))


async def until_ready(address: KafkaAddress, last_words: Callable[[], str | None], limit_s: float) -> None:
    """Until the cluster has brokers, and keeps offsets of groups, which a new one must prepare."""
    ready = partial(_ready, address)
    await readiness.until_ready(ready, last_words, limit_s, lacking="it was not ready")


async def _ready(address: KafkaAddress) -> None:
    await look(address)
    await _coordinated(_Peer(address.servers[0], None))


async def _brokers(where: _Peer, limit_s: float) -> list[Server]:
    # About no topic, and none is to be created.
    answer = await _ask(where, METADATA, METADATA_VERSION, struct.pack(">i?", 0, False), limit_s)
    try:
        (count,), at, brokers = struct.unpack_from(">i", answer, 4), 8, []
        for _ in range(count):
            host, at = _text(answer, at + 4)
            (port,) = struct.unpack_from(">i", answer, at)
            _, at = _text(answer, at + 4)
            brokers.append(Server(host=host, port=port))
    except (struct.error, UnicodeDecodeError) as error:
        raise BrokerError(f"{where} is not a broker of Kafka") from error
    if not brokers:
        raise BrokerError(f"{where} answers, but its cluster has no brokers yet")
    return brokers


async def _reach(broker: _Peer, where: _Peer, limit_s: float) -> None:
    """Clients go on to where a broker says that it is (advertised.listeners), whatever address they know."""
    try:
        async with asyncio.timeout(limit_s):
            _, writer = await broker.connect()
            writer.close()
    except TimeoutError:
        reason = f"no answer within {limit_s:g} s"
    except ssl.SSLError as error:
        reason = f"no TLS: {tls_reason(error)}"
    except socket.gaierror:
        reason = "no host has that name"
    except OSError as error:
        reason = os_reason(error)
    else:
        return
    raise WrongBrokerError(
        f"{where} answers, but sends clients on to {broker.server}, which cannot be reached from here "
        f"({reason}); correct its advertised.listeners"
    )


async def _coordinated(where: _Peer) -> None:
    group = b"mqbench-ready"
    body = struct.pack(">h", len(group)) + group + b"\x00"
    answer = await _ask(where, FIND_COORDINATOR, FIND_COORDINATOR_VERSION, body, LIMIT_S)
    if len(answer) < 6 or struct.unpack_from(">h", answer, 4)[0]:
        raise BrokerError(f"{where} cannot keep the offsets of groups yet")


async def _ask(where: _Peer, key: int, version: int, body: bytes, limit_s: float) -> bytes:
    """The answer to one request, without its header."""
    name = b"mqbench"
    request = struct.pack(">hhih", key, version, CORRELATION, len(name)) + name + body
    async with _connected(where, limit_s) as (reader, writer):
        writer.write(struct.pack(">i", len(request)) + request)
        try:
            size, correlation = struct.unpack(">ii", await reader.readexactly(8))
            if correlation != CORRELATION or not 4 <= size <= MOST_BYTES:
                raise BrokerError(f"{where} is not a broker of Kafka")
            return await reader.readexactly(size - 4)
        except (asyncio.IncompleteReadError, ConnectionError):
            tls = ", and without TLS? With it, its URL begins with kafka+ssl://" if where.tls is None else "?"
            raise BrokerError(f"{where} hung up instead of answering; is it a broker of Kafka{tls}") from None


@asynccontextmanager
async def _connected(
    where: _Peer, limit_s: float
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """For ``limit_s`` at most; every way in which that can fail is one sentence."""
    async with reaching(where, limit_s=limit_s, service="kafka", doubt="is it a broker of Kafka, "):
        reader, writer = await where.connect()
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A string with its length before it, -1 for none; and where it ends."""
    (size,) = struct.unpack_from(">h", data, at)
    end = at + 2 + max(size, 0)
    return data[at + 2 : end].decode(), end
