"""A TCP proxy that can cut every connection through it, as a failing network would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit, urlunsplit

from contract.aside import aside


class Pipe(asyncio.Protocol):
    """One end of a connection through the proxy: what it reads, its peer writes."""

    def __init__(self, ends: set[asyncio.Transport]) -> None:
        self._ends = ends
        self.peer: Pipe | None = None
        self.transport: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._ends.add(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.peer is None or self.peer.transport is None:
            self._early.append(data)
        else:
            self.peer.transport.write(data)

    def join(self, peer: Pipe) -> None:
        self.peer, peer.peer = peer, self
        assert peer.transport is not None
        peer.transport.write(b"".join(self._early))

    def connection_lost(self, _: Exception | None) -> None:
        if self.transport is not None:
            self._ends.discard(self.transport)
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxied:
    """``url`` leads through the proxy; ``cut`` cuts what is connected, and refuses what comes later."""

    url: str = field(repr=False)
    cut: Callable[[], None]


@asynccontextmanager
async def _listening(host: str, port: int) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    loop = asyncio.get_running_loop()
    ends: set[asyncio.Transport] = set()
    dials: set[asyncio.Task[None]] = set()

    async def dial(inner: Pipe) -> None:
        _, outer = await loop.create_connection(lambda: Pipe(ends), host, port)
        inner.join(outer)

    def accept() -> Pipe:
        pipe = Pipe(ends)
        dials.add(task := loop.create_task(dial(pipe), name="proxy dials the broker"))
        task.add_done_callback(dials.discard)
        return pipe

    server = await loop.create_server(accept, "127.0.0.1", 0)

    def cut() -> None:
        server.close()
        for end in tuple(ends):
            end.abort()

    try:
        yield server.sockets[0].getsockname()[1], cut
    finally:
        cut()
        await asyncio.sleep(0)  # lets the aborted transports close their sockets


@contextmanager
def proxied(url: str) -> Iterator[Proxied]:
    """A way to the broker at ``url`` that can be cut, from any thread."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    with aside(_listening(parts.hostname, parts.port)) as ((port, cut), loop):
        before, at, _ = parts.netloc.rpartition("@")
        way = urlunsplit(parts._replace(netloc=f"{before}{at}127.0.0.1:{port}"))
        yield Proxied(url=way, cut=lambda: (loop.call_soon_threadsafe(cut), None)[1])
