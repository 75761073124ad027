"""redis-py (Redis and Valkey; streams with consumer groups).

The documented way: ``xadd`` on a client with a pool of connections
(https://redis.readthedocs.io/en/stable/examples/asyncio_examples.html), and ``xreadgroup``, ``xack`` and
``xdel`` on a stream with a group (https://redis.io/docs/latest/develop/data-types/streams/). A pool as large
as ``in_flight`` is the fastest way to await publishes one by one: with 50 of them, 13,000, 25,000 and 34,000
a second on asyncio, uvloop and rloop, where a pool of 8 did 8,000, 20,000 and 23,000, and one connection,
which redis-py locks for each command, 8,000, 27,000 and 15,000. (Fifty in one pipeline are three to eight
times as fast, but redis-py gathers no pipeline by itself, and neither does an adapter.) The connections
overtake each other, so order is kept within a lane. redis-py uses hiredis where it is installed.

At most once, ``xadd`` would still wait for the server's answer. So ``CLIENT REPLY OFF`` and ``XADD`` are sent
on a connection of its own (https://redis.readthedocs.io/en/stable/connections.html), and groups read with
NOACK. A failed write is an error, a refusal by the server is never heard of.

Prefetch is the COUNT of a read, less what is handled and not acknowledged yet; the next read follows when all
of one is handled. Its acknowledgements, an XACK for every ``ack_every`` messages, go in one pipeline, where
waiting for each would halve the rate (16,000 against 34,000 a second on asyncio). An XDEL at its end is what
bounds the memory: it removes exactly what was handled, where trimming by length or age could remove what
another consumer has not seen. A consumer first reads what one of its name was given and never acknowledged.

In a fan-out each consumer is a group of its own on the one stream, and what one has handled others may not
have read. There an XTRIM by MINID stands in the place of XDEL, below what all groups have acknowledged.

A stream is kept on disk if the server's settings say so, which no client can ask for. Nothing is pushed: a
read waits in the server until there is something.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bench.client import Abilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from bench.client import Client, Depth, Publish, Receive, Target

GROUP = "mqbench"
BODY = b"body"
HISTORY, FRESH = b"0", b">"


def connected(target: Target, connections: int) -> Redis:
    """Never tries anything twice, which could publish twice, and has no limits of time: the harness has."""
    tls = target.tls
    secure: dict[str, Any] = {
        "ssl_check_hostname": True,  # not the default before redis-py 6
        "ssl_ca_certs": tls.ca,
        "ssl_certfile": tls.certificate,
        "ssl_keyfile": tls.key,
    }
    return Redis.from_url(
        target.url,
        max_connections=connections,
        socket_timeout=None,
        retry=Retry(NoBackoff(), 0),
        **(secure if target.url.startswith("rediss:") else {}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A queue in the words of Redis: a group on a stream.

    ``settled`` is, for each group of a fan-out, up to which message it has acknowledged; empty otherwise.
    """

    stream: str
    group: str = GROUP
    settled: dict[str, tuple[int, ...]] = field(default_factory=dict)


class Delivery:
    """One consumer of a group, at work; ``handled`` are the messages that it has not acknowledged yet."""

    def __init__(
        self, reader: Redis, client: Redis, target: Target, place: Place, name: str, receive: Receive
    ) -> None:
        self.reader, self.client, self.target = reader, client, target
        self.place, self.name, self.receive = place, name, receive
        self.handled: list[bytes] = []
        self.busy = asyncio.Lock()
        self.leaving = False

    async def run(self) -> None:
        after = HISTORY
        while not self.leaving:
            answer: Any = await self.reader.xreadgroup(
                self.place.group,
                self.name,
                {self.place.stream: after},
                count=self.target.prefetch - len(self.handled),
                block=0,
                noack=not self.target.acknowledged,
            )
            async with self.busy:
                for _, entries in answer:  # of one stream, or of none when the read was ended
                    if after is not FRESH:
                        after = entries[-1][0] if entries else FRESH
                    await self.handle(entries)

    async def handle(self, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> None:
        receive, every = self.receive, self.target.ack_every
        waiting = [handling for _, fields in entries if (handling := receive(fields[BODY])) is not None]
        if waiting:
            await asyncio.gather(*waiting)
        self.handled += [identifier for identifier, _ in entries]
        if many := len(self.handled) // every * every:
            await self.settle(many)

    async def settle(self, many: int) -> None:
        """Acknowledges the oldest ones, and removes them from the stream."""
        every, settled = self.target.ack_every, self.handled[:many]
        stream, group, by_all = self.place.stream, self.place.group, self.place.settled
        pipeline = self.client.pipeline(transaction=False)
        if self.target.acknowledged:
            for first in range(0, many, every):
                pipeline.xack(stream, group, *settled[first : first + every])
        if not by_all:
            pipeline.xdel(stream, *settled)
            await pipeline.execute()
        else:
            last = tuple(map(int, settled[-1].split(b"-")))
            lowest = min([last, *(by_all[other] for other in by_all if other != group)])
            pipeline.xtrim(stream, minid="-".join(map(str, lowest)))
            await pipeline.execute()
            by_all[group] = last
        del self.handled[:many]


async def waiting(client: Redis, stream: str) -> int:
    """How many messages each group has still to read or acknowledge, all together."""
    total = 0
    for group in await client.xinfo_groups(stream):
        unread: Any = await client.xrange(stream, min=b"(" + group["last-delivered-id"])
        total += group["pending"] + len(unread)
    return total


class RedisStreams:
    abilities = Abilities(
        distribution="redis",
        protocol="redis",
        pushes=(),
        pulls=("at-most-once", "at-least-once"),
        ordering="lane",
        fan_out=True,
        persistent=False,
        trouble=(("rloop", "does not hear that its connection was reset; no TLS"),),
        most_bytes=536870912,  # proto-max-bulk-len, unless the server says otherwise
    )

    def __init__(self) -> None:
        self.consumers: dict[str, set[int]] = {}
        self.places: dict[str, Place] = {}

    @asynccontextmanager
    async def topology(self, target: Target, queues: Sequence[str]) -> AsyncIterator[Depth]:
        places = {name: Place(stream=name) for name in queues}
        if target.fan_out:
            settled: dict[str, tuple[int, ...]] = dict.fromkeys(queues, (0, 0))
            places = {name: Place(stream=queues[0], group=name, settled=settled) for name in queues}
        self.places |= places
        streams = dict.fromkeys(place.stream for place in places.values())
        async with connected(target, 1) as client:

            async def depth() -> int:
                count = partial(waiting, client) if target.fan_out else client.xlen
                return sum([await count(name) for name in streams])

            made = []
            try:
                for place in places.values():
                    await client.xgroup_create(place.stream, place.group, id=HISTORY, mkstream=True)
                    made.append(place.stream)
                yield depth
            finally:
                for name in dict.fromkeys(made):
                    await client.delete(name)

    @asynccontextmanager
    async def producer(self, target: Target, queue: str) -> AsyncIterator[Publish]:
        async with connected(target, target.in_flight) as client:
            if target.acknowledged:
                add = client.xadd

                def publish(body: bytes) -> Awaitable[object]:
                    return add(queue, {BODY: body})

                yield publish
                return
            connection = client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # not annotated
            send: Callable[..., Awaitable[None]] = connection.send_command

            def publish_unheard(body: bytes) -> Awaitable[object]:
                return send("XADD", queue, "*", BODY, body)

            try:
                await connection.connect()
                await send("CLIENT", "REPLY", "OFF")
                yield publish_unheard
            finally:
                await connection.disconnect()

    @asynccontextmanager
    async def consumer(self, target: Target, queue: str, receive: Receive) -> AsyncIterator[None]:
        taken = self.consumers.setdefault(queue, set())
        number = next(each for each in count() if each not in taken)
        taken.add(number)
        try:
            async with (
                connected(target, 1) as reader,
                connected(target, 1) as client,
                asyncio.TaskGroup() as group,
            ):
                identifier = await reader.client_id()
                place = self.places.get(queue) or Place(stream=queue)
                delivery = Delivery(reader, client, target, place, str(number), receive)
                delivering = group.create_task(delivery.run(), name=f"deliver {queue}")
                yield
                async with delivery.busy:
                    delivery.leaving = True
                # A read that was merely abandoned would be given the next message. One that is still on its
                # way to the server cannot be ended yet.
                while not delivering.done():
                    await client.client_unblock(identifier)
                if delivery.handled:
                    await delivery.settle(len(delivery.handled))
        finally:
            taken.remove(number)


CLIENT: Client = RedisStreams()
