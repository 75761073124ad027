"""Servers that answer a client as real ones do, and as they should not."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any

from pamqp import commands, frame

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk, ssl: SSLContext | None = None) -> AsyncIterator[int]:
    """Somebody who talks like that on the port that is yielded."""
    talks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ssl)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def answers(*methods: Any) -> Talk:
    """Greets as AMQP does, then sends each method in turn, one for each frame that comes in; then hangs up.

    Bytes are sent as they are. TuneOk, which nobody answers, is read over.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        for method in methods:
            writer.write(method if isinstance(method, bytes) else frame.marshal(method, 0))
            await writer.drain()
            while isinstance(await read(reader), commands.Connection.TuneOk):
                pass

    return talk


async def read(reader: asyncio.StreamReader) -> frame.FrameTypes:
    head = await reader.readexactly(7)
    size = struct.unpack(">I", head[3:])[0]
    return frame.unmarshal(head + await reader.readexactly(size + 1))[2]


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


START = commands.Connection.Start(
    0, 9, {"product": "Some MQ!", "version": "1.2.3"}, "PLAIN AMQPLAIN", "en_US"
)
TUNE = commands.Connection.Tune(2047, 131072, 60)
AMIABLE = answers(START, TUNE, commands.Connection.OpenOk(), commands.Connection.CloseOk())
